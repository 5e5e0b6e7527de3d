"""How many bytes of objects may be in this machine's memory at a time, and that memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEPT = 1 << 20  # smaller ones cost nothing to make, and are of many sizes


class Room:
    """Lends up to `most` bytes at a time; what is larger than all of it waits until it is alone. Safe for threads.

    Large buffers are lent again, within `most` as well: given back to the allocator by one thread after the other, they
    would be kept by each thread's arena, and the process grow to twice their size. Who waits for another, with bytes in
    hand, must leave room for that one: see `hold`.
    """

    def __init__(self, most: int = 64 << 20) -> None:
        self._most = most
        self._held = 0
        self._idle: list[bytearray] = []
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int, spare: int = 0, first: Callable[[], bool] = lambda: True) -> Iterator[bytearray]:
        """Waits until there is room for `size` bytes, and lends them; what stands in them is anybody's.

        Unless it is `first`, `spare` bytes stay free beside them: for whoever is, so that there is always one who can
        go on. What `first` says may change: then `look`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size, spare, first))
            self._held += size
            kept = self._kept(size)
        try:
            yield (buffer := bytearray(size) if kept is None else kept)
        finally:
            with self._changed:
                self._held -= size
                if size >= _KEPT and self._held + size + self._waiting() <= self._most:
                    self._idle.append(buffer)
                self._changed.notify_all()

    def look(self) -> None:
        """Lets all who wait look again whether they are first."""
        with self._changed:
            self._changed.notify_all()

    def _fits(self, size: int, spare: int, first: Callable[[], bool]) -> bool:
        if first():
            return not self._held or self._held + size <= self._most
        return self._held + size + spare <= self._most

    def _kept(self, size: int) -> bytearray | None:
        """One of that size which was given back; else others make way for it."""
        found = next((one for one in self._idle if len(one) == size), None)
        if found is not None:
            self._idle = [one for one in self._idle if one is not found]
        while self._idle and self._held + self._waiting() > self._most:
            self._idle.pop(0)
        return found

    def _waiting(self) -> int:
        """Bytes that are at hand to be lent again."""
        return sum(map(len, self._idle))
