"""Where a page's commands run: a scratch repository, the sandbox, and somebody's credentials for each of them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from tests.cli.conftest import Repo
from tests.cli.spokes import HUB, Hand
from tests.docs.pages import TOP

_SHELL = frozenset("$<>|&;()`")


@dataclass
class Stage:
    """`words` are what a page leaves open and what it is here; `codes` the exit codes that are not 0, by the command as
    it is written; `before` what has to happen first, by the same."""

    repo: Repo
    ready: Mapping[str, Any]
    scratch: Path
    monkeypatch: pytest.MonkeyPatch
    words: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        programs = self.scratch / "programs"
        programs.mkdir(parents=True)
        shim = programs / "hubwright"
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m controller "$@"\n')
        shim.chmod(0o755)
        people = {f"GIT_{who}_{what}": "Ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        settings = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(TOP), **people}
        for name, value in {**settings, **self.ready["env"]}.items():
            self.monkeypatch.setenv(name, value)
        self.enter(self.repo.top)

    def enter(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.monkeypatch.chdir(folder)

    def hand(self, account: str) -> Hand:
        return Hand(dict(self.ready), account)

    def become(self, account: str) -> None:
        """From here on with the credentials of that account's administrator."""
        for name, value in self.ready["accounts"][account]["env"].items():
            self.monkeypatch.setenv(name, value)

    def controller(self) -> None:
        """From here on as the controller in the hub again."""
        for name, value in self.ready["env"].items():
            self.monkeypatch.setenv(name, value)

    def here(self, command: str) -> str:
        """A command as it is run: with everything that the page leaves open."""
        for word, instead in self.words.items():
            command = command.replace(word, instead)
        return command

    def run(self, command: str) -> int:
        """Runs a command as it is written; what plainly calls `hubwright` in this process, everything else by bash."""
        if command in self.before:
            self.before[command]()
        text = self.here(command)
        if text.startswith("hubwright ") and not _SHELL & set(text):
            return execute(shlex.split(text)[1:])
        done = subprocess.run(["bash", "-e", "-c", text], capture_output=True, text=True, timeout=120, check=False)
        print(done.stdout, done.stderr)
        return done.returncode

    def sure(self, *commands: str) -> None:
        """Runs commands that a page takes for granted."""
        for command in commands:
            assert self.run(command) == 0, command

    def version(self, group: str, approval: str) -> str:
        """The ARN of a hub group's first version of that approval."""
        listed = self.hand(HUB)("sagemaker").list_model_packages(ModelPackageGroupName=group)
        return next(
            str(item["ModelPackageArn"])
            for item in listed["ModelPackageSummaryList"]
            if item["ModelApprovalStatus"] == approval
        )

    def mark(self, arn: str, name: str) -> str:
        found = self.hand(HUB)("sagemaker").describe_model_package(ModelPackageName=arn)
        return str(found["CustomerMetadataProperties"][f"hubwright/{name}"])

    def data(self, path: str) -> Any:
        return json.loads(Path(path).read_text())
