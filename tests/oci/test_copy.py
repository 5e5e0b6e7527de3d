import itertools
import random
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controller.core.errors import PreconditionError, RegistryError, WaitingError
from controller.oci.copy import Means, Moved, Place, copy_image
from controller.oci.manifest import OCI_MANIFEST, Descriptor, Manifest
from controller.oci.stream import verified
from controller.oci.transport import CHUNK, TransientError
from tests.oci.double import LAYER, Answer, Memory, Stream, described, image, index, sha, stored

TAG = "hw-1"
FLIPS = 6000


def proven(stream: Any, blob: Descriptor) -> Iterator[memoryview]:
    """`verified` over one stream that cannot be opened again."""

    def opened(start: int) -> Any:
        if start:
            raise TransientError("it cannot be opened again")
        return stream

    return verified(opened, blob, memoryview(bytearray(CHUNK)))


def pair() -> tuple[Memory, Memory]:
    return Memory(), Memory(base="https://hub.test")


def copied(source: Memory, hub: Memory, manifest: Manifest, tag: str = TAG) -> Moved:
    return copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), manifest.digest, tag)


def same(source: Memory, hub: Memory, manifest: Manifest) -> bool:
    return hub.manifests["b", manifest.digest] == source.manifests["a", manifest.digest]


def test_an_image_arrives_verbatim_and_a_second_copy_does_nothing() -> None:
    source, hub = pair()
    manifest = image(source, "a", b"one" * 100, b"two", config=b'{"x":1}')
    assert copied(source, hub, manifest) == Moved(310, 0)
    assert same(source, hub, manifest)
    assert hub.manifests["b", TAG] == source.manifests["a", manifest.digest]
    hub.seen.clear()
    assert copied(source, hub, manifest) == Moved(0, 0)
    assert [seen.method for seen in hub.seen] == ["GET"]


def test_a_second_tag_moves_no_blob() -> None:
    source, hub = pair()
    manifest = image(source, "a", b"one")
    copied(source, hub, manifest)
    source.seen.clear()
    assert copied(source, hub, manifest, "hw-2") == Moved(0, 0)
    assert (source.seen, hub.manifests["b", "hw-2"]) == ([], hub.manifests["b", TAG])


def test_blobs_that_are_there_are_skipped() -> None:
    source, hub = pair()
    copied(source, hub, image(source, "a", b"base", b"one"))
    assert copied(source, hub, image(source, "a", b"base", b"new!!"), "hw-2") == Moved(5, 6)


def test_an_index_comes_after_its_children_nested_ones_too() -> None:
    source, hub = pair()
    one, two = image(source, "a", b"one"), image(source, "a", b"two", docker=True)
    top = index(source, "a", index(source, "a", one), two)
    copied(source, hub, top)
    assert all(same(source, hub, manifest) for manifest in (one, two, top))
    order = [seen.url.rpartition("/")[2] for seen in hub.seen if seen.method == "PUT" and "/manifests/" in seen.url]
    assert sorted(order[:2]) == sorted([one.digest, two.digest])
    assert order[2:] == [top.children[0].digest, TAG]


def test_an_index_of_itself_or_too_deep_ends() -> None:
    source, hub = pair()
    top = image(source, "a", b"one")
    for _ in range(6):
        top = index(source, "a", top)
    with pytest.raises(RegistryError, match="deeper"):
        copied(source, hub, top)
    assert hub.manifests == {}


def test_an_artifact_is_copied_like_an_image() -> None:
    source, hub = pair()
    data = b'{"predicate":1}'
    source.blobs["a", sha(data)] = data
    part = described(Descriptor("application/vnd.in-toto+json", sha(data), len(data)))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.in-toto+json",
        "config": part,
        "layers": [part],
    }
    assert copied(source, hub, stored(source, "a", document, OCI_MANIFEST)) == Moved(len(data), 0)


def test_a_tag_is_never_moved() -> None:
    source, hub = pair()
    other = image(hub, "b", b"other")
    hub.manifests["b", TAG] = hub.manifests["b", other.digest]
    before = dict(hub.manifests)
    with pytest.raises(PreconditionError, match=other.digest):
        copied(source, hub, image(source, "a", b"mine"))
    assert hub.manifests == before
    assert {seen.method for seen in hub.seen} == {"GET"}


