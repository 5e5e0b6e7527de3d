"""`hubwright access apply` while a manifest is invalid: what it asks for is not known, so nothing is taken away."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import World
from tests import bed as beds
from tests.cli.test_access_rounds import HUB, REPOSITORIES, STORE, Ground, ours
from tests.granted import PLATFORM, spoke

LATER = "arn:aws:iam::666666666666:role/scoring"


@pytest.fixture
def ground() -> Iterator[tuple[Serving, Ground]]:
    world = World(bare=True)
    world.settings.authorize = True
    serving = serve(world)
    yield serving, Ground(serving)
    serving.close()


def fleet(key: str) -> dict[str, dict[str, Any]]:
    """Two spokes, of which one reads what the other's models become."""
    hub = copy.deepcopy(PLATFORM["central"])
    hub["spec"]["stores"] = [{"name": "main", "bucket": STORE, "kmsKeyArn": key}]
    source = {"spoke": "churn-lab", "group": "churn-lab-experiments", "approval": ["Approved"]}
    return {
        "fleet": PLATFORM["fleet"],
        "central": hub,
        "churn-lab": spoke("churn-lab", "222222222222"),
        "far-lab": spoke("far-lab", "555555555555"),
        "churn": {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"readers": ["far-lab"]}},
        "fraud": {"kind": "ModelGroup", "metadata": {"name": "fraud"}, "spec": {}},
        "follow": {
            "kind": "Subscription",
            "metadata": {"name": "follow"},
            "spec": {"from": source, "to": {"group": "churn"}},
        },
    }


@pytest.mark.parametrize("name", ["churn", "follow", "far-lab"])
def test_an_invalid_manifest_takes_nothing_away(
    name: str,
    ground: tuple[Serving, Ground],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    serving, found = ground
    for variable, value in serving.ready()["accounts"][HUB]["env"].items():
        monkeypatch.setenv(variable, value)

    def applied(platform: dict[str, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        beds.manifests(tmp_path, platform=platform)
        code = execute(["access", "apply", "--account", HUB, "--repo", str(tmp_path), "--worktree", "--format", "json"])
        return code, json.loads(capfd.readouterr().out)

    def said() -> dict[str, set[str]]:
        return {f"{key.kind}/{key.name}": ours(text) for key, text in found.policies().items()}

    whole = fleet(found.key)
    assert applied(whole)[0] == 0
    before = said()
    assert before["group_policy/churn"] and before[f"repository_policy/{REPOSITORIES[0]}"]

    broken = copy.deepcopy(whole)
    broken[name]["spec"]["nonsense"] = True
    broken["fraud"]["spec"]["readers"] = [LATER]
    code, done = applied(broken)
    kept = {
        item["about"].partition("/")[2].partition("/")[2] for item in done["findings"] if item["standing"] == "invalid"
    }
    assert (code, f"repository_policy/{REPOSITORIES[0]}" in kept, "group_policy/fraud" in kept) == (5, True, False)
    after = said()
    assert {key: sids - after[key] for key, sids in before.items() if sids - after[key]} == {}
    assert after["group_policy/fraud"] > before["group_policy/fraud"], "what only adds goes on"

    mended = copy.deepcopy(whole)
    mended["churn"]["spec"]["readers"] = []
    assert applied(mended)[0] == 0
    assert said()["group_policy/churn"] == set()
