"""How far a copy and its proof have come, as is told: never back, never more than there is, all of it in the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.manifests import Manifests
from controller.core.model import Key
from controller.core.report import Report
from controller.reconcile import reconcile
from controller.sandbox.world import Call
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed
from tests.e2e.adopted import REPORT, adopting, by_hand
from tests.e2e.test_copying import DEEP, SOURCE, files, outcome, platform, source
from tests.e2e.test_relay_digest import silent

PIECE = 100
Told = list[tuple[int, int]]


@pytest.fixture(params=["server", "relay"])
def lab(request: pytest.FixtureRequest, bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bed, str]]:
    beds.bucket(bed, CHURN, SOURCE)
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    beds.group(bed, CHURN, "churn-experiments")
    bed.world.settings.copy_limit, bed.world.settings.part_minimum = PIECE, 1
    defaults = {"piece": PIECE, "deep": False, "pause": None}
    monkeypatch.setattr("controller.kinds.relay.relay_object.__kwdefaults__", defaults)
    yield bed, request.param


def run(lab: tuple[Bed, str], folder: Path) -> tuple[Report, Told]:
    """A run, and what it tells of its artifact."""
    bed, way = lab
    manifests = beds.manifests(folder, beds.promotion(), platform=platform(churn_lab={"copy": way}))
    thought, told = bed.think(manifests), Told()

    def moved(key: Key, done: int, total: int) -> None:
        if key.kind == "artifact":
            told.append((done, total))

    effects = replace(bed.effects(thought, "r"), moved=moved)
    report = reconcile(effects, thought, manifests, beds.Inline(), lambda *_: None)
    steps = [done for done, _ in told]
    assert steps == sorted(steps)
    assert all(done <= total for done, total in told)
    return report, told


def part_of(way: str) -> str:
    return "UploadPart" if way == "relay" else "UploadPartCopy"


def test_every_part_and_every_file_counts(lab: tuple[Bed, str], tmp_path: Path) -> None:
    source(lab[0], {"large": random.Random(1).randbytes(7 * PIECE), "small": b"x" * 50})
    report, told = run(lab, tmp_path)
    assert (report.exit_code(), told[-1]) == (0, (750, 750))
    assert len(told) >= 8


def test_what_an_earlier_run_left_is_told_at_once(lab: tuple[Bed, str], tmp_path: Path) -> None:
    source(lab[0], {"large": random.Random(1).randbytes(7 * PIECE)})
    lab[0].world.fault(operation=part_of(lab[1]), nth=4, times=0, do="fail", code="InternalError")
    assert run(lab, tmp_path)[1] == [(100, 700), (200, 700), (300, 700)]
    lab[0].world.faults.clear()
    report, told = run(lab, tmp_path)
    assert told == [(done, 700) for done in (300, 400, 500, 600, 700)]
    assert (outcome(report).facts["bytes"], outcome(report).facts["skipped"]) == (400, 300)


@pytest.mark.parametrize("size", [50, 7 * PIECE])
def test_a_copy_that_begins_again_is_not_told_twice(lab: tuple[Bed, str], tmp_path: Path, size: int) -> None:
    source(lab[0], {"large": random.Random(1).randbytes(size)})
    last = "CompleteMultipartUpload" if size > PIECE else "PutObject" if lab[1] == "relay" else "CopyObject"
    lab[0].world.fault(operation=last, nth=1, times=2, do="fail", code="ConditionalRequestConflict", status=409)
    report, told = run(lab, tmp_path)
    assert (report.exit_code(), told[-1]) == (0, (size, size))


@pytest.mark.parametrize("size", [50, 7 * PIECE])
def test_what_another_run_has_copied_meanwhile_is_told_too(lab: tuple[Bed, str], tmp_path: Path, size: int) -> None:
    bed, way = lab
    source(bed, {"large": random.Random(1).randbytes(size)})
    rival, begun = beds.twin(bed), list[Call]()
    whole = size <= PIECE
    first = ("PutObject" if whole else "UploadPart") if way == "relay" else "CopyObject" if whole else "UploadPartCopy"

    def overtake(phase: str, call: Call) -> None:
        """The other run's object stands there when this one has begun."""
        if phase == "before" and call.operation == first and not begun:
            begun.append(call)
            bed.world.buckets[STORE].objects |= done

    other = Bed(beds.Door(rival))
    run((other, way), tmp_path / "rival")
    done = {key: item for key, item in rival.buckets[STORE].objects.items() if "/.releases/" not in key}
    bed.world.watchers.append(overtake)
    report, told = run(lab, tmp_path / "own")
    assert (report.exit_code(), len(begun), told[-1]) == (0, 1, (size, size))


