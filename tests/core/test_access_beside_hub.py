"""A spoke that lives in the hub's own account says itself who brings its documents about."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from controller.core.access.derive import derive
from tests import bed as beds
from tests.bed import HUB, REGION
from tests.granted import PLATFORM, spoke


def test_a_group_that_a_spoke_asks_for_is_not_one_that_nobody_does(tmp_path: Path) -> None:
    second: dict[str, Any] = copy.deepcopy(PLATFORM["central"])
    second["metadata"]["name"] = "second"
    second["spec"] |= {
        "account": "333333333333",
        "access": {"read": "arn:aws:iam::333333333333:role/hubwright-read"},
        "stores": [{"name": "main", "bucket": "second-store"}],
    }
    churn = {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"hub": "central"}}
    beside = spoke("own-lab", HUB, manage="observe")
    platform = {**PLATFORM, "second": second, "own-lab": beside, "churn": churn}
    made = beds.manifests(tmp_path, platform=platform)
    assert made.problems == ()
    names = {("group", HUB, REGION): frozenset({"churn", "gone", "own-lab-experiments"})}
    found = {item.key.name: item for item in derive(made, names) if item.key.kind == "group_policy"}
    assert {name: (item.manage, item.why, bool(item.statements)) for name, item in found.items()} == {
        "churn": ("apply", "lets readers deploy versions of churn", False),
        "gone": ("apply", "no manifest names the group: nothing of the fleet's stays in it", False),
        "own-lab-experiments": ("observe", "lets the hub read versions of the spoke own-lab", True),
    }
