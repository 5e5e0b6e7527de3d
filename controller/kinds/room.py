"""How many bytes of objects may be in this machine's memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Holds up to `most` bytes at a time; what is larger than all of it waits until it is alone. Safe for threads."""

    def __init__(self, most: int = 64 << 20) -> None:
        self._most = most
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Waits until there is room for `size` bytes, and has them taken meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + size <= self._most)
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()
