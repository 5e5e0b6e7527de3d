"""The whole way of a change: pull request, plan, merge, reconcile, drift; with the workflows' own scripts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.conftest import _made as _made
from tests.cli.conftest import _serving as _serving
from tests.cli.conftest import hand as hand
from tests.cli.conftest import hubwright as hubwright
from tests.cli.conftest import live as live
from tests.cli.conftest import repo as repo
from tests.cli.conftest import serving as serving
from tests.cli.spokes import HUB
from tests.cli.test_flow import Hands, status
from tests.github.double import TOKEN, Double
from tests.github.double import serving as code_host
from tests.github.workflows import Runner


@dataclass
class Project:
    """A team's repository: where the team works, what the code host has, and the runs of its workflows."""

    team: Repo
    host: Double
    aws: Mapping[str, str]
    scratch: Path
    runs: int = 0

    @property
    def origin(self) -> str:
        return str(self.scratch / "origin.git")

    def push(self, branch: str) -> str:
        """Pushes a branch; its newest commit."""
        self.team.git("push", "-qf", self.origin, f"{branch}:{branch}")
        self.host.heads[branch] = self.team.git("rev-parse", branch)
        return self.host.heads[branch]

    def job(self, name: str, commit: str, **context: str) -> tuple[int, Runner]:
        """One run of a workflow at a commit."""
        self.runs += 1
        place = self.scratch / f"run-{self.runs}"
        known = {
            "inputs.version": "0",
            "inputs.path": "manifests",
            "inputs.role": f"arn:aws:iam::{HUB}:role/hubwright",
            "inputs.region": "eu-west-1",
            "inputs.reviewed": "true",
            "inputs.teams": "model-risk=grace\n",
            "github.token": TOKEN,
            "github.sha": commit,
            "github.event.repository.default_branch": "main",
            "github.base_ref": "main",
        }
        environment = {**self.aws, "GITHUB_API_URL": self.host.address, "AWS_EC2_METADATA_DISABLED": "true"}

        def uses(action: str, given: Mapping[str, Any]) -> None:
            if action.startswith("actions/checkout@"):
                self.team.git("clone", "-q", "--template=", self.origin, str(place / "checkout"))
                Repo(place / "checkout").git("checkout", "-q", commit)
            elif given["name"].startswith("hubwright-plan-") and (place / "checkout" / given["path"]).exists():
                head = context["github.event.pull_request.head.sha"]
                self.host.artifact(given["name"], head, (place / "checkout" / given["path"]).read_bytes())

        runner = Runner(place / "checkout", place, known | context, environment, uses)
        return runner.run(name), runner

    def pull(self, number: int, branch: str) -> tuple[str, dict[str, str]]:
        """A pull request as its workflows see it: the merge that is tried, and what the event says."""
        head = self.push(branch)
        self.team.git("checkout", "-q", "--detach", "main")
        self.team.git("merge", "-q", "--no-ff", "-m", "try", branch)
        tried = self.team.git("rev-parse", "HEAD")
        self.team.git("push", "-qf", self.origin, f"HEAD:refs/heads/pull-{number}")
        self.team.git("checkout", "-q", branch)
        return tried, {"github.event.pull_request.number": str(number), "github.event.pull_request.head.sha": head}

    def merge(self, number: int, branch: str) -> str:
        """Squashes the branch into main."""
        head = self.team.git("rev-parse", branch)
        self.team.git("checkout", "-q", "main")
        self.team.git("merge", "-q", "--squash", branch)
        self.team.git("commit", "-qm", f"squashed (#{number})")
        commit = self.push("main")
        self.host.pulls.append(
            {
                "number": number,
                "user": {"login": "ada"},
                "merged_at": "2026-11-22T12:00:00Z",
                "merged_by": {"login": "ada"},
                "merge_commit_sha": commit,
                "base": {"sha": "c" * 40},
                "head": {"sha": head, "ref": branch, "repo": {"full_name": "acme/models"}},
            }
        )
        return commit


@pytest.fixture
def project(repo: Repo, serving: Serving, tmp_path: Path) -> Iterator[Project]:
    with code_host() as host:
        made = Project(repo, host, serving.ready()["env"], tmp_path / "ci")
        made.scratch.mkdir()
        repo.git("clone", "-q", "--template=", "--bare", str(repo.top), made.origin)
        made.push("main")
        yield made
        shutil.rmtree(made.scratch)


def propose(project: Project, branch: str, name: str, old: str, new: str) -> None:
    if project.team.git("branch", "--list", branch):
        project.team.git("checkout", "-q", branch)
    else:
        project.team.git("checkout", "-qb", branch, "main")
    project.team.edit(name, old, new)


