"""`--review`, `hold` and `current` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.sandbox.server import Serving
from tests.cli.conftest import EXAMPLE, Command, Repo
from tests.cli.spokes import HUB, Hand

Hands = Callable[[str], Hand]
RULE = "  approvals: {count: 2, from: [model-risk], excludeAuthor: true}"


def review_file(folder: Path, head: str, **more: Any) -> Path:
    people = [{"login": name, "teams": ["model-risk"]} for name in ("bo", "cy")]
    said = {"pr": 7, "head": head, "author": "ana", "approvers": people, "mergedBy": "bo", **more}
    schema = json.loads((EXAMPLE.parent / "schemas" / "review.v1.json").read_text())
    Draft202012Validator(schema).validate(said)
    file = folder / "review.json"
    file.write_text(json.dumps(said))
    return file


def standings(live: Command, *words: object) -> dict[str, str]:
    return {row["name"]: row["standing"] for row in live("plan", "--format", "json", *words).json["promotions"]}


@pytest.fixture
def ruled(repo: Repo) -> str:
    """The commit from which approvals are asked for."""
    return repo.edit("platform/guardrails-production.yaml", "  requireLock: false", f"  requireLock: false\n{RULE}")


def test_a_review_of_what_is_applied_counts(live: Command, repo: Repo, ruled: str, tmp_path: Path) -> None:
    held = {"churn-1": "blocked", "churn-2": "pending", "defects-1": "blocked", "ocr-1": "blocked"}
    free = dict.fromkeys(held, "pending")
    assert standings(live) == held
    assert standings(live, "--review", review_file(tmp_path, ruled)) == free
    for hand in ({"authors": ["dan", "Bo"]}, {"pushedBy": "cy"}):  # they do not approve what they made
        assert standings(live, "--review", review_file(tmp_path, ruled, **hand)) == held
    others = {"authors": ["dan"], "pushedBy": None}
    assert standings(live, "--review", review_file(tmp_path, ruled, **others)) == free
    assert standings(live, "--review", review_file(tmp_path, "0" * 40)) == held
    assert standings(live, "--worktree", "--review", review_file(tmp_path, ruled)) == held
    repo.git("checkout", "-q", "-b", "change")
    reviewed = repo.edit("teams/growth/churn-1.yaml", "spec:", "spec:  # looked at")
    repo.git("checkout", "-q", "main")
    assert standings(live, "--review", review_file(tmp_path, reviewed)) == held  # never came here
    repo.git("merge", "-q", "--squash", "change")
    repo.git("commit", "-qm", "Squashed")  # with the same words and in the same second it would be the same commit
    squashed = repo.git("rev-parse", "HEAD")
    assert squashed != reviewed
    assert standings(live, "--review", review_file(tmp_path, reviewed)) == free
    based = review_file(tmp_path, reviewed, base=ruled)
    assert standings(live, "--review", based) == {**held, "churn-1": "pending"}  # all that the pull request touched
    repo.edit("teams/growth/churn-1.yaml", "spec:  # looked at", "spec:")
    assert standings(live, "--review", review_file(tmp_path, reviewed)) == {**free, "churn-1": "blocked"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is not an object"),
        ('{"pr": 1, "pr": 2}', "says something twice"),
        ("{}", "pr is null"),
        ('{"pr": 7, "head": "abc"}', 'head is "abc", and a full commit id is expected'),
        (f'{{"pr": 7, "head": "{"0" * 40}", "author": ""}}', 'author is ""'),
        (f'{{"pr": 7, "head": "{"0" * 40}", "author": "a"}}', "mergedBy is null"),
        (
            f'{{"pr": 7, "head": "{"0" * 40}", "author": "a", "mergedBy": null, "approvers": ["bo"]}}',
            "approvers is a list",
        ),
        (
            f'{{"pr": 7, "head": "{"0" * 40}", "author": "a", "mergedBy": null, "approvers": [], "authors": [""]}}',
            "authors is a list",
        ),
        (
            f'{{"pr": 7, "head": "{"0" * 40}", "author": "a", "mergedBy": null, "approvers": [], "pushedBy": 1}}',
            "pushedBy is 1",
        ),
    ],
)
def test_what_is_no_review_is_refused(live: Command, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "review.json"
    file.write_text(text)
    refused = live("plan", "--review", file)
    assert (refused.code, refused.out) == (64, "")
    assert said in refused.err
    assert "review.v1.json" in refused.err


def test_a_hold_keeps_a_group_as_it_is_until_it_is_released(live: Command, repo: Repo, hand: Hands) -> None:
    assert live("reconcile").code == 0
    now = json.loads(live("current", "churn", "--format", "json").out)
    hand(HUB)("sagemaker").update_model_package(ModelPackageArn=now["arn"], ModelApprovalStatus="PendingManualApproval")
    held = live("hold", "churn", "--until", "8h", "--reason", "INC-991: taken back by hand")
    assert held.code == 0
    assert held.out.startswith("the group churn is held by ")
    assert held.out.endswith(": INC-991: taken back by hand\n")
    result = live("reconcile", "--format", "json")
    rows = {row["name"]: row["standing"] for row in result.json["promotions"]}
    assert (result.code, rows["churn-1"], rows["ocr-1"]) == (4, "blocked", "converged")
    assert live("current", "churn").code == 1
    repo.edit("teams/growth/churn-1.yaml", "approval: Approved", "approval: Rejected")
    assert live("reconcile").code == 0  # a hold never stops a revocation
    repo.edit("teams/growth/churn-1.yaml", "approval: Rejected", "approval: Approved")
    assert live("reconcile").code == 4
    assert live("hold", "churn", "--release").out.startswith("no longer: the group churn is held by ")
    assert live("reconcile").code == 0
    assert live("hold", "churn", "--release").out == "the group churn is not held\n"
    assert live("current", "churn").code == 0


def test_a_hold_that_makes_no_sense_is_refused(live: Command, serving: Serving) -> None:
    for words, said in (
        (["churn"], "a hold needs an end and a reason"),
        (["churn", "--until", "8h"], "a hold needs an end and a reason"),
        (["churn", "--until", "2020-01-01T00:00Z", "--reason", "x"], "is over already"),
        (["churn", "--until", "2030-01-01T00:00", "--reason", "x"], "is not a time"),
        (["churn", "--until", "soon", "--reason", "x"], "is not a time"),
        (["nothing", "--until", "8h", "--reason", "x"], "there is no ModelGroup"),
        (["churn", "--release", "--reason", "x"], "--release takes neither"),
    ):
        refused = live("hold", *words)
        assert (refused.code, said in refused.err) == (64, True), refused
    assert live("hold", "churn", "--until", "8h", "--reason", "x").code == 1  # the group is not there yet
    assert live("reconcile").code == 0
    assert live("hold", "churn", "--until", "8h", "--reason", "a <b>").code == 64
    assert live("hold", "churn", "--until", "8h", "--reason", "x" * 300).code == 64
    assert live("hold", "churn", "--release").out == "the group churn is not held\n"


def test_current_names_what_is_to_be_deployed(live: Command, repo: Repo, hand: Hands) -> None:
    none = live("current", "churn")
    said = "error: no version of churn is Approved in the hub\nhint: hubwright plan says why\n"
    assert (none.code, none.out, none.err) == (1, "", said)  # not even its group is there yet
    assert live("reconcile").code == 0
    found = json.loads(live("current", "churn", "--format", "json").out)
    schema = json.loads((EXAMPLE.parent / "schemas" / "current.v1.json").read_text())
    Draft202012Validator(schema).validate(found)
    described = hand(HUB)("sagemaker").describe_model_package(ModelPackageName=found["arn"])
    marks = described["CustomerMetadataProperties"]
    assert described["ModelApprovalStatus"] == "Approved"
    assert (found["promotion"], found["version"], found["approved"]) == ("churn-1", described["ModelPackageVersion"], 1)
    assert (found["digest"], found["promotionId"]) == (marks["hubwright/release"], marks["hubwright/promotion"])
    shown = live("current", "churn").out.splitlines()
    assert shown[0] == f"ARN        {found['arn']}"
    assert live("current", "nothing").code == 64
