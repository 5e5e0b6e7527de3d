"""The plan as reviewers see it: models against the approved ones, and what their branch brings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Command, Repo
from tests.cli.spokes import CHURN
from tests.cli.test_flow import Hands

NEXT = """\
apiVersion: hubwright.io/v1beta1
kind: Promotion
metadata: {name: churn-4}
spec:
  from: {spoke: churn-lab, group: churn-experiments, version: 4}
  to: {group: churn}
  approval: Approved
"""


@pytest.fixture
def grown(live: Command, repo: Repo, hand: Hands) -> Repo:
    """A fleet that has converged, locked, and a further version in the spoke."""
    assert live("lock").code == 0
    repo.commit()
    assert live("reconcile").code == 0
    made = hand(CHURN)
    image = made.image("churn/better", "2", "serves churn better")
    model = made.put("churn-lab-models", "runs/4/model.tar.gz", b"other weights" * 100)
    container = {
        "Image": image,
        "ModelDataUrl": model,
        "Environment": {"PASSWORD": "canary-environment", "LEVEL": "canary-environment"},
        "Framework": "XGBOOST",
        "FrameworkVersion": "1.7",
    }
    made.package(
        "churn-experiments",
        container,
        CustomerMetadataProperties={"auc": "0.934"},
        MetadataProperties={"GeneratedBy": "https://ada:canary-password@ci.example.com/runs/4"},
        ModelPackageDescription="run 4",
    )
    return repo


def models(said: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row["model"] for row in said["promotions"] if row["model"]}


def test_a_new_model_is_shown_against_the_approved_one(live: Command, grown: Repo) -> None:
    grown.commit(teams__growth__churn_4=NEXT)
    planned = live("plan", "--format", "json").json
    (row,) = [row for row in planned["promotions"] if row["model"]]
    against = row["model"]["against"].rpartition("model-package/")[2]
    digests = [item for item in row["model"]["differences"] if item["facet"] == "image"]
    assert row["model"]["differences"] == [
        {"facet": "source", "before": "churn-experiments/1", "after": "churn-experiments/4", "by": ""},
        {"facet": "metadata auc", "before": "", "after": "0.934", "by": ""},
        *digests,
        {"facet": "framework", "before": "", "after": "XGBOOST 1.7", "by": ""},
        {"facet": "environment", "before": "PASSWORD", "after": "LEVEL, PASSWORD", "by": ""},
        {"facet": "made by", "before": "", "after": "https://[redacted]@ci.example.com/runs/4", "by": ""},
        {"facet": "description", "before": "run 1", "after": "run 4", "by": ""},
        {"facet": "size", "before": "924", "after": "1300", "by": "+376"},
        {"facet": "report ModelQuality.Statistics", "before": "there", "after": "", "by": ""},
    ]
    shown = live("plan").out.splitlines()
    place = shown.index("Models")
    assert shown[place + 1 : place + 3] == [
        f"  churn-4  against {against}, which is approved",
        "      source: churn-experiments/1 -> churn-experiments/4",
    ]
    assert "      size: 924 B -> 1.3 kB (+376 B)" in shown
    for form in ("text", "markdown", "json"):
        said = live("plan", "--format", form, "--debug")
        assert "canary" not in said.out + said.err


def test_what_is_approved_already_is_no_news(live: Command, grown: Repo) -> None:
    assert models(live("plan", "--format", "json").json) == {}
    grown.edit("teams/growth/churn-2.yaml", "PendingManualApproval", "Approved")
    assert [*models(live("plan", "--format", "json").json)] == ["churn-2"]


def test_a_branch_is_shown_apart_from_what_was_so_before(live: Command, grown: Repo) -> None:
    grown.edit("teams/growth/churn-2.yaml", "PendingManualApproval", "Approved")  # merged, and not brought about yet
    grown.git("checkout", "-qb", "feature")
    grown.commit(teams__growth__churn_4=NEXT)
    grown.git("checkout", "-q", "main")
    grown.edit("teams/vision/ocr-1.yaml", "reason: ", "reason: Meanwhile, ")
    grown.git("checkout", "-q", "feature")
    whole = live("plan", "--ref", "feature").out
    mine = live("plan", "--ref", "feature", "--since", "main").out
    assert "Not from this branch" not in whole
    before = mine[mine.index("Not from this branch") :]
    assert "churn-2: PendingManualApproval -> Approved" in before
    assert "churn-4" not in before.partition("\n\n")[0]
    assert "churn-4" in mine[: mine.index("Not from this branch")]
    assert "churn-2  against" not in mine
    assert live("plan", "--since", "nowhere").code == 1


def test_a_branch_of_new_guardrails_brings_everything(live: Command, repo: Repo) -> None:
    repo.git("checkout", "-qb", "feature")
    repo.edit("platform/guardrails-production.yaml", "requireLock: false", "requireLock: false\n  caps: {creates: 200}")
    assert "Not from this branch" not in live("plan", "--since", "main").out
