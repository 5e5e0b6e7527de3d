"""One suite for every registry at hand: the sandbox's, and Debian's docker-registry with skopeo as the judge."""

from __future__ import annotations

import json
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import HubwrightError, PreconditionError, RegistryError
from controller.oci.copy import Means, Moved, Place, copy_image
from controller.oci.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, read_manifest
from controller.oci.registry import Registry, referrers_tag
from controller.oci.stream import verified
from controller.oci.wire import Pace
from tests.oci import real
from tests.oci.double import CONFIG, LAYER, Descriptor, Memory, described
from tests.oci.servers import Asked, Host, Reply, hosts
from tests.oci.test_classes import CLASSES

MIB = 1 << 20
HASTE = Pace(connect=2, stall=0.3, patience=3.0, floor=1 << 20)
DEBIAN = pytest.param(
    "docker-registry",
    marks=[
        pytest.mark.peer,
        pytest.mark.skipif(
            not real.installed(),
            reason="docker-registry and skopeo are not installed (Debian has packages of these names)",
        ),
    ],
)


@pytest.fixture(scope="module", params=["sandbox", DEBIAN])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Rig]:
    with real.sandbox() if request.param == "sandbox" else real.debian(tmp_path_factory.mktemp("r")) as found:
        yield found


def held(registry: Registry, repository: str, manifest: Manifest) -> bool:
    found = registry.manifest(repository, manifest.digest)
    return found is not None and found.body == manifest.body


def judged(rig: real.Rig, name: str, folder: Path, top: Manifest) -> None:
    """Every blob that the hub has for it is read and hashed by us; by skopeo too, where it is installed."""
    hub, repository = rig.hub.registry(), name.rpartition(":")[0]
    for manifest in everything(hub, repository, top):
        for blob in manifest.blobs:
            stream = hub.open_blob(repository, blob).stream
            data = b"".join(
                bytes(piece) for piece in verified(lambda _, at=stream: at, blob, memoryview(bytearray(MIB)))
            )
            assert len(data) == blob.size
    if shutil.which("skopeo") is not None:
        said = real.skopeo_takes(rig.hub, name, folder)
        assert not said or "Unexpectedly received a manifest list" in said  # it knows no index within an index


def everything(registry: Registry, repository: str, top: Manifest) -> Iterator[Manifest]:
    yield top
    for child in top.children:
        found = registry.manifest(repository, child.digest)
        assert found is not None
        yield from everything(registry, repository, found)


def pushed(registry: Registry, repository: str, *layers: bytes, **more: Any) -> Manifest:
    platform = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
    config = registry.push_blob(repository, platform.encode(), CONFIG)
    parts = [registry.push_blob(repository, layer, LAYER) for layer in layers]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config),
        "layers": [described(part) for part in parts],
        **more,
    }
    manifest = read_manifest(json.dumps(document, indent=1).encode(), OCI_MANIFEST)
    registry.put_manifest(repository, manifest)
    return manifest


def listed(registry: Registry, repository: str, *children: Manifest) -> Manifest:
    entries = [described(Descriptor(one.media_type, one.digest, len(one.body))) for one in children]
    platforms = [{"platform": {"architecture": name, "os": "linux"}} for name in ("amd64", "arm64")]
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX}
    body["manifests"] = [entry | platform for entry, platform in zip(entries, platforms, strict=False)]
    manifest = read_manifest(json.dumps(body).encode(), OCI_INDEX)
    registry.put_manifest(repository, manifest)
    return manifest


