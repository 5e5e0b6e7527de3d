"""The release's steps as scripts, with a program in Docker's place that notes what it is told: what they refuse."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller import __version__
from tests.github.workflows import TOP, Runner

DIGEST = f"sha256:{'d' * 64}"
IMAGE = "registry.example/acme/models"
DOCKER = """#!/bin/sh
printf '%s\\n' "$*" >> "$TOLD"
case "$1 $2" in
"login "*) cat >> "$TOLD"; echo >> "$TOLD" ;;
"buildx build") while [ "$1" != --metadata-file ]; do shift; done; printf '%s' "$MADE" > "$2" ;;
"run "*) echo "hubwright, version $RUNS" ;;
esac
"""


@dataclass
class Release:
    """A checkout at a tag, and what came of its release."""

    place: Path
    signed: list[Mapping[str, Any]] = field(default_factory=list)

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "core.hooksPath=/dev/null")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.place / "checkout", check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def run(self, tag: str = f"v{__version__}", **environment: str) -> tuple[int, Runner]:
        scratch = self.place / "scratch"
        (scratch / "bin").mkdir(parents=True)
        (scratch / "bin" / "docker").write_text(DOCKER)
        (scratch / "bin" / "docker").chmod(0o755)
        (self.place / "told").touch()
        context = {
            "github.ref_name": tag,
            "github.event.repository.default_branch": "main",
            "vars.IMAGE_REGISTRY": environment.pop("registry", "registry.example"),
            "github.repository": "Acme/Models",
            "github.server_url": "https://github.example",
            "github.sha": self.git("rev-parse", "HEAD"),
            "github.actor": "ada",
            "github.token": "canary-token",
        }
        made = json.dumps({"containerimage.digest": DIGEST})
        known = {"TOLD": str(self.place / "told"), "MADE": made, "RUNS": __version__, **environment}
        runner = Runner(self.place / "checkout", scratch, context, known, lambda _, given: self.signed.append(given))
        return runner.run("release"), runner

    @property
    def told(self) -> list[str]:
        return (self.place / "told").read_text().splitlines()

    @property
    def attested(self) -> list[Mapping[str, Any]]:
        return [given for given in self.signed if "subject-digest" in given]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    found = Release(tmp_path)
    (tmp_path / "checkout" / "controller").mkdir(parents=True)
    (tmp_path / "checkout" / "controller" / "__init__.py").write_bytes(
        (TOP / "controller" / "__init__.py").read_bytes()
    )
    found.git("init", "-q", "--template=", "-b", "main")
    found.git("add", "-A")
    found.git("commit", "-qm", "release", "--date", "@1764000000 +0000")
    found.git("update-ref", "refs/remotes/origin/main", "HEAD")
    return found


def test_it_pushes_by_the_tag_and_signs_the_digest(release: Release) -> None:
    code, runner = release.run()
    assert code == 0, runner.log
    when, revision = release.git("show", "-s", "--format=%ct", "HEAD"), release.git("rev-parse", "HEAD")
    labels = {"source": "https://github.example/Acme/Models", "revision": revision, "version": __version__}
    assert release.told == [
        "login registry.example --username ada --password-stdin",
        "canary-token",
        "buildx create --use --name release",
        "buildx build --file packaging/Dockerfile --platform linux/amd64 --pull --push --provenance mode=max --sbom true "
        f"--build-arg SOURCE_DATE_EPOCH={when} --tag {IMAGE}:{__version__} "
        + "".join(f"--label org.opencontainers.image.{name}={value} " for name, value in labels.items())
        + f"--metadata-file {release.place}/scratch/image.json .",
        f"run --rm {IMAGE}@{DIGEST} --version",
        "logout registry.example",
    ]
    assert release.attested == [{"subject-name": IMAGE, "subject-digest": DIGEST}]
    assert runner.summary == f"### v{__version__}\n\n`{IMAGE}@{DIGEST}`\n"


def test_another_version_than_the_code_s_is_refused(release: Release) -> None:
    code, runner = release.run(tag="v9.9.9")
    assert (code, release.told, release.attested) == (1, [], [])
    assert f"::error::the tag is v9.9.9, and the code says v{__version__}" in runner.log


def test_a_commit_that_is_not_on_the_default_branch_is_refused(release: Release) -> None:
    release.git("commit", "-qm", "beside", "--allow-empty")
    code, runner = release.run()
    assert (code, release.told, release.attested) == (1, [], [])
    assert "::error::the tagged commit is not on main" in runner.log


def test_without_a_registry_it_says_what_to_set(release: Release) -> None:
    code, runner = release.run(registry="")
    assert code != 0
    assert (release.told, release.attested) == ([], [])
    assert "set the variable IMAGE_REGISTRY" in runner.log


@pytest.mark.parametrize(
    "environment", [{"RUNS": "0.0.0"}, {"MADE": "{}"}], ids=["another version runs", "no digest is known"]
)
def test_what_does_not_run_as_it_should_is_not_signed(release: Release, environment: dict[str, str]) -> None:
    code, _ = release.run(**environment)
    assert (code != 0, release.attested) == (True, [])
