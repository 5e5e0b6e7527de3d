"""Waiting, in tests with threads, for what other threads are about to do; never forever."""

from __future__ import annotations

import time
from collections.abc import Callable

SOON = 20.0
"""Seconds after which something is taken to wait forever."""


def soon(what: Callable[[], bool]) -> None:
    """Waits until something is so."""
    until = time.monotonic() + SOON
    while not what() and time.monotonic() < until:
        time.sleep(0.001)
    assert what()
