"""Values at the ends of what manifests, tags and documents may say: they hold back at most, and never end the run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.rules import Freeze
from controller.core.windows import frozen
from tests import bed as beds
from tests.guards.cases import Case, declared, furnished, ran

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REVOKED = {"churn-1": {}, "churn-2": {"approval": "Rejected"}}
TWO = {"metrics": ['{"auc": 0.9}', '{"auc": 0.8}'], "before": {"churn-2": {}}, "team": REVOKED}


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_hold_until_the_end_of_time_holds_and_stops_no_revocation(until: str, tmp_path: Path) -> None:
    case = Case("hold", {**TWO, "tags": {"hubwright/hold": f"{until} ana INC-1"}})
    bed, plan, _ = ran(case, tmp_path)
    assert beds.standing(plan, "churn-1") == "blocked"
    assert beds.described(bed, 1)["ModelApprovalStatus"] == "Rejected"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC", "Pacific/Kiritimati"])
def test_a_freeze_of_ten_thousand_years(zone: str) -> None:
    assert frozen(Freeze("ever", "0001-01-01T00:00", "9999-12-31T23:59", zone), NOW)
    assert not frozen(Freeze("never", "0001-01-01T00:00", "0001-01-01T00:01", zone), NOW)
    assert not frozen(Freeze("late", "9999-12-31T23:58", "9999-12-31T23:59", zone), NOW)


RULES = '{"apiVersion": "hubwright.io/v1beta1", "kind": "Guardrails", "metadata": {"name": "prod"}, "spec": {%s}}'
UNREADABLE = {
    "grown too large": RULES % '"requireLock": true' + "\n#" + "x" * (1 << 18),
    "broken JSON": RULES % '"requireLock": true,,',
    "quoted kind": 'metadata: {name: prod}\n"kind": "Guardrails"\nspec: [',
    "misspelt kind": "apiVersion: hubwright.io/v1beta1\nkind: Guardrail\nmetadata: {name: prod}\nspec: {}\n",
    "another encoding": "kind: Guardrails\n".encode("utf-16").decode("latin-1"),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_guardrails_that_cannot_be_read_hold_back_everything_but_revocations(text: str, tmp_path: Path) -> None:
    case = Case("unreadable", TWO)
    bed = furnished(case)
    assert bed.reconcile(declared(tmp_path, case, "before")).exit_code() == 0
    rules = tmp_path / "team" / "manifests" / "platform" / "prod.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(text, "latin-1")
    plan = bed.reconcile(beds.manifests(tmp_path / "team", *wishes()))
    assert beds.standing(plan, "churn-1") == "blocked"
    assert [version["ModelApprovalStatus"] for version in beds.hub_state(bed.world)["packages"].values()] == [
        "Rejected"
    ]


def test_a_broken_file_that_is_no_guardrail_holds_back_nothing(tmp_path: Path) -> None:
    bed = furnished(Case("other", TWO))
    other = tmp_path / "manifests" / "teams" / "notes.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("notes: [")
    assert beds.standing(bed.plan(beds.manifests(tmp_path, *wishes())), "churn-1") == "pending"


def test_broken_guardrails_in_a_teams_folder_stop_nobody(tmp_path: Path) -> None:
    bed = furnished(Case("team's", TWO))
    owned = {
        "kind": "Guardrails",
        "metadata": {"name": "own"},
        "spec": {"owners": [{"paths": ["teams/**", "platform/churn.yaml"]}]},
    }
    for text in UNREADABLE.values():
        other = tmp_path / "manifests" / "teams" / "prod.yaml"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(text, "latin-1")
        found = beds.manifests(tmp_path, *wishes(), platform={**beds.PLATFORM, "own": owned})
        assert beds.standing(bed.plan(found), "churn-1") == "pending"


def wishes() -> list[dict[str, object]]:
    return [beds.promotion(), beds.promotion("churn-2", version=2, approval="Rejected")]
