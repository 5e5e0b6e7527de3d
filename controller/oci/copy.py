"""Copies an image by digest: blobs in parallel before their manifest, children before their index, the tag last."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from controller.core.errors import PreconditionError, RegistryError, WaitingError
from controller.oci.ledger import Ledger
from controller.oci.manifest import Descriptor, Listed, Manifest
from controller.oci.reference import check_digest, check_tag
from controller.oci.registry import Registry
from controller.oci.stream import Buffers, verified
from controller.oci.transport import Stream
from controller.oci.tree import Tree, attach

A = TypeVar("A")
B = TypeVar("B")
Tell = Callable[[int, int], None]
"""Told how many bytes of how many have arrived."""

_WORTH = 1 << 20  # bytes that are missing before anybody else's image is read for what it shares
_CHILDREN = 4
_LACKS = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"})
_FOREIGN = ("foreign", "nondistributable")


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of a registry."""

    registry: Registry
    repository: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes of blobs that were sent, that were there already, and that the registry took from another repository."""

    bytes: int = 0
    skipped: int = 0
    mounted: int = 0

    def __add__(self, other: Moved) -> Moved:
        return Moved(self.bytes + other.bytes, self.skipped + other.skipped, self.mounted + other.mounted)


@dataclass(frozen=True, slots=True)
class Means:
    """What a copy may use: threads (none: one thing after another, in an order that is always the same), buffers,
    what is known of the destination's registry, whom to tell of bytes, and whether the run is to end."""

    pool: Executor | None = None
    buffers: Buffers = field(default_factory=Buffers)
    ledger: Ledger = field(default_factory=Ledger)
    tell: Tell | None = None
    stopped: Callable[[], bool] = lambda: False


def copy_image(
    source: Place,
    destination: Place,
    digest: str,
    tag: str,
    means: Means | None = None,
    held: Sequence[str] = (),
    others: Mapping[str, str] | None = None,
) -> Moved:
    """Copies the image or index `digest`, everything below it and what is attached to it, then tags it.

    Safe to repeat at any point. `held` names repositories of the destination's registry that hold this very image,
    `others` images by repository that may share some of it: blobs are mounted from there, where the registry grants
    it. `PreconditionError` if `tag` already names something
    else: a tag is never moved. `RegistryError` if the source has not what it should have; nothing is tagged then.
    """
    check_digest(digest)
    check_tag(tag)
    if _tagged(destination, digest, tag):
        return Moved()
    run = _Run(source, destination, means or Means(), tuple(held), others or {})
    there = destination.registry.manifest(destination.repository, digest)
    manifest = there or run.everything(digest)
    try:
        run.put(manifest, tag)
    except RegistryError:
        # Somebody may have been faster: an immutable tag is refused even when it names the same image.
        if not _tagged(destination, digest, tag):
            raise
    return run.moved


def _tagged(place: Place, digest: str, tag: str) -> bool:
    """Whether the tag is there and names the image; `PreconditionError` if it names another."""
    live = place.registry.manifest(place.repository, tag)
    if live is not None and live.digest != digest:
        raise PreconditionError(
            f"tag {tag} of {place.repository} already names {live.digest}, not {digest}",
            "somebody else wrote this tag: it is never moved; look at who pushes to the repository",
        )
    return live is not None


