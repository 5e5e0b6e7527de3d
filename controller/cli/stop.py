"""Ctrl-C and SIGTERM. The first ends a run in good order, the second at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from controller.core.errors import WaitingError

_TICK = 0.25
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):  # click makes something else of a KeyboardInterrupt
    """The run was asked to end while it had changed nothing yet; `code` is the exit code for it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.name = signal.Signals(number).name


class Stop:
    """What the process was asked. While `gentle` a first signal is only noted, so that effects can finish."""

    def __init__(self) -> None:
        self.number = 0
        self._gentle = False

    def asked(self) -> bool:
        """Whether the run is to end."""
        return self.number != 0

    @property
    def code(self) -> int:
        """128 + the signal, or 0."""
        return 128 + self.number if self.number else 0

    @contextmanager
    def gentle(self) -> Iterator[None]:
        """Within it, nothing is torn in the middle."""
        self._gentle = True
        try:
            yield
        finally:
            self._gentle = False

    def pause(self, seconds: float) -> None:
        """Sleeps; `WaitingError` once the run is to end, so that who waits for AWS gives up soon."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.number:
                raise WaitingError("the run was interrupted while it waited for AWS")
            time.sleep(min(left, _TICK))

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.number:
            os._exit(128 + number)
        self.number = number
        if not self._gentle:
            raise Interrupted(number)


STOP = Stop()


@contextmanager
def listening() -> Iterator[None]:
    """Listens to the signals; only the main thread can."""
    before = {number: signal.signal(number, STOP.heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
