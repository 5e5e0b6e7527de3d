"""Spreading work: order, errors, throttling, and a width that follows the rate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from controller.core.errors import CloudError
from controller.kinds.flow import Inline, Pace, spread


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_results_come_in_the_order_of_the_items_and_never_more_at_a_time_than_the_width() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def work(item: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        with lock:
            running[0] -= 1
        return item * 2

    with ThreadPoolExecutor(16) as pool:
        found = spread(pool, work, range(500), Pace(Clock(), start=4, most=6), lambda _: None)
    assert found == [item * 2 for item in range(500)]
    assert most[0] <= 6


def test_the_first_error_stops_it_at_once_on_one_thread() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("three")
        return item

    with pytest.raises(ValueError, match="three"):
        spread(Inline(), work, range(100), Pace(Clock()), lambda _: None)
    assert begun == [0, 1, 2, 3]


def test_what_is_throttled_is_tried_again_with_fewer_at_a_time_and_not_for_ever() -> None:
    tries: dict[int, int] = {}
    pauses: list[float] = []

    def work(item: int) -> int:
        tries[item] = tries.get(item, 0) + 1
        if item == 2 and tries[item] < 3:
            raise CloudError("s3:CopyObject", "SlowDown", "slower", status=503)
        return item

    pace = Pace(Clock(), start=8)
    assert spread(Inline(), work, range(5), pace, pauses.append) == [0, 1, 2, 3, 4]
    assert (tries[2], pauses, pace.width) == (3, [1.0, 2.0], 2)

    def never(item: int) -> int:
        raise CloudError("s3:CopyObject", "SlowDown", "slower", status=503)

    with pytest.raises(CloudError):
        spread(Inline(), never, [1], Pace(Clock()), lambda _: None)


@pytest.mark.parametrize(("at_best", "least", "most"), [(24, 18, 40), (100, 60, 64)])
def test_the_width_grows_while_that_pays(at_best: int, least: int, most: int) -> None:
    clock = Clock()
    pace = Pace(clock, start=4, most=64)
    for _ in range(5000):
        clock.now += 1.0 / min(pace.width, at_best)
        pace.ended()
    assert least <= pace.width <= most


class Waves(Executor):
    """Nothing ends until `size` pieces are under way; then all of them do, at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.begun: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.begun.append((future, partial(fn, *args, **kwargs)))
        if len(self.begun) == self.size:
            self.size = 1
            for held, work in self.begun:
                try:
                    held.set_result(work())
                except CloudError as error:
                    held.set_exception(error)
            self.begun.clear()
        return future


def test_a_wave_of_refusals_is_waited_for_once() -> None:
    refused: set[int] = set()
    pauses: list[float] = []

    def work(number: int) -> int:
        if number in refused:
            return number
        refused.add(number)
        raise CloudError("s3:CopyObject", "SlowDown", "slower", status=503)

    pace = Pace(lambda: 0.0, start=64)
    assert spread(Waves(64), work, range(64), pace, pauses.append) == list(range(64))
    assert (pauses, pace.width >= 32) == ([1.0], True)
