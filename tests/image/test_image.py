"""The container image, built, published by the release's own steps, fetched again and run as a strict cluster would."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller import __version__
from controller.sandbox.server import Serving
from tests.cli.conftest import Repo, _environment, _made, _serving, hand, repo, serving  # noqa: F401  (fixtures)
from tests.cli.spokes import HUB, Hand
from tests.events.ways import until
from tests.github.workflows import Runner
from tests.image.engine import DEFINITION, TOP, Engine, Image, missing, run
from tests.oci.real import free_port, listening

pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]
EPOCH = 1_764_000_000
UID = 10001
NAME = "acme/hubwright"


def base_of(definition: Path) -> str:
    (line,) = [line for line in definition.read_text().splitlines() if line.startswith("FROM ")]
    return line.split()[1]


def checkout(place: Path) -> Path:
    """What is tracked here, as it is now, committed at a known time and tagged as a release."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=TOP).split("\0")
    for name in names:
        if name and (TOP / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, place / name)
    when = f"{EPOCH} +0000"
    known = {**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    run("git", "init", "-q", "--template=", "-b", "main", cwd=place)
    run(*git, "add", "-A", cwd=place)
    run(*git, "commit", "-qm", "release", cwd=place, env=known)
    run("git", "update-ref", "refs/remotes/origin/main", "HEAD", cwd=place)
    return place


@dataclass(frozen=True)
class Released:
    """What the release's steps came to."""

    runner: Runner
    engine: Engine
    checkout: Path
    host: str
    image: Image
    told: list[list[str]]
    signed: list[tuple[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's docker-registry on loopback: `host:port`."""
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    settings = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stderr=subprocess.DEVNULL)
    for _ in range(400):
        if listening(port):
            break
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Released]:
    """Built and pushed by the steps of `release.yaml`, and pulled back by its digest."""
    folder = tmp_path_factory.mktemp("engine")
    engine, top = Engine(folder), checkout(tmp_path_factory.mktemp("checkout"))
    engine.make_base(base_of(top / DEFINITION))
    scratch = tmp_path_factory.mktemp("runner")
    (scratch / "bin").mkdir()
    docker = scratch / "bin" / "docker"
    docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.image.docker "$@"\n')
    docker.chmod(0o755)
    context = {
        "github.ref_name": f"v{__version__}",
        "github.event.repository.default_branch": "main",
        "vars.IMAGE_REGISTRY": registry,
        "github.repository": "Acme/Hubwright",
        "github.server_url": "https://example.com",
        "github.sha": run("git", "rev-parse", "HEAD", cwd=top).strip(),
        "github.actor": "ada",
        "github.token": "canary-token",
    }
    signed: list[tuple[str, Mapping[str, Any]]] = []
    runner = Runner(top, scratch, context, {"STAND_IN": str(folder)}, lambda name, given: signed.append((name, given)))
    assert runner.run("release") == 0, runner.log
    image = engine.pull(f"{registry}/{NAME}@{runner.outputs['steps.push.outputs.digest']}", "tried")
    told = [json.loads(line) for line in (folder / "told").read_text().splitlines()]
    yield Released(runner, engine, top, registry, image, told, signed)
    engine.close()


@pytest.fixture
def image(released: Released) -> Image:
    return released.image


@pytest.fixture
def work(repo: Repo) -> Path:  # noqa: F811
    """A checkout that belongs to the image's user."""
    for path in (repo.top, *repo.top.rglob("*")):
        os.chown(path, UID, UID)
    return repo.top


def test_the_release_pushes_what_it_tried_and_signs_it(released: Released) -> None:
    digest = released.runner.outputs["steps.push.outputs.digest"]
    named = f"{released.host}/{NAME}"
    assert [words[:2] for words in released.told] == [
        ["login", released.host],
        ["buildx", "create"],
        ["buildx", "build"],
        ["run", "--rm"],
        ["logout", released.host],
    ]
    assert released.told[0][2:] == ["--username", "ada", "--password-stdin", "canary-token"]
    assert released.told[3] == ["run", "--rm", f"{named}@{digest}", "--version"]
    assert released.signed[-1][1] == {"subject-name": named, "subject-digest": digest}
    assert "canary-token" not in released.runner.log
    by_tag = run("skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", f"docker://{named}:{__version__}")
    assert by_tag.strip() == digest


def test_what_the_image_says_of_itself(released: Released) -> None:
    config = released.image.config
    labels = {name: value for name, value in config["config"]["Labels"].items() if name.startswith("org.")}
    names = "org.opencontainers.image."
    assert labels == {
        f"{names}title": "Hubwright",
        f"{names}description": "Keeps Amazon SageMaker model registries in the state that Git declares",
        f"{names}licenses": "Apache-2.0",
        f"{names}source": "https://example.com/Acme/Hubwright",
        f"{names}revision": released.runner.context["github.sha"],
        f"{names}version": __version__,
    }
    said = {name: value for name, value in config["config"].items() if name not in ("Labels", "Env")}
    assert said == {
        "User": f"{UID}:{UID}",
        "Entrypoint": ["hubwright"],
        "Cmd": ["--help"],
        "WorkingDir": "/repo",
        "StopSignal": "SIGTERM",
    }
    assert sorted(word for word in config["config"]["Env"] if not word.startswith("PATH=")) == [
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONPATH=/opt/hubwright",
        "PYTHONUNBUFFERED=1",
    ]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_it_holds_the_code_and_nothing_of_the_build(released: Released) -> None:
    with tarfile.open(released.image.layer(-1)) as layer:
        members = {item.name.removeprefix("./"): item for item in layer}
    held = {
        name.removeprefix("opt/hubwright/"): (released.image.root / name).read_bytes()
        for name, item in members.items()
        if name.startswith("opt/") and item.isfile() and not name.endswith(".pyc")
    }
    tracked = run("git", "ls-files", cwd=released.checkout).split()
    inside = {
        name if not name.startswith(".github") else f"controller/starter/workflows/{Path(name).name}": name
        for name in tracked
        if name.startswith(("controller/", "schemas/", ".github/workflows/hubwright-"))
        or name in ("LICENSE", "requirements/run.txt")
    }
    assert held == {target: (released.checkout / name).read_bytes() for target, name in inside.items()}
    gone = "/.wh."  # what a layer takes away from the one below
    rubbish = ("root/", "tmp/", "run/", "var/log/", "var/cache/", "var/lib/apt/lists/", "var/tmp/", "etc/pip.conf")
    left = [item for name, item in members.items() if name.startswith(rubbish) and gone not in name]
    assert [
        item.name for item in left if item.size and "/debconf/" not in item.name
    ] == []  # what was asked of an admin
    assert [name for name in members if gone in f"/{name}" and not name.startswith(rubbish)] == []
    odd = [item for item in members.values() if item.mode & (stat.S_ISUID | stat.S_ISGID) and item.isfile()]
    writable = [item for item in members.values() if item.mode & stat.S_IWOTH and not item.issym()]
    assert (odd, [item for item in writable if item.mode & 0o1777 != 0o1777]) == ([], [])
    own = {name for name, item in members.items() if item.uid == UID}
    assert {name for name in own if not name.startswith("home/hubwright")} <= {"repo"}
    history = json.dumps(released.image.config["history"])
    assert all(word not in history for word in ("canary-token", "index-url", "find-links"))
    assert sum(item.size for item in members.values()) < 250 << 20


def test_a_closed_and_littered_checkout_gives_the_same_bytes(released: Released, tmp_path: Path) -> None:
    """The context lets in what belongs there, whatever its modes are; two builds write the same."""
    littered = tmp_path / "checkout"
    shutil.copytree(released.checkout, littered)
    for name in (".env", "controller/__pycache__/x.pyc", "controller/core/__pycache__/x.pyc", "requirements/own.txt"):
        (littered / name).parent.mkdir(exist_ok=True)
        (littered / name).write_text("AWS_SECRET_ACCESS_KEY=canary")
    for path in (littered, *littered.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    more = (f"--timestamp={EPOCH}", f"--build-arg=SOURCE_DATE_EPOCH={EPOCH}")
    released.engine.build(littered, DEFINITION, "again", *more)
    told = run("buildah", *released.engine.storage, "inspect", "--type=image", "localhost/again")
    assert json.loads(told)["OCIv1"]["rootfs"]["diff_ids"] == released.image.config["rootfs"]["diff_ids"]


def test_it_runs_as_nobody_special_with_git(image: Image) -> None:
    assert image.run("--version") == (0, f"hubwright, version {__version__}\n", "")
    code, out, err = image.run()
    assert (code, out[:22], err) == (0, "Usage: hubwright [OPTI", "")
    assert image.run("-c", "id -u; id -g; id -un; pwd; echo $HOME", entry=["sh"]) == (
        0,
        f"{UID}\n{UID}\nhubwright\n/repo\n/home/hubwright\n",
        "",
    )
    assert image.run("--version", entry=["git"])[1].startswith("git version 2.")
    assert image.run("-c", "touch /opt/hubwright/x /repo/x ~/x", entry=["sh"])[0] == 1


def test_arguments_arrive_as_they_were_given(image: Image, work: Path) -> None:
    name = 'a  b; $(id) `id` "c" \\'
    code, out, err = image.run("show", "promotion", name, work=work)
    assert (code, out) == (64, "")
    assert json.dumps(name) in err


@pytest.mark.parametrize("user", [None, (1001, 1001)], ids=["its own", "one that it does not know"])
def test_a_fleet_is_validated_planned_and_reconciled(
    image: Image,
    repo: Repo,  # noqa: F811
    serving: Serving,  # noqa: F811
    user: tuple[int, int] | None,
) -> None:
    for path in (repo.top, *repo.top.rglob("*")):
        os.chown(path, *(user or (UID, UID)))
    given: dict[str, Any] = {"work": repo.top, "user": user, "environment": serving.ready()["env"]}
    assert image.run("validate", **given)[0] == 0
    assert image.run("plan", "--detailed-exitcode", "--out", "plan.json", **given)[0] == 2
    code, out, err = image.run("reconcile", "--plan", "plan.json", "--format", "json", **given)
    assert code == 0, out + err
    assert json.loads(out)["format"] == "hubwright.io/result/v1"
    assert {row["standing"] for row in json.loads(out)["promotions"]} == {"converged"}
    assert image.run("plan", "--detailed-exitcode", **given)[0] == 0


def test_what_it_cannot_do_is_said_in_words(image: Image, repo: Repo) -> None:  # noqa: F811
    code, out, err = image.run("validate", work=repo.top)  # root's
    assert (code, out) == (1, "")
    assert "belongs to another user" in err
    assert err.endswith("safe.directory /repo\n")
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "/repo"}
    assert image.run("validate", work=repo.top, environment=trusted)[0] == 0
    code, out, err = image.run("demo", work=repo.top)
    assert (code, "Traceback" in err) == (1, False)
    assert "extra [sandbox]" in err


def test_gates_expressions_are_evaluated(image: Image) -> None:
    script = (
        "from decimal import Decimal; from controller.expressions import evaluated;"
        "print(evaluated('metrics.a > metrics.b', {'a': Decimal(2), 'b': Decimal(1)}))"
    )
    assert image.run("-P", "-c", script, entry=["python"]) == (0, "True\n", "")


def test_the_worker_ends_in_good_order(
    image: Image,
    work: Path,
    serving: Serving,  # noqa: F811
    hand: Callable[[str], Hand],  # noqa: F811
) -> None:
    """As the first process of a container it has no default for any signal."""
    url = hand(HUB)("sqs").create_queue(QueueName="work")["QueueUrl"]
    health, settings = work / "health.json", ("--every", "0s", "--health", "health.json")
    environment = serving.ready()["env"]
    process = image.process("watch", "--queue", url, *settings, work=work, environment=environment)
    assert until(lambda: health.exists() and json.loads(health.read_text())["status"] == "waiting")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(health.read_text())["status"]) == (0, "stopped"), out + err
