"""Blobs of the distribution endpoint: reading with ranges, uploading in pieces or at once, mounting."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from controller.sandbox.ecr.state import Blob, Registry, Repository, Upload
from controller.sandbox.ecr.store import DIGEST, begin_upload, find_upload, keep_blob, sha256
from controller.sandbox.wire import CHUNK, Answer, Request, ServiceError
from controller.sandbox.world import World

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def _stream(pieces: Iterable[bytes], start: int, stop: int) -> Iterable[bytes]:
    at = 0
    for piece in pieces:
        for low in range(max(start - at, 0), min(stop - at, len(piece)), CHUNK):
            yield piece[low : min(low + CHUNK, stop - at)]
        at += len(piece)


def blob_answer(blob: Blob, request: Request) -> Answer:
    """A blob, or the asked range of it; for HEAD only its headers."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": blob.digest,
        "Accept-Ranges": "bytes",
    }
    start, stop, status = 0, blob.size, 200
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found and request.method == "GET":
        start, stop, status = int(found[1]), min(int(found[2] or blob.size) + 1, blob.size), 206
        if start >= stop:
            raise ServiceError("RANGE_INVALID", "The requested range is not satisfiable", 416)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size}"
    headers["Content-Length"] = str(stop - start)
    return Answer(status, headers, b"" if request.method == "HEAD" else _stream(blob.pieces, start, stop))


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a repository; `last` is the path's last part: a digest, a tag or an upload."""

    world: World
    registry: Registry
    repository: Repository
    request: Request
    last: str


def get_blob(visit: Visit) -> Answer:
    """GET and HEAD of a blob that this repository has."""
    with visit.world.lock:
        blob = visit.registry.blobs.get(visit.last) if visit.last in visit.repository.layers else None
    if blob is None:
        raise ServiceError("BLOB_UNKNOWN", "blob unknown to registry", 404)
    if visit.world.settings.redirect and visit.request.method == "GET":
        place = f"{visit.registry.account}/{visit.registry.region}/{visit.last}"
        return Answer(307, {"Location": f"{visit.world.origin}/_sandbox/layers/{place}"})
    return blob_answer(blob, visit.request)


def _digest(request: Request) -> str:
    digest = request.query.get("digest", "")
    if not DIGEST.fullmatch(digest):
        raise ServiceError("DIGEST_INVALID", f"provided digest is not sha256: {digest!r}", 400)
    return digest


def _place(repository: Repository, upload: Upload) -> dict[str, str]:
    return {
        "Location": f"/v2/{repository.name}/blobs/uploads/{upload.id}",
        "Range": f"0-{max(upload.size - 1, 0)}",
        "Docker-Upload-UUID": upload.id,
    }


def _created(repository: Repository, digest: str) -> Answer:
    return Answer(201, {"Location": f"/v2/{repository.name}/blobs/{digest}", "Docker-Content-Digest": digest})


def start_upload(visit: Visit) -> Answer:
    """POST: begins an upload, takes a whole blob with ?digest=, or mounts one from another repository with ?mount=."""
    if "mount" in visit.request.query and _mounted(visit):
        return _created(visit.repository, visit.request.query["mount"])
    if "digest" in visit.request.query:
        return _finish(visit, list(visit.request.chunks()), _digest(visit.request))
    with visit.world.lock:
        return Answer(202, _place(visit.repository, begin_upload(visit.world, visit.registry, visit.repository)))


def _mounted(visit: Visit) -> bool:
    """Mounts a blob that an image of the other repository refers to; anything else becomes an ordinary upload."""
    digest = visit.request.query["mount"]
    with visit.world.lock:
        origin = visit.registry.repositories.get(visit.request.query.get("from", ""))
        referred = origin is not None and any(digest in image.blobs for image in origin.images.values())
        if digest in visit.repository.layers or (referred and visit.world.settings.mounting):
            visit.repository.layers.add(digest)
            return True
    return False


def continue_upload(visit: Visit) -> Answer:
    """PATCH: the next bytes, which must follow the last ones when they say where they belong."""
    pieces = list(visit.request.chunks())
    with visit.world.lock:
        upload = find_upload(visit.registry, visit.repository, visit.last)
        given = re.match(r"(?:bytes )?(\d+)-", visit.request.headers.get("content-range", ""))
        if given and int(given[1]) != upload.size:
            raise ServiceError("BLOB_UPLOAD_INVALID", "blob upload out of order", 416)
        upload.pieces += pieces
        upload.size += sum(map(len, pieces))
        return Answer(202, _place(visit.repository, upload))


def finish_upload(visit: Visit) -> Answer:
    """PUT: the last bytes and the digest, which the whole must have."""
    digest, rest = _digest(visit.request), list(visit.request.chunks())
    with visit.world.lock:
        pieces = [*find_upload(visit.registry, visit.repository, visit.last).pieces, *rest]
    answer = _finish(visit, pieces, digest)
    with visit.world.lock:
        visit.registry.uploads.pop(visit.last, None)
    return answer


def _finish(visit: Visit, pieces: list[bytes], digest: str) -> Answer:
    found = sha256(pieces)
    if found != digest:
        raise ServiceError("DIGEST_INVALID", f"the bytes have digest {found}, not {digest}", 400)
    with visit.world.lock:
        keep_blob(visit.registry, visit.repository, pieces, digest)
    return _created(visit.repository, digest)


def upload_status(visit: Visit) -> Answer:
    """GET: how far an upload is."""
    with visit.world.lock:
        return Answer(204, _place(visit.repository, find_upload(visit.registry, visit.repository, visit.last)))


def cancel_upload(visit: Visit) -> Answer:
    """DELETE: forgets an upload."""
    with visit.world.lock:
        del visit.registry.uploads[find_upload(visit.registry, visit.repository, visit.last).id]
    return Answer(204)
