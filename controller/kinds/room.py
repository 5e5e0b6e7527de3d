"""How many bytes of objects may be in this machine's memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Room:
    """Holds up to `most` bytes at a time; what is larger than all of it waits until it is alone. Safe for threads.

    Who then waits for another, with its bytes in hand, must leave room for that one: see `hold`.
    """

    def __init__(self, most: int = 64 << 20) -> None:
        self._most = most
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int, spare: int = 0, first: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Waits until there is room for `size` bytes, and has them taken meanwhile.

        Unless it is `first`, `spare` bytes stay free beside them: for whoever is, so that there is always one who can
        go on. What `first` says may change: then `look`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size, spare, first))
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def look(self) -> None:
        """Lets all who wait look again whether they are first."""
        with self._changed:
            self._changed.notify_all()

    def _fits(self, size: int, spare: int, first: Callable[[], bool]) -> bool:
        if first():
            return not self._held or self._held + size <= self._most
        return self._held + size + spare <= self._most
