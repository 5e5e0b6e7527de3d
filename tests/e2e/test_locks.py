"""A source is what its lock names, or nothing is written for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import bed as beds
from tests.bed import CHURN, Bed

CHURN_1 = beds.promotion()
MODEL = "s3://churn-lab-models/v1/model.tar.gz"


@pytest.fixture
def locked(bed: Bed, tmp_path: Path) -> dict[str, object]:
    beds.simple(bed)
    return beds.lock(bed, beds.manifests(tmp_path / "unlocked", CHURN_1), "churn-1")


def overwrite(bed: Bed) -> None:
    beds.put(bed, CHURN, MODEL, beds.model("another"))


def move_tag(bed: Bed) -> None:
    beds.push(bed, CHURN, "churn/serve", "1", "another image")


def change_field(bed: Bed) -> None:
    beds.update(bed, group="churn-experiments", account=CHURN, CustomerMetadataProperties={"trained-by": "bo"})


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (overwrite, f"object {MODEL}: "),
        (move_tag, f"image {CHURN}.dkr.ecr.eu-west-1.amazonaws.com/churn/serve:1: sha256:"),
        (change_field, "field CustomerMetadataProperties.trained-by changed"),
    ],
)
def test_a_source_that_changed_after_its_lock_is_refused_with_the_difference(
    bed: Bed, tmp_path: Path, locked: dict[str, object], change: Callable[[Bed], None], shown: str
) -> None:
    change(bed)
    before = beds.hub_state(bed.world)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1, locked))
    row = report.rows[0]
    assert (row.standing, report.exit_code()) == ("mismatch", 5)
    assert len(row.differences) == 1
    assert row.differences[0].startswith(shown)
    after = beds.hub_state(bed.world)
    assert after["packages"] == before["packages"] == {}
    assert after["objects"] == before["objects"] == {}
    assert after["images"] == {}


def approve_source(bed: Bed) -> None:
    beds.update(
        bed, group="churn-experiments", account=CHURN, ModelApprovalStatus="Approved", ApprovalDescription="fine"
    )


def tag_source(bed: Bed) -> None:
    tagging = {"TagSet": [{"Key": "team", "Value": "growth"}]}
    bed.client(CHURN, "s3").call("PutObjectTagging", Bucket="churn-lab-models", Key="v1/model.tar.gz", Tagging=tagging)
    image = bed.client(CHURN, "ecr").call("BatchGetImage", repositoryName="churn/serve", imageIds=[{"imageTag": "1"}])
    manifest = image["images"][0]["imageManifest"]
    bed.client(CHURN, "ecr").call("PutImage", repositoryName="churn/serve", imageManifest=manifest, imageTag="stable")
    arn = f"arn:aws:sagemaker:eu-west-1:{CHURN}:model-package-group/churn-experiments"
    bed.client(CHURN, "sagemaker").call("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "growth"}])


@pytest.mark.parametrize("change", [approve_source, tag_source])
def test_approving_or_tagging_the_source_does_not_break_its_lock(
    bed: Bed, tmp_path: Path, locked: dict[str, object], change: Callable[[Bed], None]
) -> None:
    change(bed)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1, locked))
    assert (beds.standing(report), report.exit_code()) == ("converged", 0)


def test_locking_anew_makes_a_new_version_that_supersedes_the_old(
    bed: Bed, tmp_path: Path, locked: dict[str, object]
) -> None:
    bed.reconcile(beds.manifests(tmp_path, CHURN_1, locked))
    overwrite(bed)
    moved = bed.plan(beds.manifests(tmp_path, CHURN_1, locked))
    assert (moved.plan.actions, moved.exit_code()) == ((), 0)  # what is promoted stays, whatever became of its source
    anew = beds.manifests(tmp_path, CHURN_1, beds.lock(bed, beds.manifests(tmp_path / "u", CHURN_1), "churn-1"))
    report = bed.reconcile(anew)
    assert report.exit_code() == 0
    old, new = beds.described(bed, 1), beds.described(bed, 2)
    assert (old["ModelApprovalStatus"], new["ModelApprovalStatus"]) == ("PendingManualApproval", "Approved")
    assert old["ModelLifeCycle"] == {"Stage": "Retired", "StageStatus": "Superseded"}
    assert bed.plan(anew).plan.actions == ()
    back = beds.manifests(tmp_path, CHURN_1, locked)  # the old lock again: the old version, without its source
    report = bed.reconcile(back)
    assert report.exit_code() == 0
    statuses = [beds.described(bed, number)["ModelApprovalStatus"] for number in (1, 2)]
    assert statuses == ["Approved", "PendingManualApproval"]
    assert bed.plan(back).plan.actions == ()


def test_without_a_lock_a_tag_that_moved_since_registration_is_refused(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    move_tag(bed)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("mismatch", 5)
    assert "now sha256:" in report.rows[0].differences[0]
    assert beds.hub_state(bed.world)["packages"] == {}


def test_changed_inputs_wait_for_a_raised_attempt(bed: Bed, tmp_path: Path, locked: dict[str, object]) -> None:
    bed.reconcile(beds.manifests(tmp_path, CHURN_1, locked))
    changed = beds.promotion(inference={"contentTypes": ["application/json"]})
    for team in ((changed, locked), (changed,)):
        report = bed.reconcile(beds.manifests(tmp_path / str(len(team)), *team))
        assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("conflict", 5, ())
        assert "raise `attempt`" in beds.why(report)[0]
    raised = beds.promotion(inference={"contentTypes": ["application/json"]}, attempt=2)
    report = bed.reconcile(beds.manifests(tmp_path, raised, locked))
    assert report.exit_code() == 0
    assert beds.described(bed, 2)["InferenceSpecification"]["SupportedContentTypes"] == ["application/json"]
    assert beds.described(bed, 1)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_failed_version_is_left_by_raising_the_attempt(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.world.settings.status = {"churn/1": ("InProgress", "Failed"), "*": ("Completed",)}
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("conflict", 5, ())
    assert "raise `attempt`" in beds.why(report)[0]
    report = bed.reconcile(beds.manifests(tmp_path, beds.promotion(attempt=2)))
    assert report.exit_code() == 0
    assert beds.described(bed, 2)["ModelApprovalStatus"] == "Approved"
    assert bed.plan(beds.manifests(tmp_path, beds.promotion(attempt=2))).plan.actions == ()
