"""S3's checksums: checked when a client sends them, returned when asked for."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable
from functools import cache

from controller.sandbox.s3.ask import Ask
from controller.sandbox.s3.holes import Hole, Piece, named
from controller.sandbox.s3.state import Stored
from controller.sandbox.wire import ServiceError

KNOWN = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
SLOW_LIMIT = 1 << 20  # bytes up to which checksums that Python has to compute itself are computed


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    rows = []
    for index in range(256):
        for _ in range(8):
            index = (index >> 1) ^ (polynomial if index & 1 else 0)
        rows.append(index)
    return tuple(rows)


def _reflected(pieces: Iterable[bytes], polynomial: int, width: int) -> bytes:
    table, mask = _table(polynomial), (1 << width) - 1
    value = mask
    for piece in pieces:
        for byte in piece:
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return (value ^ mask).to_bytes(width // 8, "big")


def _crc32(pieces: Iterable[bytes]) -> bytes:
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value.to_bytes(4, "big")


def _hashed(name: str) -> Callable[[Iterable[bytes]], bytes]:
    def digest(pieces: Iterable[bytes]) -> bytes:
        state = hashlib.new(name, usedforsecurity=False)
        for piece in pieces:
            state.update(piece)
        return state.digest()

    return digest


_QUICK: dict[str, Callable[[Iterable[bytes]], bytes]] = {
    "crc32": _crc32,
    "sha1": _hashed("sha1"),
    "sha256": _hashed("sha256"),
}
_POLYNOMIALS = {"crc32c": (0x82F63B78, 32), "crc64nvme": (0x9A6C9329AC4BC9B5, 64)}


def compute(algorithm: str, whole: tuple[Piece, ...], size: int) -> str | None:
    """The checksum in base64; None when it is unknown here, or too slow to compute over so many bytes.

    Of holes, not the one that their zeros would have: only copies and originals have to agree.
    """
    pieces = named(whole)
    if any(isinstance(piece, Hole) for piece in whole):
        size = sum(map(len, pieces))
    if algorithm in _QUICK:
        return base64.b64encode(_QUICK[algorithm](pieces)).decode()
    if algorithm in _POLYNOMIALS and size <= SLOW_LIMIT:
        return base64.b64encode(_reflected(pieces, *_POLYNOMIALS[algorithm])).decode()
    return None


def composite(algorithm: str, parts: Iterable[str]) -> str | None:
    """The checksum of the parts' checksums, as S3 gives it for multipart uploads: `BASE64-COUNT`."""
    raw = [base64.b64decode(part) for part in parts]
    whole = b"".join(raw)
    value = compute(algorithm, (whole,), len(whole))
    return f"{value}-{len(raw)}" if value else None


def received(ask: Ask, pieces: tuple[bytes, ...], size: int) -> dict[str, str]:
    """The checksums that came with a body, checked; 400 BadDigest when one is wrong."""
    given = ask.header("content-md5")
    if given is not None and given != base64.b64encode(_hashed("md5")(pieces)).decode():
        raise ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    plain = ask.request.headers.get("x-amz-content-sha256", "")
    if len(plain) == 64 and not ask.trailers and plain != _hashed("sha256")(pieces).hex():
        raise ServiceError(
            "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    kept: dict[str, str] = {}
    for algorithm in KNOWN:
        value = ask.header(f"x-amz-checksum-{algorithm}")
        if value is None:
            continue
        if compute(algorithm, pieces, size) not in (None, value):
            raise ServiceError(
                "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum."
            )
        kept[algorithm] = value
    return kept


def of(stored: Stored) -> dict[str, str]:
    """An object's checksums; CRC64NVME, computed on first use, when nothing else was sent (as S3 does by default)."""
    if not stored.checksums and not stored.parts:
        value = compute("crc64nvme", stored.pieces, stored.size)
        if value:
            stored.checksums["crc64nvme"] = value
    return stored.checksums


def headers_of(stored: Stored) -> dict[str, str]:
    """The checksum headers of an answer."""
    kept = of(stored)
    found = {f"x-amz-checksum-{algorithm}": value for algorithm, value in kept.items()}
    return found | ({"x-amz-checksum-type": stored.checksum_type} if kept else {})


def elements_of(checksums: dict[str, str], kind: str) -> str:
    """The checksum elements of an XML answer."""
    inner = "".join(
        f"<Checksum{algorithm.upper()}>{value}</Checksum{algorithm.upper()}>" for algorithm, value in checksums.items()
    )
    return inner + (f"<ChecksumType>{kind}</ChecksumType>" if inner and kind else "")
