"""Objects: put, get, head, delete, tags, attributes."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from controller.core.arn import partition_of
from controller.sandbox.kms.state import managed_arn
from controller.sandbox.s3 import checksums
from controller.sandbox.s3.ask import Ask, check_destination, cut, failed, find_version, http_date, tag, unmet
from controller.sandbox.s3.holes import Hole, named, piece_of, streamed
from controller.sandbox.s3.state import Bucket, Stored
from controller.sandbox.wire import Answer, ServiceError, xml_answer
from controller.sandbox.world import World

_CARRIED = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-language",
    "expires",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
)
_ENCRYPTION = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
)
_HOW, _KEY, _ = _ENCRYPTION
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def strip_namespaces(text: bytes) -> ET.Element:
    """An XML body without its namespaces; 400 MalformedXML when it is none."""
    try:
        root = ET.fromstring(text)  # noqa: S314  callers are local, and expat bounds the expansion of entities
    except ET.ParseError as fault:
        raise ServiceError("MalformedXML", "The XML you provided was not well-formed") from fault
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    return root


def tags_from(text: str | None) -> dict[str, str]:
    """The tags of an `x-amz-tagging` header."""
    tags = dict(parse_qsl(text or "", keep_blank_values=True))
    if len(tags) > 10:
        raise ServiceError("BadRequest", "Object tags cannot be greater than 10")
    return tags


def encryption_of(ask: Ask, bucket: Bucket) -> dict[str, str]:
    """How a new object is encrypted: as asked for, or by the bucket's default."""
    return default_encryption(ask.request.headers, bucket)


def default_encryption(headers: Mapping[str, str], bucket: Bucket) -> dict[str, str]:
    """As `encryption_of`, from the request's headers. Where KMS is to do it and no key is named, `aws/s3` is taken."""
    found = _asked_or_usual(headers, bucket)
    if found.get(_HOW, "").startswith("aws:kms"):
        found.setdefault(_KEY, managed_arn(partition_of(bucket.region), bucket.owner, bucket.region))
    return found


def _asked_or_usual(headers: Mapping[str, str], bucket: Bucket) -> dict[str, str]:
    asked = {name: headers[name] for name in _ENCRYPTION if name in headers}
    if asked:
        return asked
    document = bucket.settings.get("encryption")
    if document is None:
        return {"x-amz-server-side-encryption": "AES256"}
    root = strip_namespaces(document)
    found = {"x-amz-server-side-encryption": root.findtext(".//SSEAlgorithm") or "AES256"}
    key = root.findtext(".//KMSMasterKeyID")
    return found | ({"x-amz-server-side-encryption-aws-kms-key-id": key} if key else {})


def template(ask: Ask, bucket: Bucket) -> Stored:
    """A new object of this request, without its bytes."""
    headers = {name: ask.request.headers[name] for name in _CARRIED if name in ask.request.headers}
    coding = [item.strip() for item in ask.request.headers.get("content-encoding", "").split(",")]
    if kept := [item for item in coding if item and item != "aws-chunked"]:
        headers["content-encoding"] = ",".join(kept)
    headers.setdefault("content-type", "binary/octet-stream")
    metadata = {name[11:]: value for name, value in ask.request.headers.items() if name.startswith("x-amz-meta-")}
    if sum(len(name) + len(value) for name, value in metadata.items()) > 2048:
        raise ServiceError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    found = Stored(ask.key, "", ask.world.clock.now(), headers=headers | encryption_of(ask, bucket), metadata=metadata)
    found.tags = tags_from(ask.header("x-amz-tagging"))
    return found


def etag_of(stored: Stored) -> str:
    """MD5 of the bytes, or, as for KMS-encrypted objects, something that is not."""
    state = hashlib.md5(usedforsecurity=False)
    if stored.headers.get("x-amz-server-side-encryption", "AES256") != "AES256":
        state.update(b"not the digest of the bytes")
    for piece in named(stored.pieces):
        state.update(piece)
    return state.hexdigest()