@pytest.mark.parametrize("mine", [True, False])
def test_a_tag_written_at_the_same_time_decides(*, mine: bool) -> None:
    source, hub = pair()
    manifest = image(source, "a", b"one")
    other = manifest if mine else image(hub, "b", b"other")

    def race(method: str, path: str, number: int) -> None:
        if method == "PUT" and path.endswith(TAG):
            hub.manifests["b", TAG] = (other.media_type, other.body)

    hub.fails = race
    if mine:
        assert copied(source, hub, manifest) == Moved(5, 0)
    else:
        with pytest.raises(PreconditionError):
            copied(source, hub, manifest)
    assert hub.manifests["b", TAG] == (other.media_type, other.body)


def test_altered_bytes_never_complete_an_upload() -> None:
    source, hub = pair()
    dice = random.Random(7)
    layer = dice.randbytes(2 * CHUNK + 123)
    manifest = image(source, "a", layer)
    edges = [0, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK, len(layer) - 1]
    for place in edges + [dice.randrange(len(layer)) for _ in range(20)]:
        bad = bytearray(layer)
        bad[place] ^= 1 << dice.randrange(8)
        source.blobs["a", sha(layer)] = bytes(bad)
        with pytest.raises(RegistryError) as caught:
            copied(source, hub, manifest)
        assert caught.value.code == "DIGEST_INVALID"
    assert (hub.blobs, hub.manifests) == ({}, {})
    assert all(data == b"" for data in hub.uploads.values())
    assert len(hub.cancelled) == len(hub.uploads) == 26


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_the_last_piece_waits_for_the_proof(size: int) -> None:
    data = bytes(size - 1) + b"x"
    right = Descriptor(LAYER, sha(data), size)
    assert b"".join(bytes(piece) for piece in proven(Stream(data), right)) == data
    for stream, error in (
        (data[:-1] + b"y", RegistryError),
        (data + b"x", RegistryError),
        (data[:-1], TransientError),
        (b"", TransientError),
    ):
        passed = 0
        with pytest.raises(error):
            for piece in proven(Stream(stream), right):
                passed += len(piece)
        assert passed < size


def test_an_empty_blob_is_proven_too() -> None:
    assert list(proven(Stream(b""), Descriptor(LAYER, sha(b""), 0))) == []
    for data, digest in ((b"x", sha(b"")), (b"", sha(b"x"))):
        with pytest.raises(RegistryError):
            list(proven(Stream(data), Descriptor(LAYER, digest, 0)))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_source_that_breaks_off_is_read_on_or_anew(*, ranges: bool) -> None:
    source, hub = pair()
    source.ranges = ranges
    manifest = image(source, "a", b"x" * 3_000_000)
    source.breaks = 2_000_000
    assert copied(source, hub, manifest).bytes == 3_000_002
    assert len(hub.cancelled) == (0 if ranges else 1)
    assert [seen.headers["Range"] for seen in source.seen if "Range" in seen.headers] == ["bytes=2000000-"]
    assert same(source, hub, manifest)


def test_what_arrives_after_a_break_is_proven_with_what_came_before() -> None:
    source, hub = pair()
    data = bytes(3_000_000)
    manifest = image(source, "a", data)
    source.breaks = 2_000_000

    def swap(method: str, path: str, number: int) -> None:
        if source.breaks is None:
            source.blobs["a", sha(data)] = data[:-1] + b"x"

    source.fails = swap
    with pytest.raises(RegistryError, match="other bytes"):
        copied(source, hub, manifest)
    assert hub.manifests == {}


