"""A blob's bytes on their way: read through one buffer, resumed where they break off, proven before the last leave."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from controller.core.errors import RegistryError
from controller.oci.manifest import Descriptor
from controller.oci.transport import CHUNK, Stream, TransientError

Open = Callable[[int], Stream]
"""Opens a blob from one of its bytes on."""

_MOST_RESUMES = 16


class Buffers:
    """Buffers of 1 MiB that are used again: as many as there are streams at a time."""

    def __init__(self) -> None:
        self._free: list[memoryview] = []

    @contextlib.contextmanager
    def one(self) -> Iterator[memoryview]:
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = memoryview(bytearray(CHUNK))
        try:
            yield buffer
        finally:
            self._free.append(buffer)


def verified(start: Open, blob: Descriptor, buffer: memoryview) -> Generator[memoryview, None, None]:
    """The bytes of a blob through `buffer`, each piece only valid until the next.

    The last piece comes only after size and sha256 of the whole are proven, so a receiver that was promised the size
    never completes with wrong bytes. What breaks off after progress is read on from there, at most sixteen times; else
    `TransientError`. Too long or altered: `RegistryError`.
    """
    sha256 = hashlib.sha256()
    source = _Source(start, blob)
    try:
        while source.at < blob.size:
            piece = source.fill(buffer[: min(len(buffer), blob.size - source.at)])
            sha256.update(piece)
            if source.at < blob.size:
                yield piece
        source.check_end()
    finally:
        source.close()
    if f"sha256:{sha256.hexdigest()}" != blob.digest:
        raise RegistryError(f"blob {blob.digest} came with other bytes: it is not copied", code="DIGEST_INVALID")
    if blob.size:
        yield piece


@dataclass(slots=True)
class _Source:
    """A blob at its source; `at` is the next byte."""

    start: Open
    blob: Descriptor
    at: int = 0
    stream: Stream | None = None
    opened_at: int = -1
    resumes: int = 0

    def fill(self, room: memoryview) -> memoryview:
        """`room`, full: a stream may give less than it is asked for, and not be at its end."""
        have = 0
        while have < len(room):
            have += self._read(room[have:])
        return room

    def check_end(self) -> None:
        """Nothing comes after the last byte."""
        with contextlib.suppress(TransientError):  # cut off after the last byte: the digest decides
            if self._opened().readinto(memoryview(bytearray(1))):
                size = self.blob.size
                raise RegistryError(f"blob {self.blob.digest} is longer than the {size} bytes its manifest says")

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def _read(self, room: memoryview) -> int:
        try:
            count = self._opened().readinto(room)
            if not count:
                raise TransientError(f"blob {self.blob.digest} ended before its {self.blob.size} bytes")
        except TransientError:
            self.close()
            self.resumes += 1
            if self.at <= self.opened_at or self.resumes > _MOST_RESUMES:
                raise
            return 0
        self.at += count
        return count

    def _opened(self) -> Stream:
        if self.stream is None:
            if self.at == self.opened_at:
                raise TransientError(f"blob {self.blob.digest} does not go on at byte {self.at}")
            self.opened_at = self.at
            self.stream = self.start(self.at)
        return self.stream
