"""A SeaweedFS on loopback: an S3 that is not ours."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SERVER = (
    "-ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 -volume.max=900 -volume.minFreeSpace=0 -volume.preStopSeconds=0 "
    "-master.volumeSizeLimitMB=4000 -webdav=false"
)


def weed() -> str | None:
    """Its program, if it is installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def free_ports(count: int) -> list[int]:
    """Ports whose neighbours 10,000 above (SeaweedFS speaks gRPC there) are free too, and no client is given."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(12_000, 22_000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port)), other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        found.append(port)
    return found


def started(folder: Path, keys: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], str]:
    """The process and its endpoint, which answers a few seconds later; its data is in the folder."""
    identity = {
        "name": "admin",
        "credentials": [{"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = free_ports(4)
    ports = f"-master.port={master} -volume.port={volume} -filer.port={filer} -s3.port={s3}"
    asked = [
        str(weed()),
        "server",
        *SERVER.split(),
        *ports.split(),
        f"-dir={folder}",
        f"-s3.config={folder / 's3.json'}",
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(asked, stdout=log, stderr=log), f"http://127.0.0.1:{s3}"
