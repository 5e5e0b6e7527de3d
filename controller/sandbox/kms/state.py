"""What KMS keeps of one account and region."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
