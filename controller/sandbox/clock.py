"""Time in the sandbox: the wall clock for people, a logical one for tests that want equal runs."""

from __future__ import annotations

import time
from dataclasses import dataclass

EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z, where logical time begins


@dataclass(slots=True)
class Clock:
    """Seconds since 1970. With `logical`, every API call moves it on by `tick` seconds and nothing else does."""

    logical: bool = False
    tick: float = 1.0
    elapsed: float = 0.0

    def now(self) -> float:
        """The time at hand, in seconds, to the millisecond as AWS gives it."""
        return round(EPOCH + self.elapsed if self.logical else time.time() + self.elapsed, 3)

    def step(self) -> None:
        """One API call has begun."""
        if self.logical:
            self.elapsed += self.tick

    def advance(self, seconds: float) -> None:
        """Moves the clock, so that tests need not wait."""
        self.elapsed += seconds

    def sleep(self, seconds: float) -> None:
        """Waits really with the wall clock, and only counts with the logical one."""
        if self.logical:
            self.elapsed += seconds
        else:
            time.sleep(seconds)