def test_a_change_from_its_pull_request_to_the_hub(project: Project, serving: Serving, hand: Hands) -> None:
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    tried, event = project.pull(7, "first")
    code, checked = project.job("validate", tried, **event)
    assert (code, "Valid: " in checked.summary) == (0, True)
    code, planned = project.job("plan", tried, **event)
    assert code == 0, planned.log
    (comment,) = project.host.comments[7]
    assert comment["body"].startswith("<!-- hubwright:plan -->\n### Hubwright: plan\n")
    assert not serving.world.mutations()

    propose(project, "first", "teams/growth/churn-1.yaml", "reason: The first", "reason: Our first")
    tried, event = project.pull(7, "first")
    assert project.job("plan", tried, **event)[0] == 0
    assert [item["id"] for item in project.host.comments[7]] == [comment["id"]]
    assert tried[:12] in project.host.comments[7][0]["body"]

    merged = project.merge(7, "first")
    code, done = project.job("reconcile", merged)
    assert code == 0, done.log
    assert status(hand, "churn") == {1: "Approved", 2: "PendingManualApproval"} or set(
        status(hand, "churn").values()
    ) == {"Approved", "PendingManualApproval"}
    result = project.host.comments[7][1]["body"]
    assert result.startswith("<!-- hubwright:result -->\n### Hubwright: result\n")
    assert f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/" in result

    changed = len(serving.world.mutations())
    assert project.job("reconcile", merged)[0] == 0  # started again, it finds nothing to do
    assert len(serving.world.mutations()) == changed


@pytest.mark.slow
def test_what_nobody_reviewed_is_left_alone(project: Project, serving: Serving) -> None:
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    tried, event = project.pull(7, "first")
    project.job("plan", tried, **event)
    propose(project, "first", "teams/growth/churn-1.yaml", "approval: Approved", "approval: PendingManualApproval")
    merged = project.merge(7, "first")  # without a plan of its last commit
    code, run = project.job("reconcile", merged)
    assert code == 1, run.log
    assert "no pull request of these commits has a saved plan" in run.log
    assert not serving.world.mutations()


def test_a_merge_whose_head_moved_is_refused(project: Project, serving: Serving) -> None:
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    tried, event = project.pull(7, "first")
    project.job("plan", tried, **event)
    merged = project.merge(7, "first")
    project.team.edit("teams/vision/ocr-1.yaml", "Reads worn", "Reads very worn")
    newer = project.push("main")
    code, run = project.job("reconcile", merged)
    assert code == 6
    assert f"{merged[:12]} is not the newest commit of main: that is {newer[:12]}" in run.log
    assert not serving.world.mutations()
    code, run = project.job("reconcile", newer)  # the newest commit's run does what both asked for, as far as reviewed
    assert code == 6, run.log
    assert {call.operation for call in serving.world.mutations()} >= {"CreateModelPackage"}
    assert "stale" in run.summary


@pytest.mark.slow
def test_what_is_committed_is_neither_a_reviewed_plan_nor_a_review(
    project: Project, hand: Hands, live: Command
) -> None:
    rule = "spec:\n  approvals: {count: 1, from: [model-risk], excludeAuthor: true}\n"
    project.team.edit("platform/guardrails-production.yaml", "spec:\n", rule)
    project.push("main")
    propose(project, "first", "teams/vision/ocr-1.yaml", "Reads worn", "Reads very worn")
    tried, event = project.pull(7, "first")
    assert project.job("plan", tried, **event)[0] == 4
    project.merge(7, "first")  # so that there is some plan that was reviewed
    project.team.edit("teams/growth/churn-1.yaml", "reason: First", "reason: Mine")
    (project.team.top / "plans").mkdir()
    head = project.team.git("rev-parse", "HEAD")
    said = {"pr": 8, "head": head, "author": "ada", "mergedBy": "ada"}
    review = project.team.top / "review.json"
    review.write_text(json.dumps({**said, "approvers": [{"login": "grace", "teams": ["model-risk"]}]}))
    assert live("plan", "--review", review, "--out", project.team.top / "plans" / "plan-8.json").code == 0
    project.team.git("add", "plans", "review.json")
    project.team.git("commit", "-qm", "what nobody reviewed")
    code, run = project.job("reconcile", project.push("main"))
    assert (code, "no review was given" in run.summary) == (4, True), run.log
    assert set(status(hand, "churn").values()) == {"PendingManualApproval"}


