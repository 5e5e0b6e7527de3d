"""CopyObject, and what it shares with UploadPartCopy: the source and its conditions."""

from __future__ import annotations

from urllib.parse import unquote

from controller.sandbox.s3 import checksums
from controller.sandbox.s3.ask import Ask, check_destination, failed, find_bucket, find_version, iso, tag, unmet
from controller.sandbox.s3.objects import (
    encryption_headers,
    encryption_of,
    etag_of,
    keep,
    tags_from,
    template,
    version_header,
)
from controller.sandbox.s3.state import Bucket, Stored
from controller.sandbox.wire import Answer, ServiceError, xml_answer


def source_of(ask: Ask) -> tuple[Bucket, Stored]:
    """The version that `x-amz-copy-source` names; 403, 404 or 412 when owner, object or conditions are not as asked."""
    text, _, version = (ask.header("x-amz-copy-source") or "").partition("?versionId=")
    name, _, key = unquote(text).lstrip("/").partition("/")
    if not name or not key:
        raise ServiceError("InvalidArgument", "Invalid copy source object key")
    bucket = find_bucket(ask.world, name, ask.header("x-amz-source-expected-bucket-owner"))
    stored = find_version(bucket, key, unquote(version) or None)
    if stored.deleted:
        raise ServiceError(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        )
    condition = unmet(ask, stored, "x-amz-copy-source-")
    if condition:
        raise failed(f"x-amz-copy-source-{condition}")
    return bucket, stored


def source_header(bucket: Bucket, stored: Stored) -> dict[str, str]:
    """Which version was copied."""
    return {"x-amz-copy-source-version-id": stored.version} if bucket.versioning else {}


def _new_object(ask: Ask, bucket: Bucket, source: Stored) -> Stored:
    """What the copy will be: the source's or the request's metadata and tags, by the directives."""
    fresh = template(ask, bucket)
    if ask.header("x-amz-metadata-directive") != "REPLACE":
        fresh.headers = {name: value for name, value in source.headers.items() if not name.startswith("x-amz-server")}
        fresh.headers |= encryption_of(ask, bucket)
        fresh.metadata = dict(source.metadata)
    replaced = ask.header("x-amz-tagging-directive") == "REPLACE"
    fresh.tags = tags_from(ask.header("x-amz-tagging")) if replaced else dict(source.tags)
    fresh.pieces, fresh.size = source.pieces, source.size
    return fresh


def _checksums(ask: Ask, source: Stored, fresh: Stored) -> dict[str, str]:
    """Of the algorithm asked for, of the source's otherwise; a copy in one go has full-object checksums."""
    asked = (ask.header("x-amz-checksum-algorithm") or "").lower()
    kept = {} if asked or source.checksum_type != "FULL_OBJECT" else source.checksums
    names = [asked] if asked else list(source.checksums)
    found = {name: checksums.compute(name, fresh.pieces, fresh.size) or kept.get(name) for name in names}
    return {name: value for name, value in found.items() if value}


def copy_object(ask: Ask) -> Answer:
    """Copies one version within the size limit, under the conditions of source and destination."""
    bucket = ask.own_bucket()
    origin, source = source_of(ask)
    limit = ask.world.settings.copy_limit
    if source.size > limit:
        said = f"The specified copy source is larger than the maximum allowable size for a copy source: {limit}"
        raise ServiceError("InvalidRequest", said)
    check_destination(ask, bucket)
    changes = (
        "x-amz-metadata-directive",
        "x-amz-tagging-directive",
        "x-amz-server-side-encryption",
        "x-amz-storage-class",
    )
    same = origin is bucket and source.key == ask.key and bucket.current(ask.key) is source
    if same and not any(ask.header(name) not in (None, "COPY") for name in changes):
        said = "This copy request is illegal because it copies an object to itself without changing its metadata"
        raise ServiceError("InvalidRequest", said)
    fresh = _new_object(ask, bucket, source)
    fresh.etag = etag_of(fresh)
    fresh.checksums = _checksums(ask, source, fresh)
    keep(ask.world, bucket, fresh)
    sums = checksums.elements_of(fresh.checksums, fresh.checksum_type)
    inner = tag("LastModified", iso(fresh.time)) + tag("ETag", f'"{fresh.etag}"') + sums
    answer = xml_answer("CopyObjectResult", inner)
    answer.headers |= version_header(bucket, fresh) | source_header(origin, source) | encryption_headers(fresh)
    return answer