@pytest.mark.parametrize(("make", "refusal"), [row[1:] for row in CLASSES], ids=[row[0] for row in CLASSES])
def test_each_class_of_data_arrives_byte_for_byte_or_is_refused_by_name(
    rig: real.Rig, make: Callable[[Memory], Manifest], refusal: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Once from a source that holds anything into the hub, once more from there: both ends are real then."""
    name = "classes/" + "".join(letter if letter.isalnum() else "-" for letter in request.node.callspec.id)
    for place in (rig.hub, rig.source):
        place.make(name)
    hub, back = rig.hub.registry(), rig.source.registry()
    with hosts(Memory()) as (source,), ThreadPoolExecutor(4) as pool:
        top = make(source.memory)
        places = Place(source.registry(), "a"), Place(hub, name)
        if refusal:
            with pytest.raises(RegistryError, match=refusal):
                copy_image(*places, top.digest, "hw-1", Means(pool))
            assert hub.manifest(name, "hw-1") is None
            return
        copy_image(*places, top.digest, "hw-1", Means(pool))
        copy_image(Place(hub, name), Place(back, name), top.digest, "hw-1", Means(pool))
        mine = [*below(source.memory, top)]
    assert all(held(hub, name, item) and held(back, name, item) for item in mine)
    tagged = back.manifest(name, "hw-1")
    assert tagged is not None
    assert tagged.body == top.body
    judged(rig, f"{name}:hw-1", tmp_path / "out", top)


def below(memory: Memory, top: Manifest) -> Iterator[Manifest]:
    yield top
    for child in top.children:
        kind, body = memory.manifests["a", child.digest]
        yield from below(memory, read_manifest(body, kind))


def test_an_index_with_what_is_attached_to_it(rig: real.Rig, tmp_path: Path) -> None:
    for place in (rig.source, rig.hub):
        place.make("attached/app")
    source, hub = rig.source.registry(), rig.hub.registry()
    dice = random.Random(3)
    children = [pushed(source, "attached/app", dice.randbytes(size)) for size in (3 * MIB + 17, 10)]
    top = listed(source, "attached/app", *children)
    subject = described(Descriptor(top.media_type, top.digest, len(top.body)))
    sbom = pushed(source, "attached/app", b"sbom", subject=subject, artifactType="application/vnd.example.sbom")
    if not list_kept(source, "attached/app", top.digest):
        entry = {**described(Descriptor(sbom.media_type, sbom.digest, len(sbom.body)))}
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        source.put_manifest("attached/app", read_manifest(body, OCI_INDEX), referrers_tag(top.digest))
    signature = pushed(source, "attached/app", b"signature")
    tag = f"{referrers_tag(top.digest)}.sig"
    source.put_manifest("attached/app", signature, tag)
    with ThreadPoolExecutor(4) as pool:
        copy_image(Place(source, "attached/app"), Place(hub, "attached/app"), top.digest, "hw-1", Means(pool))
    assert all(held(hub, "attached/app", item) for item in (top, *children, sbom, signature))
    found = hub.manifest("attached/app", tag)
    assert found is not None
    assert found.digest == signature.digest
    assert [item.part.digest for item in hub.referrers("attached/app", top.digest)] == [sbom.digest]
    for name, item in (("hw-1", top), (tag, signature)):
        judged(rig, f"attached/app:{name}", tmp_path / name, item)


def list_kept(registry: Registry, repository: str, digest: str) -> bool:
    return bool(registry.referrers(repository, digest))


def test_a_no_op_takes_two_requests_at_most_and_a_second_tag_four(rig: real.Rig) -> None:
    for place in (rig.source, rig.hub):
        place.make("requests/app")
    manifest = pushed(rig.source.registry(), "requests/app", b"one", b"two")
    seen: list[str] = []
    source, hub = rig.source.registry(seen=seen), rig.hub.registry(seen=seen)
    places = Place(source, "requests/app"), Place(hub, "requests/app")
    counts = []
    for tag, moved in (("hw-1", 6), ("hw-1", 0), ("hw-2", 0)):
        seen.clear()
        done = copy_image(*places, manifest.digest, tag)
        assert done.bytes - (manifest.blobs[0].size if moved else 0) == moved
        counts.append(len(seen))
    assert counts[1] <= 2
    assert counts[2] <= 4


def test_blobs_are_mounted_from_the_same_image_and_from_one_that_shares_them(rig: real.Rig, tmp_path: Path) -> None:
    for place in (rig.source, rig.hub):
        for name in ("mount/one", "mount/two", "mount/three"):
            place.make(name)
    source, hub = rig.source.registry(), rig.hub.registry()
    base = random.Random(5).randbytes(2 * MIB)
    first, third = pushed(source, "mount/one", base, b"first"), pushed(source, "mount/three", base, b"third!")
    copy_image(Place(source, "mount/one"), Place(hub, "mount/one"), first.digest, "hw-1")
    size = sum(blob.size for blob in first.blobs)
    moved = copy_image(Place(source, "mount/one"), Place(hub, "mount/two"), first.digest, "hw-1", None, ("mount/one",))
    assert moved == Moved(0, 0, size)
    others = {"mount/one": first.digest}
    moved = copy_image(Place(source, "mount/three"), Place(hub, "mount/three"), third.digest, "hw-1", None, (), others)
    assert moved == Moved(6, 0, size - 5)
    for name, item in (("two", first), ("three", third)):
        judged(rig, f"mount/{name}:hw-1", tmp_path / name, item)


def test_a_tag_that_names_another_image_is_never_moved(rig: real.Rig) -> None:
    for place in (rig.source, rig.hub):
        place.make("taken/app")
    source, hub = rig.source.registry(), rig.hub.registry()
    first, second = pushed(source, "taken/app", b"first"), pushed(source, "taken/app", b"second")
    places = Place(source, "taken/app"), Place(hub, "taken/app")
    copy_image(*places, first.digest, "hw-1")
    with pytest.raises(PreconditionError, match="already names"):
        copy_image(*places, second.digest, "hw-1")
    found = hub.manifest("taken/app", "hw-1")
    assert found is not None
    assert found.digest == first.digest
    if rig.immutable:
        hub.push_blob("taken/app", b"second", LAYER)
        with pytest.raises(RegistryError, match="immutable"):
            hub.put_manifest("taken/app", read_manifest(second.body, OCI_MANIFEST), "hw-1")


ERROR = b'{"errors":[{"code":"UNKNOWN","message":"something went wrong"}]}'
FAULTS = ["drop", "stall", "truncate", "reset", "429", "500", "200", "redirect"]


class Spoiling:
    """Lets the nth answer through the proxy go wrong, once; of `429` and `200` the request never arrives."""

    def __init__(self, kind: str, proxy: Host, other: Host) -> None:
        self.kind, self.other, self.nth, self.count = kind, other, -1, 0
        proxy.twist = self
        proxy.refuses = lambda _: self.kind in {"429", "200"} and self.count == self.nth
        shut = proxy.server.shutdown_request

        def close(request: Any) -> None:
            if self.kind == "reset" and self.count > self.nth >= 0:
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                request.close()
            else:
                shut(request)

        proxy.server.shutdown_request = close  # type: ignore[method-assign]

    def arm(self, nth: int) -> None:
        self.nth, self.count = nth, 0

    @property
    def hit(self) -> bool:
        return self.count > self.nth

    def __call__(self, asked: Asked, reply: Reply) -> Reply | None:
        self.count += 1
        if self.count - 1 != self.nth:
            return reply
        if self.kind == "stall":
            time.sleep(0.4)
        if self.kind in {"drop", "reset", "stall"}:
            return None
        if self.kind == "truncate":
            head = f"HTTP/1.1 {reply.status} X\r\ncontent-length: {len(reply.body) + 9}\r\n"
            rest = "".join(f"{name}: {value}\r\n" for name, value in reply.headers if name != "content-length")
            return Reply(0, [], b"", [(head + rest + "\r\n").encode(), reply.body[: len(reply.body) // 2]])
        if self.kind == "redirect":
            return Reply(307, [("location", f"{self.other.base}/x"), ("content-length", "0")], b"")
        if self.kind == "200":
            said = [("content-type", "application/json"), ("content-length", str(len(ERROR)))]
            return Reply(200, said, b"" if asked.method == "HEAD" else ERROR)
        return Reply(int(self.kind), [("content-length", "0"), ("retry-after", "1")], b"")


@pytest.mark.parametrize("where", ["source", "hub"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_every_request_through_a_proxy_ends_and_the_next_run_converges(
    rig: real.Rig, kind: str, where: str
) -> None:
    """Copied or a clear error, never a tag on what is not whole; no credential reaches the host redirected to."""
    repository = f"faults/{kind}-{where}"
    for place in (rig.source, rig.hub):
        place.make(repository)
    real_hub = rig.hub.registry()
    spoiled = rig.source if where == "source" else rig.hub
    with hosts(real.Upstream(spoiled.base), Memory()) as (proxy, other), ThreadPoolExecutor(2) as pool:  # type: ignore[arg-type]
        faults = Spoiling(kind, proxy, other)
        failed = 0
        for nth in range(120):
            dice = random.Random(nth)
            top = pushed(rig.source.registry(), repository, dice.randbytes(40_000), dice.randbytes(9))

            def copied(base: str = proxy.base, digest: str = top.digest, tag: str = f"hw-{nth}") -> None:
                source = rig.source.registry(base if where == "source" else "", pace=HASTE)
                hub = rig.hub.registry(base if where == "hub" else "", pace=HASTE)
                copy_image(Place(source, repository), Place(hub, repository), digest, tag, Means(pool))

            faults.arm(nth)
            try:
                copied()
            except HubwrightError as error:
                failed += 1
                assert str(error)
                assert "ecrtoken" not in str(error)
            reached, faults.nth = faults.hit, -1
            copied()
            found = real_hub.manifest(repository, f"hw-{nth}")
            assert found is not None
            assert found.body == top.body
            if not reached:
                break
            rig.source.close()
            rig.hub.close()
            real_hub = rig.hub.registry()
        else:
            raise AssertionError("it never ends")
        assert nth > 6
        assert all("Authorization" not in asked.headers for asked in other.asked)
        if kind == "redirect":
            assert failed
