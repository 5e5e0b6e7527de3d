"""Bounds on time that hold on a busy machine: the processor's own time, of the best of some tries."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object], enough: float, tries: int = 4) -> float:
    """The least processor time, in seconds, that `work` takes; no more tries once that is below `enough`."""
    least = float("inf")
    for _ in range(tries):
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
        if least < enough:
            break
    return least
