"""One S3 object to be copied, and one that was: what every call about it must say, and how it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from controller.core.errors import CloudError, PreconditionError
from controller.kinds.base import Client
from controller.kinds.flow import throttled

MARK = "hubwright-source"
"""Name of the metadata entry that says, in the copy itself, which bytes it holds."""


@dataclass(frozen=True, slots=True)
class ObjectCopy:
    """One object to copy.

    `source_owner` and `owner` are accounts (12 digits), `size` is in bytes, `source_etag` as S3 gives it, `mark` 64
    hexadecimal digits: the hash of what the source is. `tags` replace the source's. `checksums` are those that S3 has
    of the whole source, by algorithm, as far as they are known.
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
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copied:
    """The copy as it now is. `checksums` maps algorithm (`CRC64NVME`) to S3's value; `moved` is 0 if it was there.

    `passed` are the digests (`Tally.sums`) of the bytes that it was written from, where all of them came through here.
    """

    version_id: str | None
    etag: str
    size: int
    checksums: Mapping[str, str]
    moved: int
    passed: Mapping[str, str] = field(default_factory=dict)


def look(client: Client, item: ObjectCopy, moved: int = 0) -> Copied | None:
    """The copy at the destination, None if there is none, `PreconditionError` if something else stands there."""
    try:
        found = client.call("HeadObject", **at_destination(item), ChecksumMode="ENABLED")
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
    return Copied(found.get("VersionId"), found["ETag"], item.size, checksums_of(found), moved)


def proven(client: Client, item: ObjectCopy) -> Copied:
    """As `look`, of what has just been written."""
    copied = look(client, item, item.size)
    if copied is None:
        raise PreconditionError(f"s3://{item.bucket}/{item.key} was copied, and is not there")
    return copied


def refused(client: Client, item: ObjectCopy, error: CloudError, moved: int | None = None) -> Copied:
    """412 has two meanings, and a lost answer or upload may hide a success: what stands there decides.

    `moved` are the bytes that were moved for it, where that is known.
    """
    if error.status == 409:
        raise error
    if error.status == 412 or error.code in {"NoSuchUpload", "EmptyAnswer"} or passing(error):
        if moved is None:
            moved = item.size if error.status != 412 else 0
        found = look(client, item, moved)
        if found is not None:
            return found
    if error.status == 412 or error.code in {"NoSuchKey", "NoSuchVersion"}:
        raise changed(item) from error
    raise error


def changed(item: ObjectCopy) -> PreconditionError:
    """The error for a source that is not what it was."""
    name = f"s3://{item.source_bucket}/{item.source_key}"
    version = f" in version {item.source_version}" if item.source_version else ""
    return PreconditionError(
        f"{name}{version} is no longer the object with ETag {item.source_etag}",
        "the source was changed or deleted after it was resolved: lock the promotion again",
    )


def passing(error: CloudError) -> bool:
    """Whether the same request may well succeed later: no answer, a fault of the service, throttling, expiry."""
    if error.status == 0 or error.status >= 500 or throttled(error):  # KMS throttles with 400
        return True
    return error.code.startswith("ExpiredToken") or error.code == "RequestTimeout"


def at_destination(item: ObjectCopy) -> dict[str, Any]:
    return {"Bucket": item.bucket, "Key": item.key, "ExpectedBucketOwner": item.owner}


def at_source(item: ObjectCopy) -> dict[str, Any]:
    """For reading the source itself, pinned."""
    pinned = {"VersionId": item.source_version} if item.source_version is not None else {}
    return {
        "Bucket": item.source_bucket,
        "Key": item.source_key,
        "IfMatch": item.source_etag,
        "ExpectedBucketOwner": item.source_owner,
        **pinned,
    }


def opened(client: Client, where: Mapping[str, Any], start: int, end: int, size: int) -> Any:
    """The bytes `start` up to `end` of an object of `size` bytes, as a stream; `CloudError` if others are sent.

    What stands between may pass over the range and send the whole: its first bytes must not be taken for these.
    """
    part = {"Range": f"bytes={start}-{end - 1}"} if end - start < size else {}
    answer = client.call("GetObject", **where, **part)
    if (length := answer.get("ContentLength", end - start)) != end - start:
        answer["Body"].close()
        said = f"{length} bytes were sent where {end - start} were asked for"
        raise CloudError("s3:GetObject", "WrongRange", said, status=200)
    return answer["Body"]


def copy_source(item: ObjectCopy) -> dict[str, Any]:
    """For copying from it, pinned."""
    place = {"Bucket": item.source_bucket, "Key": item.source_key}
    if item.source_version is not None:
        place["VersionId"] = item.source_version
    return {
        "CopySource": place,
        "CopySourceIfMatch": item.source_etag,
        "ExpectedSourceBucketOwner": item.source_owner,
    }


def content(item: ObjectCopy) -> dict[str, Any]:
    """What the new object carries: our mark, our tags and the store's key, nothing of the source's."""
    carried: dict[str, Any] = {"Metadata": {MARK: item.mark}, "Tagging": urlencode(sorted(item.tags.items()))}
    if item.kms_key_arn is not None:
        carried |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": item.kms_key_arn, "BucketKeyEnabled": True}
    return carried


def checksums_of(found: Mapping[str, Any]) -> dict[str, str]:
    """By algorithm; of a multipart object's part-wise ones S3 itself says `…-7`."""
    return {
        name.removeprefix("Checksum"): str(value)
        for name, value in sorted(found.items())
        if name.startswith("Checksum") and name not in ("ChecksumType", "ChecksumAlgorithm")
    }