def keep(world: World, bucket: Bucket, stored: Stored) -> Stored:
    """Makes an object the current one of its key, with a version id when the bucket is versioned."""
    versions = bucket.objects.setdefault(stored.key, [])
    if bucket.versioning == "Enabled":
        stored.version = hashlib.sha256(f"version {world.next_serial()}".encode()).hexdigest()[:32]
    else:
        stored.version = "null"
        versions[:] = [item for item in versions if item.version != "null"]
    versions.append(stored)
    return stored


def version_header(bucket: Bucket, stored: Stored) -> dict[str, str]:
    """The version id, which only versioned buckets give."""
    return {"x-amz-version-id": stored.version} if bucket.versioning else {}


def encryption_headers(stored: Stored) -> dict[str, str]:
    """How the object is encrypted, as answers say it."""
    return {name: stored.headers[name] for name in _ENCRYPTION if name in stored.headers}


def put_object(ask: Ask) -> Answer:
    """Stores a body; If-None-Match and If-Match are checked against the key, checksums against the bytes."""
    bucket = ask.own_bucket()
    check_destination(ask, bucket)
    stored = template(ask, bucket)
    body = ask.request.body()
    stored.pieces, stored.size = (body,) if body else (), len(body)
    stored.checksums = checksums.received(ask, (body,), stored.size)
    stored.etag = etag_of(stored)
    stored.pieces = piece_of(body)
    keep(ask.world, bucket, stored)
    sums = {f"x-amz-checksum-{name}": value for name, value in stored.checksums.items()}
    return Answer(
        200, {"ETag": f'"{stored.etag}"', **version_header(bucket, stored), **encryption_headers(stored), **sums}
    )


def put_hole(world: World, name: str, key: str, size: int) -> Stored:
    """An object of so many zero bytes, which are kept nowhere. KeyError for a bucket that is not there."""
    stored = Stored(key, "", world.clock.now(), (Hole(size),), size)
    stored.headers = {"content-type": "binary/octet-stream", "x-amz-server-side-encryption": "AES256"}
    stored.etag = etag_of(stored)
    return keep(world, world.buckets[name], stored)


def _described(ask: Ask, bucket: Bucket, stored: Stored) -> dict[str, str]:
    headers = {name.title() if not name.startswith("x-") else name: value for name, value in stored.headers.items()}
    headers |= {"ETag": f'"{stored.etag}"', "Last-Modified": http_date(stored.time), "Accept-Ranges": "bytes"}
    headers |= version_header(bucket, stored) | {f"x-amz-meta-{name}": value for name, value in stored.metadata.items()}
    if stored.tags:
        headers["x-amz-tagging-count"] = str(len(stored.tags))
    if ask.header("x-amz-checksum-mode") == "ENABLED" and not ask.header("range"):
        headers |= checksums.headers_of(stored)
    for name, value in ask.request.query.items():
        if name.startswith("response-"):
            headers[name.removeprefix("response-").title()] = value
    return headers


def span_of(text: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last of a Range header; None without one, 416 when it lies outside."""
    found = _RANGE.fullmatch(text or "")
    if found is None or found.groups() == ("", ""):
        return None
    first = int(found[1]) if found[1] else max(size - int(found[2]), 0)
    last = min(int(found[2]) if found[1] and found[2] else size - 1, size - 1)
    if first > last:
        raise ServiceError(
            "InvalidRange", "The requested range is not satisfiable", 416, {"ActualObjectSize": str(size)}
        )
    return first, last + 1


def get_object(ask: Ask) -> Answer:
    """An object's bytes, or for HEAD only its headers."""
    bucket = ask.own_bucket()
    stored = find_version(bucket, ask.key, ask.query("versionId"))
    if stored.deleted:
        raise ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    headers = _described(ask, bucket, stored)
    condition = unmet(ask, stored)
    if condition in ("If-None-Match", "If-Modified-Since"):
        return Answer(304, {"ETag": headers["ETag"]})
    if condition:
        raise failed(condition)
    span = span_of(ask.header("range"), stored.size)
    start, stop = span or (0, stored.size)
    headers["Content-Length"] = str(stop - start)
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size}"
    status = 206 if span else 200
    if ask.request.method == "HEAD":
        return Answer(status, headers)
    return Answer(status, headers, streamed(stored.pieces if not span else cut(stored.pieces, start, stop)))


