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
    """One copy under way: how far it is, when the log last heard of it, and how far it was in the last seconds."""

    told: float
    done: int = 0
    total: int = 0
    marks: deque[tuple[float, int]] = field(default_factory=deque)
    ended: bool = False

    def rate(self, now: float) -> float:
        """Bytes a second of late; 0 while that cannot be said, or nothing comes any more."""
        if not self.marks or now - self.marks[-1][0] >= _STEP:
            self.marks.append((now, self.done))
        while len(self.marks) > 2 and now - self.marks[1][0] >= _WINDOW:
            self.marks.popleft()
        since, had = self.marks[0]
        return max(self.done - had, 0) / (now - since) if now > since else 0.0


class Gauge:
    """Hears of moved bytes, from any thread, and says it in words. Implements `term.Live`."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._copies: dict[Key, _Copy] = {}
        self._names: dict[Key, str] = {}
        self._lock = threading.Lock()
        progress.watch(self)

    def begin(self, key: Key, name: str) -> None:
        """What people are told of when bytes of this one come."""
        with self._lock:
            self._names[key] = name

    def __call__(self, key: Key, done: int, total: int) -> None:
        """`done` of `total` bytes are at their place."""
        now = self._clock()
        with self._lock:
            copy = self._copies.setdefault(key, _Copy(now))
            copy.done, copy.total = done, total
            rate = copy.rate(now)
            ends = done >= total and not copy.ended
            copy.ended = copy.ended or ends
            logged = ends or now - copy.told >= _MINUTE
            if logged:
                copy.told = now
        if logged:
            self._log(key, done, total, rate)

    def lines(self) -> list[tuple[str, str]]:
        """As `term.Live.lines`: each copy under way, and how far it has come by now."""
        now = self._clock()
        with self._lock:
            return [
                (self._names.get(key, f"{key.kind} {key.name}"), said(copy.done, copy.total, copy.rate(now)))
                for key, copy in self._copies.items()
                if copy.done < copy.total
            ]

    def beat(self) -> None:
        """As `term.Live.beat`: the log hears once a minute of what has come to a halt, too."""
        now = self._clock()
        with self._lock:
            late = [(key, copy) for key, copy in self._copies.items() if self._late(copy, now)]
            found = [(key, copy.done, copy.total, copy.rate(now)) for key, copy in late]
            for _, copy in late:
                copy.told = now
        for facts in found:
            self._log(*facts)

    def over(self, key: Key) -> None:
        """Nothing more will come of this one, however it ended."""
        with self._lock:
            self._copies.pop(key, None)
            self._names.pop(key, None)

    def _late(self, copy: _Copy, now: float) -> bool:
        return copy.done < copy.total and now - copy.told >= _MINUTE

    def _log(self, key: Key, done: int, total: int, rate: float) -> None:
        facts = {"bytes": done, "total": total, "rate": round(rate), "left": _left(done, total, rate)}
        self._progress.event("copy", key=str(key), **facts)


def said(done: int, total: int, rate: float) -> str:
    """`1.2 GB of 4.0 GB, 110.0 MB/s, 26 s left`"""
    words = f"{size(done)} of {size(total)}"
    if rate <= 0:
        return words
    left = _left(done, total, rate)
    return f"{words}, {size(round(rate))}/s" + (f", {left} s left" if left else "")


def _left(done: int, total: int, rate: float) -> int:
    return round((total - done) / rate) if rate > 0 else 0