def test_many_small_files_are_told_one_by_one(lab: tuple[Bed, str], tmp_path: Path) -> None:
    found = files(20)
    source(lab[0], found)
    total = sum(map(len, found.values()))
    _, told = run(lab, tmp_path)
    assert (len(told), told[-1]) == (20, (total, total))


# --- what is read to prove it ------------------------------------------------------------------------------------------


FILES = {"large": random.Random(1).randbytes(7 * PIECE), "small": b"x" * 50}
HELD = "PendingManualApproval"


def checked(bed: Bed, fleet: Manifests) -> tuple[Report, dict[str, Told]]:
    """A run, and what it tells of the bytes that it reads to prove things, by kind of resource."""
    thought, told = bed.think(fleet), dict[str, Told]()
    effects = replace(
        bed.effects(thought, "r"), checked=lambda key, done, total: told.setdefault(key.kind, []).append((done, total))
    )
    report = reconcile(effects, thought, fleet, beds.Inline(), lambda *_: None)
    for steps in told.values():
        assert steps == sorted(steps)
        assert all(done <= total for done, total in steps)
    return report, told


def ends(told: dict[str, Told]) -> dict[str, tuple[int, int]]:
    return {kind: steps[-1] for kind, steps in told.items()}


def test_nothing_is_told_of_proofs_that_s3_itself_gives(lab: tuple[Bed, str], tmp_path: Path) -> None:
    bed, way = lab
    source(bed, FILES)
    report, told = checked(bed, beds.manifests(tmp_path, beds.promotion(), platform=platform(churn_lab={"copy": way})))
    assert (report.exit_code(), told) == (0, {})


def test_deep_proofs_are_told_of_source_and_copy_and_again_before_approval(
    lab: tuple[Bed, str], tmp_path: Path
) -> None:
    bed, way = lab
    source(bed, FILES)
    fleet = platform(churn_lab={"copy": way}, central=DEEP)
    report, told = checked(bed, beds.manifests(tmp_path, beds.promotion(), platform=fleet))
    assert (report.exit_code(), ends(told)) == (0, {"artifact": (1500, 1500), "approval": (750, 750)})
    assert told["approval"][0] == (0, 750)
    assert (outcome(report).facts["bytes"], outcome(report).facts["skipped"]) == (750, 0)


def test_what_s3_states_nothing_of_is_read_and_told_by_the_run_that_proves_it(
    lab: tuple[Bed, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed, way = lab
    source(bed, FILES)
    silent(monkeypatch)
    wish = beds.promotion(approval=HELD)
    fleet = beds.manifests(tmp_path, wish, platform=platform(churn_lab={"copy": way}))
    bed.world.fault(operation="PutObject", resource=".releases", nth=1, times=0, do="fail", code="InternalError")
    assert ends(checked(bed, fleet)[1]) == {"artifact": (1500, 1500)}
    bed.world.faults.clear()
    report, told = checked(bed, fleet)  # all is there, and not proven
    assert (report.exit_code(), ends(told)) == (0, {"artifact": (1500, 1500)})
    assert (outcome(report).facts["bytes"], outcome(report).facts["skipped"]) == (0, 750)


def test_a_proof_that_ends_early_is_told_as_far_as_it_came(lab: tuple[Bed, str], tmp_path: Path) -> None:
    bed, way = lab
    source(bed, {"large": FILES["large"]})
    fleet = platform(churn_lab={"copy": way}, central=DEEP)
    wish = beds.promotion(approval=HELD)
    parts = 7 if way == "relay" else 0
    bed.world.fault(operation="GetObject", resource="large", nth=parts + 2, times=0, do="fail", code="InternalError")
    report, told = checked(bed, beds.manifests(tmp_path, wish, platform=fleet))
    assert (outcome(report).status, ends(told)) == ("failed", {"artifact": (700, 1400)})


@pytest.mark.parametrize("more", [b"", b"!"], ids=["equal", "longer"])
def test_what_is_read_before_an_adoption_is_told(tmp_path: Path, more: bytes) -> None:
    bed = beds.fresh()
    by_hand(bed)
    model = b"".join(bed.world.buckets["churn-lab-models"].objects["v1/model.tar.gz"][-1].pieces)
    if more:
        beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz", model + more)
    report, told = checked(bed, beds.manifests(tmp_path, adopting(approval=HELD), platform=platform(central=DEEP)))
    size = 2 * len(model + REPORT) + len(more)
    assert (outcome(report).status, ends(told)["artifact"]) == ("failed" if more else "done", (size, size))
