"""Copies of many and of large objects: only what is missing moves, nothing damaged counts, nothing foreign is touched."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.aws import sessions
from controller.core.report import Report
from controller.sandbox import local
from controller.sandbox.s3 import copying, multipart
from controller.sandbox.s3.state import Stored
from controller.sandbox.world import Call, World
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed

MANY = 40
SOURCE = "churn-lab-models"


def source(bed: Bed, files: Mapping[str, bytes], number: int = 1) -> None:
    """A version whose artifact is a prefix of files."""
    for name, data in files.items():
        beds.put(bed, CHURN, f"s3://{SOURCE}/many/{number}/{name}", data)
    data_source = {"S3Uri": f"s3://{SOURCE}/many/{number}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    image = f"{CHURN}.dkr.ecr.{beds.REGION}.amazonaws.com/churn/serve:1"
    spec = beds.inference({"Image": image, "ModelDataSource": {"S3DataSource": data_source}})
    beds.register(bed, CHURN, "churn-experiments", InferenceSpecification=spec)


@pytest.fixture
def lab(bed: Bed) -> Bed:
    beds.bucket(bed, CHURN, SOURCE)
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    beds.group(bed, CHURN, "churn-experiments")
    return bed


def files(count: int = MANY) -> dict[str, bytes]:
    return {f"part-{index:04}": f"bytes of {index}".encode() * 9 for index in range(count)}


def platform(**changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fleet with fields of a manifest's spec changed."""
    found = {name: {**item, "spec": {**item["spec"]}} for name, item in beds.PLATFORM.items()}
    for name, change in changes.items():
        found[name.replace("_", "-")]["spec"] |= change
    return found


DEEP = {"stores": [{"name": "main", "bucket": STORE, "verify": "deep"}]}
RELAY = {"copy": "relay"}


def operations(world: World, *names: str) -> list[str]:
    return [call.operation for call in world.calls if call.operation in names]


def outcome(report: Report, kind: str = "artifact") -> Any:
    action = next(item for item in report.plan.actions if item.key.kind == kind)
    return next(item for item in report.outcomes if item.action == action.id)


def copies(world: World) -> list[Stored]:
    """What stands in the store but records."""
    return [item[-1] for key, item in sorted(world.buckets[STORE].objects.items()) if "/.releases/" not in key]


def approved(world: World) -> list[str]:
    packages = beds.hub_state(world)["packages"]
    return [key for key, body in packages.items() if body["ModelApprovalStatus"] == "Approved"]


