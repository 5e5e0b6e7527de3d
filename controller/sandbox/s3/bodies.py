"""The `aws-chunked` coding in which clients send bodies with trailing checksums."""

from __future__ import annotations

from controller.sandbox.wire import Request, ServiceError


def _malformed() -> ServiceError:
    return ServiceError("IncompleteBody", "The request body terminated unexpectedly")


def decode(request: Request) -> dict[str, str]:
    """Replaces a chunked body by its bytes and gives its trailers, by lower-case name; other bodies stay."""
    kind = request.headers.get("x-amz-content-sha256", "")
    if not kind.startswith("STREAMING-"):
        return {}
    raw, at, pieces = request.body(), 0, []
    while True:
        end = raw.find(b"\r\n", at)
        if end < 0:
            raise _malformed()
        size = int(raw[at:end].split(b";")[0], 16)
        at = end + 2
        if size == 0:
            break
        if at + size > len(raw):
            raise _malformed()
        pieces.append(raw[at : at + size])
        at += size + 2
    request.replace(b"".join(pieces) if len(pieces) != 1 else pieces[0])
    trailers: dict[str, str] = {}
    for line in raw[at:].decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            trailers[name.strip().lower()] = value.strip()
    length = request.headers.get("x-amz-decoded-content-length")
    if length is not None and int(length) != sum(map(len, pieces)):
        raise _malformed()
    return trailers
