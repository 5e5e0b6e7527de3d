"""Artifacts of many gigabytes, by the command itself in processes of its own, against a sandbox on sockets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.core.model import Target
from controller.sandbox.calls import Call
from controller.sandbox.control import command
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import World
from tests import bed as beds
from tests.bed import CHURN, HUB, PLATFORM, REGION, STORE

MIB, GIB = 1 << 20, 1 << 30
SOURCE = "churn-lab-models"


@dataclass
class Lab:
    serving: Serving
    folder: Path
    log: Path

    @property
    def world(self) -> World:
        return self.serving.world

    def plant(self, size: int, *, relay: bool) -> None:
        """A version whose only artifact is `size` zeros; nothing is kept of them."""
        os.environ.update(self.serving.environment(CHURN, "AD"))
        for account, names in ((CHURN, (SOURCE,)), (HUB, (STORE,))):
            os.environ.update(self.serving.environment(account, "AD"))
            cloud = AwsCloud({}, run="t", writable=True, log=CallLog())
            s3 = cloud.client(Target(account, REGION), "s3", "register")
            for name in names:
                s3.call("CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
                s3.call("PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            if account == CHURN:
                models = cloud.client(Target(CHURN, REGION), "sagemaker", "register")
                models.call("CreateModelPackageGroup", ModelPackageGroupName="churn-experiments")
                source = {
                    "S3DataSource": {
                        "S3Uri": f"s3://{SOURCE}/v1/big.tar.gz",
                        "S3DataType": "S3Object",
                        "CompressionType": "Gzip",
                    }
                }
                trusted = f"763104351884.dkr.ecr.{REGION}.amazonaws.com/serve@sha256:{'a' * 64}"
                models.call(
                    "CreateModelPackage",
                    ModelPackageGroupName="churn-experiments",
                    ModelApprovalStatus="PendingManualApproval",
                    InferenceSpecification=beds.inference(
                        {"Image": trusted, "ModelDataSource": source, "ImageDigest": "sha256:" + "a" * 64}
                    ),
                )
            cloud.close()
        command(self.world, {"sparse": [{"bucket": SOURCE, "key": "v1/big.tar.gz", "size": size}]})
        platform = json.loads(json.dumps(PLATFORM))
        platform["central"]["spec"]["images"] = {"trusted": ["763104351884"]}
        platform["churn-lab"]["spec"] |= {"copy": "relay"} if relay else {}
        beds.manifests(self.folder, beds.promotion(), platform=platform)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.serving.environment(HUB, "CO"), "PYTHONPATH": str(Path.cwd())}
        asked = [sys.executable, "-m", "controller", *words, "--worktree", "--repo", str(self.folder)]
        with self.log.open("ab") as log:
            return subprocess.Popen(asked, env=environment, stdout=log, stderr=log)

    def run(self, *words: str) -> int:
        return self.start(*words).wait(300)

    def asked(self, *names: str) -> list[Call]:
        return [call for call in self.world.calls if call.operation in names and "/.releases/" not in call.resource]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "HUBWRIGHT_REGISTRIES",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.setenv(name, "x")
    world = World()
    world.settings.status = {"*": ("Completed",)}
    running = serve(world)
    made = Lab(running, tmp_path / "repo", tmp_path / "log")
    made.folder.mkdir()
    yield made
    running.close()


def stored(lab: Lab) -> int:
    return sum(item[-1].size for key, item in lab.world.buckets[STORE].objects.items() if "/.releases/" not in key)


def test_a_hundred_gigabytes_are_planned_and_copied_without_a_byte_through_here(lab: Lab) -> None:
    lab.plant(100 * GIB, relay=False)
    assert lab.run("plan") == 0, lab.log.read_text()
    assert lab.asked("UploadPartCopy", "CopyObject") == []
    assert lab.run("reconcile") == 0, lab.log.read_text()
    assert stored(lab) == 100 * GIB
    assert {call.status for call in lab.asked("UploadPartCopy")} == {200}
    assert lab.asked("GetObject", "PutObject", "UploadPart") == []
    assert lab.run("plan", "--detailed-exitcode") == 0


class Killer:
    """Ends a process, at once, when the n-th part from now has been made."""

    def __init__(self, lab: Lab, operation: str, after: int) -> None:
        self.left = after
        self.operation = operation
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()
        lab.world.watchers.append(self.seen)

    def seen(self, phase: str, call: Call) -> None:
        if phase != "after" or call.operation != self.operation or call.status != 200:
            return
        time.sleep(0.02)  # so that the process is in the middle of it, on a fast machine too
        with self.lock:
            self.left -= 1
            if self.left == 0 and self.process is not None:
                self.process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    "relay",
    [pytest.param(False, marks=pytest.mark.slow), pytest.param(True, marks=pytest.mark.peer)],
    ids=["server", "relay"],
)
def test_killed_three_times_in_two_gigabytes_only_what_is_missing_moves(lab: Lab, relay: bool) -> None:
    size, part = 2 * GIB, (8 if relay else 64) * MIB
    operation = "UploadPart" if relay else "UploadPartCopy"
    lab.plant(size, relay=relay)
    moved = []
    for _ in range(3):
        before = len(lab.asked(operation))
        killer = Killer(lab, operation, size // part // 8)
        killer.process = lab.start("reconcile")
        assert killer.process.wait(300) == -signal.SIGKILL, lab.log.read_text()
        time.sleep(0.5)  # what the sandbox still had of it in hand
        lab.world.watchers.clear()
        moved.append(len(lab.asked(operation)) - before)
    before = len(lab.asked(operation))
    assert lab.run("reconcile") == 0, lab.log.read_text()
    moved.append(len(lab.asked(operation)) - before)
    twice = sum(moved) * part - size
    print(
        f"\n{operation}: parts of {part // MIB} MiB in the four runs: {moved}; moved twice: {twice // MIB} MiB of {size // MIB}"
    )
    assert stored(lab) == size
    assert 0 <= twice <= 3 * (8 if relay else 16) * part  # what was under way at each end, and nothing that had arrived
    assert (
        len({call.resource for call in lab.asked("CreateMultipartUpload")})
        == len(lab.asked("CreateMultipartUpload"))
        == 1
    )
    assert lab.world.buckets[STORE].uploads == {}


@pytest.mark.peer
def test_a_relay_of_eight_gigabytes_stays_below_200_mib(lab: Lab) -> None:
    lab.plant(8 * GIB, relay=True)
    process = lab.start("reconcile")
    most = 0
    while process.poll() is None:
        with contextlib.suppress(OSError):
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            most = max(most, int(found[1]) >> 10 if found else 0)
        time.sleep(0.1)
    assert process.returncode == 0, lab.log.read_text()
    print(f"\nrelay of 8 GiB: {most} MiB resident at most")
    assert stored(lab) == 8 * GIB
    assert 0 < most < 200
