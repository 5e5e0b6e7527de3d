"""Bytes that are all zero and kept nowhere: so a model of 100 GB costs neither memory nor time to hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.sandbox.wire import CHUNK

_ZEROS = bytes(CHUNK)
LEAST = CHUNK
"""Bytes from which on a body of nothing but zeros is kept as a hole."""


@dataclass(frozen=True, slots=True)
class Hole:
    """So many zero bytes."""

    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> Hole:
        return Hole(len(range(*part.indices(self.size))))


Piece = bytes | Hole


def piece_of(body: bytes) -> tuple[Piece, ...]:
    """A body as it is kept."""
    if len(body) < LEAST or body[0] or body[-1]:
        return (body,) if body else ()
    view, at = memoryview(body), 0
    while at < len(body):
        if view[at : at + CHUNK] != _ZEROS[: len(body) - at]:
            return (body,)
        at += CHUNK
    return (Hole(len(body)),)


def streamed(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The bytes, at most one MiB at a time."""
    for piece in pieces:
        for start in range(0, len(piece), CHUNK):
            part = piece[start : start + CHUNK]
            yield part if isinstance(part, bytes) else _ZEROS[: len(part)]


def named(pieces: Iterable[Piece]) -> tuple[bytes, ...]:
    """What stands for the bytes where they are hashed: themselves, and a name for each stretch of holes."""
    found: list[bytes] = []
    hole = 0
    for piece in pieces:
        if isinstance(piece, Hole):
            hole += piece.size
            continue
        if hole:
            found.append(b"hole %d" % hole)
        hole = 0
        found.append(piece)
    return (*found, b"hole %d" % hole) if hole else tuple(found)
