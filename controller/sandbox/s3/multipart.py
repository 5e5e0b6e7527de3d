"""Multipart uploads: create, upload and copy parts, complete, abort, list."""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import Element

from controller.sandbox.s3 import checksums
from controller.sandbox.s3.ask import Ask, check_destination, cut, iso, tag
from controller.sandbox.s3.copying import source_header, source_of
from controller.sandbox.s3.holes import Piece, named, piece_of
from controller.sandbox.s3.objects import encryption_headers, keep, span_of, strip_namespaces, template, version_header
from controller.sandbox.s3.state import Multipart, Part, Stored
from controller.sandbox.wire import Answer, ServiceError, xml_answer

PART_LIMIT = 5 << 30


def create_multipart_upload(ask: Ask) -> Answer:
    """Begins an upload."""
    bucket = ask.own_bucket()
    fresh = template(ask, bucket)
    algorithm = (ask.header("x-amz-checksum-algorithm") or "").lower()
    usual = "FULL_OBJECT" if algorithm in ("", "crc64nvme") else "COMPOSITE"
    kind = ask.header("x-amz-checksum-type") or usual
    if kind == "FULL_OBJECT" and algorithm.startswith("sha"):
        raise ServiceError(
            "InvalidRequest", f"The FULL_OBJECT checksum type cannot be used with the {algorithm} checksum algorithm."
        )
    name = hashlib.sha256(f"upload {ask.world.next_serial()}".encode()).hexdigest()[:48]
    bucket.uploads[name] = Multipart(name, ask.key, ask.world.clock.now(), ask.caller.arn, fresh, algorithm, kind)
    inner = tag("Bucket", bucket.name) + tag("Key", ask.key) + tag("UploadId", name)
    answer = xml_answer("InitiateMultipartUploadResult", inner)
    if algorithm:
        answer.headers |= {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
    answer.headers |= encryption_headers(fresh)
    return answer


def _upload(ask: Ask) -> Multipart:
    upload = ask.own_bucket().uploads.get(ask.query("uploadId") or "")
    if upload is None or upload.key != ask.key:
        raise ServiceError(
            "NoSuchUpload",
            "The specified upload does not exist. It may have been aborted or completed.",
            404,
        )
    return upload


def _keep_part(ask: Ask, upload: Multipart, pieces: tuple[Piece, ...], sums: dict[str, str]) -> Part:
    number = ask.number("partNumber", 0)
    size = sum(map(len, pieces))
    if not 1 <= number <= 10_000:
        raise ServiceError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    if size > PART_LIMIT:
        raise ServiceError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
    state = hashlib.md5(usedforsecurity=False)
    for piece in named(pieces):
        state.update(piece)
    if upload.algorithm and upload.algorithm not in sums:
        value = checksums.compute(upload.algorithm, pieces, size)
        sums |= {upload.algorithm: value} if value else {}
    upload.parts[number] = Part(number, pieces, size, state.hexdigest(), sums, ask.world.clock.now())
    return upload.parts[number]


def upload_part(ask: Ask) -> Answer:
    """Stores one part from the request's body."""
    upload = _upload(ask)
    body = ask.request.body()
    pieces = (body,) if body else ()
    sums = checksums.received(ask, pieces, len(body))
    if upload.algorithm and upload.algorithm not in sums:
        said = (
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, actual checksum Type: null"
        )
        raise ServiceError("InvalidRequest", said)
    part = _keep_part(ask, upload, pieces, sums)
    part.pieces = piece_of(body)
    sums = {f"x-amz-checksum-{name}": value for name, value in part.checksums.items()}
    return Answer(200, {"ETag": f'"{part.etag}"', **encryption_headers(upload.template), **sums})


def upload_part_copy(ask: Ask) -> Answer:
    """Stores one part from another object, under conditions on that object."""
    upload = _upload(ask)
    origin, source = source_of(ask)
    text = ask.header("x-amz-copy-source-range")
    span = (0, source.size)
    if text is not None:
        found = span_of(text, source.size)
        if found is None or int(text.rsplit("-", 1)[1] or 0) >= source.size:
            raise ServiceError(
                "InvalidArgument", f"Range specified is not valid for source object of size: {source.size}"
            )
        span = found
    part = _keep_part(ask, upload, cut(source.pieces, *span), {})
    inner = (
        tag("LastModified", iso(part.time)) + tag("ETag", f'"{part.etag}"') + checksums.elements_of(part.checksums, "")
    )
    answer = xml_answer("CopyPartResult", inner)
    answer.headers |= source_header(origin, source) | encryption_headers(upload.template)
    return answer


def _check_row(upload: Multipart, part: Part, row: Element) -> None:
    """A part's checksum where the request names it, as it must where the parts' checksums make the object's."""
    name = upload.algorithm
    given = row.findtext(f"Checksum{name.upper()}") if name else None
    if given is None and name and upload.checksum_type == "COMPOSITE" and name in part.checksums:
        said = (
            f"The upload was created using a {name} checksum. The complete request must include the checksum for each "
        )
        raise ServiceError("InvalidRequest", f"{said}part. It was missing for part {part.number} in the request.")
    if given is not None and part.checksums.get(name, given) != given:
        raise ServiceError("InvalidPart", f"One or more of the specified parts could not be found: {part.number}")


def _chosen(ask: Ask, upload: Multipart) -> list[Part]:
    """The parts that a completion names: in order, present, by their ETags, none but the last too small."""
    rows = strip_namespaces(ask.request.body()).findall("Part")
    if not rows:
        raise ServiceError("MalformedXML", "You must specify at least one part")
    numbers = [int(row.findtext("PartNumber") or 0) for row in rows]
    if numbers != sorted(set(numbers)):
        raise ServiceError("InvalidPartOrder", "The list of parts was not in ascending order.")
    chosen: list[Part] = []
    for number, row in zip(numbers, rows, strict=True):
        part = upload.parts.get(number)
        if part is None or part.etag != (row.findtext("ETag") or "").strip('"'):
            raise ServiceError("InvalidPart", f"One or more of the specified parts could not be found: {number}")
        _check_row(upload, part, row)
        chosen.append(part)
    if any(part.size < ask.world.settings.part_minimum for part in chosen[:-1]):
        raise ServiceError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    return chosen


def _checksum(upload: Multipart, parts: list[Part], pieces: tuple[Piece, ...], size: int) -> dict[str, str]:
    name = upload.algorithm
    if upload.checksum_type == "COMPOSITE":
        sums = [part.checksums[name] for part in parts if name in part.checksums]
        value = checksums.composite(name, sums) if len(sums) == len(parts) else None
    else:
        name = name or "crc64nvme"
        value = checksums.compute(name, pieces, size)
    return {name: value} if value else {}


def complete_multipart_upload(ask: Ask) -> Answer:
    """Makes the parts one object; its ETag is not the digest of its bytes."""
    bucket, upload = ask.own_bucket(), _upload(ask)
    parts = _chosen(ask, upload)
    check_destination(ask, bucket)
    fresh: Stored = upload.template
    fresh.pieces = tuple(piece for part in parts for piece in part.pieces)
    fresh.size, fresh.parts, fresh.time = sum(part.size for part in parts), len(parts), ask.world.clock.now()
    given = ask.header("x-amz-mp-object-size")
    if given is not None and int(given) != fresh.size:
        raise ServiceError("InvalidRequest", "The provided x-amz-mp-object-size does not match the size of the parts")
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    fresh.etag = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
    fresh.checksums, fresh.checksum_type = _checksum(upload, parts, fresh.pieces, fresh.size), upload.checksum_type
    keep(ask.world, bucket, fresh)
    del bucket.uploads[upload.id]
    sums = checksums.elements_of(fresh.checksums, fresh.checksum_type)
    inner = (
        tag("Location", f"{ask.world.origin}/{bucket.name}/{ask.key}")
        + tag("Bucket", bucket.name)
        + tag("Key", ask.key)
    )
    answer = xml_answer("CompleteMultipartUploadResult", inner + tag("ETag", f'"{fresh.etag}"') + sums)
    answer.headers |= version_header(bucket, fresh) | encryption_headers(fresh)
    return answer


def abort_multipart_upload(ask: Ask) -> Answer:
    """Forgets an upload and its parts."""
    upload = _upload(ask)
    del ask.own_bucket().uploads[upload.id]
    return Answer(204)


def list_multipart_uploads(ask: Ask) -> Answer:
    """Uploads under way, by key, up to 1,000 a page."""
    bucket = ask.own_bucket()
    prefix, key, name = ask.query("prefix") or "", ask.query("key-marker") or "", ask.query("upload-id-marker") or ""
    limit = min(ask.number("max-uploads", 1000), 1000)
    uploads = sorted(bucket.uploads.values(), key=lambda item: (item.key, item.id))
    uploads = [
        item
        for item in uploads
        if item.key.startswith(prefix) and ((item.key, item.id) > (key, name) if name else item.key > key)
    ]
    more = len(uploads) > limit
    rows = []
    for item in uploads[:limit]:
        who = f"<Initiator>{tag('ID', item.initiator)}</Initiator>"
        rows.append(
            f"<Upload>{tag('Key', item.key)}{tag('UploadId', item.id)}{who}{tag('Initiated', iso(item.time))}</Upload>"
        )
    inner = (
        tag("Bucket", bucket.name)
        + tag("Prefix", prefix)
        + tag("MaxUploads", limit)
        + tag("IsTruncated", more)
        + "".join(rows)
    )
    if more:
        last = uploads[limit - 1]
        inner += tag("NextKeyMarker", last.key) + tag("NextUploadIdMarker", last.id)
    return xml_answer("ListMultipartUploadsResult", inner)


def list_parts(ask: Ask) -> Answer:
    """The parts of an upload, by number, up to 1,000 a page."""
    upload = _upload(ask)
    after, limit = ask.number("part-number-marker", 0), min(ask.number("max-parts", 1000), 1000)
    parts = [upload.parts[number] for number in sorted(upload.parts) if number > after]
    more = len(parts) > limit
    rows = []
    for part in parts[:limit]:
        inner = tag("PartNumber", part.number) + tag("ETag", f'"{part.etag}"') + tag("Size", part.size)
        rows.append(
            f"<Part>{inner}{tag('LastModified', iso(part.time))}{checksums.elements_of(part.checksums, '')}</Part>"
        )
    inner = (
        tag("Bucket", ask.bucket)
        + tag("Key", upload.key)
        + tag("UploadId", upload.id)
        + tag("IsTruncated", more)
        + "".join(rows)
    )
    if more:
        inner += tag("NextPartNumberMarker", parts[limit - 1].number)
    return xml_answer("ListPartsResult", inner)
