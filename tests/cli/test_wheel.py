"""What is installed is what is here: from a built wheel, `init` writes a repository that validates."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.mark.peer
@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")
def test_init_works_from_a_wheel(tmp_path: Path) -> None:
    built = tmp_path / "built"
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)], TOP)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    # Nothing of the checkout is on the path: only the wheel's files, and the libraries that it asks for.
    work = tmp_path / "work"
    work.mkdir()
    run(["git", "init", "-q", "-b", "main"], work)
    program = [sys.executable, "-P", "-m", "controller"]
    alone = {"PYTHONPATH": str(tmp_path / "site")}
    where = run([sys.executable, "-P", "-c", "import controller; print(controller.__file__)"], work, alone)
    assert Path(where.strip()).is_relative_to(tmp_path / "site")
    run(
        [*program, "init", "--account", "123456789012", "--region", "eu-west-1", "--github", "acme/models"], work, alone
    )
    assert (work / ".github/workflows/hubwright-plan.yaml").is_file()
    assert "Valid: " in run([*program, "validate", "--worktree"], work, alone)


def run(command: list[str], place: Path, more: dict[str, str] | None = None) -> str:
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=place, env={**known, **(more or {})}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