@dataclass(slots=True)
class _Run:
    """One copy: where from, where to, by what means, and what it has moved."""

    source: Place
    destination: Place
    means: Means
    held: tuple[str, ...]
    others: Mapping[str, str]
    moved: Moved = Moved()
    _arrived: int = 0
    _expected: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def everything(self, digest: str) -> Manifest:
        """All but the image itself is at the destination when this returns its manifest, for the tag's PUT to store."""
        tree = Tree(self.source.registry, self.source.repository, self._present, self._each)
        tree.add(tree.fetch(digest))
        own = [*tree.manifests]
        referrers: dict[str, list[Listed]] = {}
        for item in tree.referrers():
            referrers.setdefault(item.subject, []).append(item.listed)
        tree.attached(own)
        missing = tree.ordered()
        self._blobs(missing)
        registry, repository = self.destination.registry, self.destination.repository
        absent = {manifest.digest for manifest in missing}
        self._name(tree, (known for known in tree.tags if known not in absent))
        for manifest in missing:
            if manifest.digest in referrers:
                attach(registry, repository, manifest.digest, referrers[manifest.digest])
            if manifest.digest != digest:
                self.put(manifest)
            self._name(tree, [manifest.digest])
        return tree.manifests[digest]

    def put(self, manifest: Manifest, tag: str | None = None) -> None:
        """Stores a manifest; blobs that the registry then misses, though it said it had them, are sent once more."""
        registry, repository = self.destination.registry, self.destination.repository
        try:
            registry.put_manifest(repository, manifest, tag)
        except RegistryError as error:
            if error.code not in _LACKS:
                raise
            named = [blob for blob in manifest.blobs if blob.digest in error.digests] or manifest.blobs
            self.moved = sum(self._each(self._sent, named), self.moved)
            registry.put_manifest(repository, manifest, tag)

    def _name(self, tree: Tree, digests: Iterable[str]) -> None:
        """Puts what is attached under its tags, unless they are there: a tag is never moved."""
        registry, repository = self.destination.registry, self.destination.repository
        for digest in digests:
            for tag in tree.tags.get(digest, ()):
                if registry.manifest(repository, tag) is None:
                    registry.put_manifest(repository, tree.manifests[digest], tag)

    def _present(self, digest: str) -> bool:
        return self.destination.registry.has_manifest(self.destination.repository, digest)

    def _each(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        return each(self.means.pool, work, items)

    def _blobs(self, manifests: Iterable[Manifest]) -> None:
        """All blobs that the manifests name, each once, the largest first."""
        found: dict[str, Descriptor] = {}
        for manifest in manifests:
            for blob in manifest.blobs:
                if found.setdefault(blob.digest, blob).size != blob.size:
                    raise RegistryError(f"an image gives {blob.digest} two sizes", code="MANIFEST_INVALID")
        self._expected = sum(blob.size for blob in found.values())
        ordered = sorted(found.values(), key=lambda blob: -blob.size)
        since = self.means.ledger.now()
        there = self._each(self._there, ordered)
        missing = [blob for blob, held in zip(ordered, there, strict=True) if not held]
        self.moved += Moved(skipped=sum(blob.size for blob, held in zip(ordered, there, strict=True) if held))
        self._look_around(missing)
        while missing:
            ended = self._each(functools.partial(self._unless_coming, since), missing)
            self.moved = sum((found for found in ended if isinstance(found, Moved)), self.moved)
            coming = [found for found in ended if isinstance(found, threading.Event)]
            missing = [blob for blob, found in zip(missing, ended, strict=True) if isinstance(found, threading.Event)]
            for other in coming:  # on no stream's thread: those are for bytes
                other.wait()

    def _there(self, blob: Descriptor) -> bool:
        """Whether the destination has the blob, which then is counted."""
        self._go_on()
        if not self.destination.registry.has_blob(self.destination.repository, blob):
            return False
        self._count(blob.size)
        self.means.ledger.note(blob.digest, self.destination.repository)
        return True

    def _look_around(self, missing: Iterable[Descriptor]) -> None:
        """Reads which blobs some other images of the destination's registry have, if that may save much."""
        if self.held or sum(blob.size for blob in missing if not self.means.ledger.holder(blob.digest)) < _WORTH:
            return
        images = self.means.ledger.unread(self.others)
        for name, blobs in zip(images, self._each(self._blobs_of, images), strict=True):
            for blob in blobs:
                self.means.ledger.note(blob.digest, name[0])

    def _blobs_of(self, image: tuple[str, str]) -> tuple[Descriptor, ...]:
        registry, (repository, digest) = self.destination.registry, image
        try:
            top = registry.manifest(repository, digest)
            children = top.children[:_CHILDREN] if top else ()
            read = [top, *(registry.manifest(repository, child.digest) for child in children)]
        except RegistryError:  # not to know costs bytes and nothing else
            return ()
        return tuple(blob for manifest in read if manifest for blob in manifest.blobs)

    def _unless_coming(self, since: int, blob: Descriptor) -> Moved | threading.Event:
        """One blob that was not there, brought unless another image's copy is at it: then what to wait for.

        `since`: the moment, of the ledger, before it was looked for.
        """
        self._go_on()
        ledger, repository = self.means.ledger, self.destination.repository
        coming = ledger.claim(blob.digest, repository)
        if coming is not None:
            return coming
        try:
            if not ledger.has(blob.digest, repository, since):
                return self._blob(blob)
            self._count(blob.size)
            return Moved(skipped=blob.size)
        finally:
            ledger.release(blob.digest, repository)

    def _blob(self, blob: Descriptor) -> Moved:
        """One blob that is not there: mounted, or streamed."""
        if holder := self._holder(blob):
            location = self.destination.registry.mount(self.destination.repository, blob, holder)
            self.means.ledger.mounted(granted=location is None)
            if location is None:
                self._count(blob.size)
                return self._noted(blob, Moved(mounted=blob.size))
            return self._sent(blob, location)
        return self._sent(blob)

    def _sent(self, blob: Descriptor, location: str = "") -> Moved:
        with self.means.buffers.one() as buffer:
            registry, repository = self.destination.registry, self.destination.repository
            registry.upload(repository, blob, lambda: self._pieces(blob, buffer), location)
        return self._noted(blob, Moved(blob.size))

    def _holder(self, blob: Descriptor) -> str | None:
        others = [name for name in self.held if name != self.destination.repository]
        found = others[0] if others else self.means.ledger.holder(blob.digest)
        return None if found == self.destination.repository else found

    def _noted(self, blob: Descriptor, moved: Moved) -> Moved:
        self.means.ledger.note(blob.digest, self.destination.repository)
        return moved

    def _pieces(self, blob: Descriptor, buffer: memoryview) -> Generator[memoryview, None, None]:
        counted = 0
        pieces = verified(lambda start: self._opened(blob, start), blob, buffer)
        try:
            with contextlib.closing(pieces):
                for piece in pieces:
                    self._go_on()
                    yield piece
                    counted += len(piece)
                    self._count(len(piece))
        finally:
            if counted < blob.size:  # begun anew, if at all
                self._count(-counted)

    def _go_on(self) -> None:
        """`WaitingError` once the run is to end: a blob of many gigabytes must not keep it."""
        if self.means.stopped():
            raise WaitingError("the copy was interrupted; the next run continues it")

    def _opened(self, blob: Descriptor, start: int) -> Stream:
        try:
            return self.source.registry.open_blob(self.source.repository, blob, start).stream
        except RegistryError as error:
            if error.status == 404 and any(word in blob.media_type for word in _FOREIGN):
                said = f"layer {blob.digest} is not distributable, and {self.source.repository} does not hold it"
                hint = "push the image with its foreign layers, or build it on a base without them"
                raise RegistryError(said, status=404, code="BLOB_FOREIGN", hint=hint) from error
            raise

    def _count(self, size: int) -> None:
        if self.means.tell is None:
            return
        with self._lock:
            self._arrived += size
            arrived = self._arrived
        self.means.tell(arrived, self._expected)


def each(pool: Executor | None, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """`work` on every item, on the pool if there is one; the first failure ends what has not begun, and is raised."""
    if pool is None:
        return [work(item) for item in items]
    futures = [pool.submit(work, item) for item in items]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:
        for future in futures:
            future.cancel()
        wait(futures)
    for future in futures:
        if not future.cancelled() and (error := future.exception()) is not None:
            raise error
    return [future.result() for future in futures]
