"""Several images on their way at the same time: what they share moves once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from controller.core.errors import RegistryError
from controller.oci.copy import Means, Moved, Place, copy_image
from controller.oci.ledger import Ledger
from controller.oci.manifest import Manifest
from tests.oci.double import Memory, image, sha

BASE, TOP = b"base" * 1000, b"top" * 100
SECONDS = 20.0


def together(
    source: Memory, hub: Memory, wanted: list[tuple[Manifest, str, str]], pool: Executor | None = None
) -> list[Moved | RegistryError]:
    """Copies (image, repository, tag) at once: nothing is uploaded before every copy has seen that its blobs miss."""
    means = Means(pool=pool, ledger=Ledger())
    looked = threading.Event()
    heads, lock, fails = Counter[str](), threading.Lock(), hub.fails
    names = sum(len(manifest.blobs) for manifest, _, _ in wanted)

    def wait(method: str, path: str, number: int) -> object:
        if "/blobs/" in path and method == "HEAD":
            with lock:
                heads[path] += 1
                if sum(heads.values()) >= names:
                    looked.set()
        elif method == "POST":
            assert looked.wait(SECONDS)
        return fails(method, path, number)

    hub.fails = wait  # type: ignore[assignment]

    def one(item: tuple[Manifest, str, str]) -> Moved | RegistryError:
        manifest, repository, tag = item
        try:
            return copy_image(
                Place(source.registry(), "a"), Place(hub.registry(), repository), manifest.digest, tag, means
            )
        except RegistryError as error:
            return error

    with ThreadPoolExecutor(len(wanted)) as copies:
        return list(copies.map(one, wanted))


def sent(hub: Memory) -> Counter[str]:
    """How often each blob was uploaded, by repository and digest."""
    puts = [seen.url for seen in hub.seen if seen.method == "PUT" and "/blobs/uploads/" in seen.url]
    return Counter(
        f"{url.partition('/v2/')[2].partition('/blobs')[0]} sha256:{url.rpartition('sha256%3A')[2]}" for url in puts
    )


@pytest.mark.parametrize("threads", [False, True])
def test_one_image_for_several_promotions_moves_once(*, threads: bool) -> None:
    source, hub = Memory(), Memory(base="https://hub.test")
    manifest = image(source, "a", BASE, TOP)
    with ThreadPoolExecutor(16) as pool:
        wanted = [(manifest, "b", f"hw-{number}") for number in range(4)]
        moved = together(source, hub, wanted, pool if threads else None)
    size = len(BASE) + len(TOP) + 2
    assert sent(hub) == {f"b {sha(data)}": 1 for data in (BASE, TOP, b"{}")}
    assert sum(found.bytes for found in moved if isinstance(found, Moved)) == size
    assert all(isinstance(found, Moved) and found.bytes + found.skipped == size for found in moved)
    assert {tag for repository, tag in hub.manifests if repository == "b" and tag.startswith("hw-")} == {
        f"hw-{number}" for number in range(4)
    }


@pytest.mark.parametrize("mounts", [True, False])
def test_what_two_images_share_is_mounted_once_it_has_arrived(*, mounts: bool) -> None:
    source, hub = Memory(), Memory(base="https://hub.test", mounts=mounts)
    one, two = image(source, "a", BASE, b"one"), image(source, "a", BASE, b"two")
    moved = together(source, hub, [(one, "b", "hw-1"), (two, "c", "hw-2")])
    base = Counter({place: count for place, count in sent(hub).items() if place.endswith(sha(BASE))})
    assert base.total() == (1 if mounts else 2)
    assert all(isinstance(found, Moved) for found in moved)
    assert sum(found.mounted for found in moved if isinstance(found, Moved)) == (len(BASE) + 2 if mounts else 0)
    assert {("b", sha(BASE)), ("c", sha(BASE))} <= {*hub.blobs}


def test_where_nothing_is_mounted_a_repository_gets_a_blob_once_all_the_same() -> None:
    source, hub = Memory(), Memory(base="https://hub.test")
    one, two = image(source, "a", BASE, b"one"), image(source, "a", BASE, b"two")
    wanted = [(one, "b", "hw-1"), (one, "c", "hw-2"), (two, "c", "hw-3"), (two, "b", "hw-4")]
    together(source, hub, wanted)
    assert {*sent(hub).values()} == {1}


def test_what_one_copy_could_not_bring_the_next_one_does() -> None:
    source, hub = Memory(), Memory(base="https://hub.test")
    manifest = image(source, "a", BASE)
    refused: list[str] = []

    def once(method: str, path: str, number: int) -> tuple[int, dict[str, str], bytes] | None:
        if method == "PUT" and "/uploads/" in path and not refused:
            refused.append(path)
            return 403, {}, b""
        return None

    hub.fails = once
    moved = together(source, hub, [(manifest, "b", f"hw-{number}") for number in range(3)])
    assert [found.status for found in moved if isinstance(found, RegistryError)] == [403]
    assert {tag for _, tag in hub.manifests} >= {
        f"hw-{number}" for number in range(3) if isinstance(moved[number], Moved)
    }
    assert sum(found.bytes for found in moved if isinstance(found, Moved)) == len(BASE) + 2


def test_a_claim_that_has_ended_is_anybodys_again() -> None:
    ledger = Ledger()
    assert ledger.claim("x", "a") is None
    other = ledger.claim("x", "b")
    assert other is not None
    assert not other.is_set()
    ledger.release("x", "a")
    assert other.is_set()
    assert ledger.claim("x", "b") is None
    ledger.mounted(granted=False)
    assert ledger.claim("x", "a") is None  # nothing would be mounted: there is nothing to wait for
    ledger.release("x", "a")
    ledger.release("x", "b")


def test_what_was_taken_away_since_an_earlier_copy_is_sent_again() -> None:
    """A worker's ledger lives for days, in which a repository may lose what it had."""
    source, hub = Memory(), Memory(base="https://hub.test")
    manifest, means = image(source, "a", BASE, TOP), Means(pool=None, ledger=Ledger())
    for _ in range(2):
        hub.blobs.clear()
        hub.manifests.clear()
        copy_image(Place(source.registry(), "a"), Place(hub.registry(), "b"), manifest.digest, "hw-1", means)
    puts = [seen.url for seen in hub.seen if seen.method == "PUT" and "/manifests/" in seen.url]
    assert (sent(hub), len(puts)) == (Counter({f"b {sha(data)}": 2 for data in (BASE, TOP, b"{}")}), 2)
