"""How far copies and their proofs have come: bytes, rate, time left, one live line each; in a log an event a minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from controller.cli.term import Progress
from controller.core.model import Key
from controller.render.words import size

_MINUTE = 60.0
_WINDOW = 20.0  # seconds that a rate is taken over: what was there already must not count as speed for long
_STEP = 0.5

_What = Literal["copy", "check"]  # as the log has it: bytes that are copied, or read to prove what stands there


@dataclass(slots=True)
class _Way:
    """One copy or proof under way: how far it is, when the log last heard of it and how far it was then, and how far it
    was in the last seconds."""

    told: float
    done: int = 0
    total: int = 0
    marks: deque[tuple[float, int]] = field(default_factory=deque)
    ended: bool = False
    heard: int = 0

    def to(self, now: float, done: int, total: int) -> None:
        """So far it is now."""
        if self.done >= self.total and self.marks and now - self.marks[-1][0] >= _WINDOW:
            self.marks.clear()  # it goes on after a rest: that was no slowness
        self.done, self.total = done, total

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
        self._ways: dict[tuple[_What, Key], _Way] = {}
        self._names: dict[Key, str] = {}
        self._lock = threading.Lock()
        progress.watch(self)

    def begin(self, key: Key, name: str) -> None:
        """What people are told of when bytes of this one come."""
        with self._lock:
            self._names[key] = name

    def __call__(self, key: Key, done: int, total: int) -> None:
        """`done` of `total` bytes are at their place."""
        self._hear("copy", key, done, total)

    def checked(self, key: Key, done: int, total: int) -> None:
        """`done` bytes were read to prove what is at its place, of `total` that are known to be needed by now."""
        self._hear("check", key, done, total)

    def lines(self) -> list[tuple[str, str]]:
        """As `term.Live.lines`: each copy and each proof under way, and how far it has come by now."""
        now = self._clock()
        with self._lock:
            return [
                (self._names.get(key, f"{key.kind} {key.name}"), _said(what, way, way.rate(now)))
                for (what, key), way in self._ways.items()
                if way.done < way.total
            ]

    def beat(self) -> None:
        """As `term.Live.beat`: the log hears once a minute of what has come to a halt, too."""
        now = self._clock()
        with self._lock:
            late = [(place, way) for place, way in self._ways.items() if way.done < way.total and _late(way, now)]
            found = [(place, *_noted(way, now)) for place, way in late]
        for facts in found:
            self._log(*facts)

    def over(self, key: Key) -> None:
        """Nothing more will come of this one, however it ended.

        Only now the log hears of the end of a proof: until then another object of the artifact may have to be read.
        """
        now = self._clock()
        with self._lock:
            self._ways.pop(("copy", key), None)
            way = self._ways.pop(("check", key), None)
            self._names.pop(key, None)
            last = _noted(way, now) if way is not None and way.done != way.heard else None
        if last is not None:
            self._log(("check", key), *last)

    def _hear(self, what: _What, key: Key, done: int, total: int) -> None:
        now = self._clock()
        with self._lock:
            way = self._ways.setdefault((what, key), _Way(now))
            way.to(now, done, total)
            way.rate(now)
            ends = what == "copy" and done >= total and not way.ended
            way.ended = way.ended or ends
            facts = _noted(way, now) if ends or _late(way, now) else None
        if facts is not None:
            self._log((what, key), *facts)

    def _log(self, place: tuple[_What, Key], done: int, total: int, rate: float) -> None:
        what, key = place
        facts = {"bytes": done, "total": total, "rate": round(rate), "left": _left(done, total, rate)}
        self._progress.event(what, key=str(key), **facts)


def _late(way: _Way, now: float) -> bool:
    return now - way.told >= _MINUTE


def _noted(way: _Way, now: float) -> tuple[int, int, float]:
    """What the log hears of it now: bytes done, bytes in all, bytes a second."""
    way.told, way.heard = now, way.done
    return way.done, way.total, way.rate(now)


def _said(what: _What, way: _Way, rate: float) -> str:
    words = said(way.done, way.total, rate)
    return f"checking {words}" if what == "check" else words


def said(done: int, total: int, rate: float) -> str:
    """`1.2 GB of 4.0 GB, 110.0 MB/s, 26 s left`"""
    words = f"{size(done)} of {size(total)}"
    if rate <= 0:
        return words
    left = _left(done, total, rate)
    return f"{words}, {size(round(rate))}/s" + (f", {left} s left" if left else "")


def _left(done: int, total: int, rate: float) -> int:
    return round((total - done) / rate) if rate > 0 else 0
