"""One telling of the story up to the promotion, with its sandbox still running, for all tests that look at the result."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest

from controller.sandbox.demo import story
from controller.sandbox.demo.stage import Stage, stage
from controller.sandbox.demo.step import Record
from controller.sandbox.demo.voice import Voice


@pytest.fixture(scope="package")
def hub() -> Iterator[Stage]:
    """After `reconcile`: the hub has all that the example manifests ask for."""
    with stage(None, Voice(io.StringIO()), Record()) as where:
        story.prepare(where)
        story.promote(where)
        yield where


@pytest.fixture(scope="package")
def packages(hub: Stage) -> dict[str, dict[str, Any]]:
    """The hub's versions by their source (`churn-experiments/1`), as SageMaker describes them."""
    return {
        source.partition("/")[2]: hub.hub.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
        for source, arn in story.promoted(hub.hub).items()
    }


@pytest.fixture(autouse=True)
def _no_settings_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
