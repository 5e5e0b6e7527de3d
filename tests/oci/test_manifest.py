import json
from typing import Any

import pytest

from controller.core.errors import RegistryError
from controller.oci.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LARGEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    read_manifest,
)
from tests.oci.double import CONFIG, LAYER, sha

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def part(digest: str = A, size: Any = 3, kind: Any = LAYER, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size, **more}


def image(**more: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": part(B, 2, CONFIG), "layers": [part()], **more}


def index(**more: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [part(kind=OCI_MANIFEST)], **more}


def read(document: Any, kind: str = OCI_MANIFEST) -> Manifest:
    return read_manifest(json.dumps(document).encode(), kind)


def test_an_image_names_its_blobs_once() -> None:
    body = json.dumps(image(layers=[part(), part(), part(B, 2, CONFIG)])).encode()
    assert read_manifest(body, OCI_MANIFEST + "; charset=utf-8") == Manifest(
        OCI_MANIFEST, sha(body), body, (), (Descriptor(CONFIG, B, 2), Descriptor(LAYER, A, 3))
    )


def test_an_index_names_its_children() -> None:
    assert read(index(), OCI_INDEX).children == (Descriptor(OCI_MANIFEST, A, 3),)
    assert read(index(manifests=[part(kind=OCI_INDEX)]), OCI_INDEX).blobs == ()
    nested = index(mediaType=DOCKER_LIST, manifests=[part(kind=DOCKER_MANIFEST)])
    assert read(nested, DOCKER_LIST).children == (Descriptor(DOCKER_MANIFEST, A, 3),)


def test_an_artifact_and_an_oci_manifest_without_a_type_are_images() -> None:
    assert read(image(artifactType="application/vnd.x", subject=part(kind=OCI_MANIFEST))).blobs[0].digest == B
    untyped = image()
    del untyped["mediaType"]
    assert read(untyped).media_type == OCI_MANIFEST


def test_urls_of_foreign_layers_mean_nothing() -> None:
    foreign = part(kind="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=["http://evil.test/x"])
    assert read(image(layers=[foreign])).blobs[1] == Descriptor(foreign["mediaType"], A, 3)


@pytest.mark.parametrize(
    ("document", "kind", "why"),
    [
        (image(manifests=[]), OCI_MANIFEST, "both"),
        (index(layers=[]), OCI_INDEX, "both"),
        (index(config=part()), OCI_INDEX, "both"),
        (index(mediaType=OCI_MANIFEST), OCI_MANIFEST, "both"),
        (image(mediaType=OCI_INDEX), OCI_INDEX, "both"),
        (image(), DOCKER_MANIFEST, "calls itself"),
        (image(), OCI_INDEX, "calls itself"),
        (image(mediaType=7), OCI_MANIFEST, "calls itself"),
        ({**image(), "mediaType": None}, DOCKER_MANIFEST, "does not say so"),
        (image(), "application/json", "its type"),
        (image(), "", "its type"),
        (image(), "application/vnd.docker.distribution.manifest.v1+prettyjws", "its type"),
        (image(schemaVersion=1), OCI_MANIFEST, "schemaVersion"),
        (image(fsLayers=[]), OCI_MANIFEST, "schemaVersion"),
        (image(layers=None), OCI_MANIFEST, "not a list"),
        (image(layers={}), OCI_MANIFEST, "not a list"),
        (image(layers=[part()] * 5000), OCI_MANIFEST, "not a list"),
        (image(layers=["x"]), OCI_MANIFEST, "no mediaType"),
        (image(config=None), OCI_MANIFEST, "no mediaType"),
        (image(layers=[part(size=-1)]), OCI_MANIFEST, "size"),
        (image(layers=[part(size=True)]), OCI_MANIFEST, "size"),
        (image(layers=[part(size=1.5)]), OCI_MANIFEST, "size"),
        (image(layers=[part(size="3")]), OCI_MANIFEST, "size"),
        (image(layers=[part(size=2**60)]), OCI_MANIFEST, "size"),
        (image(layers=[part(), part(size=4)]), OCI_MANIFEST, "two sizes"),
        (image(layers=[part("sha256:../../etc/passwd")]), OCI_MANIFEST, "not an image name"),
        (image(layers=[part("sha512:" + "a" * 128)]), OCI_MANIFEST, "not an image name"),
        (index(manifests=[part()]), OCI_INDEX, "unknown type"),
        (index(manifests=[part(kind=OCI_MANIFEST, size=LARGEST + 1)]), OCI_INDEX, "more than"),
        ([], OCI_MANIFEST, "not a JSON object"),
    ],
)
def test_what_could_be_read_two_ways_is_refused(document: Any, kind: str, why: str) -> None:
    with pytest.raises(RegistryError, match=why):
        read(document, kind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schemaVersion": NaN}',
        b'{"schemaVersion": 2, "schemaVersion": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b" " * (LARGEST + 1),
    ],
)
def test_what_is_no_json_or_too_much_is_refused(body: bytes) -> None:
    with pytest.raises(RegistryError) as caught:
        read_manifest(body, OCI_MANIFEST)
    assert caught.value.code == "MANIFEST_INVALID"
