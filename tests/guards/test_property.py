"""Whatever guardrails say: what they hold back is never approved, what they do not goes on, revoking always does."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests import bed as beds
from tests.guards.cases import Case, declared, furnished

NAMES = [f"churn-{number}" for number in (1, 2, 3, 4)]
_ENOUGH = ('{"auc": 0.9}', '{"auc": 0.8}')
STATES = ("Approved", "Approved", "PendingManualApproval", "Rejected")


def _rules(chance: random.Random) -> dict[str, Any]:
    """Guardrails out of a hat."""
    gate = {"name": "auc", "metric": "ModelQuality.Statistics:auc", "operator": ">=", "threshold": 0.8}
    better = {"name": "better", "metric": gate["metric"], "operator": ">", "noWorseThan": "current", "margin": 0.1}
    parts: list[dict[str, Any]] = [
        {"gates": chance.choice([[gate], [better], [gate, better], [{"name": "bias", "report": "Bias.Report"}]])},
        {"freezes": [{"name": "now", "from": "2026-11-01T00:00", "until": "2026-12-01T00:00", "zone": "Asia/Tokyo"}]},
        {"windows": [{"name": "sunday", "days": ["Sun"], "from": "11:00", "until": "13:00"}]},
        {"caps": {"approvals": chance.randrange(3), "creates": chance.randrange(1, 5)}},
        {"approvals": {"count": 1}},
        {"requireLock": True},
        {"keepApproved": True},
    ]
    chosen = chance.sample(parts, chance.randrange(4))
    return {name: value for part in chosen for name, value in part.items()}


def _case(chance: random.Random) -> Case:
    metrics = [chance.choice(['{"auc": 0.9}', '{"auc": 0.8}', '{"auc": 0.7}', '{"auc": NaN}', "absent"]) for _ in NAMES]
    team = {name: {"approval": chance.choice(STATES)} for name in NAMES}
    waiver = {"of": "prod/freezes/now", "for": ["churn-1"], "until": "2026-11-30T00:00Z", "reason": "x"}
    rules = _rules(chance)
    data: dict[str, Any] = {"metrics": metrics, "team": team, "rules": {"prod": rules}, "expect": {}}
    if "freezes" in rules:
        data["waivers"] = {"w": waiver}
    if chance.random() < 0.5:
        data["group"] = {"acknowledges": chance.sample(NAMES, 2)}
    return Case("chance", data)


def _surely_held(data: Any, sunday: bool) -> set[str]:
    """Whose first approval the rules hold back for certain, told without the code that judges them."""
    rules = data["rules"]["prod"]
    every = set(NAMES)
    held = every if "approvals" in rules or "requireLock" in rules else set()
    if "windows" in rules and not sunday:
        held = every
    if "freezes" in rules:
        held = held | (every - {"churn-1"})  # it has a waiver
    names = {gate["name"] for gate in rules.get("gates", ())}
    short = {name for name, text in zip(NAMES, data["metrics"], strict=True) if text not in _ENOUGH}
    return held | (short if "auc" in names else set()) | (every if "bias" in names else set())


@pytest.mark.parametrize("seed", range(25))
def test_guards_hold_back_what_they_say_and_nothing_else(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    case = _case(chance)
    bed = furnished(case)
    before = Case("before", {"before": {name: {} for name in chance.sample(NAMES, 2)}})
    if chance.random() < 0.7:
        assert bed.reconcile(declared(tmp_path, before, "before")).exit_code() == 0
    bed.now = datetime.fromisoformat(chance.choice(["2026-11-22T12:00:00+00:00", "2026-11-23T12:00:00+00:00"]))
    fleet = declared(tmp_path, case, "team")
    was = _approved(bed)
    held = {row.name for row in bed.plan(fleet).rows if row.standing in ("blocked", "waiting")}
    bed.reconcile(fleet)
    now = _approved(bed)
    assert not (now - was) & _surely_held(case.data, bed.now.day == 22), "what a rule holds back was approved"
    for name, wish in case.data["team"].items():
        if wish["approval"] == "Rejected":
            assert name not in now, "a guardrail stopped a revocation"
        elif name in held:
            assert (name in now) == (name in was), "what is held back was changed"
        else:
            assert (name in now) == (wish["approval"] == "Approved"), "what nothing holds back did not go on"


def _approved(bed: beds.Bed) -> set[str]:
    """The promotions whose version is Approved, by the number in its source."""
    return {
        f"churn-{body['CustomerMetadataProperties']['hubwright/source'].rpartition('/')[2]}"
        for body in beds.hub_state(bed.world)["packages"].values()
        if body["ModelApprovalStatus"] == "Approved"
    }
