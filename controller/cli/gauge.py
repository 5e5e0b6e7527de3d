"""How far copies have come: bytes, rate and time left, on the live line; in a log one event a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.cli.term import Progress
from controller.core.model import Key
from controller.render.words import size

_MINUTE = 60.0


@dataclass(slots=True)
class _Copy:
    """One copy under way: when it began, what it had then, and when the log last heard of it."""

    began: float
    told: float


class Gauge:
    """Hears of moved bytes, from any thread, and says it in words."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._copies: dict[Key, _Copy] = {}
        self._lock = threading.Lock()

    def __call__(self, key: Key, done: int, total: int) -> None:
        """`done` of `total` bytes are at their place."""
        now = self._clock()
        with self._lock:
            copy = self._copies.setdefault(key, _Copy(now, now))
            logged = now - copy.told >= _MINUTE or done >= total
            if logged:
                copy.told = now
            rate = done / (now - copy.began) if now > copy.began else 0.0
        self._progress.live(f"{key.kind} {key.name}: {said(done, total, rate)}")
        if logged:
            facts = {"bytes": done, "total": total, "rate": round(rate), "left": _left(done, total, rate)}
            self._progress.event("copy", key=str(key), **facts)


def said(done: int, total: int, rate: float) -> str:
    """`1.2 GiB of 4.0 GiB, 110 MiB/s, 26 s left`"""
    words = f"{size(done)} of {size(total)}"
    if rate <= 0:
        return words
    left = _left(done, total, rate)
    return f"{words}, {size(round(rate))}/s" + (f", {left} s left" if left else "")


def _left(done: int, total: int, rate: float) -> int:
    return round((total - done) / rate) if rate > 0 else 0
