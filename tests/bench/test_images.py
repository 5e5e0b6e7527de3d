"""Images between two of Debian's registries on loopback, against Debian's skopeo and curl, in the same interleaved run."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.oci.auth import Login
from controller.oci.copy import Means, Place, copy_image
from controller.oci.http import HttpTransport
from controller.oci.manifest import OCI_MANIFEST, Descriptor, Manifest, digest_of, read_manifest
from controller.oci.network import home
from controller.oci.registry import Registry
from tests.bench.page import QUICK, RUNS, Row, aims, conditions, floor, median, put, table
from tests.bench.process import processor, ran
from tests.oci.double import CONFIG, LAYER, described
from tests.oci.real import CONFIGURATION, HASH, free_port, listening

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(
        shutil.which("docker-registry") is None or shutil.which("skopeo") is None,
        reason="docker-registry and skopeo are not installed (Debian has packages of these names)",
    ),
]

MIB = 1 << 20
SIZE = int(os.environ.get("MIB", "256" if QUICK else "1024")) * MIB
OURS = "hubwright, 6 streams"
SKOPEO = "skopeo copy"
CURL = "curl -T"
COMMAND = f"MIB={SIZE // MIB} make bench"
ASKED = [
    f"- {SKOPEO}: `skopeo copy -q --src-creds … --dest-creds … docker://127.0.0.1:ONE/app:v1 docker://127.0.0.1:TWO/app:hw-1`",
    f"- {CURL}: `curl -X POST …/v2/app/blobs/uploads/`, then `curl -T FILE LOCATION&digest=…`",
    f"- {OURS}: `controller.oci.copy.copy_image` with six threads, as a run calls it",
]
SHM = Path("/dev/shm")  # memory, so that no disk is measured

ONE_COPY = """
import json, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
from controller.oci.auth import Login
from controller.oci.copy import Means, Place, copy_image
from controller.oci.http import HttpTransport
from controller.oci.network import home
from controller.oci.registry import Registry
def at(port):
    base = f"http://127.0.0.1:{port}"
    return Registry(base, HttpTransport(home(base)), lambda fresh: Login("AWS", "ecrtoken"))
one, two, repository, digest, target, tag = sys.argv[1:7]
source, hub = at(one), at(two)
start = time.monotonic()
with ThreadPoolExecutor(6) as pool:
    copy_image(Place(source, repository), Place(hub, target), digest, tag, Means(pool), sys.argv[7:])
