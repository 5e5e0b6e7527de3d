"""The sha256 of bytes that come in any order, and the memory that waiting for the order may take."""

from __future__ import annotations

import base64
import hashlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from controller.core.errors import WaitingError
from controller.kinds.prove import digest
from controller.kinds.room import Room
from controller.kinds.s3object import at_source
from controller.kinds.s3upload import spans
from controller.kinds.tally import Tally
from tests.kinds.test_relay import Strict, lanes
from tests.kinds.test_s3copy import world
from tests.soon import SOON, soon


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 199, 200, 201, 500])
@pytest.mark.parametrize("part", [5, 64, 100, 128])
def test_the_sums_are_the_objects_whatever_the_order(size: int, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.kinds.tally.LEAF", 100)
    monkeypatch.setattr("controller.kinds.prove.LEAF", 100)
    monkeypatch.setattr("controller.kinds.tally.MIB", 24)
    s3, item = world(size)
    s3.objects["from", item.source_key].body = data = random.Random(size).randbytes(size)
    tally = Tally(size)
    starts = list(range(0, size, part))
    random.Random(part).shuffle(starts)
    with ThreadPoolExecutor(max(len(starts), 1)) as pool:
        list(pool.map(lambda start: tally.add(start, bytearray(data[start : start + part])), starts))
    ours = digest(Strict(objects=s3.objects), at_source(replace(item, source_etag="e")), size, lanes())
    assert tally.sums() == {"SHA256": base64.b64encode(hashlib.sha256(data).digest()).decode(), "sha256": ours}


@pytest.mark.parametrize("size", [100, 101])
def test_our_own_digest_is_taken_where_it_is_asked_for(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.kinds.tally.LEAF", 100)
    both, one = Tally(size), Tally(size, ours=False)
    for tally in (both, one):
        tally.add(0, bytearray(size))
    assert one.sums() == {"SHA256": both.sums()["SHA256"]}
    assert (both._leaf, one._leaf) == (spans(size, 100)[0].end if size > 100 else 0, 0)


def test_of_less_than_every_byte_nothing_is_said() -> None:
    tally = Tally(3)
    tally.add(0, bytearray(2))
    assert tally.sums() == {}
    tally.add(2, bytearray(1))
    tally.fail(WaitingError("gone"))
    assert tally.sums() == {}


def test_who_waits_for_a_part_that_will_not_come_hears_why() -> None:
    tally, heard = Tally(30), list[BaseException]()
    fault = WaitingError("gone")

    def wait(start: int) -> None:
        with pytest.raises(WaitingError) as caught:
            tally.add(start, bytearray(10))
        heard.append(caught.value)

    waiting = [threading.Thread(target=wait, args=(start,), daemon=True) for start in (10, 20)]
    for one in waiting:
        one.start()
    tally.fail(fault)
    tally.fail(WaitingError("later"))
    for one in waiting:
        one.join(SOON)
    assert heard == [fault, fault]


class Passing:
    """Parts of one byte each that take room for it, and keep it until it was their turn."""

    def __init__(self, count: int, most: int, size: int = 1) -> None:
        self.room, self.tally = Room(most), Tally(count * size)
        self.size = size
        self.most = 0
        self.threads: list[threading.Thread] = []

    def begin(self, number: int) -> None:
        self.threads.append(threading.Thread(target=self.run, args=(number * self.size,), daemon=True))
        self.threads[-1].start()

    def run(self, start: int) -> None:
        with self.room.hold(self.size, self.size, lambda: self.tally.may(start)):
            self.most = max(self.most, self.room._held)
            self.tally.add(start, bytearray(self.size))
            self.room.look()

    def end(self) -> None:
        for one in self.threads:
            one.join(SOON)
        assert [one.is_alive() for one in self.threads] == [False] * len(self.threads)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_the_part_whose_turn_it_is_gets_memory_when_all_others_wait_for_it(most: int) -> None:
    parts = Passing(8, most)
    for number in reversed(range(1, 8)):
        parts.begin(number)
    soon(lambda: parts.room._held == most - 1)
    parts.begin(0)
    parts.end()
    assert (parts.tally.sums() != {}, parts.most, parts.room._held) == (True, most, 0)


def test_parts_that_are_larger_than_all_room_pass_one_at_a_time() -> None:
    parts = Passing(4, 8, size=9)
    for number in reversed(range(4)):
        parts.begin(number)
    parts.end()
    assert (parts.tally.sums() != {}, parts.most) == (True, 9)


def test_a_short_last_part_leaves_as_much_room_as_a_long_one_needs() -> None:
    room, tally, got = Room(10), Tally(13), threading.Event()

    def last() -> None:
        with room.hold(1, 6, lambda: tally.may(12)):
            got.set()
            tally.add(12, bytearray(1))

    def second() -> None:
        with room.hold(6, 6, lambda: tally.may(6)):
            tally.add(6, bytearray(6))
            room.look()

    threads = [threading.Thread(target=work, daemon=True) for work in (last, second)]
    threads[0].start()
    assert got.wait(SOON)
    threads[1].start()
    with room.hold(6, 6, lambda: tally.may(0)):
        tally.add(0, bytearray(6))
        room.look()
    for one in threads:
        one.join(SOON)
    assert (tally.sums() != {}, room._held) == (True, 0)


def test_who_waits_for_memory_hears_that_its_turn_will_not_come() -> None:
    room, tally, over = Room(8), Tally(18), threading.Event()

    def wait() -> None:
        with room.hold(9, 9, lambda: tally.may(9)), pytest.raises(WaitingError):
            tally.check()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    tally.fail(WaitingError("gone"))
    room.look()
    assert over.wait(SOON)


def test_a_bit_that_flips_between_the_two_hashes_shows_in_the_one_that_sources_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controller.kinds.tally.LEAF", 100)
    grow, data = Tally._grow, bytearray(150)

    def flip(tally: Tally, piece: memoryview, at: int) -> None:
        grow(tally, piece, at)
        data[at] ^= 1

    monkeypatch.setattr(Tally, "_grow", flip)
    tally = Tally(150)
    tally.add(0, data)
    assert tally.sums()["SHA256"] != base64.b64encode(hashlib.sha256(bytes(150)).digest()).decode()


MIB = 1 << 20


def test_large_buffers_are_lent_again_within_the_room() -> None:
    room = Room(4 * MIB)
    with room.hold(2 * MIB) as first, room.hold(2 * MIB) as second:
        assert (len(first), len(second), first is second) == (2 * MIB, 2 * MIB, False)
    with room.hold(2 * MIB) as again, room.hold(MIB) as other:
        assert (again is first or again is second, len(other)) == (True, MIB)
        assert room._waiting() <= MIB
    with room.hold(5 * MIB):
        assert room._waiting() == 0
    assert room._waiting() == 0


def test_small_buffers_are_not_kept() -> None:
    room = Room(4 * MIB)
    with room.hold(MIB - 1):
        pass
    assert room._waiting() == 0
