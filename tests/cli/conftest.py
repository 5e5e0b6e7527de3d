"""A sandbox on real sockets, furnished once and put back before every test; a repository; the command in this process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.cli import execute
from controller.cli.stop import STOP
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import World
from tests.cli.spokes import Hand, furnish
from tests.clouds import NOWHERE

_STAYS = ("lock", "arrivals", "watchers", "origin")
EXAMPLE = Path(__file__).parents[2] / "manifests"


@pytest.fixture(scope="session")
def _serving() -> Iterator[tuple[Serving, World]]:
    world = World()
    world.settings.status["*"] = ("Completed",)
    world.settings.authorize = True
    serving = serve(world)
    furnish(serving.ready())
    yield serving, world.copy()
    serving.close()


@pytest.fixture
def serving(_serving: tuple[Serving, World]) -> Serving:
    """The sandbox as it was when it was furnished."""
    found, furnished = _serving
    kept = {name: value for name, value in vars(furnished.copy()).items() if name not in _STAYS}
    vars(found.world).update(kept)
    found.world.calls.clear()
    return found


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("AWS_", "HUBWRIGHT_", "GIT_")):
            monkeypatch.delenv(name)
    settings = {"AWS_CONFIG_FILE": NOWHERE, "AWS_SHARED_CREDENTIALS_FILE": NOWHERE, "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(STOP, "number", 0)


@dataclass(frozen=True)
class Repo:
    """A Git repository with the example fleet."""

    top: Path

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(["git", *who, *arguments], cwd=self.top, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, **files: str | None) -> str:
        """Writes (None: removes) files of the manifests folder, named with `__` for `/`, and commits them."""
        for name, text in files.items():
            path = self.top / "manifests" / f"{name.replace('__', '/').replace('_', '-')}.yaml"
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "change", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def edit(self, name: str, old: str, new: str) -> str:
        """Replaces a part of a manifest and commits it."""
        path = self.top / "manifests" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return self.commit()


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    made = Repo(tmp_path_factory.mktemp("made") / "repo")
    shutil.copytree(EXAMPLE, made.top / "manifests")
    made.git("init", "-q", "--template=", "-b", "main")
    made.commit()
    made.git("repack", "-adq")  # copied for every test: one file instead of a folder for every object
    return made


@pytest.fixture
def repo(_made: Repo, tmp_path: Path) -> Repo:
    shutil.copytree(_made.top, tmp_path / "repo")
    return Repo(tmp_path / "repo")


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The result as data; plans, results and validations are what their schemas say."""
        found: dict[str, Any] = json.loads(self.out)
        name, _, version = found["format"].removeprefix("hubwright.io/").partition("/")
        if name in ("plan", "result", "validation", "drift"):
            schema = json.loads((EXAMPLE.parent / "schemas" / f"{name}.{version}.json").read_text())
            Draft202012Validator(schema).validate(found)
        return found


Command = Callable[..., Said]


@pytest.fixture
def hubwright(repo: Repo, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command (its words in one text) on the repository, without an AWS account."""

    def command(name: str, *arguments: object) -> Said:
        code = execute(
            [*name.split(), *([] if name in ("sandbox", "demo") else ["--repo", str(repo.top)]), *map(str, arguments)]
        )
        return Said(code, *capfd.readouterr())

    return command


@pytest.fixture
def live(hubwright: Command, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command on the repository as the controller in the sandbox's hub."""
    for name, value in serving.ready()["env"].items():
        monkeypatch.setenv(name, value)
    return hubwright


@pytest.fixture
def hand(serving: Serving) -> Callable[[str], Hand]:
    """An account's administrator at work."""
    return lambda account: Hand(serving.ready(), account)
