"""Blobs of the distribution endpoint: reading with ranges, uploading in pieces or at once, mounting."""

from __future__ import annotations

import re
from collections.abc import Iterable

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


def get_blob(world: World, registry: Registry, repository: Repository, request: Request, last: str) -> Answer:
    """GET and HEAD of a blob that this repository has."""
    with world.lock:
        blob = registry.blobs.get(last) if last in repository.layers else None
    if blob is None:
        raise ServiceError("BLOB_UNKNOWN", "blob unknown to registry", 404)
    if world.settings.redirect and request.method == "GET":
        return Answer(307, {"Location": f"{world.origin}/_sandbox/layers/{registry.account}/{registry.region}/{last}"})
    return blob_answer(blob, request)


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


def start_upload(world: World, registry: Registry, repository: Repository, request: Request, last: str) -> Answer:
    """POST: begins an upload, takes a whole blob with ?digest=, or mounts one from another repository with ?mount=&from=."""
    if "mount" in request.query and _mounted(world, registry, repository, request):
        return _created(repository, request.query["mount"])
    if "digest" in request.query:
        return _finish(world, registry, repository, list(request.chunks()), _digest(request))
    with world.lock:
        return Answer(202, _place(repository, begin_upload(world, registry, repository)))


def _mounted(world: World, registry: Registry, repository: Repository, request: Request) -> bool:
    """Mounts a blob that an image of the other repository refers to; anything else becomes an ordinary upload."""
    digest = request.query["mount"]
    with world.lock:
        origin = registry.repositories.get(request.query.get("from", ""))
        referred = origin is not None and any(digest in image.blobs for image in origin.images.values())
        if digest in repository.layers or (referred and world.settings.mounting):
            repository.layers.add(digest)
            return True
    return False


def continue_upload(world: World, registry: Registry, repository: Repository, request: Request, last: str) -> Answer:
    """PATCH: the next bytes, which must follow the last ones when they say where they belong."""
    pieces = list(request.chunks())
    with world.lock:
        upload = find_upload(registry, repository, last)
        given = re.match(r"(?:bytes )?(\d+)-", request.headers.get("content-range", ""))
        if given and int(given[1]) != upload.size:
            raise ServiceError("BLOB_UPLOAD_INVALID", "blob upload out of order", 416)
        upload.pieces += pieces
        upload.size += sum(map(len, pieces))
        return Answer(202, _place(repository, upload))


def finish_upload(world: World, registry: Registry, repository: Repository, request: Request, last: str) -> Answer:
    """PUT: the last bytes and the digest, which the whole must have."""
    digest, rest = _digest(request), list(request.chunks())
    with world.lock:
        pieces = [*find_upload(registry, repository, last).pieces, *rest]
    answer = _finish(world, registry, repository, pieces, digest)
    with world.lock:
        registry.uploads.pop(last, None)
    return answer


def _finish(world: World, registry: Registry, repository: Repository, pieces: list[bytes], digest: str) -> Answer:
    found = sha256(pieces)
    if found != digest:
        raise ServiceError("DIGEST_INVALID", f"the bytes have digest {found}, not {digest}", 400)
    with world.lock:
        keep_blob(registry, repository, pieces, digest)
    return _created(repository, digest)


def upload_status(world: World, registry: Registry, repository: Repository, request: Request, last: str) -> Answer:
    """GET: how far an upload is."""
    with world.lock:
        return Answer(204, _place(repository, find_upload(registry, repository, last)))


def cancel_upload(world: World, registry: Registry, repository: Repository, request: Request, last: str) -> Answer:
    """DELETE: forgets an upload."""
    with world.lock:
        del registry.uploads[find_upload(registry, repository, last).id]
    return Answer(204)
