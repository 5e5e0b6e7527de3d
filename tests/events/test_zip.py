"""The functions' zip, built from the pinned wheels, unpacked into an empty folder and called as Lambda calls it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.server import Serving
from tests.cli.conftest import Repo
from tests.cli.spokes import CHURN, Hand
from tests.events.test_push import ARTICLE, versions
from tests.events.ways import FOLLOW, event, registered, timer

pytestmark = pytest.mark.peer
TOP = Path(__file__).parents[2]
PLAIN = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
CALL = """
import importlib, json, sys
module, _, name = sys.argv[1].rpartition(".")
said = getattr(importlib.import_module(module), name)(json.load(sys.stdin), None)
outside = sorted({item.__file__ for item in sys.modules.values() if "site-packages" in (getattr(item, "__file__", "") or "")})
print(json.dumps({"said": said, "outside": outside}))
"""
GATE = """
from decimal import Decimal
from controller.expressions import evaluated
def judged(event, context): return evaluated(event, {"a": Decimal(2), "b": Decimal(1)})
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For this machine's Python, so that it can be run here."""
    out = tmp_path_factory.mktemp("zip") / "function.zip"
    version = f"3.{sys.version_info.minor}"
    command = [sys.executable, str(TOP / "scripts" / "lambda_zip"), "--out", str(out), "--python", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def function(archive: Path, repo: Repo, tmp_path: Path) -> Path:
    """The zip unpacked, with a bundle of the repository's HEAD, which follows churn-experiments."""
    folder = tmp_path / "task"
    zipfile.ZipFile(archive).extractall(folder)
    repo.commit(teams__growth__follow=FOLLOW)
    return folder


def bundle(repo: Repo, folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "controller",
        "bundle",
        "--repo",
        str(repo.top),
        "--out",
        str(folder / "bundle.json"),
    ]
    subprocess.run(command, cwd=TOP, check=True)


def call(folder: Path, handler: str, what: Any, environment: Mapping[str, str]) -> Any:
    """What a handler answers in a process of its own: only the zip and the standard library, no Git, no program."""
    known = {"PYTHONPATH": ".", "PATH": "/nowhere", "HOME": "/nowhere", "HUBWRIGHT_BUNDLE": "bundle.json"}
    done = subprocess.run(
        [PLAIN, "-S", "-c", CALL, handler],
        cwd=folder,
        env={**known, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        input=json.dumps(what),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["outside"] == []
    return answer["said"]


def test_it_pulls_what_a_queue_hints_at_and_finds_what_events_lost(
    function: Path, repo: Repo, serving: Serving, hand: Callable[[str], Hand]
) -> None:
    bundle(repo, function)
    before = sorted(function.rglob("*"))
    hub = serving.ready()["env"]
    batch = {"Records": [{"messageId": "a", "body": json.dumps(event(3))}, {"messageId": "b", "body": "{"}]}
    pull = "controller.events.pull_handler"
    assert call(function, pull, batch, hub) == {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert registered(hand) == [(3, "PendingManualApproval")]
    assert call(function, pull, timer(), hub)["promotions"]["follow/3"] == "converged"
    assert registered(hand) == [(1, "Approved"), (2, "PendingManualApproval"), (3, "PendingManualApproval")]
    assert sorted(function.rglob("*")) == before  # Lambda lets nothing be written there


def test_it_pushes_what_the_article_s_event_says(
    function: Path, repo: Repo, serving: Serving, hand: Callable[[str], Hand]
) -> None:
    repo.edit("platform/spoke-churn-lab.yaml", "spec:\n", "spec:\n  pattern: push\n")
    bundle(repo, function)
    spoke = {**serving.ready()["env"], **serving.ready()["accounts"][CHURN]["env"]}
    answer = call(function, "controller.events.push_handler", ARTICLE, spoke)
    assert (answer["statusCode"], [answer["model_arn"]]) == ("200", list(versions(hand))), answer


def test_it_evaluates_the_expressions_of_gates(function: Path) -> None:
    (function / "gate.py").write_text(GATE)
    assert call(function, "gate.judged", "metrics.a > metrics.b", {}) is True
