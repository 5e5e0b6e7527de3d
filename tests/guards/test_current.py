"""`current`: exactly one promotion of a group is Approved; the new one first, then the old one steps back."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from controller.core.manifests import Manifests
from tests import bed as beds
from tests.guards.cases import Case, furnished

TWO = Case("two", {"metrics": ['{"auc": 0.9}', '{"auc": 0.8}'], "expect": {}})
ONE_AND_TWO = (
    beds.promotion("churn-1", stage={"name": "Production", "status": "Active"}),
    beds.promotion("churn-2", version=2),
)


def fleet(folder: Path, current: str | None, *team: Any, rules: Any = None, **spokes: Any) -> Manifests:
    spec = {"current": current} if current else {}
    platform = {**beds.PLATFORM, "churn": {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": spec}}
    if rules:
        platform["prod"] = {"kind": "Guardrails", "metadata": {"name": "prod"}, "spec": rules}
    if spokes:
        lab = beds.PLATFORM["churn-lab"]
        platform["churn-lab"] = {**lab, "spec": {**lab["spec"], **spokes}}
    return beds.manifests(folder, *(team or ONE_AND_TWO), platform=platform)


def approvals(bed: beds.Bed) -> list[str]:
    """The status of every version of the group, by number."""
    return [body["ModelApprovalStatus"] for _, body in sorted(beds.hub_state(bed.world)["packages"].items())]


def test_only_the_current_promotion_is_approved(tmp_path: Path) -> None:
    bed = furnished(TWO)
    first = bed.reconcile(fleet(tmp_path, "churn-1"))
    assert (first.exit_code(), approvals(bed)) == (0, ["Approved", "PendingManualApproval"])
    assert beds.why(first, "churn-2") == ("it stands by: the group's current promotion is churn-1",)
    again = bed.reconcile(fleet(tmp_path, "churn-1"))
    assert (again.plan.actions, again.exit_code()) == ((), 0)


def test_the_new_one_is_approved_before_the_old_one_steps_back_and_there_and_back(tmp_path: Path) -> None:
    bed = furnished(TWO)
    bed.reconcile(fleet(tmp_path, "churn-1"))
    for current, order in (("churn-2", ["2", "1"]), ("churn-1", ["1", "2"]), ("churn-2", ["2", "1"])):
        before = len(bed.world.mutations())
        assert bed.reconcile(fleet(tmp_path, current)).exit_code() == 0
        updates = [call for call in bed.world.mutations()[before:] if call.operation == "UpdateModelPackage"]
        assert [call.resource.rpartition("/")[2] for call in updates] == order
        wanted = ["Approved", "PendingManualApproval"]
        assert approvals(bed) == (wanted if current == "churn-1" else wanted[::-1])
        assert bed.plan(fleet(tmp_path, current)).plan.actions == ()
    old = beds.described(bed, 1)
    assert old["ModelLifeCycle"] == {"Stage": "Retired", "StageStatus": "Superseded"}


def test_while_the_new_one_is_held_back_the_old_one_stays(tmp_path: Path) -> None:
    bed = furnished(TWO)
    bed.reconcile(fleet(tmp_path, "churn-1"))
    gate = {"name": "auc", "metric": "ModelQuality.Statistics:auc", "operator": ">=", "threshold": 0.85}
    held = bed.reconcile(fleet(tmp_path, "churn-2", rules={"gates": [gate]}))
    assert (held.exit_code(), approvals(bed)) == (4, ["Approved", "PendingManualApproval"])


def test_while_the_new_one_fails_to_be_verified_the_old_one_stays(tmp_path: Path) -> None:
    bed = furnished(TWO)
    bed.reconcile(fleet(tmp_path, "churn-1"))
    key = next(
        name for name in bed.world.buckets[beds.STORE].objects if "/2-" in name and name.endswith("model.tar.gz")
    )
    beds.put(bed, beds.HUB, f"s3://{beds.STORE}/{key}", b"something else")
    held = bed.reconcile(fleet(tmp_path, "churn-2"))
    assert (held.exit_code(), approvals(bed)) == (5, ["Approved", "PendingManualApproval"])


def test_going_back_needs_only_the_hub(tmp_path: Path) -> None:
    bed = furnished(TWO)
    for current in ("churn-1", "churn-2"):
        bed.reconcile(fleet(tmp_path, current))
    bed.world.models.pop((beds.CHURN, beds.REGION))  # the source is gone, and its spoke may not even be asked
    bed.world.fault(account=beds.CHURN, code="AccessDeniedException", status=403, times=0)
    rules = {"freezes": [{"name": "always", "from": "2020-01-01T00:00", "until": "2030-01-01T00:00"}]}
    rules |= {"caps": {"approvals": 0}, "gates": [{"name": "bias", "report": "Bias.Report"}]}
    for state in ({}, {"state": "Retired"}):
        back = bed.reconcile(fleet(tmp_path, "churn-1", rules=rules, **state))
        assert (back.exit_code(), approvals(bed)) == (0, ["Approved", "PendingManualApproval"])
        forth = bed.reconcile(fleet(tmp_path, "churn-2", rules=rules, **state))
        assert (forth.exit_code(), approvals(bed)) == (0, ["PendingManualApproval", "Approved"])


def test_a_narrow_run_leaves_the_others_of_the_group_alone(tmp_path: Path) -> None:
    from controller.core.scope import parse_scope

    bed = furnished(TWO)
    bed.reconcile(fleet(tmp_path, "churn-1"))
    report = bed.reconcile(fleet(tmp_path, "churn-2"), parse_scope(["promotion=churn-1"]))
    assert (report.plan.actions, approvals(bed)) == ((), ["Approved", "PendingManualApproval"])


def test_a_persons_rejected_of_the_old_one_stands(tmp_path: Path) -> None:
    bed = furnished(TWO)
    bed.reconcile(fleet(tmp_path, "churn-1"))
    beds.update(bed, 1, ModelApprovalStatus="Rejected")
    assert bed.reconcile(fleet(tmp_path, "churn-2")).exit_code() == 0
    assert approvals(bed) == ["Rejected", "Approved"]


def test_two_pull_requests_for_one_groups_current_collide(tmp_path: Path) -> None:
    def git(*words: str, check: bool = True) -> int:
        who = ["-c", "user.name=ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *who, *words], cwd=tmp_path, check=check, capture_output=True).returncode

    place = tmp_path / "churn.yaml"
    text = "kind: ModelGroup\nmetadata: {name: churn}\nspec:\n  current: churn-%d\n  tags: {team: growth}\n"
    git("init", "-q", "--template=", "-b", "main")
    place.write_text(text % 1)
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    for number in (2, 3):
        git("checkout", "-q", "-b", f"to-{number}", "main")
        place.write_text(text % number)
        git("commit", "-q", "-a", "-m", f"current is {number}")
    git("checkout", "-q", "main")
    assert git("merge", "-q", "to-2", check=False) == 0
    assert git("merge", "-q", "to-3", check=False) == 1
