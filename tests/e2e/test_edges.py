"""Odd names, strangers' writes and races: what must hold at the edges."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests import bed as beds
from tests.bed import CHURN, HUB, PLATFORM, Bed

CHURN_1 = beds.promotion()
REJECTED = beds.promotion(approval="Rejected")
HELD = beds.promotion(approval="PendingManualApproval")
MODEL = "s3://churn-lab-models/v1/model.tar.gz"


def again(bed: Bed, folder: Path, *team: Any) -> Any:
    """Reconciles, and once more: the second time there is nothing to do."""
    manifests = beds.manifests(folder, *team)
    report = bed.reconcile(manifests)
    assert report.exit_code() == 0, report.rows
    assert bed.plan(manifests).plan.actions == ()
    return report


def source(bed: Bed, **more: Any) -> None:
    """One spoke version; `more` goes into its container."""
    beds.bucket(bed, CHURN, "churn-lab-models")
    beds.put(bed, CHURN, MODEL, beds.model("one"))
    beds.push(bed, CHURN, "churn/serve", "1", "serve one")
    beds.group(bed, CHURN, "churn-experiments")
    specification = beds.inference(beds.container(CHURN, "churn/serve:1", MODEL, **more))
    beds.register(bed, CHURN, "churn-experiments", InferenceSpecification=specification)


def test_an_environment_is_carried_to_the_letter(bed: Bed, tmp_path: Path) -> None:
    environment = {"FLAG": "", "ETag": "abc", "ImageDigest": "z", "LEVEL": "1"}
    source(bed, Environment=environment)
    again(bed, tmp_path, CHURN_1)
    assert beds.described(bed)["InferenceSpecification"]["Containers"][0]["Environment"] == environment


def test_metadata_keys_may_hold_spaces(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    ours = {"ticket": "of the source", "my": "own"}
    beds.update(bed, group="churn-experiments", account=CHURN, CustomerMetadataProperties=ours)
    again(bed, tmp_path, beds.promotion(metadata={"my ticket": "ML-1", "a=b": "c"}))
    metadata = beds.described(bed)["CustomerMetadataProperties"]
    assert {name: metadata[name] for name in ("ticket", "my", "my ticket", "a=b")} == {
        **ours,
        "my ticket": "ML-1",
        "a=b": "c",
    }
    again(bed, tmp_path, CHURN_1)
    assert not {"my ticket", "a=b"} & {*beds.described(bed)["CustomerMetadataProperties"]}


def test_a_stage_loses_its_description(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    stage = {"name": "Production", "status": "Active"}
    again(bed, tmp_path, beds.promotion(stage={**stage, "description": "first"}))
    again(bed, tmp_path, beds.promotion(stage=stage))


@pytest.mark.parametrize("reason", ["  wide  ", "ünï—“q” 日本", "a" * 1024, "50% `of` <b> | $x \\n"])
def test_a_reason_may_be_any_line(bed: Bed, tmp_path: Path, reason: str) -> None:
    beds.simple(bed)
    again(bed, tmp_path, beds.promotion(reason=reason))
    assert beds.described(bed)["ApprovalDescription"] == reason


def test_no_strangers_metadata_stops_a_revocation(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, HELD))
    room = 50 - len(beds.described(bed)["CustomerMetadataProperties"])
    filled = {f"stranger-{index}": "x" for index in range(room)}
    beds.update(bed, CustomerMetadataProperties=filled, ModelApprovalStatus="Approved")
    again(bed, tmp_path, beds.promotion(approval="Rejected", reason="It leaks.", metadata={"ticket": "ML-1"}))
    assert beds.described(bed)["ModelApprovalStatus"] == "Rejected"


def test_a_spoke_that_lets_nothing_leave_any_more_stops_no_revocation(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    platform = copy.deepcopy(dict(PLATFORM))
    platform["churn-lab"]["spec"]["allow"] = {"groups": ["other-*"], "buckets": [], "repositories": []}
    report = bed.reconcile(beds.manifests(tmp_path, REJECTED, platform=platform))
    assert (report.exit_code(), beds.described(bed)["ModelApprovalStatus"]) == (0, "Rejected")
    refused = beds.manifests(tmp_path, CHURN_1, platform=platform)
    assert [problem.rule for problem in refused.problems] == ["allow"]


def test_a_rejection_is_of_every_version_that_could_still_be_approved(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, HELD))
    raised = beds.promotion(approval="PendingManualApproval", attempt=2)
    bed.reconcile(beds.manifests(tmp_path, raised))
    bed.reconcile(beds.manifests(tmp_path, beds.promotion(approval="Rejected", attempt=3)))
    assert [beds.described(bed, number)["ModelApprovalStatus"] for number in (1, 2)] == ["Rejected", "Rejected"]


def test_an_approval_is_taken_from_a_version_that_was_swapped(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, HELD))
    specification = beds.described(bed)["InferenceSpecification"]
    specification["Containers"] = [{"Image": f"{HUB}.dkr.ecr.{beds.REGION}.amazonaws.com/evil:1"}]
    beds.update(bed, InferenceSpecification=specification, ModelApprovalStatus="Approved")
    report = bed.reconcile(beds.manifests(tmp_path, HELD))
    assert (beds.standing(report), report.exit_code()) == ("conflict", 5)
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_duplicate_that_a_person_rejected_is_left_alone(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    again(bed, tmp_path, CHURN_1)
    live = beds.described(bed)
    carried = {name: live[name] for name in ("InferenceSpecification", "ModelMetrics", "CustomerMetadataProperties")}
    beds.register(bed, HUB, "churn", **carried)
    beds.update(bed, 2, ModelApprovalStatus="Rejected")
    report = bed.plan(beds.manifests(tmp_path, CHURN_1))
    assert (report.exit_code(), report.plan.actions) == (0, ())


def test_a_group_of_another_fleet_is_said_at_the_promotion_too(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    taken = [{"Key": "hubwright/fleet", "Value": "another"}]
    bed.client(HUB, "sagemaker").call("CreateModelPackageGroup", ModelPackageGroupName="churn", Tags=taken)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("conflict", 5)
    assert beds.hub_state(bed.world)["packages"] == {}


def test_a_group_that_another_fleet_made_meanwhile_is_not_taken_over(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    manifests = beds.manifests(tmp_path, CHURN_1)
    thought = bed.think(manifests)
    taken = [{"Key": "hubwright/fleet", "Value": "another"}]
    bed.client(HUB, "sagemaker").call("CreateModelPackageGroup", ModelPackageGroupName="churn", Tags=taken)
    from controller.apply import perform

    outcome = perform(bed.effects(thought, "x"), thought.plan.actions[0])
    assert (outcome.status, "belongs to the fleet" in outcome.detail) == ("failed", True)
    assert beds.hub_state(bed.world)["groups"]["churn"] == {"hubwright/fleet": "another"}


def test_a_mark_that_nobody_understands_disturbs_nothing(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    beds.update(bed, CustomerMetadataProperties={"hubwright/attempt": "²"})
    assert bed.plan(beds.manifests(tmp_path, CHURN_1)).exit_code() == 0


def test_what_is_superseded_already_is_not_written_again(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    for attempt in (1, 2):
        again(bed, tmp_path, beds.promotion(attempt=attempt))
    report = again(bed, tmp_path, beds.promotion(attempt=3))
    superseded = [action.key.name for action in report.plan.actions if action.reason == "superseded"]
    assert superseded == ["churn/222222222222/churn-experiments/1@2"]


def test_a_promotion_points_to_no_bucket_but_the_hubs(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    there = beds.promotion(inference={"environment": {"set": {"DATA": "s3://churn-lab-models/v1/metrics.json"}}})
    report = bed.reconcile(beds.manifests(tmp_path, there))
    assert (beds.standing(report), report.exit_code()) == ("refused", 5)
    assert beds.hub_state(bed.world)["packages"] == {}
    again(bed, tmp_path, beds.promotion(inference={"environment": {"set": {"DATA": f"s3://{beds.STORE}/shared"}}}))


def test_too_much_metadata_is_a_plan_error_on_a_live_version_too(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    room = 50 - len(beds.described(bed)["CustomerMetadataProperties"])
    beds.update(bed, CustomerMetadataProperties={f"stranger-{index}": "x" for index in range(room)})
    again(bed, tmp_path, beds.promotion(reason="Better."))
    report = bed.plan(beds.manifests(tmp_path, beds.promotion(metadata={"ticket": "ML-1"})))
    assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("refused", 5, ())
    assert beds.why(report) == ("its metadata would have 1 more entries than the 50 that AWS allows",)


def test_no_environment_is_shown_when_sagemaker_refuses_it(bed: Bed, tmp_path: Path) -> None:
    source(bed, Environment={"PASSWORD": "canary"})
    message = "1 validation error detected: Value '{PASSWORD=canary}' at 'containers.1.member.environment' failed"
    bed.world.fault(operation="CreateModelPackage", do="fail", code="ValidationException", status=400, message=message)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    details = [outcome.detail for outcome in report.outcomes if outcome.status == "failed"]
    assert [("canary" in detail, "environment' failed" in detail) for detail in details] == [(False, True)]


def test_an_overruling_names_a_moment_in_any_zone(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    beds.update(bed, ModelApprovalStatus="Rejected")
    moment = beds.described(bed)["LastModifiedTime"].strftime("%Y-%m-%dT%H:%M:%S+00:00")
    again(bed, tmp_path, beds.promotion(overrules=moment))
    assert beds.described(bed)["ModelApprovalStatus"] == "Approved"


def test_an_invalid_spoke_stops_no_revocation_of_what_is_locked(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    lock = beds.lock(bed, beds.manifests(tmp_path, CHURN_1), "churn-1")
    bed.reconcile(beds.manifests(tmp_path, CHURN_1, lock))
    platform = copy.deepcopy(dict(PLATFORM))
    platform["churn-lab"]["spec"]["region"] = 7
    report = bed.reconcile(beds.manifests(tmp_path, REJECTED, lock, platform=platform))
    assert (report.exit_code(), beds.described(bed)["ModelApprovalStatus"]) == (5, "Rejected")
    before = len(bed.world.mutations())
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1, lock, platform=platform))
    assert ([row.standing for row in report.rows], len(bed.world.mutations()) - before) == (["invalid"], 0)


def test_a_groups_description_that_cannot_be_changed_is_said(bed: Bed, tmp_path: Path) -> None:
    group = {"kind": "ModelGroup", "metadata": {"name": "tellers"}, "spec": {"description": "first"}}
    assert again(bed, tmp_path, group).others == ()
    group["spec"] = {"description": "second"}
    report = again(bed, tmp_path, group)
    assert [(item.about, item.standing) for item in report.others] == [
        ("manifests/teams/tellers-modelgroup.yaml", "deferred")
    ]


def test_one_objection_is_said_once_and_several_are_all_said(bed: Bed, tmp_path: Path) -> None:
    source(bed, Environment={"ONE": "s3://elsewhere/x"})
    row = bed.plan(beds.manifests(tmp_path, CHURN_1)).rows[0]
    assert (len(row.why), row.differences) == (1, ())
    specification = beds.inference(beds.container(CHURN, "churn/serve:1", "s3://a/b", Environment={"C": "s3://c/d"}))
    beds.register(bed, CHURN, "churn-experiments", InferenceSpecification=specification)
    row = bed.plan(beds.manifests(tmp_path, beds.promotion("churn-2", version=2))).rows[1]
    assert (row.why, len(row.differences)) == (("2 things of it cannot be promoted",), 2)


def test_as_much_metadata_as_a_manifest_may_have_goes_all_the_way(bed: Bed, tmp_path: Path) -> None:
    """What `validate` lets through has room for every mark: approved, superseded, rejected."""
    source(bed)
    many = {f"k{index}": "v" for index in range(37)}
    again(bed, tmp_path, beds.promotion(metadata=many))
    again(bed, tmp_path, beds.promotion(metadata=many, attempt=2))
    states = ["PendingManualApproval", "Approved"]
    assert [beds.described(bed, number)["ModelApprovalStatus"] for number in (1, 2)] == states
    assert len(beds.described(bed, 1)["CustomerMetadataProperties"]) == 50
    again(bed, tmp_path, beds.promotion(metadata=many, attempt=2, approval="Rejected"))


def test_a_deleted_version_is_named_with_what_to_do(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    manifests = beds.manifests(tmp_path, CHURN_1)
    assert bed.reconcile(manifests).exit_code() == 0
    arn = beds.described(bed)["ModelPackageArn"]
    bed.client(HUB, "sagemaker").call("DeleteModelPackage", ModelPackageName=arn)
    report = bed.reconcile(manifests)
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    assert beds.why(report) == (
        f"{arn} is gone (if it was deleted: hubwright retry PROMOTION, commit what it writes, and reconcile)",
    )


def test_a_hub_without_an_active_store_takes_nothing_new_and_rejects_what_it_has(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    assert bed.reconcile(beds.manifests(tmp_path / "a", CHURN_1)).exit_code() == 0
    closed = copy.deepcopy(PLATFORM)
    closed["central"]["spec"]["stores"][0]["state"] = "Closed"
    kept = beds.manifests(tmp_path / "b", CHURN_1, beds.promotion("churn-2", version=2), platform=closed)
    put = beds.register(
        bed,
        CHURN,
        "churn-experiments",
        InferenceSpecification=beds.inference(beds.container(CHURN, "churn/serve:1", MODEL)),
    )
    assert put.endswith("/2")
    report = bed.reconcile(kept)
    assert (beds.standing(report), beds.standing(report, "churn-2"), report.exit_code()) == ("converged", "refused", 5)
    assert beds.why(report, "churn-2") == ("the hub central has no Active store",)
    assert bed.reconcile(beds.manifests(tmp_path / "c", REJECTED, platform=closed)).exit_code() == 0
    assert beds.described(bed)["ModelApprovalStatus"] == "Rejected"
