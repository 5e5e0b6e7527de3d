"""What comes along with an image under cosign's tags, blobs taken from other images, blobs that a registry lost."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from controller.core.errors import RegistryError
from controller.oci.copy import Means, Moved, Place, copy_image
from controller.oci.manifest import OCI_MANIFEST, Manifest
from controller.oci.registry import referrers_tag
from tests.oci.double import CONFIG, LAYER, Answer, Descriptor, Memory, described, image, index, sha

MIB = 1 << 20


def pair() -> tuple[Memory, Memory]:
    return Memory(), Memory(base="https://hub.test", mounts=True)


def copied(source: Memory, hub: Memory, manifest: Manifest, target: str = "b", **more: Any) -> Moved:
    places = Place(source.registry(), "a"), Place(hub.registry(), target)
    return copy_image(*places, manifest.digest, "hw-1", **more)


def attach(memory: Memory, subject: Manifest, kind: str, data: bytes) -> Manifest:
    """A signature, attestation or SBOM as cosign pushes it."""
    made = image(memory, "a", data)
    memory.manifests["a", f"{referrers_tag(subject.digest)}.{kind}"] = memory.manifests["a", made.digest]
    return made


def test_what_cosign_keeps_under_tags_comes_along_before_the_image() -> None:
    source, hub = pair()
    child = image(source, "a", b"one")
    top = index(source, "a", child)
    made = {
        f"{referrers_tag(subject.digest)}.{kind}": attach(source, subject, kind, f"{kind} of {subject.digest}".encode())
        for subject in (top, child)
        for kind in ("sig", "att", "sbom")
    }
    copied(source, hub, top)
    assert {tag: hub.manifests["b", tag][1] for tag in made} == {tag: item.body for tag, item in made.items()}
    puts = [seen.url.rpartition("/")[2] for seen in hub.seen if seen.method == "PUT" and "/manifests/" in seen.url]
    assert puts[-1] == "hw-1"
    before = puts[: puts.index(child.digest)]
    assert {f"{referrers_tag(child.digest)}.{kind}" for kind in ("sig", "att", "sbom")} <= {*before}
    again = Memory(base="https://hub.test")
    assert copied(source, again, top).bytes == sum(len(data) for (place, _), data in source.blobs.items())


def test_a_signature_that_the_hub_has_already_is_left_as_it_is() -> None:
    source, hub = pair()
    top = image(source, "a", b"one")
    attach(source, top, "sig", b"two signatures")
    tag = f"{referrers_tag(top.digest)}.sig"
    theirs = image(hub, "b", b"one signature")
    hub.manifests["b", tag] = (theirs.media_type, theirs.body)
    copied(source, hub, top)
    assert hub.manifests["b", tag][1] == theirs.body
    assert hub.manifests["b", "hw-1"][1] == top.body


def test_one_signature_under_the_tags_of_two_images_gets_both() -> None:
    source, hub = pair()
    first, second = image(source, "a", b"one"), image(source, "a", b"two")
    made = attach(source, first, "sig", b"both")
    source.manifests["a", f"{referrers_tag(second.digest)}.sig"] = source.manifests["a", made.digest]
    copied(source, hub, first)
    copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), second.digest, "hw-2")
    for item in (first, second):
        assert hub.manifests["b", f"{referrers_tag(item.digest)}.sig"][1] == made.body


def test_death_at_any_request_leaves_no_image_without_its_signature() -> None:
    class Death(BaseException):
        pass

    source, hub = pair()
    top = image(source, "a", b"one")
    made = attach(source, top, "sig", b"signed")
    for fatal in range(1, 60):
        hub = Memory(base="https://hub.test")
        numbers = itertools.count(1)

        def die(method: str, path: str, number: int, fatal: int = fatal, numbers: Any = numbers) -> Answer | None:
            if next(numbers) == fatal:
                raise Death
            return None

        hub.fails = die
        try:
            copied(source, hub, top)
        except Death:
            assert ("b", top.digest) not in hub.manifests or ("b", f"{referrers_tag(top.digest)}.sig") in hub.manifests
            hub.fails = lambda method, path, number: None
            copied(source, hub, top)
            assert hub.manifests["b", f"{referrers_tag(top.digest)}.sig"][1] == made.body
            assert hub.manifests["b", "hw-1"][1] == top.body
        else:
            assert fatal > 10
            return
    raise AssertionError("it never ends")


def test_layers_are_mounted_from_another_image_that_shares_them() -> None:
    source, hub = pair()
    base, mine = bytes(2 * MIB), b"mine"
    theirs = image(hub, "team/other", base, b"theirs")
    nested = index(hub, "team/nested", image(hub, "team/nested", b"further"))
    manifest = image(source, "a", base, mine)
    means = Means()
    others = {"team/other": theirs.digest, "team/nested": nested.digest, "team/gone": sha(b"gone")}
    assert copied(source, hub, manifest, means=means, others=others) == Moved(len(mine), 0, len(base) + 2)
    assert hub.manifests["b", "hw-1"][1] == manifest.body
    read = [seen.url for seen in hub.seen if "/v2/team/" in seen.url and seen.method == "GET"]
    assert len(read) == 4
    hub.seen.clear()
    copied(source, hub, image(source, "a", bytes(3 * MIB)), "c", means=means, others=others)
    assert not [seen for seen in hub.seen if "/v2/team/" in seen.url]  # each is read once in a run


@pytest.mark.parametrize("size", [100, 2 * MIB])
def test_others_are_not_read_for_little_nor_for_what_is_there_nor_where_nothing_is_mounted(size: int) -> None:
    source, hub = pair()
    theirs = image(hub, "team/other", b"theirs")
    small = size < MIB
    manifest = image(source, "a", bytes(size))
    if not small:
        hub.blobs["b", sha(bytes(size))] = bytes(size)
    copied(source, hub, manifest, others={"team/other": theirs.digest})
    assert not [seen for seen in hub.seen if "/v2/team/" in seen.url]
    means = Means()
    means.ledger.mounted(granted=False)
    copied(source, hub, image(source, "a", bytes(3 * MIB)), "c", means=means, others={"team/other": theirs.digest})
    assert not [seen for seen in hub.seen if "/v2/team/" in seen.url]


def forgetful(hub: Memory, *lost: str, named: bool = True, times: int = 1) -> None:
    """The registry says it has the blobs, and when the manifest comes it has not."""
    left = itertools.count()
    detail = [{"digest": digest} for digest in lost]
    said = [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown", "detail": detail if named else {}}]

    def fails(method: str, path: str, number: int) -> Answer | None:
        if method == "PUT" and "/manifests/" in path and next(left) < times:
            return 404, {}, json.dumps({"errors": said}).encode()
        return None

    hub.fails = fails


@pytest.mark.parametrize("named", [True, False])
def test_blobs_that_a_registry_lost_are_sent_once_more(*, named: bool) -> None:
    source, hub = pair()
    manifest = image(source, "a", b"lost", b"kept")
    for data in (b"lost", b"kept", b"{}"):
        hub.blobs["b", sha(data)] = data
    forgetful(hub, sha(b"lost"), named=named)
    moved = copied(source, hub, manifest)
    assert moved == Moved(4 if named else 10, 10)
    sent = [seen.url.rpartition("digest=")[2] for seen in hub.seen if seen.method == "PUT" and "/uploads/" in seen.url]
    assert len(sent) == (1 if named else 3)
    assert hub.manifests["b", "hw-1"][1] == manifest.body


def test_a_registry_that_loses_them_again_ends_it() -> None:
    source, hub = pair()
    manifest = image(source, "a", b"lost")
    forgetful(hub, sha(b"lost"), times=2)
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        copied(source, hub, manifest)
    assert ("b", "hw-1") not in hub.manifests


def test_a_signature_with_a_strange_type_is_refused() -> None:
    source, hub = pair()
    top = image(source, "a", b"one")
    part = described(Descriptor(LAYER, sha(b"x"), 1))
    config = described(Descriptor(CONFIG, "md5:00", 1))
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [part]}).encode()
    source.manifests["a", f"{referrers_tag(top.digest)}.sig"] = (OCI_MANIFEST, body)
    with pytest.raises(RegistryError, match="sha256"):
        copied(source, hub, top)
    assert hub.manifests == {}
