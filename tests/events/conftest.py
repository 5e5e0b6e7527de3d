"""The sandbox, repository and hands of the command line's tests, for handlers and worker."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.events import pull
from controller.events.queue import Queue
from controller.sandbox.server import Serving
from tests.cli.conftest import (  # noqa: F401  (fixtures)
    Repo,
    _environment,
    _made,
    _serving,
    hand,
    hubwright,
    live,
    repo,
    serving,
)
from tests.cli.spokes import CHURN


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty queue is waited for only briefly."""
    receive = Queue.receive
    monkeypatch.setattr(Queue, "receive", lambda queue, wait: receive(queue, min(wait, 1)))


@pytest.fixture(autouse=True)
def _forgetting() -> Iterator[None]:
    yield
    for line in pull._lines.values():
        line.close()
    pull._lines.clear()


@pytest.fixture
def in_hub(serving: Serving, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Serving:  # noqa: F811
    """A Lambda function's environment in the hub's account."""
    for name, value in {**serving.ready()["env"], "HUBWRIGHT_REPO": str(repo.top)}.items():
        monkeypatch.setenv(name, value)
    return serving


@pytest.fixture
def in_spoke(serving: Serving, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Serving:  # noqa: F811
    """A Lambda function's environment in the account of the spoke churn-lab, which pushes."""
    repo.edit("platform/spoke-churn-lab.yaml", "spec:\n", "spec:\n  pattern: push\n")
    ready = serving.ready()
    here = {**ready["env"], **ready["accounts"][CHURN]["env"], "HUBWRIGHT_REPO": str(repo.top)}
    for name, value in here.items():
        monkeypatch.setenv(name, value)
    return serving


def committed(top: Path) -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=top, check=True, capture_output=True, text=True).stdout
