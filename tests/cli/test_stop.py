"""Ctrl-C and SIGTERM, to a real process at work in a real sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo

TOP = Path(__file__).parents[2]


def start(repo: Repo, serving: Serving, *arguments: str) -> subprocess.Popen[str]:
    environment = dict(os.environ) | serving.ready()["env"]
    command = [sys.executable, "-m", "controller", *arguments, "--repo", str(repo.top)]
    return subprocess.Popen(
        command, cwd=TOP, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def asked(serving: Serving, operation: str) -> Callable[[], bool]:
    return lambda: any(call.operation == operation for call in [*serving.world.calls])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_lets_running_effects_finish_and_the_next_run_goes_on(
    number: signal.Signals, code: int, repo: Repo, serving: Serving, live: Command
) -> None:
    serving.world.fault(operation="CreateRepository", do="delay", seconds=0.7, times=0)
    process = start(repo, serving, "reconcile", "--format", "json", "--workers", "2")
    until(asked(serving, "CreateRepository"))
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, err) == (code, "")
    outcomes = {item["status"]: item["detail"] for item in json.loads(out)["outcomes"]}
    rows = json.loads(out)["promotions"]
    assert {row["standing"] for row in rows} <= {"pending", "waiting", "converged"}
    assert any("interrupted before it began" in row["why"] for row in rows)
    assert outcomes["skipped"] == "interrupted before it began"
    assert "done" in outcomes
    serving.world.faults.clear()
    assert live("reconcile").code == 0
    assert live("plan", "--detailed-exitcode").code == 0


def test_a_signal_while_reading_ends_at_once_and_changes_nothing(repo: Repo, serving: Serving) -> None:
    serving.world.fault(operation="ListModelPackages", do="delay", seconds=40)
    process = start(repo, serving, "reconcile")
    until(asked(serving, "ListModelPackages"))
    began = time.monotonic()
    process.terminate()
    assert process.communicate() == ("", "error: interrupted by SIGTERM; nothing was changed\n")
    assert (process.returncode, time.monotonic() - began < 30) == (143, True)
    assert not serving.world.mutations()


def test_a_second_signal_ends_at_once(repo: Repo, serving: Serving) -> None:
    serving.world.fault(operation="CreateRepository", do="delay", seconds=40, times=0)
    process = start(repo, serving, "reconcile")
    until(asked(serving, "CreateRepository"))
    began = time.monotonic()
    while process.poll() is None:  # two that come together count as one
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    process.communicate()
    assert (process.returncode, time.monotonic() - began < 30) == (130, True)


def test_the_sandbox_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "controller", "sandbox", "--seed", "empty", "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=TOP, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(ready.exists)
    found = json.loads(ready.read_text())
    assert found["pid"] == process.pid
    assert set(found["env"]) >= {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "HUBWRIGHT_REGISTRIES"}
    process.terminate()
    out, err = process.communicate()
    assert (process.returncode, err, ready.exists()) == (0, "", False)
    assert out == f"sandbox ready at {found['endpoint']}\n"
