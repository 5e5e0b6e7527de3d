"""Many independent pieces of work at a time: as many as pay, fewer when the other side asks for less."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

from controller.core.errors import CloudError

T = TypeVar("T")
R = TypeVar("R")

TRIES = 4
"""How often what was throttled or cut off is tried again."""
_THROTTLES = frozenset(
    {
        "KMS.ThrottlingException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "503",
        "429",
    }
)
_CUT_OFF = frozenset({"IncompleteBody", "IncompleteReadError", "ReadTimeoutError", "ResponseStreamingError"})


class Inline(Executor):
    """Runs everything at once, on the caller's thread, in order: equal runs make equal calls."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  (it is the future's to raise it)
            future.set_exception(error)
        return future


class Pace:
    """How many pieces may be under way: grows while that raises the rate, shrinks when it does not or is asked to.

    `clock` gives seconds. One pace belongs to one `spread` at a time.
    """

    def __init__(self, clock: Callable[[], float], *, start: int = 8, most: int = 64) -> None:
        self.width = min(start, most)
        self._most = most
        self._clock = clock
        self._since = clock()
        self._ended = 0
        self._best, self._good = 0.0, self.width
        self._growing = True

    def ended(self) -> None:
        """One piece is done. Every few of them, the rate decides."""
        self._ended += 1
        if self._ended < 3 * self.width:
            return
        now = self._clock()
        rate = self._ended / max(now - self._since, 1e-9)
        self._ended, self._since = 0, now
        if rate > 1.1 * self._best:
            self._best, self._good = rate, self.width
            if self._growing:
                self.width = min(self._most, self.width + max(1, self.width // 2))
        elif self._growing:
            self._growing = False  # more at a time brought nothing: back to what did
            self.width = self._good
        elif rate < 0.6 * self._best:
            self._best, self._growing = rate, True

    def slow(self) -> None:
        """The other side asked for less."""
        self.width, self._growing = max(1, self.width // 2), False
        self._ended, self._since = 0, self._clock()


def spread(
    pool: Executor,
    work: Callable[[T], R],
    items: Iterable[T],
    pace: Pace,
    pause: Callable[[float], None],
    tries: int = TRIES,
) -> list[R]:
    """The results of `work`, in the order of the items, which is the one they are begun in.

    What is throttled is tried again, `tries` times and after a pause, with fewer at a time; so is, with as many, what
    was cut off while it was read. The first other error stops it: what is under way ends, nothing more begins, the
    error is raised. Pieces must not spread work on the same pool.
    """
    run = _Run(pool, work, list(items), pace, pause, tries)
    try:
        run.all()
    except BaseException:
        run.drain()
        raise
    return run.results


class _Run:
    def __init__(
        self,
        pool: Executor,
        work: Callable[..., Any],
        items: list[Any],
        pace: Pace,
        pause: Callable[[float], None],
        most: int,
    ) -> None:
        self.results: list[Any] = [None] * len(items)
        self._pool = pool
        self._work = work
        self._items = items
        self._pace = pace
        self._pause = pause
        self._most = most
        self._waiting = deque(range(len(items)))
        self._running: dict[Future[Any], int] = {}
        self._ended: SimpleQueue[Future[Any]] = SimpleQueue()
        self._tries: dict[int, int] = {}

    def all(self) -> None:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._pace.width:
                self._start(self._waiting.popleft())
                self._gather([])
            if self._running:
                self._gather([self._ended.get()])

    def _start(self, index: int) -> None:
        future = self._pool.submit(self._work, self._items[index])
        self._running[future] = index
        future.add_done_callback(self._ended.put)

    def _gather(self, ended: list[Future[Any]]) -> None:
        """Takes in all that has ended. A wave of refusals is one word of the other side: one step back, one pause."""
        while not self._ended.empty():
            ended.append(self._ended.get())
        waits = [self._settle(future) for future in ended]
        if any(throttled(error) for future in ended if (error := future.exception()) is not None):
            self._pace.slow()
        if wait := max(waits, default=0.0):
            self._pause(wait)

    def _settle(self, future: Future[Any]) -> float:
        """Seconds to wait before what is to be tried again."""
        index = self._running.pop(future)
        error = future.exception()
        if error is None:
            self.results[index] = future.result()
            self._pace.ended()
            return 0.0
        if _curable(error) and self._tries.get(index, 0) < self._most:
            self._tries[index] = self._tries.get(index, 0) + 1
            self._waiting.append(index)
            return _wait(self._tries[index])
        raise error

    def drain(self) -> None:
        for future in list(self._running):
            if not future.cancel():
                future.exception()


def tried(work: Callable[[], R], pause: Callable[[float], None]) -> R:
    """The result of a piece that cannot be put back among the others: tried again, as in `spread`, on this thread."""
    for number in range(1, TRIES + 1):
        try:
            return work()
        except CloudError as error:
            if not _curable(error):
                raise
            pause(_wait(number))
    return work()


def _curable(error: BaseException) -> bool:
    return throttled(error) or cut_off(error)


def _wait(number: int) -> float:
    """Seconds before the try of this number."""
    return 0.5 * 2.0**number


def throttled(error: BaseException) -> bool:
    """Whether the other side asked for fewer requests."""
    return isinstance(error, CloudError) and (error.code in _THROTTLES or error.status in (429, 503))


def cut_off(error: BaseException) -> bool:
    """Whether a body ended too early: botocore tries requests again, and not what it has begun to hand out."""
    return isinstance(error, CloudError) and error.operation == "s3:GetObject" and error.code in _CUT_OFF