wall, used = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([wall, used.ru_utime + used.ru_stime, int(peak) / 1024]))
"""


@dataclass
class Rig:
    """Two registries; the second can be emptied."""

    folder: Path
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, port: int) -> None:
        file = self.folder / f"{port}.yml"
        users = self.folder / "users"
        users.write_text(f"AWS:{HASH}\n")
        file.write_text(CONFIGURATION.format(root=self.folder / str(port), port=port, users=users))
        self.running[port] = subprocess.Popen(["docker-registry", "serve", file], stderr=subprocess.DEVNULL)
        while not listening(port):
            time.sleep(0.02)

    def stop(self, port: int) -> None:
        process = self.running.pop(port)
        process.terminate()
        process.wait()
        shutil.rmtree(self.folder / str(port), ignore_errors=True)

    def empty(self) -> None:
        self.stop(self.ports[1])
        self.start(self.ports[1])

    def served(self) -> float:
        """CPU seconds of both registries so far."""
        return processor(*(process.pid for process in self.running.values()))

    def registry(self, number: int, seen: list[str] | None = None) -> Registry:
        base = f"http://127.0.0.1:{self.ports[number]}"
        note = None if seen is None else (lambda method, url, status: seen.append(f"{method} {status}"))
        return Registry(base, HttpTransport(home(base), seen=note), lambda fresh: Login("AWS", "ecrtoken"))


@pytest.fixture
def rig() -> Iterator[Rig]:
    folder = SHM / f"hubwright-bench-{os.getpid()}"
    folder.mkdir()
    made = Rig(folder)
    try:
        for port in made.ports:
            made.start(port)
        yield made
    finally:
        for port in list(made.running):
            made.stop(port)
        shutil.rmtree(folder)


def noise(dice: random.Random, size: int) -> bytes:
    return b"".join(dice.randbytes(min(MIB, size - start)) for start in range(0, size, MIB))


def streamed(registry: Registry, repository: str, data: bytes) -> Descriptor:
    part = Descriptor(LAYER, digest_of(data), len(data))
    view = memoryview(data)
    registry.upload(repository, part, lambda: (view[start : start + MIB] for start in range(0, len(data), MIB)))
    return part


def pushed(registry: Registry, repository: str, sizes: list[int]) -> Manifest:
    dice = random.Random(str(sizes))
    config = registry.push_blob(repository, json.dumps({"architecture": "amd64", "os": "linux"}).encode(), CONFIG)
    layers = [streamed(registry, repository, noise(dice, size)) for size in sizes]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described(config)}
    body = json.dumps({**document, "layers": [described(part) for part in layers]}).encode()
    manifest = read_manifest(body, OCI_MANIFEST)
    registry.put_manifest(repository, manifest, "v1")
    return manifest


def ours(rig: Rig, digest: str, target: str, tag: str, *held: str) -> Row:
    words = [sys.executable, "-c", ONE_COPY, *map(str, rig.ports), "app", digest, target, tag, *held]
    before = rig.served()
    wall, cpu, rss = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return Row(wall, cpu, rss, rig.served() - before)


def skopeo(rig: Rig, target: str) -> Row:
    """The whole command, without a cache of blobs that it has seen."""
    one, two = (f"docker://127.0.0.1:{port}" for port in rig.ports)
    flags = [
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--src-creds=AWS:ecrtoken",
        "--dest-creds=AWS:ecrtoken",
    ]
    shutil.rmtree("/var/lib/containers/cache", ignore_errors=True)
    return command(rig, ["skopeo", "copy", "-q", *flags, f"{one}/app:v1", f"{two}/{target}"])


def command(rig: Rig, words: list[str]) -> Row:
    return ran(words, rig.served)[0]


def interleaved(rig: Rig, tools: dict[str, Callable[[], Row]]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {name: [] for name in tools}
    for number in range(RUNS):
        order = list(tools) if number % 2 == 0 else list(reversed(tools))
        for name in order:
            rig.empty()
            rows[name].append(tools[name]())
    return rows


@pytest.fixture(scope="module")
def page() -> Iterator[list[str]]:
    """What the tests of this file say, put into the page when all have run."""
    lines: list[str] = []
    yield lines
    put("images", [conditions(COMMAND), "", *ASKED, "", *lines])


def test_a_cold_image(rig: Rig, page: list[str]) -> None:
    part = SIZE // 16
    manifest = pushed(rig.registry(0), "app", [4 * part, *[part + number for number in range(10)], 2 * part])
    rows = interleaved(rig, {
        OURS: lambda: ours(rig, manifest.digest, "app", "hw-1"),
        SKOPEO: lambda: skopeo(rig, "app:hw-1"),
    })  # fmt: skip
    mine = rows[OURS]
    page += table(f"12 layers, {SIZE // MIB} MiB, empty destination", rows, OURS)
    page += ["", *aims([
        ("to the floor", 1.10, median(mine) / floor(mine), False),
        ("to skopeo", 0.80, median(mine) / median(rows[SKOPEO]), False),
        ("client CPU s/GiB, start of Python included", 1.5, median(mine, "cpu") / (SIZE / 1024 / MIB), False),
        ("MiB", 60, max(row.rss for row in mine), False),
    ]), ""]  # fmt: skip


def test_one_big_layer(rig: Rig, page: list[str]) -> None:
    manifest = pushed(rig.registry(0), "app", [SIZE])
    blob = max(manifest.blobs, key=lambda item: item.size)
    file = rig.folder / "blob"
    file.write_bytes(noise(random.Random(str([SIZE])), SIZE))
    base = f"http://127.0.0.1:{rig.ports[1]}"

    def curl() -> Row:
        begun = subprocess.run(
            ["curl", "-s", "-u", "AWS:ecrtoken", "-X", "POST", "-D", "-", "-o", "/dev/null", f"{base}/v2/app/blobs/uploads/"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        place = next(
            line.split(None, 1)[1].strip() for line in begun.stdout.splitlines() if line.lower().startswith("location:")
        )
        return command(rig, ["curl", "-s", "-f", "-u", "AWS:ecrtoken", "-H", "Expect:", "-H", "Content-Type: application/octet-stream",
                             "-T", str(file), "-o", "/dev/null", f"{place}&digest={blob.digest}"])  # fmt: skip

    rows = interleaved(rig, {
        OURS: lambda: ours(rig, manifest.digest, "app", "hw-1"),
        SKOPEO: lambda: skopeo(rig, "app:hw-1"),
        CURL: curl,
    })  # fmt: skip
    page += table(f"one layer of {SIZE // MIB} MiB, empty destination", rows, OURS)
    page += ["", *aims([
        ("to `curl -T` of the blob from memory, nothing read from a registry", 1.0, median(rows[OURS]) / median(rows[CURL]), False),
        ("to skopeo", 0.75, median(rows[OURS]) / median(rows[SKOPEO]), False),
    ]), ""]  # fmt: skip


def test_a_mount(rig: Rig, page: list[str]) -> None:
    manifest = pushed(rig.registry(0), "app", [SIZE // 12 + number for number in range(12)])

    def there(then: Callable[[], Row]) -> Callable[[], Row]:
        def run() -> Row:
            ours(rig, manifest.digest, "base", "hw-0")
            return then()

        return run

    rows = interleaved(rig, {
        OURS: there(lambda: ours(rig, manifest.digest, "app", "hw-1", "base")),
        SKOPEO: there(lambda: skopeo(rig, "app:hw-1")),
    })  # fmt: skip
    page += table(f"12 layers, {SIZE // MIB} MiB, which another repository of the destination holds", rows, OURS)
    faster = median(rows[SKOPEO]) / median(rows[OURS])
    page += [
        "",
        *aims(
            [("times as fast as skopeo that has seen nothing yet, where Hubwright's view shows it", 15, faster, True)]
        ),
        "",
    ]


def test_requests(rig: Rig, page: list[str]) -> None:
    seen: list[str] = []
    source, hub = rig.registry(0, seen), rig.registry(1, seen)
    manifest = pushed(rig.registry(0), "app", [1000, 2000])
    counts = {}
    with ThreadPoolExecutor(6) as pool:
        for name, tag in (("cold", "hw-1"), ("no-op", "hw-1"), ("retag", "hw-2")):
            seen.clear()
            copy_image(Place(source, "app"), Place(hub, "app"), manifest.digest, tag, Means(pool))
            counts[name] = len(seen)
    page += aims([
        ("requests of a no-op, in process", 2, counts["no-op"], False),
        ("requests of a second tag, in process", 4, counts["retag"], False),
    ])  # fmt: skip
    page += ["", f"A cold image of three blobs takes {counts['cold']} requests."]
    assert counts["no-op"] <= 2
    assert counts["retag"] <= 4
