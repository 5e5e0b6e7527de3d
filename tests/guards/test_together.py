"""Guards together with what else a run may meet: what each alone holds back, the others do not let through."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from controller.core.manifests import Manifests
from controller.core.record import read_record
from controller.core.revoked import of_record
from tests import bed as beds
from tests.guards.cases import Case, furnished


def _objects_of(bed: beds.Bed) -> list[str]:
    """The digests of the bytes that the hub's one record is of."""
    keys = [key for key in bed.world.buckets[beds.STORE].objects if "/.releases/" in key and key.count(".") == 2]
    answer = bed.client(beds.HUB, "s3").call("GetObject", Bucket=beds.STORE, Key=keys[0])
    record = read_record(answer["Body"].read())
    others = {record.release.digest, *(image.digest for image in record.release.images)}
    return sorted({*of_record(record)} - others)


def _fleet(folder: Path, approval: str, **rules: Any) -> Manifests:
    """A fleet whose store keeps a sha256 of everything."""
    platform = copy.deepcopy(beds.PLATFORM)
    platform["central"]["spec"]["stores"][0]["verify"] = "deep"
    if rules:
        platform["no"] = {"kind": "Guardrails", "metadata": {"name": "no"}, "spec": rules}
    return beds.manifests(folder, beds.promotion(approval=approval), platform=platform)


def test_bytes_revoked_after_they_came_are_not_approved_by_a_promotion_without_a_lock(tmp_path: Path) -> None:
    bed = furnished(Case("bytes", {}))
    assert bed.reconcile(_fleet(tmp_path / "before", "PendingManualApproval")).exit_code() == 0
    for digest in _objects_of(bed):
        revoked = _fleet(tmp_path / "after", "Approved", revoked=[{"digest": digest, "reason": "poisoned"}])
        assert beds.standing(bed.reconcile(revoked)) == "blocked"
        assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"
    other = _fleet(tmp_path / "other", "Approved", revoked=[{"digest": f"sha256:{'0' * 64}", "reason": "another"}])
    bed.world.fault(account=beds.HUB, operation="GetObject", code="AccessDenied", status=403, times=0)
    assert beds.standing(bed.plan(other)) == "blocked", "what cannot be read was taken for what is not there"
    bed.world.faults.clear()
    assert beds.standing(bed.reconcile(other)) == "converged"


def test_rules_select_groups_whatever_their_case(tmp_path: Path) -> None:
    bed = furnished(Case("case", {}))
    rules = {"select": {"groups": ["Churn*"]}, "requireLock": True}
    assert beds.standing(bed.reconcile(_fleet(tmp_path, "Approved", **rules))) == "blocked"


def test_what_people_approved_of_a_subscription_is_not_gated_again_and_again(tmp_path: Path) -> None:
    bed = furnished(Case("followed", {}))
    gate = {"name": "auc", "metric": "ModelQuality.Statistics:auc", "operator": ">=", "threshold": 0.8}
    rules = {"kind": "Guardrails", "metadata": {"name": "prod"}, "spec": {"gates": [gate]}}
    spec = {"from": {"spoke": "churn-lab", "group": "churn-experiments"}, "to": {"group": "churn"}}
    follow = {"kind": "Subscription", "metadata": {"name": "follow"}, "spec": spec}
    fleet = beds.manifests(tmp_path, follow, platform={**beds.PLATFORM, "prod": rules})
    assert bed.reconcile(fleet).exit_code() == 0
    beds.update(bed, 1, ModelApprovalStatus="Approved")
    before = len(bed.world.calls)
    assert bed.plan(fleet).plan.actions == ()
    read = [call for call in bed.world.calls[before:] if call.operation == "GetObject"]
    assert read == [], "every plan would read the reports of what nobody asks it to approve"