def remove(world: World, bucket: Bucket, key: str, version: str | None) -> dict[str, str]:
    """Deletes one version for good, or puts a delete marker; gives the headers that tell which."""
    versions = bucket.objects.get(key, [])
    if version is None and bucket.versioning == "Enabled":
        marker = keep(world, bucket, Stored(key, "", world.clock.now(), deleted=True))
        return {"x-amz-delete-marker": "true", "x-amz-version-id": marker.version}
    wanted = version or "null"
    gone = [item for item in versions if item.version == wanted]
    versions[:] = [item for item in versions if item.version != wanted]
    if not versions:
        bucket.objects.pop(key, None)
    found = {"x-amz-version-id": version} if version else {}
    return found | ({"x-amz-delete-marker": "true"} if gone and gone[0].deleted else {})


def delete_object(ask: Ask) -> Answer:
    """204, also when there was nothing; 412 when If-Match does not hold."""
    bucket = ask.own_bucket()
    match = ask.header("if-match")
    current = bucket.current(ask.key)
    if match is not None and (current is None or (match != "*" and current.etag != match.strip('"'))):
        raise failed("If-Match")
    return Answer(204, remove(ask.world, bucket, ask.key, ask.query("versionId")))


def delete_objects(ask: Ask) -> Answer:
    """Up to 1,000 deletions in one request."""
    bucket, root = ask.own_bucket(), strip_namespaces(ask.request.body())
    rows = []
    for item in root.findall("Object"):
        key, version = item.findtext("Key") or "", item.findtext("VersionId")
        headers = remove(ask.world, bucket, key, version)
        inner = tag("Key", key) + (tag("VersionId", version) if version else "")
        if "x-amz-delete-marker" in headers:
            inner += tag("DeleteMarker", "true") + tag("DeleteMarkerVersionId", headers["x-amz-version-id"])
        rows.append(f"<Deleted>{inner}</Deleted>")
    return xml_answer("DeleteResult", "" if root.findtext("Quiet") == "true" else "".join(rows))


def get_object_tagging(ask: Ask) -> Answer:
    """The tags of a version."""
    bucket = ask.own_bucket()
    stored = find_version(bucket, ask.key, ask.query("versionId"))
    rows = "".join(f"<Tag>{tag('Key', key)}{tag('Value', value)}</Tag>" for key, value in stored.tags.items())
    answer = xml_answer("Tagging", f"<TagSet>{rows}</TagSet>")
    answer.headers |= version_header(bucket, stored)
    return answer


def put_object_tagging(ask: Ask) -> Answer:
    """Replaces the tags of a version; DELETE removes them all."""
    bucket = ask.own_bucket()
    stored = find_version(bucket, ask.key, ask.query("versionId"))
    tags: dict[str, str] = {}
    if ask.request.method == "PUT":
        root = strip_namespaces(ask.request.body())
        tags = {item.findtext("Key") or "": item.findtext("Value") or "" for item in root.iter("Tag")}
    stored.tags = tags_from(urlencode(tags))
    return Answer(200 if tags else 204, version_header(bucket, stored))


def get_object_attributes(ask: Ask) -> Answer:
    """ETag, checksums, parts, class and size, as far as asked for."""
    bucket = ask.own_bucket()
    stored = find_version(bucket, ask.key, ask.query("versionId"))
    asked = (ask.header("x-amz-object-attributes") or "").replace(" ", "").split(",")
    sums = checksums.elements_of(checksums.of(stored), stored.checksum_type)
    rows = {
        "ETag": tag("ETag", stored.etag),
        "Checksum": f"<Checksum>{sums}</Checksum>" if sums else "",
        "ObjectParts": f"<ObjectParts>{tag('TotalPartsCount', stored.parts)}</ObjectParts>" if stored.parts else "",
        "StorageClass": tag("StorageClass", stored.headers.get("x-amz-storage-class", "STANDARD")),
        "ObjectSize": tag("ObjectSize", stored.size),
    }
    answer = xml_answer("GetObjectAttributesResponse", "".join(row for name, row in rows.items() if name in asked))
    answer.headers |= version_header(bucket, stored) | {"Last-Modified": http_date(stored.time)}
    return answer
