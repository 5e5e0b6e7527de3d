"""From staging to production through two hubs, with soak; from hub to hub; and what stands in the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.core.limits import parse_moment
from controller.core.manifests import Manifests
from controller.sandbox.world import Span
from tests import bed as beds
from tests.guards.cases import Case, furnished

PROD, PROD_STORE = beds.VISION, "acme-prod-store"
ONE = Case("one", {"metrics": ['{"auc": 0.9}'], "expect": {}})


@pytest.fixture
def bed() -> beds.Bed:
    made = furnished(ONE)
    beds.bucket(made, PROD, PROD_STORE)
    return made


def fleet(folder: Path, staging: dict[str, Any], production: dict[str, Any], *more: Any, **rules: Any) -> Manifests:
    """Two hubs; `churn-staging` from the spoke into the first, `churn-prod` from that into the second."""
    platform = {name: item for name, item in beds.PLATFORM.items() if name != "vision-lab"}
    access = {"role": f"arn:aws:iam::{PROD}:role/hubwright"}
    spec = {
        "account": PROD,
        "region": beds.REGION,
        "access": access,
        "stores": [{"name": "main", "bucket": PROD_STORE}],
    }
    platform["production"] = {"kind": "Hub", "metadata": {"name": "production"}, "spec": spec}
    for name, hub in (("churn", "central"), ("churn-live", "production")):
        spec = {"hub": hub, "group": "churn"}
        platform[name] = {"kind": "ModelGroup", "metadata": {"name": name}, "spec": spec}
    if rules:
        platform["prod"] = {"kind": "Guardrails", "metadata": {"name": "prod"}, "spec": rules}
    first = beds.promotion("churn-staging", **staging)
    asked = {
        "from": {"promotion": "churn-staging"},
        "to": {"group": "churn-live"},
        "approval": "Approved",
        **production,
    }
    second = {"kind": "Promotion", "metadata": {"name": "churn-prod"}, "spec": asked}
    found = beds.manifests(folder, first, second, *more, platform=platform)
    assert not found.problems, found.problems
    return found


def test_staging_to_production_through_two_hubs_with_soak(bed: beds.Bed, tmp_path: Path) -> None:
    soak = {"after": {"promotion": "churn-staging", "approvedFor": "72h"}}
    wanted = fleet(tmp_path, {}, soak)
    first = bed.reconcile(wanted)
    assert first.exit_code() == 0
    assert (beds.standing(first, "churn-staging"), beds.standing(first, "churn-prod")) == ("converged", "waiting")
    second = bed.reconcile(wanted)  # now its bytes are in the first hub
    assert (second.exit_code(), beds.standing(second, "churn-prod")) == (0, "waiting")
    live = beds.described(bed, 1, account=PROD)
    assert live["ModelApprovalStatus"] == "PendingManualApproval"
    since = beds.described(bed, 1)["LastModifiedTime"]
    bed.now = since + timedelta(hours=72) - timedelta(seconds=1)
    early = bed.reconcile(wanted)
    assert (early.exit_code(), early.plan.actions, beds.standing(early, "churn-prod")) == (0, (), "waiting")
    assert beds.why(early, "churn-prod")[0].startswith("after churn-staging: it is Approved since 2026-01-01T")
    bed.now = since + timedelta(hours=72)
    ripe = bed.reconcile(wanted)
    assert (ripe.exit_code(), beds.standing(ripe, "churn-prod")) == (0, "converged")
    _same_release(bed)
    assert bed.plan(wanted).plan.actions == ()


def _same_release(bed: beds.Bed) -> None:
    """Both hubs have the same release and the same bytes, each in its own store; the second says where it is from."""
    staging, live = beds.described(bed, 1), beds.described(bed, 1, account=PROD)
    marks, there = live["CustomerMetadataProperties"], staging["CustomerMetadataProperties"]
    assert live["ModelApprovalStatus"] == "Approved"
    assert marks["hubwright/via"] == staging["ModelPackageArn"]
    assert [marks[f"hubwright/{name}"] for name in ("release", "source")] == [
        there[f"hubwright/{name}"] for name in ("release", "source")
    ]
    assert marks["hubwright/promotion"] != there["hubwright/promotion"]
    one, other = (bed.world.buckets[name].objects for name in (beds.STORE, PROD_STORE))
    copied = {key: versions[-1].etag for key, versions in one.items() if "/1-" in key}
    assert {key: versions[-1].etag for key, versions in other.items() if "/1-" in key} == copied != {}
    container = live["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"].startswith(f"s3://{PROD_STORE}/")
    assert container["Image"].startswith(f"{PROD}.dkr.ecr.")


def test_the_bytes_come_from_the_hub_when_the_spoke_is_gone(bed: beds.Bed, tmp_path: Path) -> None:
    bed.reconcile(fleet(tmp_path, {}, {"approval": "PendingManualApproval", "from": {"promotion": "churn-staging"}}))
    bed.world.models.pop((beds.CHURN, beds.REGION))
    bed.world.fault(account=beds.CHURN, code="AccessDeniedException", status=403, times=0)
    assert bed.reconcile(fleet(tmp_path, {}, {})).exit_code() == 0
    assert bed.plan(fleet(tmp_path, {}, {})).plan.actions == ()
    _same_release(bed)


def test_gates_of_the_second_hub_read_what_the_first_one_holds(bed: beds.Bed, tmp_path: Path) -> None:
    gate = {"name": "auc", "metric": "ModelQuality.Statistics:auc", "operator": ">=", "threshold": 0.9}
    rules = {"gates": [{**gate, "when": {"stages": ["Live"]}}]}
    wanted = fleet(tmp_path, {}, {"stage": {"name": "Live", "status": "Active"}}, **rules)
    bed.reconcile(wanted)
    plan = bed.plan(wanted)
    passed = next(action.facts["passed"] for action in plan.plan.actions if action.facts.get("passed"))
    assert passed[0].startswith(
        "prod/gates/auc: ModelQuality.Statistics:auc is 0.9; >= 0.9 was wanted (read from s3://"
    )
    assert f"s3://{beds.STORE}/models/" in passed[0]
    assert bed.reconcile(wanted).exit_code() == 0
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "Approved"


def _prepared(bed: beds.Bed, folder: Path, **soak: Any) -> Manifests:
    """Both registered; the one in production waits for the one in staging."""
    pending = {"approval": "PendingManualApproval"}
    for _ in range(2):
        assert bed.reconcile(fleet(folder, {}, pending)).exit_code() == 0
    return fleet(folder, {}, {"after": {"promotion": "churn-staging", **soak}})


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_what_it_waits_for_must_be_approved_now(bed: beds.Bed, tmp_path: Path, status: str) -> None:
    _prepared(bed, tmp_path)
    bed.now = datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    asked = fleet(tmp_path, {"approval": status}, {"after": {"promotion": "churn-staging"}})
    bed.reconcile(asked)
    report = bed.reconcile(asked)
    assert (report.exit_code(), beds.standing(report, "churn-prod")) == (0, "waiting")
    assert beds.why(report, "churn-prod") == (f"after churn-staging: Git asks for {status} there",)
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "PendingManualApproval"


def test_what_a_person_took_back_does_not_count(bed: beds.Bed, tmp_path: Path) -> None:
    wanted = _prepared(bed, tmp_path)
    beds.update(bed, 1, ModelApprovalStatus="PendingManualApproval")
    report = bed.plan(wanted)
    assert beds.why(report, "churn-prod") == ("after churn-staging: it is PendingManualApproval",)


def test_any_change_of_what_it_waits_for_begins_the_wait_anew(bed: beds.Bed, tmp_path: Path) -> None:
    wanted = _prepared(bed, tmp_path, approvedFor="1h")
    bed.world.clock.advance(3000)
    beds.update(bed, 1, CustomerMetadataProperties={"note": "looked at"})
    bed.world.clock.advance(700)
    assert beds.standing(bed.plan(wanted), "churn-prod") == "waiting"
    bed.world.clock.advance(3000)
    assert bed.reconcile(wanted).exit_code() == 0
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "Approved"


def test_another_release_does_not_count(bed: beds.Bed, tmp_path: Path) -> None:
    beds.put(bed, beds.CHURN, "s3://churn-lab-models/v9/model.tar.gz", beds.model("another"))
    box = beds.container(beds.CHURN, "churn/serve:1", "s3://churn-lab-models/v9/model.tar.gz")
    beds.register(bed, beds.CHURN, "churn-experiments", InferenceSpecification=beds.inference(box))
    other = beds.promotion("churn-2", version=2, after={"promotion": "churn-staging", "approvedFor": "1s"})
    pending = {"approval": "PendingManualApproval"}
    bed.reconcile(fleet(tmp_path, {}, pending))
    bed.now = datetime.fromisoformat("2027-01-01T00:00:00+00:00")
    report = bed.reconcile(fleet(tmp_path, {}, pending, other))
    assert beds.why(report, "churn-2") == ("after churn-staging: it is another release",)
    assert beds.described(bed, 2)["ModelApprovalStatus"] == "PendingManualApproval"


def test_what_has_been_approved_no_longer_waits(bed: beds.Bed, tmp_path: Path) -> None:
    wanted = _prepared(bed, tmp_path, approvedFor="1h")
    bed.now = parse_moment("2027-01-01T00:00:00Z")
    bed.reconcile(wanted)
    beds.update(bed, 1, ModelApprovalStatus="PendingManualApproval")
    beds.update(bed, 1, account=PROD, ModelApprovalStatus="PendingManualApproval")
    asked = fleet(tmp_path, {"approval": "PendingManualApproval"}, {"after": {"promotion": "churn-staging"}})
    assert bed.reconcile(asked).exit_code() == 0
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "Approved"


def test_a_narrow_run_reads_the_hub_that_it_comes_from(bed: beds.Bed, tmp_path: Path) -> None:
    from controller.core.scope import parse_scope

    wanted = _prepared(bed, tmp_path)
    report = bed.reconcile(wanted, parse_scope(["promotion=churn-prod"]))
    assert (report.exit_code(), [row.name for row in report.rows]) == (0, ["churn-prod"])
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "Approved"


def test_revoking_in_production_needs_nothing_of_staging(bed: beds.Bed, tmp_path: Path) -> None:
    wanted = _prepared(bed, tmp_path)
    bed.reconcile(wanted)
    bed.world.fault(account=beds.HUB, service="sagemaker", code="AccessDeniedException", status=403, times=0)
    bed.world.fault(account=beds.CHURN, code="AccessDeniedException", status=403, times=0)
    bed.reconcile(fleet(tmp_path, {}, {"approval": "Rejected"}))
    bed.world.faults.clear()
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "Rejected"


def test_what_it_waits_for_is_read_again_where_search_lags(bed: beds.Bed, tmp_path: Path) -> None:
    wanted = _prepared(bed, tmp_path, approvedFor="1h")
    bed.world.clock.advance(3500)
    bed.plan(wanted)
    bed.world.settings.search = Span(seconds=300)
    beds.update(bed, 1, CustomerMetadataProperties={"note": "changed"})  # Search does not know of it yet
    bed.world.clock.advance(200)
    assert beds.standing(bed.plan(wanted), "churn-prod") == "waiting"


def test_a_soak_beyond_the_calendar_waits_and_stops_no_revocation(bed: beds.Bed, tmp_path: Path) -> None:
    bed.reconcile(fleet(tmp_path, {}, {"approval": "PendingManualApproval"}))
    soak = {"after": {"promotion": "churn-staging", "approvedFor": "999999w"}}
    assert beds.standing(bed.reconcile(fleet(tmp_path, {}, soak)), "churn-prod") == "waiting"
    assert bed.reconcile(fleet(tmp_path, {"approval": "Rejected"}, {"approval": "Rejected"})).exit_code() == 0
    assert beds.described(bed, 1, account=PROD)["ModelApprovalStatus"] == "Rejected"
