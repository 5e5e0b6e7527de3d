"""The whole story by its commands: from manifests in Git to a hub that is as they say, and back to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import CHURN, HUB, Hand

Hands = Callable[[str], Hand]


def status(hand: Hands, group: str) -> dict[int, str]:
    """The approval of every version of a group in the hub."""
    listed = hand(HUB)("sagemaker").list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    return {item["ModelPackageVersion"]: item["ModelApprovalStatus"] for item in listed}


def test_a_fleet_converges_stays_so_and_is_repaired(live: Command, serving: Serving, hand: Hands) -> None:
    assert live("validate").code == 0
    first = live("plan", "--format", "json", "--detailed-exitcode")
    assert (first.code, first.json["summary"]["actions"], first.json["exit"]) == (2, 24, 0)
    assert not serving.world.mutations()

    done = live("reconcile", "--format", "json")
    assert (done.code, {outcome["status"] for outcome in done.json["outcomes"]}) == (0, {"done"})
    told = {row["name"]: (row["standing"], row["isNow"], row["version"]) for row in done.json["promotions"]}
    numbers = {name: number for name, (_, _, number) in told.items()}
    assert told == {
        "churn-1": ("converged", "Approved", numbers["churn-1"]),
        "churn-2": ("converged", "PendingManualApproval", numbers["churn-2"]),
        "defects-1": ("converged", "Approved", 1),
        "ocr-1": ("converged", "Approved", 1),
    }

    changed = len(serving.world.mutations())
    again = [live("plan", "--format", "json", "--detailed-exitcode") for _ in range(2)]
    assert [(said.code, said.json["summary"]["actions"]) for said in again] == [(0, 0), (0, 0)]
    assert again[0].out == again[1].out
    assert live("reconcile").out.startswith("Result at ")
    assert len(serving.world.mutations()) == changed

    arn = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/{numbers['churn-2']}"
    hand(HUB)("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    drifted = live("plan", "--detailed-exitcode")
    assert (drifted.code, drifted.out.splitlines()[2:4]) == (
        2,
        [
            "To be REVOKED",
            f"  ! approval churn/{CHURN}/churn-experiments/2  for churn-2: Approved -> PendingManualApproval",
        ],
    )
    assert live("reconcile").code == 0
    assert status(hand, "churn") == {numbers["churn-1"]: "Approved", numbers["churn-2"]: "PendingManualApproval"}
    assert live("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_is_all_that_happens(live: Command, repo: Repo, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    planned = live("plan", "--out", saved, "--scope", "group=churn", "--format", "json")
    assert (planned.code, planned.out) == (0, saved.read_text())
    assert f"--plan {saved}" in planned.err
    result = live("reconcile", "--plan", saved, "--format", "json")
    assert {row["name"]: row["standing"] for row in result.json["promotions"] if row["standing"] != "pending"} == {
        "churn-1": "converged",
        "churn-2": "converged",
        "defects-1": "stale",
        "ocr-1": "stale",
    }
    assert result.code == 6


def test_a_saved_plan_survives_other_peoples_merges_and_its_own_squash(
    live: Command, repo: Repo, tmp_path: Path
) -> None:
    saved = tmp_path / "plan.json"
    live("plan", "--out", saved)
    repo.edit("teams/vision/ocr-1.yaml", "Reads worn", "Reads very worn")
    result = live("reconcile", "--plan", saved, "--format", "json")
    stands = {row["name"]: row["standing"] for row in result.json["promotions"]}
    assert (result.code, stands["churn-1"], stands["defects-1"]) == (6, "converged", "converged")
    assert [item["about"] for item in result.json["findings"] if item["standing"] == "stale"] == [
        f"{HUB}/eu-west-1/ocr"
    ]


def test_several_saved_plans_may_follow_one_option(live: Command, tmp_path: Path) -> None:
    saved = [tmp_path / f"{name}.json" for name in ("churn", "defects", "ocr")]
    for path in saved:
        live("plan", "--out", path, "--scope", f"group={path.stem}")
    refused = live("reconcile", saved[0])
    assert (refused.code, "unexpected extra argument" in refused.err) == (64, True)
    result = live("reconcile", "--plan", *saved[:2], "--plan", saved[2], "--format", "json")
    assert (result.code, {row["standing"] for row in result.json["promotions"]}) == (0, {"converged"})


def test_a_damaged_plan_is_refused_before_anything_is_read(live: Command, serving: Serving, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    live("plan", "--out", saved)
    whole = json.loads(saved.read_text())
    serving.world.calls.clear()
    damaged = [
        ("is damaged: its digest is not that of its content", json.dumps(whole | {"revision": "0" * 40})),
        ("is damaged: its digest is not that of its content", json.dumps(whole | {"revision": float("nan")})),
        ("is damaged: it is not JSON", saved.read_text()[:-100]),
        ("is not a plan (hubwright.io/plan/v1)", json.dumps({**whole, "format": "hubwright.io/result/v1"})),
    ]
    for said, text in damaged:
        saved.write_text(text)
        refused = live("reconcile", "--plan", saved)
        assert (refused.code, refused.out) == (64, "")
        assert refused.err.startswith(f"error: {saved} {said}\nhint: make it again")
    assert live("reconcile", "--plan", tmp_path / "none").code == 64
    assert not serving.world.calls


def test_a_guard_holds_back_the_approvals_and_nothing_else(live: Command, repo: Repo, hand: Hands) -> None:
    repo.edit(
        "platform/guardrails-production.yaml",
        "  requireLock: false",
        "  requireLock: false\n  approvals: {count: 2, from: [model-risk]}",
    )
    planned = live("plan")
    assert planned.code == 4
    assert (
        "  blocked churn-1, defects-1 and ocr-1  "
        "production/approvals: 2 of model-risk must approve, and no review was given"
    ) in planned.out
    assert live("reconcile").code == 4
    for name in ("churn", "defects", "ocr"):
        assert set(status(hand, name).values()) == {"PendingManualApproval"}


def test_a_blind_spoke_is_unknown_and_the_other_converges(live: Command, repo: Repo, hand: Hands) -> None:
    repo.edit("platform/spoke-churn-lab.yaml", "spec:", "spec:\n  access: {roleName: nobody}")
    result = live("reconcile", "--format", "json")
    assert result.code == 5
    assert {row["name"]: row["standing"] for row in result.json["promotions"]} == {
        "churn-1": "unknown",
        "churn-2": "unknown",
        "defects-1": "converged",
        "ocr-1": "converged",
    }
    assert status(hand, "churn") == {}
    assert status(hand, "ocr") == {1: "Approved"}


def test_one_invalid_document_stops_only_itself(live: Command, repo: Repo) -> None:
    repo.edit("teams/growth/churn-1.yaml", "version: 1", "version: one")
    result = live("reconcile", "--format", "json")
    assert (result.code, len(result.json["problems"])) == (5, 1)
    assert {row["name"]: row["standing"] for row in result.json["promotions"]} == {
        "churn-2": "converged",
        "defects-1": "converged",
        "ocr-1": "converged",
    }
    checked = live("validate")
    assert checked.code == 1
    assert checked.out.splitlines()[0].startswith("manifests/teams/growth/churn-1.yaml:8:")


def test_no_manifests_are_an_error(live: Command, repo: Repo, serving: Serving) -> None:
    repo.git("rm", "-qr", "manifests")
    repo.git("commit", "-qm", "nothing")
    for name in ("plan", "reconcile", "validate"):
        said = live(name)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("error: there is no ")
    assert not serving.world.calls


def test_a_lock_that_the_source_left_behind_is_refused(
    live: Command, repo: Repo, hand: Hands, serving: Serving
) -> None:
    assert live("lock", "churn-1").code == 0
    repo.commit()
    hand(CHURN).put("churn-lab-models", "runs/1/model.tar.gz", b"other weights")
    assert live("lock", "--check", "churn-1").code == 5
    result = live("reconcile", "--format", "json", "--scope", "promotion=churn-1")
    (row,) = result.json["promotions"]
    assert (result.code, row["standing"]) == (5, "mismatch")
    assert [line.partition(":")[0] for line in row["differences"]] == ["object s3"]
    assert {
        call.operation for call in serving.world.mutations() if call.service == "sagemaker" and call.account == HUB
    } <= {"CreateModelPackageGroup"}


def test_environment_values_are_never_shown(live: Command) -> None:
    for form in ("text", "json", "markdown"):
        for name in ("plan", "reconcile"):
            said = live(name, "--format", form, "--debug")
            assert "canary-environment" not in said.out + said.err


def test_what_a_run_may_touch_is_what_its_scope_says(live: Command, hand: Hands) -> None:
    result = live("reconcile", "--scope", "spoke=vision-lab", "--format", "json")
    assert (result.code, [row["name"] for row in result.json["promotions"]]) == (0, ["defects-1", "ocr-1"])
    wrong = live("plan", "--scope", "spoke=vision")
    assert (wrong.code, wrong.err) == (
        64,
        "error: --scope spoke=vision: there is no Spoke of that name\nhint: there are: churn-lab, vision-lab\n",
    )


def test_a_spoke_without_a_role_is_read_by_the_hub(live: Command, repo: Repo, serving: Serving) -> None:
    repo.edit("platform/fleet.yaml", "access: {roleName: hubwright}", "access: {}")
    result = live("reconcile", "--format", "json")
    assert (result.code, {row["standing"] for row in result.json["promotions"]}) == (0, {"converged"})
    assert not [call for call in serving.world.calls if call.operation == "AssumeRole" and HUB not in call.resource]
    assert {call.account for call in serving.world.mutations()} == {HUB}
