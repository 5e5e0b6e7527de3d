"""Bounds on time that hold on a busy machine: the processor's own time, of the best of some tries."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest


def seconds(work: Callable[[], object], enough: float, tries: int = 10) -> float:
    """The least processor time, in seconds, that `work` takes; no more tries once that is below `enough`."""
    least = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        work()
        least = min(least, time.thread_time() - began)
        if least < enough:
            break
    return least


def sampled(cases: Sequence[Any], name: Callable[[Any], str], every: int = 3) -> list[Any]:
    """Parameters by name: one case in `every` in the usual run, the others with -m slow, as CI does."""
    return [
        pytest.param(case, id=name(case), marks=[pytest.mark.slow] * bool(index % every))
        for index, case in enumerate(cases)
    ]
