"""How far an effect has come, in bytes, from whatever threads they are heard of."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Count:
    """Adds up bytes that are done, and bytes that there are; tells both, in order, each time."""

    def __init__(self, tell: Callable[[int, int], None], total: int = 0) -> None:
        self._tell = tell
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def add(self, done: int, more: int = 0) -> None:
        """`done` bytes are done; there are `more` to do than was known."""
        with self._lock:
            self._done += done
            self._total += more
            self._tell(self._done, self._total)
