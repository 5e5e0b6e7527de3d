"""How far copies have come: bytes, rate and time left, one live line each; in a log one event a minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from controller.cli.term import Progress
from controller.core.model import Key
from controller.render.words import size

_MINUTE = 60.0
_WINDOW = 20.0  # seconds that a rate is taken over: what was there already must not count as speed for long
_STEP = 0.5


@dataclass(slots=True)
class _Copy:
    """One copy under way: when the log last heard of it, and how far it was at some moments of the last seconds."""

    told: float
    marks: deque[tuple[float, int]] = field(default_factory=deque)
    ended: bool = False

    def rate(self, now: float, done: int) -> float:
        """Bytes a second of late; 0 while that cannot be said."""
        if not self.marks or now - self.marks[-1][0] >= _STEP:
            self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[1][0] >= _WINDOW:
            self.marks.popleft()
        since, had = self.marks[0]
        return max(done - had, 0) / (now - since) if now > since else 0.0


class Gauge:
    """Hears of moved bytes, from any thread, and says it in words."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._copies: dict[Key, _Copy] = {}
        self._lines: dict[Key, str] = {}
        self._lock = threading.Lock()

    def __call__(self, key: Key, done: int, total: int) -> None:
        """`done` of `total` bytes are at their place."""
        now = self._clock()
        with self._lock:
            copy = self._copies.setdefault(key, _Copy(now))
            rate = copy.rate(now, done)
            ends = done >= total and not copy.ended
            logged = ends or now - copy.told >= _MINUTE
            if logged:
                copy.told, copy.ended = now, copy.ended or ends
            self._lines[key] = f"{key.kind} {key.name}: {said(done, total, rate)}"
            if done >= total:
                del self._lines[key]
            self._progress.live(tuple(self._lines.values()))
        if logged:
            facts = {"bytes": done, "total": total, "rate": round(rate), "left": _left(done, total, rate)}
            self._progress.event("copy", key=str(key), **facts)

    def over(self, key: Key) -> None:
        """Nothing more will come of this one, however it ended."""
        with self._lock:
            if self._lines.pop(key, None) is not None:
                self._progress.live(tuple(self._lines.values()))


def said(done: int, total: int, rate: float) -> str:
    """`1.2 GB of 4.0 GB, 110.0 MB/s, 26 s left`"""
    words = f"{size(done)} of {size(total)}"
    if rate <= 0:
        return words
    left = _left(done, total, rate)
    return f"{words}, {size(round(rate))}/s" + (f", {left} s left" if left else "")


def _left(done: int, total: int, rate: float) -> int:
    return round((total - done) / rate) if rate > 0 else 0
