from __future__ import annotations

from pathlib import Path

from tests import bed as beds


def test_a_promotion_converges_and_a_second_run_changes_nothing(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    fleet = beds.manifests(tmp_path, beds.promotion())
    first = bed.reconcile(fleet)
    assert [(row.name, row.standing, row.why) for row in first.rows] == [("churn-1", "converged", ())]
    assert [outcome.status for outcome in first.outcomes] == ["done"] * 6
    before = len(bed.world.mutations())
    second = bed.reconcile(fleet)
    assert second.plan.actions == ()
    assert len(bed.world.mutations()) == before
