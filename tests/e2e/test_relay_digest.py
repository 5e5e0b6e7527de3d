"""Whole runs that relay: what the bytes' own sha256 ends early, and what it saves to read."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.core.report import Report
from controller.kinds import relay
from controller.kinds.tally import Tally
from controller.render.document import document
from controller.sandbox.world import Call
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed
from tests.e2e.test_copying import DEEP, RELAY, SOURCE, approved, damage, outcome, platform, source, when_read
from tests.e2e.test_copying import copies as stood

PIECE = 100
FLEET = platform(churn_lab=RELAY)


@pytest.fixture
def lab(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    """Objects above a hundred bytes are relayed in parts, which tell of more than one of our own digests' pieces."""
    beds.bucket(bed, CHURN, SOURCE)
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    beds.group(bed, CHURN, "churn-experiments")
    bed.world.settings.part_minimum = 1
    defaults = {"piece": PIECE, "deep": False, "pause": None}
    monkeypatch.setattr("controller.kinds.relay.relay_object.__kwdefaults__", defaults)
    for module in ("tally", "prove"):
        monkeypatch.setattr(f"controller.kinds.{module}.LEAF", 3 * PIECE)
    yield bed


def silent(patch: pytest.MonkeyPatch) -> None:
    """A store that states no checksums."""
    patch.setattr("controller.sandbox.s3.checksums.of", lambda stored: {})
    patch.setattr("controller.sandbox.s3.checksums.compute", lambda *_: None)


def stating(bed: Bed, data: bytes, algorithm: str = "SHA256", number: int = 1) -> None:
    """A version of one object of which S3 states this checksum alone."""
    source(bed, {"one": data}, number)
    where = {"Bucket": SOURCE, "Key": f"many/{number}/one"}
    bed.client(CHURN, "s3").call("PutObject", **where, Body=data, ChecksumAlgorithm=algorithm)


def relayed(bed: Bed, folder: Path, fleet: Mapping[str, Any] = FLEET, *more: Mapping[str, Any]) -> Report:
    return bed.reconcile(beds.manifests(folder, beds.promotion(), *more, platform=fleet))


def recorded(bed: Bed) -> dict[str, dict[str, str]]:
    """What the record has of each object."""
    (text,) = (b"".join(item[-1].pieces) for key, item in bed.world.buckets[STORE].objects.items() if is_record(key))
    return {item["key"].rpartition("/")[2]: item["checksums"] for item in json.loads(text)["objects"]}


def is_record(key: str) -> bool:
    return "/.releases/" in key and ".lineage" not in key


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def ours(data: bytes) -> str:
    tally = Tally(len(data))
    tally.add(0, bytearray(data))
    return tally.sums()["sha256"]


def is_read(call: Call) -> bool:
    return call.operation == "GetObject" and "/one" in call.resource


def reads(bed: Bed) -> dict[str, int]:
    """GETs of the artifact, by who asked."""
    asked = [call for call in bed.world.calls if is_read(call)]
    return {name: sum(call.account == account for call in asked) for name, account in (("lab", CHURN), ("hub", HUB))}


SIZES = [0, 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 1, 7 * PIECE]


