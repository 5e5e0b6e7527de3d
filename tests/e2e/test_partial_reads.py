"""One read that fails makes unknown what it covers, and nothing else; it never looks like absence, and stops no revocation."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from controller.core.scope import parse_scope
from controller.sandbox.world import Span
from tests import bed as beds
from tests.bed import CHURN, HUB, PLATFORM, STORE, Bed

CHURN_1 = beds.promotion()
REJECTED = beds.promotion(approval="Rejected")
OTHER = {"kind": "ModelGroup", "metadata": {"name": "other"}, "spec": {}}


def deny(bed: Bed, **where: Any) -> None:
    bed.world.fault(do="fail", code="AccessDeniedException", status=400, times=0, **where)


def platform(name: str, **spec: Any) -> dict[str, dict[str, Any]]:
    changed = copy.deepcopy(dict(PLATFORM))
    changed[name]["spec"].update(spec)
    return changed


@pytest.fixture
def promoted(bed: Bed, tmp_path: Path) -> Bed:
    beds.simple(bed)
    assert bed.reconcile(beds.manifests(tmp_path / "first", CHURN_1)).exit_code() == 0
    return bed


def test_a_group_that_cannot_be_read_again_is_unknown(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    deny(bed, operation="DescribeModelPackageGroup")
    report = bed.plan(beds.manifests(tmp_path, CHURN_1))
    assert (report.exit_code(), [(item.standing) for item in report.others]) == (5, ["unknown"])
    assert beds.standing(report) == "unknown"
    assert "create package" not in beds.verbs(report)


def test_a_version_that_cannot_be_read_again_is_unknown_and_still_revoked(promoted: Bed, tmp_path: Path) -> None:
    beds.update(promoted, ModelApprovalStatus="PendingManualApproval")
    deny(promoted, operation="DescribeModelPackage", account=HUB)
    report = promoted.plan(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("unknown", 5, ())
    report = promoted.plan(beds.manifests(tmp_path, REJECTED))
    assert (beds.verbs(report), report.exit_code()) == (["update approval"], 5)


def test_one_unreadable_version_leaves_the_other_groups_alone(promoted: Bed, tmp_path: Path) -> None:
    team = (CHURN_1, OTHER, beds.promotion("other-1", to="other"))
    promoted.reconcile(beds.manifests(tmp_path, *team))
    image = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/hand-made:1"
    body = {"Containers": [{"Image": image}]}
    beds.register(promoted, HUB, "other", InferenceSpecification=body)
    promoted.world.settings.search = Span(calls=5)
    deny(promoted, operation="DescribeModelPackage", resource="other/2")
    report = promoted.plan(beds.manifests(tmp_path, *team))
    assert (beds.standing(report), beds.standing(report, "other-1")) == ("converged", "unknown")


def test_one_unreadable_repository_leaves_the_others_alone(promoted: Bed, tmp_path: Path) -> None:
    beds.push(promoted, CHURN, "churn/second", "1", "second")
    body = beds.inference(beds.container(CHURN, "churn/second:1", "s3://churn-lab-models/v1/model.tar.gz"))
    beds.register(promoted, CHURN, "churn-experiments", InferenceSpecification=body)
    team = beds.manifests(tmp_path, CHURN_1, beds.promotion("churn-2", version=2))
    assert promoted.reconcile(team).exit_code() == 0
    deny(promoted, operation="DescribeImages", resource="churn/second")
    report = promoted.plan(team)
    assert (beds.standing(report), beds.standing(report, "churn-2")) == ("converged", "unknown")


@pytest.mark.parametrize("operation", ["Search", "ListModelPackages"])
def test_a_rejection_needs_neither_search_nor_the_list_of_the_account(
    promoted: Bed, tmp_path: Path, operation: str
) -> None:
    promoted.world.fault(operation=operation, do="fail", code="AccessDeniedException", status=400)
    promoted.world.fault(operation="Search", do="fail", code="AccessDeniedException", status=400, times=0)
    report = promoted.reconcile(beds.manifests(tmp_path, REJECTED))
    assert beds.described(promoted)["ModelApprovalStatus"] == "Rejected"
    assert report.exit_code() == 5  # the hub could not be searched, and that is said


def test_a_closed_store_that_cannot_be_read_is_not_an_empty_one(promoted: Bed, tmp_path: Path) -> None:
    beds.bucket(promoted, HUB, "second-store")
    stores = [{"name": "main", "bucket": STORE, "state": "Closed"}, {"name": "new", "bucket": "second-store"}]
    moved = beds.manifests(tmp_path, CHURN_1, platform=platform("central", stores=stores))
    assert (promoted.plan(moved).exit_code(), promoted.plan(moved).plan.actions) == (0, ())
    promoted.world.fault(service="s3", resource=STORE, do="fail", code="AccessDenied", status=403, times=0)
    report = promoted.reconcile(moved)
    assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("unknown", 5, ())


def test_a_store_that_was_taken_out_of_the_manifest_is_a_conflict_and_nothing_is_copied_anew(
    promoted: Bed, tmp_path: Path
) -> None:
    beds.bucket(promoted, HUB, "second-store")
    stores = [{"name": "new", "bucket": "second-store"}]
    without = beds.manifests(tmp_path, CHURN_1, platform=platform("central", stores=stores))
    report = promoted.reconcile(without)
    assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("conflict", 5, ())
    back = promoted.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(back), back.exit_code()) == ("converged", 0)


def test_versions_without_a_group_cost_no_calls(promoted: Bed, tmp_path: Path) -> None:
    body = beds.inference({"Image": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/x:1"})
    for index in range(3):
        client = promoted.client(HUB, "sagemaker")
        client.call("CreateModelPackage", ModelPackageName=f"loose-{index}", InferenceSpecification=body)
    before = len(promoted.world.calls)
    assert promoted.plan(beds.manifests(tmp_path, CHURN_1)).exit_code() == 0
    assert "DescribeModelPackage" not in [call.operation for call in promoted.world.calls[before:]]


def test_a_narrow_scope_reads_only_the_hubs_it_is_about(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    far = copy.deepcopy(dict(PLATFORM["central"]))
    far["metadata"]["name"] = "far"
    far["spec"].update(account=beds.VISION, access={"role": f"arn:aws:iam::{beds.VISION}:role/hubwright"})
    fleet = {**copy.deepcopy(dict(PLATFORM)), "far": far}
    fleet["churn"]["spec"]["hub"] = "central"
    there = {"kind": "ModelGroup", "metadata": {"name": "there"}, "spec": {"hub": "far"}}
    team = beds.manifests(tmp_path, CHURN_1, there, platform=fleet)
    assert not team.problems
    before = len(bed.world.calls)
    report = bed.plan(team, parse_scope(["promotion=churn-1"]))
    assert beds.standing(report) == "pending"
    assert not [call for call in bed.world.calls[before:] if call.account == beds.VISION]
    assert {call.account for call in bed.world.calls[before:]} == {HUB, CHURN}
