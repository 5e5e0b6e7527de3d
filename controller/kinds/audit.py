"""Audit records in their bucket: written once, locked where the bucket can, and read back."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.core.audit import whole
from controller.core.canonical import canonical
from controller.core.errors import CloudError, PreconditionError
from controller.core.limits import parse_duration
from controller.core.watching import Audit
from controller.kinds.base import Client

_LARGEST = 256 << 20  # 100,000 calls with the longest names there are take half of it


def write(client: Client, account: str, place: Audit, name: str, document: dict[str, Any], now: datetime) -> str:
    """Puts a record where none is; its `s3://` place. The same bytes that are there already are done."""
    key = f"{place.prefix}/{name}"
    data = canonical(document).encode()
    try:
        client.call(
            "PutObject",
            Bucket=place.bucket,
            Key=key,
            Body=data,
            IfNoneMatch="*",
            ContentType="application/json",
            ExpectedBucketOwner=account,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
            **_locked(client, account, place, now),
        )
    except CloudError as error:
        if error.code not in {"PreconditionFailed", "412"} or _read(client, account, place.bucket, key) != data:
            raise
    return f"s3://{place.bucket}/{key}"


def _locked(client: Client, account: str, place: Audit, now: datetime) -> dict[str, Any]:
    """The retention of a record, where it is asked for; `PreconditionError` where the bucket cannot keep it."""
    if place.retention is None:
        return {}
    if not lockable(client, account, place):
        raise PreconditionError(
            f"the bucket {place.bucket} has no Object Lock, so nothing in it can be kept for {place.retention}",
            "have it made with Object Lock, or leave out `retention`",
        )
    until = now.astimezone(UTC) + timedelta(seconds=parse_duration(place.retention))
    return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}


def lockable(client: Client, account: str, place: Audit) -> bool:
    """Whether the bucket has Object Lock."""
    try:
        found = client.call("GetObjectLockConfiguration", Bucket=place.bucket, ExpectedBucketOwner=account)
    except CloudError as error:
        if error.code == "ObjectLockConfigurationNotFoundError" or (error.missing and error.code != "NoSuchBucket"):
            return False
        raise
    return bool(found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def _read(client: Client, account: str, bucket: str, key: str) -> bytes:
    with client.call("GetObject", Bucket=bucket, Key=key, ExpectedBucketOwner=account)["Body"] as body:
        return bytes(body.read(_LARGEST))


def records(client: Client, account: str, place: Audit) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(place, record, what is wrong with it) of every record, oldest first; a wrong one has what it says."""
    pages = client.pages(
        "ListObjectsV2", "Contents", Bucket=place.bucket, Prefix=f"{place.prefix}/", ExpectedBucketOwner=account
    )
    for key in sorted(str(item["Key"]) for item in pages):
        if not key.endswith(".json"):
            continue
        text = _read(client, account, place.bucket, key)
        try:
            data: Any = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        found = data if isinstance(data, dict) else {}
        wrong = whole(data) if len(text) < _LARGEST else f"it has {_LARGEST >> 20} MiB or more: it was not read"
        yield f"s3://{place.bucket}/{key}", found, wrong
