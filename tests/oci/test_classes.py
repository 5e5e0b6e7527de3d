"""The data classes of the distribution specification's conformance suite: copied byte for byte, or refused by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from controller.core.errors import RegistryError
from controller.oci.copy import Place, copy_image
from controller.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest
from controller.oci.registry import referrers_tag
from tests.oci.double import CONFIG, LAYER, Memory, described, image, index, sha, stored

FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"


def blob(memory: Memory, data: bytes, kind: str = LAYER, **more: Any) -> dict[str, Any]:
    memory.blobs["a", sha(data)] = data
    return described(Descriptor(kind, sha(data), len(data))) | more


def manifest(memory: Memory, **more: Any) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blob(memory, b"{}", CONFIG)}
    return stored(memory, "a", {**document, "layers": [blob(memory, b"layer")], **more}, OCI_MANIFEST)


def named(item: Manifest) -> dict[str, object]:
    return described(Descriptor(item.media_type, item.digest, len(item.body)))


def artifact(memory: Memory, **more: Any) -> Manifest:
    kind = {"artifactType": "application/vnd.example.sbom", "config": blob(memory, b"{}", EMPTY)}
    return manifest(memory, **kind, **more)


def listed(memory: Memory, *items: Manifest, **more: Any) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [named(item) for item in items], **more}
    return stored(memory, "a", document, OCI_INDEX)


def sparse(memory: Memory) -> Manifest:
    one, gone = image(memory, "a", b"one"), image(memory, "a", b"gone")
    del memory.manifests["a", gone.digest]
    return index(memory, "a", one, gone)


def sha512(memory: Memory) -> Manifest:
    part = {"mediaType": LAYER, "digest": f"sha512:{hashlib.sha512(b'x').hexdigest()}", "size": 1}
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blob(memory, b"{}"), "layers": [part]})
    memory.manifests["a", sha(body.encode())] = (OCI_MANIFEST, body.encode())
    return Manifest(OCI_MANIFEST, sha(body.encode()), body.encode())


def distributed(memory: Memory, *, held: bool) -> Manifest:
    part = blob(memory, b"foreign", FOREIGN, urls=["http://127.0.0.1:1/never"])
    if not held:
        del memory.blobs["a", sha(b"foreign")]
    return manifest(memory, layers=[part])


CLASSES: list[tuple[str, Callable[[Memory], Manifest], str]] = [
    ("image", lambda m: image(m, "a", b"one", b"two"), ""),
    ("index", lambda m: index(m, "a", image(m, "a", b"one"), image(m, "a", b"two", docker=True)), ""),
    ("nested index", lambda m: index(m, "a", index(m, "a", image(m, "a", b"one")), image(m, "a", b"two")), ""),
    ("sparse index", sparse, "does not hold manifest"),
    ("artifact", artifact, ""),
    ("subject", lambda m: manifest(m, subject=named(image(m, "a", b"one"))), ""),
    ("missing subject", lambda m: manifest(m, subject={"mediaType": OCI_MANIFEST, "digest": sha(b"?"), "size": 9}), ""),
    ("artifact list", lambda m: listed(m, artifact(m), artifactType="application/vnd.example.list"), ""),
    ("subject list", lambda m: listed(m, artifact(m), subject=named(image(m, "a", b"one"))), ""),
    ("data field", lambda m: manifest(m, layers=[blob(m, b"inline") | {"data": "aW5saW5l"}]), ""),
    ("non-distributable, held", lambda m: distributed(m, held=True), ""),
    ("non-distributable, elsewhere", lambda m: distributed(m, held=False), "not distributable"),
    ("custom fields", lambda m: manifest(m, **{"org.example": {"a": [1.5, None]}, "annotations": {"k": "v"}}), ""),
    ("no layers", lambda m: manifest(m, layers=[]), ""),
    ("empty blob", lambda m: manifest(m, layers=[blob(m, b"")]), ""),
    ("sha512", sha512, "sha256"),
]


@pytest.mark.parametrize(("make", "refusal"), [row[1:] for row in CLASSES], ids=[row[0] for row in CLASSES])
def test_each_class_is_copied_or_refused(make: Callable[[Memory], Manifest], refusal: str) -> None:
    source, hub = Memory(), Memory(base="https://hub.test")
    top = make(source)

    def copied() -> None:
        copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), top.digest, "hw-1")

    if refusal:
        with pytest.raises(RegistryError, match=refusal):
            copied()
        assert ("b", "hw-1") not in hub.manifests
        return
    copied()
    assert hub.manifests["b", "hw-1"] == source.manifests["a", top.digest]
    mine = {name: data for (place, name), data in hub.manifests.items() if place == "b" and name != "hw-1"}
    assert all(source.manifests["a", name] == data for name, data in mine.items())
    assert all(source.blobs["a", name] == data for (_, name), data in hub.blobs.items())


@pytest.mark.parametrize("lists", [True, False], ids=["lists", "tags"])
def test_what_refers_to_an_image_comes_along(*, lists: bool) -> None:
    source, hub = Memory(lists=lists), Memory(base="https://hub.test", lists=lists)
    child = image(source, "a", b"one")
    top = index(source, "a", child)
    signature = artifact(source, subject=named(top))
    sbom = artifact(source, subject=named(child), layers=[blob(source, b"sbom")])
    signed_sbom = artifact(source, subject=named(sbom), layers=[blob(source, b"signature of the sbom")])
    if not lists:
        for item in (signature, sbom, signed_sbom):
            tagged = listed(source, item)
            source.manifests["a", referrers_tag(item.subject)] = source.manifests["a", tagged.digest]
    places = Place(source.registry(), "a"), Place(hub.registry(), "b")
    copy_image(*places, top.digest, "hw-1")
    assert all(hub.manifests["b", item.digest][1] == item.body for item in (top, child, signature, sbom, signed_sbom))
    for item in (signature, sbom, signed_sbom):
        assert [found.part.digest for found in places[1].registry.referrers("b", item.subject)] == [item.digest]
    puts = [seen.url.rpartition("/")[2] for seen in hub.seen if seen.method == "PUT" and "/manifests/" in seen.url]
    assert puts.index(signed_sbom.digest) < puts.index(sbom.digest) < puts.index(child.digest)
    assert puts[-1] == "hw-1"


def test_a_list_that_lies_is_refused_and_what_is_gone_is_left_out() -> None:
    source, hub = Memory(), Memory(base="https://hub.test")
    top, other = image(source, "a", b"one"), image(source, "a", b"other")
    source.manifests["a", referrers_tag(top.digest)] = source.manifests["a", listed(source, other).digest]
    with pytest.raises(RegistryError, match="does not"):
        copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), top.digest, "hw-1")
    del source.manifests["a", other.digest]
    copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), top.digest, "hw-1")
    assert ("b", "hw-1") in hub.manifests
