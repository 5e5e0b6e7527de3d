"""The workflows as data, and their steps run as the scripts that they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.source.strict import read

TOP = Path(__file__).parents[2]
WORKFLOWS = TOP / ".github" / "workflows"
_EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


def workflow(path: Path) -> dict[str, Any]:
    """A workflow as data; `on` stays a word."""
    found = read(path.read_bytes()).data
    assert isinstance(found, dict)
    return found


@dataclass
class Runner:
    """Runs a job's steps in a checkout as GitHub's runner does: scripts by bash, with outputs and environment in files.

    `context` has the value of every expression by its text; `uses` does what an action does.
    """

    checkout: Path
    scratch: Path
    context: Mapping[str, str]
    environment: Mapping[str, str]
    uses: Callable[[str, Mapping[str, Any]], None]
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def run(self, name: str) -> int:
        """The exit code of the first step that fails, or 0."""
        own = WORKFLOWS / f"{name}.yaml"
        (job,) = workflow(own if own.exists() else WORKFLOWS / f"hubwright-{name}.yaml")["jobs"].values()
        programs = self.scratch / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        shim = programs / "hubwright"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m controller "$@"\n')
        shim.chmod(0o755)
        for file in ("env", "path", "output", "summary"):
            (self.scratch / file).write_text("")
        for step in job["steps"]:
            if "uses" in step:
                self.uses(step["uses"], {key: self._said(str(value)) for key, value in step.get("with", {}).items()})
            elif code := self._step(step, programs):
                return code
        return 0

    def _step(self, step: Mapping[str, Any], programs: Path) -> int:
        given = {name: self._said(str(value)) for name, value in step.get("env", {}).items()}
        kept = dict(line.split("=", 1) for line in (self.scratch / "env").read_text().splitlines())
        files = {
            "GITHUB_ENV": "env",
            "GITHUB_PATH": "path",
            "GITHUB_OUTPUT": "output",
            "GITHUB_STEP_SUMMARY": "summary",
        }
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(self.scratch),
            "PYTHONPATH": str(TOP),
            "RUNNER_TEMP": str(self.scratch),
            "GITHUB_REPOSITORY": "acme/models",
            **{name: str(self.scratch / file) for name, file in files.items()},
            **self.environment,
            **kept,
            **given,
        }
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        self.log += f"## {step.get('name')}\n{done.stdout}{done.stderr}"
        if "id" in step:
            lines = (self.scratch / "output").read_text().splitlines()
            self.outputs |= {
                f"steps.{step['id']}.outputs.{key}": value for key, value in (x.split("=", 1) for x in lines)
            }
        return done.returncode

    def _said(self, text: str) -> str:
        known = {"runner.temp": str(self.scratch), **self.context, **self.outputs}
        return _EXPRESSION.sub(lambda found: known[found.group(1)], text)

    @property
    def plan(self) -> dict[str, Any]:
        """The plan that a run saved."""
        found: dict[str, Any] = json.loads((self.scratch / "hubwright-out" / "plan.json").read_text())
        return found

    @property
    def summary(self) -> str:
        return (self.scratch / "summary").read_text()
