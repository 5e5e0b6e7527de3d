"""Against Debian's docker-registry on loopback, with skopeo to judge what arrived."""

import json
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controller.oci.copy import Means, Moved, Place, copy_image
from controller.oci.http import HttpTransport
from controller.oci.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, read_manifest
from controller.oci.network import home
from controller.oci.registry import Registry, referrers_tag
from tests.oci.double import CONFIG, LAYER, described
from tests.oci.real import LOGIN, debian, installed

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        not installed(),
        reason="docker-registry and skopeo are not installed (Debian has packages of these names)",
    ),
]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    with debian(tmp_path_factory.mktemp("registries")) as rig:
        one, two = (int(place.base.rpartition(":")[2]) for place in (rig.source, rig.hub))
        yield one, two


@pytest.fixture(scope="module")
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport(home("http://127.0.0.1:1"), workers=2)
    yield transport
    transport.close()


def open_registry(port: int, transport: HttpTransport) -> Registry:
    return Registry(f"http://127.0.0.1:{port}", transport, lambda fresh: LOGIN)


def skopeo(*words: str) -> str:
    return subprocess.run(["skopeo", *words], check=True, capture_output=True, text=True).stdout


def raw(port: int, name: str) -> bytes:
    words = ("inspect", "--raw", "--tls-verify=false", "--creds", "AWS:ecrtoken", f"docker://127.0.0.1:{port}/{name}")
    return skopeo(*words).encode()


def pushed(registry: Registry, repository: str, layer: bytes) -> Manifest:
    platform = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    config = registry.push_blob(repository, json.dumps(platform).encode(), CONFIG)
    part = registry.push_blob(repository, layer, LAYER)
    body = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described(config),
            "layers": [described(part)],
        },
        indent=1,
    ).encode()
    manifest = read_manifest(body, OCI_MANIFEST)
    registry.put_manifest(repository, manifest)
    return manifest


def test_an_index_arrives_as_skopeo_sees_it(ports: tuple[int, int], transport: HttpTransport, tmp_path: Path) -> None:
    source, hub = (open_registry(port, transport) for port in ports)
    dice = random.Random(1)
    children = [pushed(source, "team/app", dice.randbytes(size)) for size in (3_500_000, 10)]
    entries = [
        {"mediaType": one.media_type, "digest": one.digest, "size": len(one.body), "platform": platform}
        for one, platform in zip(
            children, ({"architecture": "amd64", "os": "linux"}, {"architecture": "arm64", "os": "linux"}), strict=True
        )
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    top = read_manifest(body, OCI_INDEX)
    source.put_manifest("team/app", top, "v1")

    config = len(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}))
    places = Place(source, "team/app"), Place(hub, "models/222222222222/team/app")
    assert copy_image(*places, top.digest, "hw-1") == Moved(3_500_010 + config, 0)
    assert raw(ports[1], "models/222222222222/team/app:hw-1") == body
    assert raw(ports[1], f"models/222222222222/team/app@{children[1].digest}") == children[1].body
    skopeo(
        "copy",
        "--all",
        "--src-tls-verify=false",
        "--src-creds=AWS:ecrtoken",
        f"docker://127.0.0.1:{ports[1]}/models/222222222222/team/app:hw-1",
        f"dir:{tmp_path}/out",
    )
    assert (tmp_path / "out" / "manifest.json").read_bytes() == body
    assert copy_image(*places, top.digest, "hw-1") == Moved(0, 0)


def test_what_skopeo_pushed_is_copied_verbatim(ports: tuple[int, int], transport: HttpTransport) -> None:
    source, hub = (open_registry(port, transport) for port in ports)
    pushed_here = pushed(source, "team/base", b"layer" * 1000)
    place = f"docker://127.0.0.1:{ports[0]}/team"
    flags = ("--tls-verify=false", "--creds", "AWS:ecrtoken")
    both = (
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--src-creds=AWS:ecrtoken",
        "--dest-creds=AWS:ecrtoken",
    )
    skopeo("copy", "--format=v2s2", *both, f"{place}/base@{pushed_here.digest}", f"{place}/docker:v1")
    manifest = source.manifest("team/docker", "v1")
    assert manifest is not None
    assert manifest.media_type == "application/vnd.docker.distribution.manifest.v2+json"
    copy_image(Place(source, "team/docker"), Place(hub, "docker"), manifest.digest, "hw-2")
    digest = skopeo("inspect", *flags, "--format={{.Digest}}", f"docker://127.0.0.1:{ports[1]}/docker:hw-2")
    assert digest.strip() == manifest.digest


def test_streams_mounts_and_referrers(ports: tuple[int, int], transport: HttpTransport) -> None:
    source, hub = (open_registry(port, transport) for port in ports)
    image = pushed(source, "team/signed", b"weights" * 300_000)
    config = source.push_blob("team/signed", b"{}", CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.signature",
        "config": described(config),
        "layers": [described(source.push_blob("team/signed", b"signed", LAYER))],
        "subject": {"mediaType": image.media_type, "digest": image.digest, "size": len(image.body)},
    }
    signature = read_manifest(json.dumps(document).encode(), OCI_MANIFEST)
    source.put_manifest("team/signed", signature)
    entry = {"mediaType": OCI_MANIFEST, "digest": signature.digest, "size": len(signature.body)}
    listed = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    source.put_manifest("team/signed", read_manifest(listed, OCI_INDEX), referrers_tag(image.digest))
    size = sum(part.size for part in (*image.blobs, *signature.blobs))
    with ThreadPoolExecutor(4) as pool:
        means = Means(pool)
        for target, moved in (("one", Moved(size)), ("two", Moved(0, 0, size))):
            places = Place(source, "team/signed"), Place(hub, f"models/{target}")
            assert copy_image(*places, image.digest, "hw-1", means) == moved
            assert raw(ports[1], f"models/{target}:hw-1") == image.body
            assert raw(ports[1], f"models/{target}@{signature.digest}") == signature.body
            assert [item.part.digest for item in hub.referrers(f"models/{target}", image.digest)] == [signature.digest]
