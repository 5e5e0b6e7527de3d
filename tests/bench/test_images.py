"""Images between two of Debian's registries on loopback, against Debian's skopeo and curl, in the same interleaved run."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
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
from tests.oci.double import CONFIG, LAYER, described
from tests.oci.test_peers import CONFIGURATION, HASH, free_port, listening

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(
        shutil.which("docker-registry") is None or shutil.which("skopeo") is None,
        reason="docker-registry and skopeo are not installed (Debian has packages of these names)",
    ),
]

MIB = 1 << 20
RUNS = int(os.environ.get("RUNS", "3"))
SIZE = int(os.environ.get("MIB", "1024")) * MIB
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
        ticks = 0
        for process in self.running.values():
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

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


@dataclass
class Row:
    wall: float
    cpu: float
    rss: float
    served: float


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
    served, before = rig.served(), resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(wall, cpu, 0.0, rig.served() - served)


def interleaved(rig: Rig, tools: dict[str, Callable[[], Row]]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {name: [] for name in tools}
    for number in range(RUNS):
        order = list(tools) if number % 2 == 0 else list(reversed(tools))
        for name in order:
            rig.empty()
            rows[name].append(tools[name]())
    return rows


def shown(title: str, rows: dict[str, list[Row]]) -> None:
    print(f"\n{title} (R = {RUNS}; load {os.getloadavg()[0]:.1f})")
    for name, some in rows.items():
        walls = [row.wall for row in some]
        print(
            f"  {name:12} {statistics.median(walls):6.2f} s  ({min(walls):.2f} to {max(walls):.2f})  client CPU "
            f"{statistics.median(row.cpu for row in some):5.2f} s  servers {statistics.median(row.served for row in some):5.2f} s"
            + (f"  {max(row.rss for row in some):.0f} MiB" if some[0].rss else "")
        )


def wall(rows: list[Row]) -> float:
    return statistics.median(row.wall for row in rows)


def test_a_cold_image(rig: Rig) -> None:
    part = SIZE // 16
    manifest = pushed(rig.registry(0), "app", [4 * part, *[part + number for number in range(10)], 2 * part])
    rows = interleaved(rig, {
        "hubwright": lambda: ours(rig, manifest.digest, "app", "hw-1"),
        "skopeo": lambda: skopeo(rig, "app:hw-1"),
    })  # fmt: skip
    shown(f"12 layers, {SIZE // MIB} MiB, empty destination", rows)
    mine = rows["hubwright"]
    floor = statistics.median((row.cpu + row.served) / (os.cpu_count() or 1) for row in mine)
    print(
        f"  to the floor {wall(mine) / floor:.2f} (at most 1.10); to skopeo {wall(mine) / wall(rows['skopeo']):.2f} (at most 0.80)"
    )
    print(f"  client CPU {statistics.median(row.cpu for row in mine) / (SIZE / 1024 / MIB):.2f} s/GiB (at most 1.5)")


def test_one_big_layer(rig: Rig, tmp_path: Path) -> None:
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
        "hubwright": lambda: ours(rig, manifest.digest, "app", "hw-1"),
        "skopeo": lambda: skopeo(rig, "app:hw-1"),
        "curl PUT": curl,
    })  # fmt: skip
    shown(f"one layer of {SIZE // MIB} MiB, empty destination", rows)
    mine = wall(rows["hubwright"])
    print(
        f"  to curl PUT {mine / wall(rows['curl PUT']):.2f} (at most 1.0); to skopeo {mine / wall(rows['skopeo']):.2f} (at most 0.75)"
    )


def test_a_mount(rig: Rig) -> None:
    manifest = pushed(rig.registry(0), "app", [SIZE // 12 + number for number in range(12)])

    def there(then: Callable[[], Row]) -> Callable[[], Row]:
        def run() -> Row:
            ours(rig, manifest.digest, "base", "hw-0")
            return then()

        return run

    rows = interleaved(rig, {
        "hubwright": there(lambda: ours(rig, manifest.digest, "app", "hw-1", "base")),
        "skopeo": there(lambda: skopeo(rig, "app:hw-1")),
    })  # fmt: skip
    shown(f"12 layers, {SIZE // MIB} MiB, which another repository of the destination is known to hold", rows)
    print(
        f"  faster than skopeo with a cold cache: {wall(rows['skopeo']) / wall(rows['hubwright']):.1f}x (at least 15x)"
    )


def test_requests(rig: Rig) -> None:
    seen: list[str] = []
    source, hub = rig.registry(0, seen), rig.registry(1, seen)
    manifest = pushed(rig.registry(0), "app", [1000, 2000])
    counts = {}
    with ThreadPoolExecutor(6) as pool:
        for name, tag in (("cold", "hw-1"), ("no-op", "hw-1"), ("retag", "hw-2")):
            seen.clear()
            copy_image(Place(source, "app"), Place(hub, "app"), manifest.digest, tag, Means(pool))
            counts[name] = len(seen)
    print(
        f"\nrequests: cold {counts['cold']}, no-op {counts['no-op']} (at most 2), retag {counts['retag']} (at most 4)"
    )
    assert counts["no-op"] <= 2
    assert counts["retag"] <= 4
