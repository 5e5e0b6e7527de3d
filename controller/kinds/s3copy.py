"""Copies one S3 object server-side: pinned at its source, write-once at its destination, safe to repeat."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from controller.core.errors import CloudError, PreconditionError
from controller.kinds.base import Client

MARK = "hubwright-source"
"""Name of the metadata entry that says, in the copy itself, which bytes it holds."""

PART_LIMIT = 5 * 1024**3
PART_SIZE = 256 * 1024**2
_MOST_PARTS = 10_000
_TRIES = 5


@dataclass(frozen=True, slots=True)
class ObjectCopy:
    """One object to copy.

    `source_owner` and `owner` are accounts (12 digits), `size` is in bytes, `source_etag` as S3 gives it, `mark` 64
    hexadecimal digits: the hash of what the source is. `tags` replace the source's.
    """

    source_bucket: str
    source_key: str
    source_version: str | None
    source_etag: str
    source_owner: str
    size: int
    bucket: str
    key: str
    owner: str
    mark: str
    kms_key_arn: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Copied:
    """The copy as it now is. `checksums` maps algorithm (`CRC64NVME`) to S3's value; `moved` is 0 if it was there."""

    version_id: str | None
    etag: str
    size: int
    checksums: Mapping[str, str]
    moved: int


def copy_object(
    client: Client,
    item: ObjectCopy,
    *,
    part_limit: int = PART_LIMIT,
    part_size: int = PART_SIZE,
    pause: Callable[[float], None] = time.sleep,
) -> Copied:
    """Copies with one CopyObject up to `part_limit` bytes, in parts of `part_size` above.

    `client` is S3 in the destination's region, by a role that reads the source and writes the destination. Whatever
    stands at the destination already is never replaced: a copy of the same source is done, else `PreconditionError`; so
    is a source that is not what it was. After a failure no upload of ours is left, or the next try removes it.
    """
    once = _copy_whole if item.size <= part_limit else _copy_parts
    for attempt in range(_TRIES - 1):
        try:
            return once(client, item, part_size)
        except CloudError as error:
            if error.status != 409:
                raise
            pause(0.2 * 2**attempt)  # somebody is writing this key at this moment
    return once(client, item, part_size)


def look(client: Client, item: ObjectCopy, moved: int = 0) -> Copied | None:
    """The copy at the destination, None if there is none, `PreconditionError` if something else stands there."""
    try:
        found = client.call(
            "HeadObject",
            Bucket=item.bucket,
            Key=item.key,
            ExpectedBucketOwner=item.owner,
            ChecksumMode="ENABLED",
        )
    except CloudError as error:
        if error.missing:
            return None
        raise
    mark, size = found.get("Metadata", {}).get(MARK), found.get("ContentLength")
    if (mark, size) != (item.mark, item.size):
        raise PreconditionError(
            f"s3://{item.bucket}/{item.key} holds something else: mark {mark} and {size} bytes, "
            f"where {item.mark} and {item.size} bytes were expected",
            "nothing under the store's prefix is ever overwritten: find out who wrote this object",
        )
    return Copied(found.get("VersionId"), found["ETag"], item.size, _checksums(found), moved)


def _copy_whole(client: Client, item: ObjectCopy, part_size: int) -> Copied:
    try:
        client.call(
            "CopyObject",
            **_destination(item),
            **_source(item),
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
            IfNoneMatch="*",
            **_content(item),
        )
    except CloudError as error:
        return _refused(client, item, error)
    return _proven(client, item)