@pytest.mark.slow
def test_no_link_of_a_pull_request_is_written_through_and_no_file_of_it_shown(project: Project, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was\n")
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    names = ("plan.md", "plan.json", "errors.txt", "faults.txt")
    for name in names:
        (project.team.top / name).symlink_to(victim)
    (project.team.top / "annotations.txt").write_text("::error::said by the pull request\n")
    project.team.git("add", *names, "annotations.txt")
    project.team.git("commit", "-qm", "links")
    tried, event = project.pull(7, "first")
    for name in ("validate", "plan"):
        code, run = project.job(name, tried, **event)
        assert (code, victim.read_text()) == (0, "as it was\n"), run.log
        assert "said by the pull request" not in run.log


def test_what_cannot_be_planned_is_said_on_the_pull_request(project: Project) -> None:
    propose(project, "first", "teams/growth/churn-1.yaml", "version: 1", "version: one")
    tried, event = project.pull(7, "first")
    code, checked = project.job("validate", tried, **event)
    assert code == 1
    assert "::error file=manifests/teams/growth/churn-1.yaml,line=8,col=" in checked.log
    code, planned = project.job("plan", tried, **event)
    assert code == 5
    assert "::error file=manifests/teams/growth/churn-1.yaml,line=8,col=" in planned.log
    assert "Invalid manifests (1)" in project.host.comments[7][0]["body"]


def test_a_plan_that_failed_says_so(project: Project) -> None:
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    tried, event = project.pull(7, "first")
    project.aws = {**project.aws, "AWS_SECRET_ACCESS_KEY": "wrong", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    code, run = project.job("plan", tried, **event)
    assert code != 0
    (comment,) = project.host.comments[7]
    assert "could not be read" in comment["body"] or "no plan" in comment["body"], run.log


@pytest.mark.slow
def test_drift_is_one_issue(project: Project, hand: Hands) -> None:
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    tried, event = project.pull(7, "first")
    project.job("plan", tried, **event)
    merged = project.merge(7, "first")
    assert project.job("reconcile", merged)[0] == 0
    code, clean = project.job("drift", merged)
    assert (code, project.host.issues) == (0, []), clean.log
    number = next(number for number, said in status(hand, "churn").items() if said == "PendingManualApproval")
    arn = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/{number}"
    hand(HUB)("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    for _ in range(2):
        code, run = project.job("drift", merged)
        assert code == 3, run.log
    hand(HUB)("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="PendingManualApproval")
    assert project.job("drift", merged)[0] == 0
    assert [item["state"] for item in project.host.issues] == ["closed"]


GROUP = "apiVersion: hubwright.io/v1beta1\nkind: ModelGroup\nmetadata: {{name: churn-{}}}\nspec: {{}}\n"


@pytest.mark.slow
def test_one_comment_of_ten_thousand_changes_and_a_merge_that_somebody_overtook(
    project: Project, serving: Serving
) -> None:
    """All of a pull request's life in one: pushed twice, far too long to be read, merged, and overtaken."""
    propose(project, "first", "teams/growth/churn-1.yaml", "reason: First", "reason: The first")
    tried, event = project.pull(7, "first")
    assert project.job("plan", tried, **event)[0] == 0
    (small,) = project.host.comments[7]

    for number in range(10_000):
        (project.team.top / f"manifests/teams/growth/group-{number}.yaml").write_text(GROUP.format(number))
    project.team.commit()
    tried, event = project.pull(7, "first")
    code, planned = project.job("plan", tried, **event)
    assert code == 0, planned.log
    (comment,) = project.host.comments[7]
    assert comment["id"] == small["id"]
    assert len(comment["body"]) <= 65_536
    shown = comment["body"].count("- `+` `group churn-")
    left = sum(int(count) for count in re.findall(r"- … and (\d+) more, not shown here", comment["body"]))
    sections = sum(int(count) for count in re.findall(r"^\| [^|]*\| (\d+) \|$", comment["body"], re.MULTILINE))
    whole = planned.plan["summary"]["actions"]
    assert whole > 10_000
    assert shown > 100
    assert shown + left > 10_000 - 100
    assert sections >= whole
    assert f"{planned.plan['summary']['creates']:,} to create" in comment["body"]

    merged = project.merge(7, "first")
    project.team.edit("teams/vision/ocr-1.yaml", "Reads worn", "Reads very worn")
    newer = project.push("main")
    code, run = project.job("reconcile", merged)
    assert code == 6
    assert f"{merged[:12]} is not the newest commit of main: that is {newer[:12]}" in run.log
    assert [item["id"] for item in project.host.comments[7]] == [small["id"]]
    assert not serving.world.mutations()
