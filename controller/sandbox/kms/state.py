"""What KMS keeps of one account and region."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MANAGED = "aws-s3"
"""The id of the key that AWS manages for S3 in every account: nobody makes it, and no other account ever uses it."""


def managed_arn(partition: str, account: str, region: str) -> str:
    """The ARN of the account's `aws/s3`."""
    return f"arn:{partition}:kms:{region}:{account}:key/{MANAGED}"


@dataclass(slots=True)
class Key:
    """One key: symmetric, or with `private` (DER) one that signs."""

    id: str
    arn: str
    account: str
    region: str
    created: float
    policy: str
    description: str = ""
    state: str = "Enabled"
    manager: str = "CUSTOMER"
    aliases: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    grants: dict[str, dict[str, Any]] = field(default_factory=dict)
    private: bytes = field(default=b"", repr=False)
