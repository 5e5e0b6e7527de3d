"""`import`: what exists becomes manifests, and the next plan is empty."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import HUB, REGION, Hand


def test_a_fleet_whose_manifests_are_lost_is_taken_in_again(live: Command, repo: Repo, serving: Serving) -> None:
    assert live("reconcile").code == 0
    shutil.rmtree(repo.top / "manifests" / "teams")
    repo.commit()
    assert live("drift").code == 3
    changed = len(serving.world.mutations())
    said = live("import", "--hub", "central")
    assert said.code == 0, said
    written = sorted(str(path.relative_to(repo.top / "manifests")) for path in (repo.top / "manifests").rglob("*.yaml"))
    assert written[5:] == [
        "teams/growth/churn-1.yaml",
        "teams/growth/churn-2.yaml",
        "teams/growth/churn.yaml",
        "teams/vision/defects-1.yaml",
        "teams/vision/defects.yaml",
        "teams/vision/ocr-1.yaml",
        "teams/vision/ocr.yaml",
    ]
    assert (repo.top / "manifests/teams/vision/ocr-1.yaml").read_text() == (
        "apiVersion: hubwright.io/v1beta1\nkind: Promotion\nmetadata:\n  name: ocr-1\nspec:\n  from:\n"
        "    spoke: vision-lab\n    group: ocr-experiments\n    version: 1\n  to:\n    group: ocr\n"
        "  approval: Approved\n  reason: Reads worn serial numbers, agreed with the plant in Ghent.\n"
        "  metadata:\n    ticket: ML-1432\n  inference:\n    environment:\n      set:\n"
        '        LEVEL: "20"\n      drop:\n        - DEBUG\n'
    )
    repo.commit()
    plan = live("plan", "--detailed-exitcode", "--format", "json")
    assert (plan.code, plan.json["summary"]["actions"]) == (0, 0), plan
    assert live("drift").code == 0
    assert len(serving.world.mutations()) == changed
    assert live("import", "--hub", "central").out == "everything that is there is in a manifest\n"


def test_with_locks_the_plan_is_empty_too(live: Command, repo: Repo) -> None:
    assert live("reconcile").code == 0
    shutil.rmtree(repo.top / "manifests" / "teams")
    repo.commit()
    assert live("import", "--spoke", "vision-lab", "--locks").code == 0
    repo.commit()
    assert {path.name for path in (repo.top / "manifests/teams").rglob("*.yaml")} == {
        "defects-1.lock.yaml",
        "defects-1.yaml",
        "defects.yaml",
        "ocr-1.lock.yaml",
        "ocr-1.yaml",
        "ocr.yaml",
    }
    assert live("plan", "--detailed-exitcode").code == 0
    assert live("lock", "--check").code == 0


def test_versions_of_others_are_left_alone_and_named(
    live: Command, repo: Repo, hand: Callable[[str], Hand], serving: Serving
) -> None:
    hub = hand(HUB)
    hub.group("theirs")
    hub.package("theirs", {"Image": f"{HUB}.dkr.ecr.{REGION}.amazonaws.com/theirs:1"})
    before = len(serving.world.mutations())
    said = live("import", "--hub", "central")
    assert said.code == 5
    assert said.out.startswith("theirs: 1 of its versions have no marks of this fleet and are never touched; ")
    assert len(serving.world.mutations()) == before
    assert repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("arguments", [(), ("--hub", "central", "--spoke", "churn-lab"), ("--hub", "nope")])
def test_what_it_does_not_understand(hubwright: Command, arguments: tuple[str, ...]) -> None:
    assert hubwright("import", *arguments).code == 64


def test_what_would_stand_where_nothing_is_read_is_not_written(hubwright: Command, repo: Repo) -> None:
    said = hubwright("import", "--hub", "central", "--out", "teams/growth")
    assert said.code == 64
    assert said.err == (
        'error: --out "teams/growth" is not in manifests, where manifests are read\n'
        "hint: did you mean manifests/teams/growth?\n"
    )
    assert repo.git("status", "--porcelain") == ""
