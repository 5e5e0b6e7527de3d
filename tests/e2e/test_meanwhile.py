"""What people do while a run is under way: it is their word, however long the run takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.core.manifests import Manifests
from controller.core.report import Report
from controller.kinds import approval
from controller.kinds.flow import Inline
from controller.reconcile import Thought, reconcile
from tests import bed as beds
from tests.bed import HUB, REGION, Bed

ARN = f"arn:aws:sagemaker:{REGION}:{HUB}:model-package-group/churn"
HELD = {"Key": "hubwright/hold", "Value": "2099-01-01T00:00:00Z ana INC-991: rolled back by hand"}


@pytest.fixture
def registered(bed: Bed, tmp_path: Path) -> Bed:
    beds.simple(bed)
    pending = beds.promotion(approval="PendingManualApproval")
    assert bed.reconcile(beds.manifests(tmp_path / "pending", pending)).exit_code() == 0
    return bed


def bring(bed: Bed, thought: Thought, fleet: Manifests) -> Report:
    return reconcile(bed.effects(thought, "r"), thought, fleet, Inline(), lambda *_: None)


def hold(bed: Bed, **tag: str) -> None:
    bed.client(HUB, "sagemaker").call("AddTags", ResourceArn=ARN, Tags=[tag or HELD])


def test_a_persons_rejected_during_a_long_verification_stands(
    registered: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = approval.verified

    def slowly(*given: Any) -> None:
        verified(*given)
        beds.update(registered, ModelApprovalStatus="Rejected")

    monkeypatch.setattr(approval, "verified", slowly)
    report = registered.reconcile(beds.manifests(tmp_path, beds.promotion()))
    assert (beds.standing(report), "changed while this ran" in beds.why(report)[0]) == ("failed", True)
    assert beds.described(registered)["ModelApprovalStatus"] == "Rejected"


def test_a_version_that_is_swapped_during_a_long_verification_is_not_approved(
    registered: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = approval.verified

    def slowly(*given: Any) -> None:
        verified(*given)
        live = beds.described(registered)["InferenceSpecification"]
        live["Containers"][0]["Environment"] = {"SAGEMAKER_PROGRAM": "evil.py"}
        beds.update(registered, InferenceSpecification=live)

    monkeypatch.setattr(approval, "verified", slowly)
    report = registered.reconcile(beds.manifests(tmp_path, beds.promotion()))
    assert beds.standing(report) == "failed"
    assert beds.described(registered)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_hold_that_is_set_while_a_run_is_under_way_is_honoured(registered: Bed, tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, beds.promotion())
    thought = registered.think(fleet)
    hold(registered)
    report = bring(registered, thought, fleet)
    assert (beds.standing(report), "INC-991" in beds.why(report)[0]) == ("failed", True)
    assert beds.described(registered)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_hold_never_keeps_a_revocation(registered: Bed, tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, beds.promotion(approval="Rejected"))
    thought = registered.think(fleet)
    hold(registered)
    assert bring(registered, thought, fleet).exit_code() == 0
    assert beds.described(registered)["ModelApprovalStatus"] == "Rejected"


def test_a_hold_that_was_over_when_it_was_judged_stays_over(registered: Bed, tmp_path: Path) -> None:
    hold(registered, Key="hubwright/hold", Value="2020-01-01T00:00:00Z ana over")
    fleet = beds.manifests(tmp_path, beds.promotion())
    assert registered.reconcile(fleet).exit_code() == 0
    assert beds.described(registered)["ModelApprovalStatus"] == "Approved"
