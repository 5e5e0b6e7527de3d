"""`plan --offline`: what a branch asks for, with no credentials and no call."""

from __future__ import annotations

import pytest

from controller.cli import offline
from tests.cli.conftest import Command, Repo


@pytest.fixture
def branch(repo: Repo) -> Repo:
    repo.git("checkout", "-qb", "change")
    return repo


def test_it_tells_what_the_branch_asks_for(hubwright: Command, branch: Repo) -> None:
    start = branch.git("rev-parse", "main")
    branch.edit("teams/growth/churn-1.yaml", "approval: Approved", "approval: Rejected")
    branch.edit("teams/growth/churn-2.yaml", "version: 2", "version: 7")
    branch.commit(teams__vision__ocr_1=None)
    branch.git("checkout", "-q", "main")
    branch.edit("teams/growth/churn-1.yaml", "reason: First", "reason: Later on main")
    branch.git("checkout", "-q", "change")
    said = hubwright("plan", "--offline", "--since", "main")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == f"Offline plan against {start[:12]}: 3 documents otherwise than there."
    assert [line for line in lines if line.startswith("  !")] == [
        "  ! Promotion churn-1  manifests/teams/growth/churn-1.yaml: Approved -> Rejected",
        "  ! Promotion ocr-1  gone from Git; what it brought about stays as it is",
    ]
    assert "      from.version: 2 -> 7" in lines
    assert lines.index("  ~ Promotion churn-2  manifests/teams/growth/churn-2.yaml") > 1
    assert "Later on main" not in said.out
    assert lines[-1] == offline._NOTE


def test_nothing_is_said_of_nothing(hubwright: Command, branch: Repo) -> None:
    said = hubwright("plan", "--offline", "--since", "main", "--format", "markdown")
    assert (said.code, "no document otherwise than there" in said.out) == (0, True)


def test_faults_are_told_and_are_exit_5(hubwright: Command, branch: Repo) -> None:
    branch.edit("teams/growth/churn-1.yaml", "version: 1", "version: one")
    said = hubwright("plan", "--offline", "--since", "main")
    assert said.code == 5
    assert "manifests/teams/growth/churn-1.yaml:8:" in said.out


def test_a_first_fleet_is_all_new(hubwright: Command, repo: Repo) -> None:
    repo.git("checkout", "-q", "--orphan", "bare")
    repo.git("rm", "-rqf", ".")
    repo.git("commit", "-qm", "nothing", "--allow-empty")
    repo.git("checkout", "-qb", "first")
    repo.git("checkout", "-q", "main", "--", "manifests")
    repo.commit()
    said = hubwright("plan", "--offline", "--since", "bare")
    assert said.code == 0
    assert "  + Fleet " in said.out
    assert not [line for line in said.out.splitlines() if line.startswith(("  ~", "  -", "  !"))]


def test_environment_values_and_markup_do_not_come_through(hubwright: Command, branch: Repo) -> None:
    text = "  inference: {environment: {set: {LEVEL: canary-one}}}\n"
    path = branch.top / "manifests/teams/growth/churn-1.yaml"
    path.write_text(path.read_text().rstrip() + "\n" + text)
    branch.commit()
    branch.git("branch", "-f", "main", "change")
    branch.edit("teams/growth/churn-1.yaml", "canary-one", "canary-two")
    branch.edit("teams/growth/churn-1.yaml", "reason: First", "reason: <b>@everyone</b> First")
    said = hubwright("plan", "--offline", "--since", "main", "--format", "markdown").out
    assert "canary" not in said
    assert "LEVEL" in said
    assert "<b>" not in said
    assert "@everyone" not in said


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "--offline needs --since"),
        (("--since", "main", "--format", "json"), "--offline has no --format json"),
        (("--since", "main", "--out", "x"), "--offline does not go with --out"),
        (("--since", "main", "--detailed-exitcode"), "--offline does not go with --detailed-exitcode"),
    ],
)
def test_what_it_cannot_do_is_a_mistake_of_usage(
    hubwright: Command, repo: Repo, more: tuple[str, ...], why: str
) -> None:
    said = hubwright("plan", "--offline", *more)
    assert (said.code, why in said.err) == (64, True)


def test_a_comment_of_many_documents_fits(hubwright: Command, branch: Repo) -> None:
    source = (branch.top / "manifests/teams/growth/churn-1.yaml").read_text()
    folder = branch.top / "manifests/teams/growth"
    for number in range(1, 1000):
        name = f"made-{'x' * 40}-{number}"
        text = source.replace("name: churn-1", f"name: {name}").replace("version: 1", f"version: {1000 + number}")
        (folder / f"{name}.yaml").write_text(text)
    branch.commit()
    said = hubwright("plan", "--offline", "--since", "main", "--format", "markdown")
    assert len(said.out.encode()) < 65_536
    assert " more, not shown here" in said.out
    assert "999 documents" in said.out
