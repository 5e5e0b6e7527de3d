"""Objects that no other account can ever read: those encrypted with a key that AWS itself manages (`aws/s3`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.errors import CloudError
from controller.kinds.base import Client

REASON = (
    "is encrypted with {key}, which AWS manages (aws/s3): no role of another account can use it. Encrypt it with a key "
    "of the spoke's own, or say `copy: relay` on the spoke: then its own role reads the bytes"
)


def sealed(keys: Client, head: Mapping[str, Any]) -> str:
    """Why an object cannot be copied by a role of another account, or an empty text.

    `head` is what HeadObject says; `keys` is KMS as its owner's reader. Where the key may not be looked at, nothing is
    said: the copy itself will tell.
    """
    key = head.get("SSEKMSKeyId")
    if not key or not str(head.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return ""
    try:
        described = keys.call("DescribeKey", KeyId=key)
    except CloudError:
        return ""
    return REASON.format(key=key) if described.get("KeyMetadata", {}).get("KeyManager") == "AWS" else ""


def key_of(client: Client, where: Mapping[str, Any]) -> str:
    """The KMS key of an object as far as its HeadObject says so, or an empty text."""
    try:
        return str(client.call("HeadObject", **where).get("SSEKMSKeyId", ""))
    except CloudError:
        return ""
