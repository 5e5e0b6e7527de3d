"""How far a proof has come, as it is told: what is to be read before it begins, and every byte once, however often read."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controller.core.errors import CloudError, PreconditionError, WaitingError
from controller.kinds.count import Count
from controller.kinds.flow import Inline, Pace
from controller.kinds.prove import check_copy, prove
from controller.kinds.s3object import Copied, ObjectCopy, at_destination
from controller.kinds.s3upload import Lanes
from tests.kinds.test_relay import Strict, strict, sums_of
from tests.kinds.test_s3copy import MIB, copied

Told = list[tuple[int, int]]
SIZE = 9 * MIB


def lanes(told: Told, pool: Executor | None = None) -> Lanes:
    count = Count(lambda *how: told.append(how))
    return Lanes(pool or Inline(), lambda: Pace(time.monotonic), lambda _: None, checked=count.add)


def pair(size: int = SIZE) -> tuple[Strict, ObjectCopy, Copied]:
    """A source and its copy, of which S3 states nothing."""
    s3, item = strict(size)
    s3.limit = 1 << 40
    done = copied(s3, item)
    return s3, item, replace(done, checksums={})


def proof(
    s3: Strict, item: ObjectCopy, done: Copied, *, deep: bool = False, pool: Executor | None = None
) -> list[tuple[int, int]]:
    told = Told()
    prove(s3, s3, item, done, lanes(told, pool), deep=deep, stated={})
    steps = [read for read, _ in told]
    assert steps == sorted(steps)
    assert all(read <= due for read, due in told)
    return told


def test_source_and_copy_count_before_a_byte_of_them_is_read() -> None:
    told = proof(*pair())
    assert told == [(step * MIB, 2 * SIZE) for step in range(19)]


def test_the_copy_alone_counts_where_the_hash_on_the_way_vouches() -> None:
    s3, item, done = pair()
    sums = sums_of(s3, item)
    told = proof(s3, replace(item, checksums={"SHA256": sums["SHA256"]}), replace(done, passed=sums))
    assert (told[0], told[-1], len(told)) == ((0, SIZE), (SIZE, SIZE), 10)


def test_nothing_is_told_where_nothing_is_read() -> None:
    s3, item, done = pair()
    stated = {"CRC64NVME": "c"}
    assert proof(s3, replace(item, checksums=stated), replace(done, checksums=stated)) == []


def test_deep_is_told_whatever_s3_states() -> None:
    s3, item, done = pair()
    stated = {"CRC64NVME": "c"}
    told = proof(s3, replace(item, checksums=stated), replace(done, checksums=stated), deep=True)
    assert (told[0], told[-1]) == ((0, 2 * SIZE), (2 * SIZE, 2 * SIZE))


def test_what_is_read_again_after_a_break_is_told_once() -> None:
    s3, item, done = pair()
    s3.breaks = 3  # each after its first MiB
    assert proof(s3, item, done) == [(step * MIB, 2 * SIZE) for step in range(19)]
    assert s3.operations.count("GetObject") == 5


def test_pieces_that_are_read_at_once_are_told_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.kinds.prove.LEAF", 2 * MIB)
    s3, item, done = pair(SIZE + 7)
    with ThreadPoolExecutor(8) as pool:
        told = proof(s3, item, done, pool=pool)
    assert (told[0], told[-1]) == ((0, 2 * (SIZE + 7)), (2 * (SIZE + 7),) * 2)


def test_more_than_there_is_is_not_told() -> None:
    @dataclass
    class Longer(Strict):
        def GetObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
            body = self.objects[parameters["Bucket"], parameters["Key"]].body
            return {"Body": io.BytesIO(body + b"x" * 3 * MIB)}

    s3, item, done = pair()
    told = Told()
    with pytest.raises(CloudError, match="IncompleteBody"):
        prove(Longer(objects=s3.objects, ids=s3.ids), s3, item, done, lanes(told), stated={})
    assert told[-1] == (SIZE, 2 * SIZE)


def test_a_copy_that_is_held_to_its_lock_is_told_where_it_is_read() -> None:
    s3, item, done = pair()
    told, where = Told(), {**at_destination(item), "VersionId": done.version_id}
    check_copy(s3, where, {"SHA256": sums_of(s3, item)["SHA256"]}, lanes(told))
    assert told == [(step * MIB, SIZE) for step in range(10)]
    told.clear()
    with pytest.raises(PreconditionError, match="is not its source"):
        check_copy(s3, where, {"SHA256": "other"}, lanes(told))
    told.clear()
    check_copy(s3, where, {"CRC32": "c"}, lanes(told))
    assert told == []


def test_a_run_that_is_to_end_reads_no_further() -> None:
    """What was read for a proof is of no use to the next run: there is nothing to bring to an end first."""
    s3, item, done = pair()
    for work in (
        lambda ways: prove(s3, s3, item, done, ways, stated={}),
        lambda ways: check_copy(s3, at_destination(item), {"SHA256": "other"}, ways),
    ):
        told = Told()
        ways = replace(lanes(told), stopped=lambda told=told: bool(told) and told[-1][0] >= 2 * MIB)  # type: ignore[misc]
        with pytest.raises(WaitingError):
            work(ways)  # type: ignore[no-untyped-call]
        assert told[-1][0] == 2 * MIB


def test_a_count_is_told_in_order_from_any_thread() -> None:
    told = Told()
    count = Count(lambda *how: told.append(how))

    def worked(add: Callable[[int, int], None]) -> None:
        for _ in range(500):
            add(0, 3)
            add(3, 0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(worked, [count.add] * 8))
    assert (len(told), told[-1]) == (8000, (12_000, 12_000))
    assert told == sorted(told)
    assert all(read <= due for read, due in told)