def test_one_listing_decides_and_only_what_is_missing_moves(lab: Bed, tmp_path: Path) -> None:
    source(lab, files())
    manifests = beds.manifests(tmp_path, beds.promotion())
    lab.world.fault(operation="CopyObject", nth=MANY // 2, times=0, do="fail", code="InternalError")
    first = lab.reconcile(manifests)
    assert first.exit_code() == 5
    there = len(copies(lab.world))
    assert 0 < there < MANY
    lab.world.faults.clear()
    lab.world.calls.clear()
    second = lab.reconcile(manifests)
    assert second.exit_code() == 0
    assert operations(lab.world, "CopyObject") == ["CopyObject"] * (MANY - there)
    size = {name: len(data) for name, data in files().items()}
    found = outcome(second).facts
    assert found["bytes"] + found["skipped"] == sum(size.values())
    assert found["skipped"] == sum(item.size for item in copies(lab.world)[:there])
    assert approved(lab.world) == ["churn/1"]


@pytest.mark.parametrize("name", ["part-9999", "part-0003"])
def test_what_is_no_part_of_the_release_stops_its_copy(lab: Bed, tmp_path: Path, name: str) -> None:
    source(lab, files(5))
    manifests = beds.manifests(tmp_path, beds.promotion())
    artifact = next(item for item in lab.think(manifests).plan.actions if item.key.kind == "artifact")
    beds.put(lab, HUB, f"s3://{STORE}/{artifact.facts['prefix']}/{SOURCE}/many/1/{name}", b"a stranger's")
    report = lab.reconcile(manifests)
    assert "holds something else" in outcome(report).detail
    assert approved(lab.world) == []


def test_an_unchanged_prefix_is_judged_without_reading_a_single_object(lab: Bed, tmp_path: Path) -> None:
    source(lab, files())
    manifests = beds.manifests(tmp_path, beds.promotion())
    lab.reconcile(manifests)
    lab.world.calls.clear()
    assert lab.reconcile(manifests).plan.actions == ()
    assert operations(lab.world, "HeadObject", "GetObject", "CopyObject") == []


# --- one flipped bit ---------------------------------------------------------------------------------------------------


Damage = Callable[[bytes], bytes]


def damage(chance: random.Random, count: list[int]) -> Damage:
    """Flips one bit of what it is given."""

    def flipped(data: bytes) -> bytes:
        made = bytearray(data)
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        count[0] += 1
        return bytes(made)

    return flipped


def on_the_way(patch: pytest.MonkeyPatch, flipped: Damage) -> None:
    """What S3 copies arrives damaged; its checksums are of what arrived."""
    new_object, cut = copying._new_object, multipart.cut

    def copied(ask: Any, bucket: Any, origin: Stored) -> Stored:
        fresh = new_object(ask, bucket, origin)
        if ask.key.endswith("/two"):
            fresh.pieces = (flipped(b"".join(fresh.pieces)),)
        return fresh

    patch.setattr(copying, "_new_object", copied)
    patch.setattr(multipart, "cut", lambda *asked: (flipped(b"".join(cut(*asked))),))


def when_read(patch: pytest.MonkeyPatch, flipped: Damage) -> None:
    """What is read of a source arrives damaged, the first time."""
    send, seen = local.send, set[str]()

    def sent(world: World, method: str, url: str, *rest: Any) -> Any:
        status, headers, body = send(world, method, url, *rest)
        if method == "GET" and url.partition("?")[0].endswith("/two") and SOURCE in url and url not in seen:
            seen.add(url)
            body = flipped(body)
        return status, headers, body

    patch.setattr(local, "send", sent)


def at_rest(patch: pytest.MonkeyPatch, flipped: Damage) -> None:
    """What S3 has written is not what it says it has."""
    keep = copying.keep

    def kept(world: World, bucket: Any, fresh: Stored) -> None:
        if fresh.key.endswith("/two"):
            fresh.pieces = (flipped(b"".join(fresh.pieces)),)
        keep(world, bucket, fresh)

    patch.setattr(copying, "keep", kept)


def versions(count: int) -> list[dict[str, Any]]:
    return [beds.promotion(f"churn-{number}", version=number) for number in range(1, count + 1)]


Way = Callable[[pytest.MonkeyPatch, Damage], None]
WAYS: dict[str, tuple[dict[str, dict[str, Any]], bool, int, Way]] = {
    "S3's checksums": (platform(), True, 0, on_the_way),
    "our own sha256": (platform(), False, 0, on_the_way),
    "parts": (platform(), True, 64, on_the_way),
    "parts, our own sha256": (platform(), False, 64, on_the_way),
    "relayed": (platform(churn_lab=RELAY), True, 0, when_read),
    "relayed, our own sha256": (platform(churn_lab=RELAY), False, 0, when_read),
    "deep": (platform(central=DEEP), True, 0, on_the_way),
    "deep, at rest": (platform(central=DEEP), True, 0, at_rest),
}
FLIPS = 50


@pytest.mark.parametrize("way", WAYS)
def test_a_flipped_bit_anywhere_is_caught(lab: Bed, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, checksums, limit, strike = WAYS[way]
    chance, count = random.Random(way), [0]
    for number in range(1, FLIPS + 1):
        source(lab, {"one": chance.randbytes(60), "two": chance.randbytes(100)}, number)
    if limit:
        lab.world.settings.copy_limit, lab.world.settings.part_minimum = limit, 1
    if not checksums:
        monkeypatch.setattr("controller.sandbox.s3.checksums.of", lambda stored: {})
        monkeypatch.setattr("controller.sandbox.s3.checksums.compute", lambda *_: None)
    strike(monkeypatch, damage(chance, count))
    report = lab.reconcile(beds.manifests(tmp_path, *versions(FLIPS), platform=fleet))
    assert count[0] >= FLIPS
    assert approved(lab.world) == []
    details = [item.detail for item in report.outcomes if item.status == "failed"]
    assert len(details) == FLIPS
    assert [detail for detail in details if "is not its source" not in detail] == []


def test_damage_after_the_copy_was_proven_is_seen_before_approval_when_deep(lab: Bed, tmp_path: Path) -> None:
    source(lab, files(3))
    fleet = platform(central=DEEP)
    held = beds.manifests(tmp_path / "1", beds.promotion(approval="PendingManualApproval"), platform=fleet)
    assert lab.reconcile(held).exit_code() == 0
    damaged = copies(lab.world)[1]
    damaged.pieces = (damage(random.Random(1), [0])(b"".join(damaged.pieces)),)
    report = lab.reconcile(beds.manifests(tmp_path / "2", beds.promotion(), platform=fleet))
    assert "its bytes are not those that were promoted" in beds.why(report)[0]
    assert approved(lab.world) == []


@pytest.mark.parametrize("turns", [500, pytest.param(5000, marks=pytest.mark.slow)])
def test_flipped_bits_are_told_from_the_source(lab: Bed, turns: int) -> None:
    """The proof itself, more often than whole runs could be made."""
    from controller.core.errors import PreconditionError
    from controller.kinds.flow import Inline, Pace
    from controller.kinds.prove import prove
    from controller.kinds.s3object import Copied, ObjectCopy
    from controller.kinds.s3upload import Lanes

    chance = random.Random(7)
    data = chance.randbytes(300)
    beds.put(lab, CHURN, f"s3://{SOURCE}/a", data)
    beds.put(lab, HUB, f"s3://{STORE}/b", data)
    original, copy = (lab.world.buckets[name].objects[key][-1] for name, key in ((SOURCE, "a"), (STORE, "b")))
    item = ObjectCopy(SOURCE, "a", original.version, original.etag, CHURN, 300, STORE, "b", HUB, "m", None, {})
    lanes = Lanes(Inline(), lambda: Pace(lambda: 0.0), lambda _: None)
    hub, caught = lab.client(HUB, "s3"), 0
    flipped = damage(chance, [0])
    for turn in range(turns):
        deep = turn % 2 == 1  # then S3's checksums are of what was there before
        copy.pieces = (flipped(data),)
        if not deep:
            copy.checksums = {}
        with pytest.raises(PreconditionError):
            prove(hub, hub, item, Copied(copy.version, copy.etag, 300, {}, 300), lanes, deep=deep)
        caught += 1
    assert caught == turns
    copy.pieces, copy.checksums = (data,), {}
    assert prove(hub, hub, item, Copied(copy.version, copy.etag, 300, {}, 300), lanes).keys() == {"CRC64NVME"}


# --- relay -------------------------------------------------------------------------------------------------------------


def test_a_denied_copy_names_the_relay_and_does_not_turn_to_it(lab: Bed, tmp_path: Path) -> None:
    source(lab, files(3))
    lab.world.fault(operation="CopyObject", times=0, do="fail", code="AccessDenied", status=403)
    report = lab.reconcile(beds.manifests(tmp_path, beds.promotion()))
    assert "`copy: relay`" in outcome(report).detail
    assert copies(lab.world) == []
    relayed = lab.reconcile(beds.manifests(tmp_path, beds.promotion(), platform=platform(churn_lab=RELAY)))
    assert relayed.exit_code() == 0
    assert {b"".join(item.pieces) for item in copies(lab.world)} == set(files(3).values())


@pytest.mark.parametrize("size", [100, 5 << 20])
def test_a_relay_reads_as_the_spoke_and_writes_as_the_hub(
    lab: Bed, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.kinds.relay.relay_object.__kwdefaults__", {"piece": 1 << 20, "pause": None})
    lab.world.settings.part_minimum = 1
    data = random.Random(size).randbytes(size)
    source(lab, {"one": data})
    lab.world.calls.clear()
    report = lab.reconcile(beds.manifests(tmp_path, beds.promotion(), platform=platform(churn_lab=RELAY)))
    assert report.exit_code() == 0
    (copy,) = copies(lab.world)
    assert b"".join(copy.pieces) == data
    asked = {
        (call.operation, call.account) for call in lab.world.calls if call.operation in ("GetObject", "UploadPart")
    }
    assert ("GetObject", CHURN) in asked
    assert operations(lab.world, "CopyObject", "UploadPartCopy") == []
    if size > 1 << 20:
        assert ("UploadPart", HUB) in asked


# --- large objects -----------------------------------------------------------------------------------------------------


@pytest.fixture
def parts(lab: Bed) -> Iterator[Bed]:
    lab.world.settings.copy_limit, lab.world.settings.part_minimum = 100, 1
    yield lab


def test_credentials_that_expire_in_the_middle_cost_one_part_each_time(parts: Bed, tmp_path: Path) -> None:
    source(parts, {"large": random.Random(1).randbytes(2000)})
    every = 3
    seen = [0]

    def expire(phase: str, call: Call) -> None:
        if phase == "after" and call.operation == "UploadPartCopy" and call.status == 200:
            seen[0] += 1
            if seen[0] % every == 0:
                for key, session in parts.world.sessions.items():
                    parts.world.sessions[key] = replace(session, ends=0.0)

    parts.world.watchers.append(expire)
    report = parts.reconcile(beds.manifests(tmp_path, beds.promotion()))
    assert [item.detail for item in report.outcomes if item.status == "failed"] == []
    calls = [call for call in parts.world.calls if call.operation == "UploadPartCopy"]
    assert sum(call.status == 200 for call in calls) == 20
    assert sum(call.status == 400 for call in calls) <= 20 // every
    assert len(operations(parts.world, "CreateMultipartUpload")) == 1
    assert sessions.SESSION_SECONDS == 3600


def test_a_broken_copy_is_continued_and_foreign_uploads_stay(parts: Bed, tmp_path: Path) -> None:
    source(parts, {"large": random.Random(1).randbytes(2000)})
    manifests = beds.manifests(tmp_path, beds.promotion())
    parts.client(HUB, "s3").call("CreateMultipartUpload", Bucket=STORE, Key="models/somebody/else.bin")
    moved = []
    for stop in (6, 6, 6, 0):
        parts.world.calls.clear()
        if stop:
            parts.world.fault(operation="UploadPartCopy", nth=stop, times=0, do="fail", code="InternalError")
        report = parts.reconcile(manifests)
        parts.world.faults.clear()
        moved.append(sum(c.operation == "UploadPartCopy" and c.status == 200 for c in parts.world.calls))
    assert (moved, report.exit_code()) == ([5, 5, 5, 5], 0)
    assert outcome(report).facts["bytes"] == 500
    assert beds.hub_state(parts.world)["uploads"] == ["models/somebody/else.bin"]