@pytest.mark.parametrize("granted", [True, False])
def test_blobs_are_mounted_from_where_they_are_known_to_be(*, granted: bool) -> None:
    source, hub = pair()
    hub.mounts = granted
    manifest = image(source, "a", b"one" * 9, b"two")
    places = Place(source.registry(), "a"), Place(hub.registry(), "b")
    ledger = Means()
    copy_image(*places, manifest.digest, TAG, ledger)
    hub.seen.clear()
    for name, means, held in (("c", ledger, ()), ("d", Means(), ("d", "b"))):
        moved = copy_image(places[0], Place(places[1].registry, name), manifest.digest, TAG, means, held)
        assert moved == (Moved(0, 0, 32) if granted else Moved(32, 0, 0))
        assert hub.manifests[name, TAG] == hub.manifests["b", TAG]
    asked = [seen.url for seen in hub.seen if seen.method == "POST"]
    assert len(asked) == 6  # the session that comes instead of a mount is used
    assert all("mount=sha256%3A" in url and url.endswith("&from=b") for url in asked)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_mount_that_is_refused_becomes_an_upload(status: int) -> None:
    source, hub = pair()
    manifest = image(source, "a", b"one")
    hub.fails = lambda method, path, number: (
        (status, {}, b"") if method == "POST" and "mount=" in hub.seen[-1].url else None
    )
    copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), manifest.digest, TAG, None, ("c",))
    assert same(source, hub, manifest)


def test_streams_share_the_work_the_largest_first_and_each_blob_once() -> None:
    source, hub = pair()
    layers = [bytes([number]) * (number * 1000) for number in range(1, 30)]
    top = index(source, "a", image(source, "a", *layers), image(source, "a", *layers[5:]))
    told: list[tuple[int, int]] = []
    with ThreadPoolExecutor(6) as pool:
        means = Means(pool, tell=lambda arrived, expected: told.append((arrived, expected)))
        moved = copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), top.digest, TAG, means)
    assert moved == Moved(sum(map(len, layers)) + 2)
    assert max(told) == (moved.bytes, moved.bytes)
    gets = [seen.url.rpartition(":")[2] for seen in source.seen if "/blobs/" in seen.url]
    assert len(gets) == len(set(gets)) == 30
    assert sha(layers[-1]).endswith(gets[0]) or gets.index(sha(layers[-1])[7:]) < 6
    assert same(source, hub, top)


def test_the_first_failure_ends_what_has_not_begun() -> None:
    source, hub = pair()
    manifest = image(source, "a", *[bytes([number]) * 100 for number in range(200)])
    del source.blobs["a", sha(bytes(100))]
    with ThreadPoolExecutor(3) as pool, pytest.raises(RegistryError, match="BLOB_UNKNOWN"):
        copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), manifest.digest, TAG, Means(pool))
    assert hub.manifests == {}


@pytest.mark.parametrize("flips", [600, pytest.param(FLIPS, marks=pytest.mark.slow)])
def test_thousands_of_single_flipped_bits_are_caught(flips: int) -> None:
    """Over every blob and manifest of an index and its referrer: nothing is tagged, and no blob is kept that is not."""
    dice = random.Random(11)
    source = Memory(lists=True)
    children = [image(source, "a", dice.randbytes(size), config=dice.randbytes(40)) for size in (1, 17, 900, 9000)]
    top = index(source, "a", *children)
    part = {"mediaType": OCI_MANIFEST, "digest": top.digest, "size": len(top.body)}
    signed = described(Descriptor(LAYER, sha(b"signed"), 6))
    source.blobs["a", sha(b"signed")] = b"signed"
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": signed, "layers": [signed], "subject": part}
    stored(source, "a", document, OCI_MANIFEST)
    lists = {name: source.referrers("a", name) for _, name in source.manifests}
    source.referrers = lambda _, digest: lists[digest]  # type: ignore[method-assign]
    blobs, manifests = dict(source.blobs), dict(source.manifests)
    places = [*blobs, *manifests]
    assert len(places) == 9 + 6
    for number in range(flips):
        place = places[number % len(places)]
        kind, data = ("", blobs[place]) if place in blobs else manifests[place]
        bad = bytearray(data)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        source.blobs = blobs | ({place: bytes(bad)} if place in blobs else {})
        source.manifests = manifests | ({place: (kind, bytes(bad))} if place in manifests else {})
        hub = Memory(base="https://hub.test")
        with pytest.raises(RegistryError):
            copied(source, hub, top)
        assert ("b", TAG) not in hub.manifests
        assert ("b", top.digest) not in hub.manifests
        assert all(sha(found) == name for (_, name), found in hub.blobs.items())
        assert all(sha(found) == name for (_, name), (_, found) in hub.manifests.items() if name.startswith("sha256:"))


