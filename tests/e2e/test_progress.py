"""How far a copy has come, as it is told: never back, never more than there is, and all of it in the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.model import Key
from controller.core.report import Report
from controller.reconcile import reconcile
from controller.sandbox.world import Call
from tests import bed as beds
from tests.bed import CHURN, STORE, Bed
from tests.e2e.test_copying import SOURCE, files, outcome, platform, source

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
