"""What a relay finds of the bytes on their way, however they come, and what it holds them to before anything exists."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from controller.core.errors import CloudError, PreconditionError, WaitingError
from controller.kinds import relay
from controller.kinds.flow import Inline, Pace
from controller.kinds.relay import relay_object
from controller.kinds.room import Room
from controller.kinds.s3object import MARK, Copied, ObjectCopy
from controller.kinds.s3upload import Lanes
from controller.kinds.tally import Tally
from tests.kinds.test_relay import Strict, strict, sums_of
from tests.kinds.test_s3copy import Upload, refuse
from tests.soon import SOON, soon

PIECE = 48 << 10
WRONG = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def known(s3: Strict, item: ObjectCopy) -> ObjectCopy:
    """The object with a SHA256 that is known of it: then both digests are taken."""
    return replace(item, checksums={"SHA256": sums_of(s3, item)["SHA256"]})


def relayed(
    s3: Strict,
    item: ObjectCopy,
    pool: Executor | None = None,
    room: Room | None = None,
    pause: Callable[[float], None] = lambda _: None,
) -> Copied:
    lanes = Lanes(pool or Inline(), lambda: Pace(time.monotonic), pause)
    return relay_object(s3, s3, item, lanes, room or Room(4 * PIECE), piece=PIECE, pause=lambda _: None)


def in_time(s3: Strict, item: ObjectCopy) -> Copied:
    """As `relayed`, where a mistake would wait forever."""
    ends = list[Copied]()
    thread = threading.Thread(target=lambda: ends.append(relayed(s3, item)), daemon=True)
    thread.start()
    thread.join(SOON)
    assert ends, "it waits forever, or has failed"
    return ends[0]


@dataclass
class Unordered(Strict):
    """Answers for the first part only once two later ones have been read; counts the parts that are in memory."""

    read: set[int] = field(default_factory=set)
    inside: set[int] = field(default_factory=set)
    most: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def GetObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        number = int(parameters["Range"].removeprefix("bytes=").partition("-")[0]) // PIECE + 1
        with self.changed:
            self.read.add(number)
            self.inside.add(number)
            self.most = max(self.most, len(self.inside))
            self.changed.notify_all()
            if number == 1:
                assert self.changed.wait_for(lambda: len(self.read) >= 3, SOON)
        return super().GetObject(**parameters)

    def UploadPart(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        answer = super().UploadPart(**parameters)
        with self.changed:
            self.inside.discard(parameters["PartNumber"])
        return answer


def test_parts_that_come_out_of_order_are_hashed_in_order_and_within_the_memory() -> None:
    plain, item = strict(8 * PIECE + 5)
    s3 = Unordered(objects=plain.objects, ids=plain.ids)
    room = Room(4 * PIECE)
    with ThreadPoolExecutor(8) as pool:
        copied = relayed(s3, known(s3, item), pool, room)
    assert copied.passed == sums_of(s3, item)
    assert s3.copy.body == s3.objects["from", item.source_key].body
    assert (3 <= s3.most <= 4, room._held) == (True, 0)


class Noting(Room):
    """Notes what is asked to stay free."""

    def __init__(self, most: int = 64 << 20) -> None:
        super().__init__(most)
        self.spares = list[int]()

    def hold(
        self, size: int, spare: int = 0, first: Callable[[], bool] = lambda: True
    ) -> AbstractContextManager[bytearray]:
        self.spares.append(spare)
        return super().hold(size, spare, first)


def test_the_last_part_too_leaves_room_for_a_whole_one() -> None:
    s3, item = strict(2 * PIECE + 1)
    room = Noting()
    relayed(s3, item, room=room)
    assert room.spares == [PIECE] * 3


def test_the_next_part_is_read_while_the_last_one_is_sent() -> None:
    """Where there is memory for two: the second is first in turn as soon as the first is hashed."""
    s3, item = strict(2 * PIECE)
    asked, get, put, room = threading.Event(), s3.GetObject, s3.UploadPart, Noting(2 * PIECE)

    def read(**parameters: Any) -> dict[str, Any]:
        if parameters["Range"].startswith("bytes=0-"):
            soon(lambda: len(room.spares) == 2)  # the second waits for memory
        else:
            asked.set()
        return get(**parameters)

    def sent(**parameters: Any) -> dict[str, Any]:
        assert asked.wait(SOON)
        return put(**parameters)

    s3.GetObject, s3.UploadPart = read, sent  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        assert relayed(s3, known(s3, item), pool, room).passed == sums_of(s3, item)


class Queue(Executor):
    """A thread for each piece, begun once the one before has called `entered`."""

    def __init__(self) -> None:
        self._in = threading.Semaphore(0)

    def entered(self) -> None:
        self._in.release()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Future[Any]()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        assert self._in.acquire(timeout=SOON)
        return future


def test_a_run_that_ends_before_a_part_is_begun_lets_go_of_those_behind_it() -> None:
    s3, item = strict(3 * PIECE)
    room, pool, ends, asked = Noting(1), Queue(), list[Any](), list[int]()

    def stopped() -> bool:
        asked.append(1)
        number = len(asked)
        pool.entered()
        if number == 1:
            soon(lambda: len(room.spares) == 2)  # the others wait for memory
        return number == 1

    def run() -> None:
        lanes = Lanes(pool, lambda: Pace(time.monotonic), lambda _: None, stopped=stopped)
        with pytest.raises(WaitingError):
            relay_object(s3, s3, item, lanes, room, piece=PIECE, pause=lambda _: None)
        ends.append(len(s3.uploads))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SOON)
    assert (ends, "GetObject" in s3.operations) == ([1], False)


def test_two_relays_at_once_share_threads_and_memory() -> None:
    pairs = [strict(8 * PIECE + number) for number in range(2)]
    room, ends = Room(2 * PIECE), list[Any]()

    def run(s3: Strict, item: ObjectCopy, pool: Executor) -> None:
        ends.append(relayed(s3, known(s3, item), pool, room).passed == sums_of(s3, item))

    with ThreadPoolExecutor(3) as pool:
        threads = [threading.Thread(target=run, args=(*pair, pool), daemon=True) for pair in pairs]
        for one in threads:
            one.start()
        for one in threads:
            one.join(SOON)
        room._most = 1 << 40  # so that what waits forever does so in this test alone
        room.look()
    assert ends == [True, True]


def test_a_part_that_fails_for_good_ends_those_that_wait_for_it() -> None:
    plain, item = strict(8 * PIECE)
    s3 = Unordered(objects=plain.objects, ids=plain.ids)
    get = s3.GetObject

    def denied(**parameters: Any) -> dict[str, Any]:
        answer = get(**parameters)
        if parameters["Range"].startswith("bytes=0-"):
            raise refuse("GetObject", "AccessDenied", 403)
        return answer

    s3.GetObject = denied  # type: ignore[method-assign]
    with ThreadPoolExecutor(8) as pool, pytest.raises(CloudError, match="AccessDenied"):
        relayed(s3, item, pool)
    assert (s3.uploads, ("store", item.key) in s3.objects, 9 in s3.read) == ({}, False, False)


@pytest.mark.parametrize("operation", ["GetObject", "UploadPart"])
def test_a_part_that_is_refused_for_a_while_keeps_its_turn(operation: str) -> None:
    s3, item = strict(4 * PIECE)
    refused = list[str]()

    def slow(_: Any, number: int, asked: str) -> None:
        if asked == operation and len(refused) < 3:
            refused.append(asked)
            raise refuse(asked, "SlowDown", 503)

    s3.before = slow
    assert relayed(s3, known(s3, item)).passed == sums_of(s3, item)
    assert (s3.operations.count("GetObject"), s3.operations.count("UploadPart")) == (
        (7, 4) if operation == "GetObject" else (4, 7)
    )


def test_a_part_that_is_refused_for_too_long_leaves_the_upload_to_the_next_run() -> None:
    s3, item = strict(4 * PIECE)

    def slow(_: Any, number: int, asked: str) -> None:
        if asked == "UploadPart" and s3.operations.count("UploadPart") > 1:
            raise refuse(asked, "SlowDown", 503)

    s3.before = slow
    pauses = list[float]()
    with pytest.raises(CloudError, match="SlowDown"):
        relayed(s3, item, pause=pauses.append)
    assert (s3.operations.count("UploadPart"), pauses) == (1 + 5, [1.0, 2.0, 4.0, 8.0])
    assert [len(upload.parts) for upload in s3.uploads.values()] == [1]


SIZES = [0, 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1]


@pytest.mark.parametrize("size", SIZES)
def test_the_sums_are_known_of_every_size(size: int) -> None:
    s3, item = strict(size)
    copied = relayed(s3, known(s3, item))
    assert (copied.passed, s3.copy.body) == (sums_of(s3, item), s3.objects["from", item.source_key].body)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["SHA256", "sha256"])
def test_what_is_not_what_is_known_is_never_stored(size: int, name: str) -> None:
    s3, item = strict(size)
    found = sums_of(s3, item)[name]
    with pytest.raises(PreconditionError) as caught:
        relayed(s3, replace(item, checksums={name: WRONG}))
    assert f"{name} {found} where {WRONG} is known of it" in str(caught.value)
    assert (s3.uploads, ("store", item.key) in s3.objects) == ({}, False)
    assert not {"PutObject", "CompleteMultipartUpload"} & {*s3.operations}


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("name", ["SHA256", "CRC32", "CRC64NVME", "none"])
def test_a_bit_that_flips_after_its_hash_is_refused_on_arrival(
    size: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, item = strict(size)
    add = Tally.add

    def flip(tally: Tally, start: int, data: bytearray) -> None:
        add(tally, start, data)
        data[-1] ^= 1

    monkeypatch.setattr(Tally, "add", flip)
    stated = {name: "c"} if name.startswith("CRC") else {}
    with pytest.raises(CloudError, match="BadDigest"):
        relayed(s3, replace(item, checksums={**known(s3, item).checksums, **stated} if name != "none" else {}))
    assert (s3.uploads, ("store", item.key) in s3.objects) == ({}, False)


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_bit_that_flips_before_its_hash_is_no_proof(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    s3, item = strict(size)
    read = relay._read

    def flipped(*asked: Any) -> None:
        read(*asked)
        asked[-1][0] ^= 1

    monkeypatch.setattr(relay, "_read", flipped)
    with pytest.raises(PreconditionError, match=r"what arrived of s3://from/out/model\.tar\.gz is not its source"):
        relayed(s3, replace(item, checksums={"SHA256": sums_of(s3, item)["SHA256"]}))
    assert (s3.uploads, ("store", item.key) in s3.objects) == ({}, False)


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        ({}, "ContentMD5"),
        ({"CRC32": "c"}, "ChecksumCRC32"),
        ({"CRC32C": "c"}, "ContentMD5"),
        ({"SHA256": ""}, "ChecksumSHA256"),
        ({"SHA256": "", "CRC64NVME": "c"}, "ContentMD5"),
        ({"SHA256": "c-2"}, "ContentMD5"),
    ],
)
def test_one_request_leaves_the_checksum_that_the_source_has(known: dict[str, str], sent: str) -> None:
    s3, item = strict(100)
    relayed(s3, replace(item, checksums={name: value or sums_of(s3, item)[name] for name, value in known.items()}))
    (asked,) = (parameters for operation, parameters in s3.calls if operation == "PutObject")
    names = {name for name in asked if name.startswith("Checksum") or name == "ContentMD5"}
    assert names == {sent}


def test_parts_that_were_there_are_no_part_of_what_passed() -> None:
    s3, item = strict(4 * PIECE)
    s3.uploads = {
        "u-own": Upload(
            item.key, {"Metadata": {MARK: item.mark}}, {2: s3.objects["from", item.source_key].body[PIECE : 2 * PIECE]}
        )
    }
    s3.algorithms = {"u-own": ""}
    copied = in_time(s3, replace(item, checksums={"SHA256": WRONG}))
    assert (copied.passed, copied.moved, s3.copy.body) == ({}, 3 * PIECE, s3.objects["from", item.source_key].body)


@pytest.mark.parametrize("size", [100, 4 * PIECE])
def test_what_may_be_another_runs_copy_is_not_said_to_be_of_what_passed(size: int) -> None:
    s3, item = strict(size)

    def lose(_: Any, number: int, operation: str) -> None:
        if operation in {"PutObject", "CompleteMultipartUpload"}:
            raise refuse(operation, "ReadTimeoutError", 0)

    s3.after = lose
    copied = relayed(s3, item)
    assert (copied.passed, copied.moved) == ({}, size)


TAKEN: list[tuple[dict[str, str], bool, bool]] = [
    ({"CRC64NVME": "c"}, False, False),
    ({"CRC32": "c"}, False, False),
    ({"CRC64NVME": "c"}, True, True),
    ({"CRC64NVME": "c", "SHA256": ""}, False, False),
    ({"SHA256": ""}, False, True),
    ({"SHA256": "c-2"}, False, True),
    ({"CRC32C": "c"}, False, True),
    ({"CRC64NVME": "c-2"}, False, True),
    ({"CRC64NVME": "c", "sha256": ""}, False, True),
    ({}, False, True),
]


@pytest.mark.parametrize(("known", "deep", "ours"), TAKEN)
def test_the_sha256_is_taken_always_and_our_own_digest_where_it_is_compared_with_something(
    known: dict[str, str], deep: bool, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.kinds.tally.LEAF", 2 * PIECE)
    s3, item = strict(5 * PIECE)
    tally = Tally(item.size)
    tally.add(0, bytearray(s3.objects["from", item.source_key].body))
    found = tally.sums()
    known = {name: value or found[name] for name, value in known.items()}
    lanes = Lanes(Inline(), lambda: Pace(time.monotonic), lambda _: None)
    item, room = replace(item, checksums=known), Room()
    copied = relay_object(s3, s3, item, lanes, room, piece=PIECE, deep=deep, pause=lambda _: None)
    assert copied.passed == (found if ours else {"SHA256": sums_of(s3, item)["SHA256"]})
