"""The commands that speak to the code host, as a workflow calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from tests.cli.conftest import Repo
from tests.cli.conftest import _made as _made
from tests.cli.conftest import repo as repo
from tests.github.double import TOKEN, Double, serving

HEAD = "b" * 40


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    with serving() as found:
        environment = {"GITHUB_API_URL": found.address, "GITHUB_REPOSITORY": "acme/models", "GITHUB_TOKEN": TOKEN}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield found


def run(*arguments: object) -> int:
    return execute([str(item) for item in arguments])


def test_comment(double: Double, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = tmp_path / "plan.md"
    for text in ("one", "two"):
        body.write_text(text)
        assert run("comment", "--pr", 7, "--body-file", body) == 0
    (made,) = double.comments[7]
    assert made["body"] == "<!-- hubwright:plan -->\ntwo"
    assert capsys.readouterr().out == f"{made['html_url']}\n" * 2


def test_issue(double: Double, tmp_path: Path) -> None:
    body = tmp_path / "drift.md"
    body.write_text("one")
    assert run("issue", "--title", "Drift", "--body-file", body) == 0
    assert run("issue", "--title", "Drift", "--close", "--body-file", body) == 0
    assert [item["state"] for item in double.issues] == ["closed"]


def test_what_is_missing_is_said(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("comment", "--pr", 7, "--body-file", tmp_path / "none") == 64
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_bytes(b"\xff")
    assert run("comment", "--pr", 7, "--body-file", tmp_path / "b") == 64
    double.writable = False
    assert run("comment", "--pr", 7, "--body-file", tmp_path / "a") == 1
    monkeypatch.delenv("GITHUB_TOKEN")
    assert run("comment", "--pr", 7, "--body-file", tmp_path / "a") == 64
    said = capsys.readouterr().err
    assert "cannot read" in said
    assert "is not UTF-8 text" in said
    assert "error: POST issues/7/comments failed: 403 Resource not accessible by integration" in said
    assert "hint: set GITHUB_TOKEN" in said
    assert TOKEN not in said


def pull(double: Double, merge: str) -> None:
    double.pulls.append(
        {
            "number": 7,
            "user": {"login": "ada"},
            "merged_at": "2026-11-22T12:00:00Z",
            "merged_by": {"login": "grace"},
            "merge_commit_sha": merge,
            "base": {"sha": "c" * 40},
            "head": {"sha": HEAD, "ref": "promote/churn 8", "repo": {"full_name": "acme/models"}},
            "commits": len(double.commits.get(7, [])),
        }
    )


def test_plans(double: Double, repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pull(double, repo.git("rev-parse", "HEAD"))
    repo.commit()
    assert run("plans", "--repo", repo.top, "--into", tmp_path / "plans") == 1
    double.artifact(f"hubwright-plan-{HEAD}", HEAD, b'{"a": 1}')
    assert run("plans", "--repo", repo.top, "--into", tmp_path / "plans") == 0
    assert (tmp_path / "plans" / "plan-7.json").read_text() == '{"a": 1}'
    assert run("plans", "--repo", repo.top, "--into", tmp_path / "plans", "--last", 1) == 1


def said(login: str, state: str, commit: str = HEAD) -> dict[str, Any]:
    return {"user": {"login": login}, "state": state, "commit_id": commit}


def test_review(double: Double, repo: Repo, tmp_path: Path) -> None:
    pull(double, repo.git("rev-parse", "HEAD"))
    double.reviews[7] = [
        said("Alan", "CHANGES_REQUESTED"),
        said("Alan", "APPROVED"),
        said("Alan", "COMMENTED"),
        said("kurt", "APPROVED"),
        said("kurt", "DISMISSED"),
        said("emmy", "APPROVED", "d" * 40),
        {"user": None, "state": "APPROVED", "commit_id": HEAD},
    ]
    out = tmp_path / "review.json"
    for which in (["--pr", 7], []):
        assert run("review", *which, "--repo", repo.top, "--team", "model-risk=alan,emmy", "--out", out) == 0
        assert json.loads(out.read_text()) == {
            "format": "hubwright.io/review/v1",
            "pr": "7",
            "head": HEAD,
            "base": "c" * 40,
            "author": "ada",
            "authors": [],
            "pushedBy": None,
            "approvers": [{"login": "Alan", "teams": ["model-risk"]}],
            "mergedBy": "grace",
        }
    repo.commit(teams__growth__churn_1=None)
    assert run("review", "--repo", repo.top, "--out", out) == 64
    assert run("review", "--repo", repo.top, "--team", "x", "--out", out) == 64


def wrote(author: str | None, committer: str | None = "web-flow") -> dict[str, Any]:
    people = {"author": author, "committer": committer}
    return {name: {"login": login} if login else None for name, login in people.items()}


def pushed(login: str | None, after: str, kind: str = "push", branch: str = "promote/churn 8") -> dict[str, Any]:
    actor = {"login": login} if login else None
    return {"ref": f"refs/heads/{branch}", "after": after, "activity_type": kind, "actor": actor}


def test_a_review_says_who_pushed_a_commit_that_names_nobody(double: Double, tmp_path: Path) -> None:
    """Mail addresses in commits are what their authors say; and whoever pushes last hides who pushed before."""
    double.commits[7] = [{"sha": "a" * 40, **wrote(None, None)}, {"sha": HEAD, **wrote("ada")}]
    double.activity = [
        pushed("ada", HEAD),
        pushed("mallory", "a" * 40),
        pushed("linus", "d" * 40),  # of that nothing is left in the pull request
    ]
    pull(double, "e" * 40)
    out = tmp_path / "review.json"
    assert run("review", "--pr", 7, "--out", out) == 0
    said = json.loads(out.read_text())
    assert (said["authors"], said["pushedBy"]) == (["ada", "mallory"], "ada")


def test_a_review_says_who_wrote_it_and_who_pushed_last(double: Double, tmp_path: Path) -> None:
    double.commits[7] = [wrote("ada"), wrote("kurt", "emmy"), wrote(None, None), wrote("Kurt")]
    double.activity = [
        pushed("mallory", HEAD, branch="main"),
        pushed("emmy", "d" * 40),
        pushed("alan", HEAD, "branch_deletion"),
        pushed("grace", HEAD, "force_push"),
    ]
    pull(double, "e" * 40)
    out = tmp_path / "review.json"
    assert run("review", "--pr", 7, "--out", out) == 0
    said = json.loads(out.read_text())
    assert (said["authors"], said["pushedBy"]) == (["Kurt", "ada", "emmy", "kurt"], "grace")
    double.pulls[0]["head"]["repo"]["full_name"] = "mallory/models"  # a fork's pushes are its own repository's
    assert run("review", "--pr", 7, "--out", out) == 0
    assert json.loads(out.read_text())["pushedBy"] is None


def test_a_review_of_more_commits_than_are_listed_is_none(
    double: Double, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    double.commits[7] = [wrote("ada")] * 251
    pull(double, "e" * 40)
    assert run("review", "--pr", 7, "--out", tmp_path / "review.json") == 1
    assert "has 251 commits, and GitHub lists 250" in capsys.readouterr().err
    assert not (tmp_path / "review.json").exists()
