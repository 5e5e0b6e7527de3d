"""What is not committed is not looked at, and a person at a terminal is told so."""

from pathlib import Path

import pytest

from controller.cli.settings import Settings
from controller.cli.unseen import remark_unseen, unseen
from tests.cli.conftest import Command, Repo

CHURN, OCR = "manifests/teams/growth/churn.yaml", "manifests/teams/vision/ocr.yaml"


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.cli.unseen.watched", lambda: True)


def change(repo: Repo) -> None:
    with (repo.top / CHURN).open("a") as file:
        file.write("# one more line\n")


@pytest.mark.usefixtures("at_a_terminal")
def test_a_change_that_is_not_committed_is_told(hubwright: Command, repo: Repo) -> None:
    assert hubwright("validate").err == ""
    change(repo)
    assert (
        hubwright("validate").err
        == f"not committed, so not looked at: {CHURN}; --worktree looks at files as they are\n"
    )
    (repo.top / OCR).unlink()
    (repo.top / "manifests/teams/new.yaml").write_text("{}")
    more = f"not committed, so not looked at: {CHURN} and 2 more; --worktree looks at files as they are\n"
    assert hubwright("validate").err == more
    assert hubwright("validate", "--worktree").err == ""
    repo.commit()
    assert hubwright("validate").err == ""


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize("name", ["plan", "reconcile"])
def test_runs_tell_it_too(live: Command, repo: Repo, name: str) -> None:
    change(repo)
    assert f"not committed, so not looked at: {CHURN};" in live(name, "--scope", "group=ocr").err


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize("given", [{"ref": "main"}, {"log": "json"}, {"log": "none"}])
def test_who_asked_for_something_else_is_not_told(
    repo: Repo, capfd: pytest.CaptureFixture[str], given: dict[str, str]
) -> None:
    change(repo)
    remark_unseen(Settings(repo=str(repo.top), **given))
    assert capfd.readouterr().err == ""


def test_nothing_is_told_where_no_person_looks(hubwright: Command, repo: Repo) -> None:
    change(repo)
    assert hubwright("validate").err == ""


def test_other_ends_of_lines_are_no_change(repo: Repo, tmp_path: Path) -> None:
    path = repo.top / CHURN
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert unseen(repo.top, "manifests") == ()
    assert unseen(tmp_path / "nothing", "manifests") == ()
    change(repo)
    assert unseen(repo.top, "manifests") == (CHURN,)
