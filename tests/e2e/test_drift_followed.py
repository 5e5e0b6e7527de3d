"""What a Subscription brought is looked at by `drift`, and left to it by `import`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.core.scope import Scope
from controller.drift import Look, look
from controller.takein import Asked, take_in
from tests import bed as beds
from tests.bed import Inline

FOLLOW = {
    "kind": "Subscription",
    "metadata": {"name": "churn-follow"},
    "spec": {"from": {"spoke": "churn-lab", "group": "churn-experiments"}, "to": {"group": "churn"}},
}


class Nothing:
    """A repository without a past."""

    def ever(self, kind: str, name: str) -> list[Any]:
        return []

    def at(self, kind: str, name: str, revision: str) -> tuple[bool, Any]:
        return False, None

    def before(self) -> list[Any]:
        return []


def test_what_is_followed_is_no_drift_and_nobodys_to_take_in(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    fleet = beds.manifests(tmp_path, FOLLOW)
    assert bed.reconcile(fleet).exit_code() == 0
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"
    bed.world.calls.clear()
    how = Look(bed.reader, fleet, Scope(), Inline(), lambda _: None, Nothing(), datetime.now(UTC))
    assert [(item.kind, item.field) for item in look(how).items if item.counts] == []
    beds.put(bed, beds.CHURN, "s3://churn-lab-models/v1/model.tar.gz", beds.model("two"))
    (moved,) = [item for item in look(how).items if item.counts]
    assert (moved.kind, moved.about, moved.mend.commands) == ("source-moved", "churn-follow/1", ())
    wanted = take_in(bed.reader, fleet, Asked(("central",)), Inline(), "manifests")
    assert (wanted.made, wanted.open) == ({}, ())
