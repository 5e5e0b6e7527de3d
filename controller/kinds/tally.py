"""The sha256 of an object whose parts pass through this machine at the same time: taken in the object's order."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping

from controller.kinds.s3upload import MIB, spans

SHA256 = "sha256"
"""How a record names our own digest: of all bytes, above 64 MiB of the digests of 64 MiB each."""

LEAF = 64 * MIB


class Tally:
    """Hashes `size` bytes whose parts come in any order, from several threads.

    A part waits, with its bytes, until all before it were hashed. `ours`: our own digest is taken as well, above 64 MiB
    at the price of a second hash; first of each piece, so that a bit which flips here in between cannot pass for what
    is known of the source by its SHA256.
    """

    def __init__(self, size: int, *, ours: bool = True) -> None:
        self._size = size
        self._ours = ours
        self._leaf = spans(size, LEAF)[0].end if ours and size > LEAF else 0
        self._whole = hashlib.sha256()
        self._now = hashlib.sha256()
        self._ended = hashlib.sha256()
        self._next = 0
        self._fault: BaseException | None = None
        self._changed = threading.Condition()

    def may(self, start: int) -> bool:
        """Whether the part that begins at this byte waits for no other: it is its turn, or a part will not come."""
        return self._next == start or self._fault is not None

    def add(self, start: int, data: bytearray) -> None:
        """Hashes the part that begins at byte `start`, once it is its turn; raises what kept an earlier one away."""
        with self._changed:
            self._changed.wait_for(lambda: self.may(start))
            self.check()
        with memoryview(data) as view:
            self._hash(view)
        with self._changed:
            self._next += len(data)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """A part will not come: who waits for it is to give up, with the same error."""
        with self._changed:
            self._fault = self._fault or error
            self._changed.notify_all()

    def check(self) -> None:
        """Raises what kept a part away."""
        if self._fault is not None:
            raise self._fault

    def sums(self) -> Mapping[str, str]:
        """By name, `SHA256` as S3 writes it and `sha256` as a record does; nothing unless every byte was hashed."""
        if self._next != self._size or self._fault is not None:
            return {}
        whole = self._whole.digest()
        found = {"SHA256": base64.b64encode(whole).decode()}
        return found | ({SHA256: (self._of_leaves() if self._leaf else whole).hex()} if self._ours else {})

    def _of_leaves(self) -> bytes:
        last = self._now.digest() if self._size % self._leaf else b""
        ended = self._ended.copy()
        ended.update(last)
        return ended.digest()

    def _hash(self, view: memoryview) -> None:
        """A MiB at a time, which is still at hand for the second hash; both let other threads run."""
        at, done = self._next, 0
        while done < len(view):
            most = min(MIB, self._leaf - at % self._leaf) if self._leaf else MIB
            piece = view[done : done + most]
            if self._leaf:
                self._grow(piece, at)
            self._whole.update(piece)
            at, done = at + len(piece), done + len(piece)

    def _grow(self, piece: memoryview, at: int) -> None:
        self._now.update(piece)
        if (at + len(piece)) % self._leaf == 0:
            self._ended.update(self._now.digest())
            self._now = hashlib.sha256()
