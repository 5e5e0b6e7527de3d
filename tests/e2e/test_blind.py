"""A spoke that cannot be read makes unknown only what has no record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests import bed as beds
from tests.bed import CHURN, Bed
from tests.e2e.scenarios import DEFECTS_1, VISION_GROUPS, both

CHURN_1 = beds.promotion()
TEAM = (*VISION_GROUPS, CHURN_1, DEFECTS_1)


def blinded(bed: Bed) -> None:
    """The spoke's role can no longer be assumed."""
    del bed.world.iam[CHURN].roles["hubwright"]
    bed.__post_init__()  # a new process: no session from before


def test_what_has_no_record_is_unknown_and_the_other_account_converges(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    blinded(bed)
    report = bed.reconcile(beds.manifests(tmp_path, *TEAM))
    assert (beds.standing(report), beds.standing(report, "defects-1")) == ("unknown", "converged")
    assert report.exit_code() == 5
    assert "churn-lab" in beds.why(report)[0]
    state = beds.hub_state(bed.world)
    assert list(state["packages"]) == ["defects/1"]
    assert not any(CHURN in key for key in (*state["objects"], *state["records"], *state["images"]))


def test_what_is_promoted_is_judged_as_before_and_can_be_rejected(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    bed.reconcile(beds.manifests(tmp_path, *TEAM))
    blinded(bed)
    report = bed.plan(beds.manifests(tmp_path, *TEAM))
    assert (report.exit_code(), report.plan.actions) == (0, ())
    beds.update(bed, ModelApprovalStatus="PendingManualApproval")
    report = bed.reconcile(beds.manifests(tmp_path, *TEAM))
    assert report.exit_code() == 0
    assert beds.described(bed)["ModelApprovalStatus"] == "Approved"
    rejected = beds.promotion(approval="Rejected", reason="It leaks.")
    report = bed.reconcile(beds.manifests(tmp_path, *VISION_GROUPS, rejected, DEFECTS_1))
    assert report.exit_code() == 0
    assert beds.described(bed)["ModelApprovalStatus"] == "Rejected"
    assert beds.described(bed)["ApprovalDescription"] == "It leaks."


def test_what_is_locked_and_recorded_is_registered_from_its_record(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    lock = beds.lock(bed, beds.manifests(tmp_path / "u", CHURN_1), "churn-1")
    team: tuple[Any, ...] = (*TEAM, lock)
    bed.world.fault(operation="CreateModelPackage", resource="churn", do="fail", code="ValidationException", status=400)
    report = bed.reconcile(beds.manifests(tmp_path, *team))
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    bed.world.faults.clear()
    blinded(bed)
    report = bed.reconcile(beds.manifests(tmp_path, *team))
    assert (beds.standing(report), report.exit_code()) == ("converged", 0)
    assert beds.described(bed)["ModelApprovalStatus"] == "Approved"


def test_a_hub_that_cannot_be_listed_is_left_alone(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    denied = {"do": "fail", "code": "AccessDeniedException", "status": 400, "times": 0}
    bed.world.fault(operation="ListModelPackages", **denied)
    before = len(bed.world.mutations())
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("unknown", 5)
    assert [call.operation for call in bed.world.mutations()[before:]] == ["CreateModelPackageGroup"]


def test_rejecting_needs_neither_store_nor_images_nor_records(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    for service in ("s3", "ecr"):
        bed.world.fault(service=service, do="fail", code="AccessDenied", status=403, times=0)
    blinded(bed)
    report = bed.reconcile(beds.manifests(tmp_path, beds.promotion(approval="Rejected")))
    assert beds.described(bed)["ModelApprovalStatus"] == "Rejected"
    assert beds.standing(report) == "converged"


def test_an_unversioned_store_blocks_copies_creates_and_approvals(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    versioning = {"Status": "Suspended"}
    bed.client(beds.HUB, "s3").call("PutBucketVersioning", Bucket=beds.STORE, VersioningConfiguration=versioning)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("unknown", 5)
    assert "is not versioned" in beds.why(report)[0]
    assert beds.hub_state(bed.world)["packages"] == {}
    assert beds.hub_state(bed.world)["objects"] == {}


def test_a_record_that_git_would_not_write_now_is_not_registered(bed: Bed, tmp_path: Path) -> None:
    both(bed)
    lock = beds.lock(bed, beds.manifests(tmp_path / "u", CHURN_1), "churn-1")
    bed.world.fault(operation="CreateModelPackage", do="fail", code="ValidationException", status=400)
    bed.reconcile(beds.manifests(tmp_path, CHURN_1, lock))
    bed.world.faults.clear()
    elsewhere = {**beds.PLATFORM["central"]["spec"], "images": {"prefix": "elsewhere"}}
    platform = {**beds.PLATFORM, "central": {**beds.PLATFORM["central"], "spec": elsewhere}}
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1, lock, platform=platform))
    assert (beds.standing(report), report.exit_code()) == ("conflict", 5)
    assert report.rows[0].hints == ("raise `attempt` to copy it anew",)
    assert beds.hub_state(bed.world)["packages"] == {}
    assert bed.reconcile(beds.manifests(tmp_path, CHURN_1, lock)).exit_code() == 0
