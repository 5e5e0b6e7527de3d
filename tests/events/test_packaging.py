"""What is shipped beside the package: template, image definition, the function's zip."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from controller import __version__
from controller.events import pull_handler, push_handler

TOP = Path(__file__).parents[2]
TEMPLATE = TOP / "packaging" / "events.yaml"
WORKFLOWS = TOP / ".github" / "workflows"


def test_the_template_is_clean() -> None:
    from cfnlint import lint_all

    found = lint_all(TEMPLATE.read_text())
    assert [str(match) for match in found if match.rule.severity != "informational"] == []
    broken = TEMPLATE.read_text().replace("RetryPolicy:", "RetryPolitely:")
    assert any(match.rule.severity != "informational" for match in lint_all(broken))


def test_the_template_wires_everything_and_names_a_handler_that_is_there() -> None:
    text = TEMPLATE.read_text()
    for kind in ("Events::EventBus", "Events::Rule", "SQS::Queue", "Lambda::Function", "CloudWatch::Alarm"):
        assert f"Type: AWS::{kind}\n" in text
    assert "Handler: controller.events.pull_handler\n" in text
    assert "FunctionResponseTypes: [ReportBatchItemFailures]\n" in text
    assert callable(pull_handler)
    assert callable(push_handler)


def test_the_image_has_git_runs_as_nobody_special_and_names_no_registry() -> None:
    lines = (TOP / "packaging" / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert all("/" not in base for base in bases)
    assert any("install" in line and " git" in line for line in lines)
    assert "USER 10001:10001" in lines


def test_what_is_copied_into_the_image_is_enough(tmp_path: Path) -> None:
    """Its COPY lines by hand, no engine being here: everything that the context leaves, at its place, and a run of it."""
    root, context = tmp_path / "root", tmp_path / "context"
    let_in = [
        line[1:] for line in (TOP / "packaging" / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"
    ]
    for pattern in let_in:
        for path in TOP.glob(pattern):
            place(path, context / path.relative_to(TOP))
    for line in (TOP / "packaging" / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for path in [path for source in sources for path in context.glob(source)]:
                inside = target.endswith("/")
                place(path, root / target / path.name if inside else root / target)
    work = tmp_path / "work"
    work.mkdir()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}

    def hubwright(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "controller", *arguments]
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=True).stdout

    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    assert hubwright("--version") == f"hubwright, version {__version__}\n"
    hubwright("init")
    written = {path.name for path in (work / ".github" / "workflows").iterdir()}
    assert written == {"hubwright.yaml", *(path.name for path in WORKFLOWS.glob("hubwright-*.yaml"))}
    assert "Valid: " in hubwright("validate", "--worktree")


def place(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(path, target)


def test_the_image_runs_no_module_of_the_folder_it_is_started_in(tmp_path: Path) -> None:
    said = re.search(r"exec python (.*)-m controller", (TOP / "packaging" / "Dockerfile").read_text())
    assert said is not None
    (tmp_path / "controller").mkdir()
    (tmp_path / "controller" / "__main__.py").write_text("print('of the checkout')")
    (tmp_path / "json.py").write_text("print('of the checkout')")
    done = subprocess.run(
        [sys.executable, *said[1].split(), "-m", "controller", "--version"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("hubwright, version "), done.stderr


def test_the_zip_has_the_same_bytes_twice_and_no_sandbox(tmp_path: Path) -> None:
    script: dict[str, Any] = runpy.run_path(str(TOP / "scripts" / "lambda_zip"))
    folder = tmp_path / "function"
    for name in ("controller/events/pull.py", "controller/sandbox/app.py", "bin/tool", "a/__pycache__/b.pyc", "a.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    sizes = [script["write_zip"](folder, out) for out in (first, second)]
    assert (first.read_bytes() == second.read_bytes(), sizes[0] == sizes[1]) == (True, True)
    import zipfile

    assert zipfile.ZipFile(first).namelist() == ["a.py", "controller/events/pull.py"]