def _copy_parts(client: Client, item: ObjectCopy, part_size: int) -> Copied:
    _abort_leftovers(client, item)
    found = look(client, item)
    if found is not None:
        return found
    if item.size > part_size * _MOST_PARTS:
        part_size = -(-item.size // _MOST_PARTS)
    upload = client.call("CreateMultipartUpload", **_destination(item), **_content(item))["UploadId"]
    try:
        parts = [
            _copy_part(client, item, upload, number, start, min(start + part_size, item.size))
            for number, start in enumerate(range(0, item.size, part_size), 1)
        ]
        client.call(
            "CompleteMultipartUpload",
            **_destination(item),
            UploadId=upload,
            MultipartUpload={"Parts": parts},
            MpuObjectSize=item.size,
            IfNoneMatch="*",
        )
    except CloudError as error:
        _abort(client, item, upload)
        return _refused(client, item, error)
    except Exception:
        _abort(client, item, upload)
        raise
    return _proven(client, item)


def _copy_part(client: Client, item: ObjectCopy, upload: str, number: int, start: int, end: int) -> dict[str, Any]:
    """One part: bytes `start` up to, not including, `end`. What CompleteMultipartUpload wants to know of it."""
    answer = client.call(
        "UploadPartCopy",
        **_destination(item),
        **_source(item),
        UploadId=upload,
        PartNumber=number,
        CopySourceRange=f"bytes={start}-{end - 1}",
    )
    result = answer["CopyPartResult"]
    checks = {name: value for name, value in result.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": result["ETag"], **checks}


def _abort_leftovers(client: Client, item: ObjectCopy) -> None:
    """Ends unfinished uploads of exactly this key.

    They are ours: under a store's prefix only Hubwright writes, and each key belongs to one source. Another run that is
    at this key right now fails by it, and finds our copy when it looks.
    """
    uploads = client.pages(
        "ListMultipartUploads",
        "Uploads",
        Bucket=item.bucket,
        Prefix=item.key,
        ExpectedBucketOwner=item.owner,
    )
    for upload in [found["UploadId"] for found in uploads if found["Key"] == item.key]:
        try:
            client.call("AbortMultipartUpload", **_destination(item), UploadId=upload)
        except CloudError as error:
            if not error.missing:
                raise


def _abort(client: Client, item: ObjectCopy, upload: str) -> None:
    """Best effort: what went wrong before matters more, and the next try aborts what is left."""
    with contextlib.suppress(CloudError):
        client.call("AbortMultipartUpload", **_destination(item), UploadId=upload)


def _refused(client: Client, item: ObjectCopy, error: CloudError) -> Copied:
    """412 has two meanings, and a lost answer or upload may hide a success: what stands there decides."""
    if error.status == 409:
        raise error
    if error.status in {0, 412} or error.status >= 500 or error.code in {"NoSuchUpload", "EmptyAnswer"}:
        found = look(client, item, item.size if error.status != 412 else 0)
        if found is not None:
            return found
    if error.status == 412 or error.code in {"NoSuchKey", "NoSuchVersion"}:
        name = f"s3://{item.source_bucket}/{item.source_key}"
        version = f" in version {item.source_version}" if item.source_version else ""
        raise PreconditionError(
            f"{name}{version} is no longer the object with ETag {item.source_etag}",
            "the source was changed or deleted after it was resolved: lock the promotion again",
        ) from error
    raise error


def _proven(client: Client, item: ObjectCopy) -> Copied:
    copied = look(client, item, item.size)
    if copied is None:
        raise PreconditionError(f"s3://{item.bucket}/{item.key} was copied, and is not there")
    return copied


def _destination(item: ObjectCopy) -> dict[str, Any]:
    return {"Bucket": item.bucket, "Key": item.key, "ExpectedBucketOwner": item.owner}


def _source(item: ObjectCopy) -> dict[str, Any]:
    place = {"Bucket": item.source_bucket, "Key": item.source_key}
    if item.source_version is not None:
        place["VersionId"] = item.source_version
    return {
        "CopySource": place,
        "CopySourceIfMatch": item.source_etag,
        "ExpectedSourceBucketOwner": item.source_owner,
    }


def _content(item: ObjectCopy) -> dict[str, Any]:
    """What the new object carries: our mark, our tags and the store's key, nothing of the source's."""
    content: dict[str, Any] = {"Metadata": {MARK: item.mark}, "Tagging": urlencode(sorted(item.tags.items()))}
    if item.kms_key_arn is not None:
        content |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": item.kms_key_arn, "BucketKeyEnabled": True}
    return content


def _checksums(found: Mapping[str, Any]) -> dict[str, str]:
    """By algorithm; of a multipart object's part-wise ones S3 itself says `…-7`."""
    return {
        name.removeprefix("Checksum"): str(value)
        for name, value in sorted(found.items())
        if name.startswith("Checksum") and name != "ChecksumType"
    }
