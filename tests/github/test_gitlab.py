"""What GitLab would say of the pipeline that `init` writes: its own schema, and whether what names something finds it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from controller.cli import execute
from tests.github.workflows import TOP

PEERS = TOP / "tests" / "peers" / "node_modules"
LINT = PEERS / "gitlab-ci-local" / "src" / "index.js"
pytestmark = pytest.mark.peer


@pytest.fixture(name="pipeline")
def _pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, in a repository of its own with a remote that nothing is asked of."""
    if shutil.which("node") is None or not LINT.is_file():
        pytest.skip("gitlab-ci-local is not installed: scripts/peers")
    top = tmp_path / "models"
    git = ["git", "-C", str(top), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(top)], check=True)
    monkeypatch.chdir(top)
    assert execute(["init", "--ci", "gitlab"]) == 0
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "begin"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "git@gitlab.example.com:acme/models.git"], check=True)
    return top / ".gitlab-ci.yml"


def linted(pipeline: Path) -> tuple[int, str]:
    """(exit code, what it said), its schema's part included."""
    command = ["node", str(LINT), "--list", "--home", str(pipeline.parent.parent)]
    done = subprocess.run(command, cwd=pipeline.parent, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_pipeline_is_as_gitlabs_schema_has_it(pipeline: Path) -> None:
    code, said = linted(pipeline)
    assert code == 0, said
    assert "json schema validated" in said


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("when: always", "when: sometimes", "'when' property must be one of"),
        ("stage: plan", "stage: plans", "stage:plans not found for plan"),
        ("extends: .hubwright", "extends: .hubrwight", ".hubrwight"),
        ("resource_group: hubwright", "resource_groups: hubwright", "resource_groups"),
    ],
)
def test_what_is_wrong_in_it_would_be_found(pipeline: Path, right: str, wrong: str, complaint: str) -> None:
    text = pipeline.read_text()
    assert right in text
    pipeline.write_text(text.replace(right, wrong))
    code, said = linted(pipeline)
    assert code != 0
    assert complaint in said
