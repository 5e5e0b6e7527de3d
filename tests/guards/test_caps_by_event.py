"""Caps on runs that events start: many small runs in a day may do no more than one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.core.manifests import Manifests
from controller.core.scope import parse_scope
from tests import bed as beds
from tests.guards.cases import Case, furnished

FOUR = Case("four", {"metrics": ['{"auc": 0.9}'] * 4, "expect": {}})
DAY = timedelta(hours=24)


def fleet(folder: Path, caps: dict[str, object]) -> Manifests:
    rules = {"caps": caps, "allowSubscriptionApproval": True}
    follow = {
        "kind": "Subscription",
        "metadata": {"name": "follow"},
        "spec": {
            "from": {"spoke": "churn-lab", "group": "churn-experiments"},
            "to": {"group": "churn"},
            "approval": "Approved",
        },
    }
    guards = {"kind": "Guardrails", "metadata": {"name": "prod"}, "spec": rules}
    return beds.manifests(folder, follow, platform={**beds.PLATFORM, "prod": guards})


def event(bed: beds.Bed, manifests: Manifests, number: int) -> tuple[str, tuple[str, ...]]:
    """What a run of one event comes to for its version."""
    bed.by_event = True
    report = bed.reconcile(manifests, parse_scope([f"promotion=follow/{number}"]))
    row = next(row for row in report.rows if row.name == f"follow/{number}")
    return row.standing, row.why


@pytest.fixture
def bed() -> beds.Bed:
    return furnished(FOUR)


def test_events_approve_no_more_in_a_day_than_one_run_may(bed: beds.Bed, tmp_path: Path) -> None:
    manifests = fleet(tmp_path, {"approvals": 2})
    assert [event(bed, manifests, number)[0] for number in (1, 2)] == ["converged", "converged"]
    standing, why = event(bed, manifests, 3)
    assert (standing, beds.described(bed, 3)["ModelApprovalStatus"]) == ("blocked", "PendingManualApproval")
    assert why == (
        (
            "prod/caps/approvals: 2 first approvals may be in one run, and in a day of runs that events start; "
            "2 were in the last day, 0 come before it by name, and it has 1"
        ),
    )
    first = beds.described(bed, 1)["LastModifiedTime"].astimezone(UTC).replace(microsecond=0)
    bed.now = first + DAY
    assert event(bed, manifests, 3)[0] == "blocked"  # a day, to the second
    bed.now = first + DAY + timedelta(seconds=1)
    assert event(bed, manifests, 3)[0] == "converged"


def test_what_somebody_runs_is_counted_by_itself(bed: beds.Bed, tmp_path: Path) -> None:
    manifests = fleet(tmp_path, {"approvals": 2})
    for number in (1, 2):
        event(bed, manifests, number)
    bed.by_event = False
    assert bed.reconcile(manifests).exit_code() == 0
    approvals = [beds.described(bed, number)["ModelApprovalStatus"] for number in (1, 2, 3, 4)]
    assert approvals == ["Approved"] * 4


@pytest.mark.parametrize("caps", [{"creates": 2}, {"perSpoke": {"creates": 2}}], ids=["in all", "per spoke"])
def test_events_register_no_more_in_a_day_than_one_run_may(
    bed: beds.Bed, tmp_path: Path, caps: dict[str, object]
) -> None:
    manifests = fleet(tmp_path, caps)
    assert [event(bed, manifests, number)[0] for number in (1, 2, 3)] == ["converged", "converged", "blocked"]
    assert len(beds.hub_state(bed.world)["packages"]) == 2
    bed.now = datetime.fromtimestamp(bed.world.clock.now(), UTC) + 2 * DAY
    assert event(bed, manifests, 3)[0] == "converged"


def test_a_revocation_by_event_is_never_capped(bed: beds.Bed, tmp_path: Path) -> None:
    manifests = fleet(tmp_path / "first", {"approvals": 1, "creates": 1})
    event(bed, manifests, 1)
    rules = {"kind": "Guardrails", "metadata": {"name": "prod"}, "spec": {"caps": {"approvals": 0, "creates": 0}}}
    rejecting = beds.manifests(
        tmp_path / "then", beds.promotion(approval="Rejected"), platform={**beds.PLATFORM, "prod": rules}
    )
    bed.by_event = True
    assert bed.reconcile(rejecting, parse_scope(["promotion=churn-1"])).exit_code() == 0
    assert beds.described(bed, 1)["ModelApprovalStatus"] == "Rejected"