def test_endless_data_stops_at_the_declared_size() -> None:
    class Endless:
        given = 0

        def readinto(self, buffer: memoryview, /) -> int:
            self.given += len(buffer)
            return len(buffer)

        def close(self) -> None: ...

    stream = Endless()
    with pytest.raises(RegistryError, match="longer"):
        list(proven(stream, Descriptor(LAYER, sha(b""), 3 * CHUNK)))
    assert stream.given == 3 * CHUNK + 1


def test_memory_stays_small_whatever_the_blob() -> None:
    class Zeros:
        def readinto(self, buffer: memoryview, /) -> int:
            return min(len(buffer), 100_000)

        def close(self) -> None: ...

    tracemalloc.start()
    try:
        with pytest.raises(RegistryError):
            for _ in proven(Zeros(), Descriptor(LAYER, sha(b""), 64 * CHUNK)):
                pass
        assert tracemalloc.get_traced_memory()[1] < 3 * CHUNK
    finally:
        tracemalloc.stop()


def test_what_the_source_lacks_is_said() -> None:
    source, hub = pair()
    manifest = image(source, "a", b"one")
    del source.blobs["a", sha(b"one")]
    with pytest.raises(RegistryError, match="BLOB_UNKNOWN"):
        copied(source, hub, manifest)
    del source.manifests["a", manifest.digest]
    with pytest.raises(RegistryError, match="does not hold"):
        copied(source, hub, manifest)


def test_a_child_that_is_not_what_its_index_says_is_refused() -> None:
    source, hub = pair()
    child = image(source, "a", b"one")
    document = {
        "schemaVersion": 2,
        "manifests": [described(Descriptor(child.media_type, child.digest, len(child.body) + 1))],
    }
    with pytest.raises(RegistryError, match="type and size"):
        copied(source, hub, stored(source, "a", document, "application/vnd.oci.image.index.v1+json"))


def deaths(source: Memory, hub: Memory, manifest: Manifest) -> Iterator[int]:
    """Dies at the n-th request to the hub, for every n, until a copy gets through."""

    class Death(BaseException):
        pass

    for fatal in range(1, 100):
        numbers = itertools.count(1)

        def die(method: str, path: str, number: int, fatal: int = fatal, numbers: Any = numbers) -> Answer | None:
            if next(numbers) == fatal:
                raise Death
            return None

        hub.fails = die
        try:
            copied(source, hub, manifest)
        except Death:
            yield fatal
        else:
            return


def test_death_at_any_request_leaves_nothing_that_a_rerun_does_not_finish() -> None:
    source, reference = pair()
    top = index(source, "a", image(source, "a", b"one" * 9), image(source, "a", b"two", b"three"))
    copied(source, reference, top)
    hub = Memory(base="https://hub.test")
    assert len(list(deaths(source, hub, top))) >= 5
    hub.fails = lambda method, path, number: None
    copied(source, hub, top)
    assert (hub.blobs, hub.manifests) == (reference.blobs, reference.manifests)


def test_no_further_blob_is_begun_once_the_run_is_to_end() -> None:
    source, hub = pair()
    manifest = image(source, "a", b"one" * 100, b"two")
    begun: list[int] = []
    means = Means(tell=lambda arrived, _: begun.append(arrived), stopped=lambda: bool(begun))
    with pytest.raises(WaitingError):
        copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), manifest.digest, TAG, means)
    assert (len(begun), hub.manifests) == (1, {})
    assert copied(source, hub, manifest).skipped == 300


def test_a_blob_under_way_is_given_up_and_its_upload_cancelled_once_the_run_is_to_end() -> None:
    source, hub = pair()
    manifest = image(source, "a", bytes(5 * CHUNK))
    arrived: list[int] = []
    means = Means(tell=lambda count, _: arrived.append(count), stopped=lambda: max(arrived, default=0) >= 2 * CHUNK)
    with pytest.raises(WaitingError):
        copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), manifest.digest, TAG, means)
    assert max(arrived) == 2 * CHUNK
    assert (hub.blobs, hub.manifests, len(hub.cancelled)) == ({}, {}, 1)
    assert copied(source, hub, manifest).bytes == 5 * CHUNK + 2