@pytest.mark.parametrize("size", SIZES)
def test_where_s3_states_a_checksum_of_both_nothing_is_read_again(lab: Bed, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    source(lab, {"one": data})
    lab.world.calls.clear()
    assert relayed(lab, tmp_path).exit_code() == 0
    assert recorded(lab)["one"].keys() == {"CRC64NVME"}
    assert reads(lab) == {"lab": max(-(-size // PIECE), 1), "hub": 0}
    assert lab.reconcile(beds.manifests(tmp_path, beds.promotion(), platform=FLEET)).plan.actions == ()


def told(report: Report) -> dict[str, str]:
    """What the result says of the bytes that passed through here, by the objects' names."""
    (facts,) = (row["facts"] for row in document(report)["outcomes"] if "objects" in row["facts"])
    return {row["key"].rpartition("/")[2]: row["sha256"] for row in facts.get("relayedObjects", ())}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("states", ["CRC64NVME", "SHA256", "nothing"])
def test_the_sha256_of_what_passed_is_in_the_result(
    lab: Bed, tmp_path: Path, size: int, states: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random.Random(size).randbytes(size)
    if states == "SHA256":
        stating(lab, data)
    else:
        source(lab, {"one": data})
    if states == "nothing":
        silent(monkeypatch)
    report = relayed(lab, tmp_path)
    assert (report.exit_code(), told(report)) == (0, {"one": hashlib.sha256(data).hexdigest()})


@pytest.mark.parametrize("copy", ["relay", "server"])
def test_each_file_of_a_prefix_is_told_if_it_passed(lab: Bed, tmp_path: Path, copy: str) -> None:
    files = {"one": b"1" * (3 * PIECE), "two": b"", "three": b"3"}
    source(lab, files)
    report = relayed(lab, tmp_path, platform(churn_lab={"copy": copy}))
    passed = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert (report.exit_code(), told(report)) == (0, passed if copy == "relay" else {})


@pytest.mark.parametrize("size", SIZES)
def test_a_source_that_states_its_sha256_is_read_once(lab: Bed, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    stating(lab, data)
    lab.world.calls.clear()
    assert relayed(lab, tmp_path).exit_code() == 0
    pieces = -(-size // (3 * PIECE)) if size > PIECE else 0  # one request leaves the checksum in the store
    assert reads(lab) == {"lab": max(-(-size // PIECE), 1), "hub": pieces}
    assert recorded(lab)["one"] == ({"sha256": ours(data)} if pieces else {"SHA256": sha256(data)})


@pytest.mark.parametrize("size", SIZES)
def test_where_nothing_is_stated_or_deep_is_asked_for_both_are_read_again(
    lab: Bed, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random.Random(size).randbytes(size)
    deep = size % 2 == 1
    if deep:
        stating(lab, data)
    else:
        source(lab, {"one": data})
        silent(monkeypatch)
    lab.world.calls.clear()
    held = beds.promotion(approval="PendingManualApproval")
    fleet = platform(churn_lab=RELAY, central=DEEP if deep else {})
    assert lab.reconcile(beds.manifests(tmp_path, held, platform=fleet)).exit_code() == 0
    pieces = max(-(-size // (3 * PIECE)), 1)
    assert reads(lab) == {"lab": max(-(-size // PIECE), 1) + pieces, "hub": pieces}
    kept = {"SHA256": sha256(data)} if deep and size <= PIECE else {}  # the store has what one request left there
    assert recorded(lab)["one"] == {"sha256": ours(data), **kept}


FLIPS = 25


@pytest.mark.parametrize("size", [60, pytest.param(7 * PIECE, marks=pytest.mark.slow)])
def test_bits_that_flip_on_the_way_end_the_copy_before_it_exists(
    lab: Bed, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source states its SHA256: nothing has to be read again to see it, and nothing has to be deleted."""
    chance, count = random.Random(size), [0]
    for number in range(1, FLIPS + 1):
        source(lab, {"two": (data := chance.randbytes(size))}, number)
        where = {"Bucket": SOURCE, "Key": f"many/{number}/two"}
        lab.client(CHURN, "s3").call("PutObject", **where, Body=data, ChecksumAlgorithm="SHA256")
    when_read(monkeypatch, damage(chance, count))
    wanted = [beds.promotion(f"churn-{number}", version=number) for number in range(1, FLIPS + 1)]
    report = lab.reconcile(beds.manifests(tmp_path, *wanted, platform=FLEET))
    assert (count[0] >= FLIPS, approved(lab.world), stood(lab.world)) == (True, [], [])
    assert beds.hub_state(lab.world)["uploads"] == []
    details = [item.detail for item in report.outcomes if item.status == "failed"]
    assert len(details) == FLIPS
    assert [detail for detail in details if "SHA256" not in detail or "is known of it" not in detail] == []
    monkeypatch.undo()
    assert lab.reconcile(beds.manifests(tmp_path, *wanted, platform=FLEET)).exit_code() == 0


WAYS: dict[str, tuple[str, bool, bool]] = {
    "S3's checksums": ("CRC64NVME", False, False),
    "nothing stated": ("", False, False),
    "SHA256 stated": ("SHA256", False, True),
    "deep": ("CRC64NVME", True, False),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [60, 7 * PIECE])
def test_bits_that_flip_at_rest_or_before_the_hash_are_caught(
    lab: Bed, tmp_path: Path, way: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was damaged before it was hashed is not its own proof; nor is what the store keeps other than it was sent."""
    algorithm, deep, rest = WAYS[way]
    chance, count = random.Random(way), [0]
    flipped, read = damage(chance, count), relay._read
    if algorithm == "SHA256":
        stating(lab, chance.randbytes(size))
    else:
        source(lab, {"one": chance.randbytes(size)})
    if not algorithm:
        silent(monkeypatch)

    def spoilt(*asked: Any) -> None:
        read(*asked)
        if not count[0]:
            asked[-1][:] = flipped(bytes(asked[-1]))

    def kept(phase: str, call: Call) -> None:
        if phase == "after" and call.operation in {"PutObject", "CompleteMultipartUpload"} and not count[0]:
            (item,) = stood(lab.world)
            item.pieces = (flipped(b"".join(item.pieces)),)
            item.checksums = {}

    if rest:
        lab.world.watchers.append(kept)
    else:
        monkeypatch.setattr(relay, "_read", spoilt)
    report = relayed(lab, tmp_path, platform(churn_lab=RELAY, central=DEEP if deep else {}))
    assert (count[0], approved(lab.world)) == (1, [])
    assert "is not its source" in outcome(report).detail


def test_a_digest_that_went_wrong_is_told_and_passes_with_the_next_run(
    lab: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source and copy agree, and what passed through here does not."""
    data = random.Random(1).randbytes(7 * PIECE)
    source(lab, {"one": data})
    silent(monkeypatch)
    sums = Tally.sums
    with monkeypatch.context() as patch:
        patch.setattr(Tally, "sums", lambda tally: {**sums(tally), "sha256": "0" * 64})
        report = relayed(lab, tmp_path)
    assert f"have sha256 {ours(data)}, and what passed through here had {'0' * 64}" in outcome(report).detail
    assert approved(lab.world) == []
    assert relayed(lab, tmp_path).exit_code() == 0
    assert recorded(lab)["one"] == {"sha256": ours(data)}


def test_credentials_that_expire_in_the_middle_leave_the_digest_whole(lab: Bed, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(7 * PIECE)
    stating(lab, data)
    seen = [0]

    def expire(phase: str, call: Call) -> None:
        if phase == "after" and call.operation in {"GetObject", "UploadPart"} and call.status == 200:
            seen[0] += 1
            if seen[0] % 3 == 0:
                for key, session in lab.world.sessions.items():
                    lab.world.sessions[key] = replace(session, ends=0.0)

    lab.world.watchers.append(expire)
    lab.world.calls.clear()
    assert relayed(lab, tmp_path).exit_code() == 0
    assert {call.operation for call in lab.world.calls if call.status == 400} >= {"GetObject", "UploadPart"}
    assert recorded(lab)["one"] == {"sha256": ours(data)}
    assert sum(call.status < 300 for call in lab.world.calls if is_read(call)) == 7 + 3  # the source was not read again


def test_a_proof_that_is_throttled_is_tried_again_and_the_bytes_are_not(lab: Bed, tmp_path: Path) -> None:
    files = {"one": b"1", "two": b"22"}
    source(lab, files)
    lab.world.calls.clear()
    lab.world.fault(operation="HeadObject", resource=STORE, times=9, do="throttle")
    report = relayed(lab, tmp_path)
    facts = outcome(report).facts
    assert (report.exit_code(), facts["bytes"], facts["skipped"]) == (0, 3, 0)
    assert told(report) == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    written = [call.resource.rpartition("/")[2] for call in lab.world.calls if call.operation == "PutObject"]
    assert [name for name in written if name in files] == ["one", "two"]


def test_a_relay_that_is_continued_is_proven_by_reading_both(lab: Bed, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(7 * PIECE)
    stating(lab, data)
    lab.world.fault(operation="UploadPart", nth=4, times=0, do="fail", code="InternalError")
    assert relayed(lab, tmp_path).exit_code() == 5
    lab.world.faults.clear()
    lab.world.calls.clear()
    report = relayed(lab, tmp_path)
    assert (report.exit_code(), outcome(report).facts["bytes"], told(report)) == (0, 4 * PIECE, {})
    assert reads(lab) == {"lab": 4 + 3, "hub": 3}
    assert recorded(lab)["one"] == {"sha256": ours(data)}


@pytest.mark.parametrize("size", [60, 7 * PIECE])
def test_what_a_lock_says_of_a_source_holds_against_what_arrives(lab: Bed, tmp_path: Path, size: int) -> None:
    data = random.Random(1).randbytes(size)
    uri = f"s3://{SOURCE}/v1/one"
    beds.put(lab, CHURN, uri, data)
    spec = beds.inference(beds.container(CHURN, "churn/serve:1", uri))
    beds.register(lab, CHURN, "churn-experiments", InferenceSpecification=spec)
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=FLEET)
    lock = beds.lock(lab, fleet, "churn-1")
    lock["spec"]["objects"][0]["checksums"] = {"SHA256": (said := sha256(b"other"))}
    report = relayed(lab, tmp_path, FLEET, lock)
    assert f"SHA256 {sha256(data)} where {said} is known of it" in outcome(report).detail
    assert stood(lab.world) == []
    lock["spec"]["objects"][0]["checksums"] = {"SHA256": sha256(data)}
    assert relayed(lab, tmp_path, FLEET, lock).exit_code() == 0
