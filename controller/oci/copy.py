"""Copies an image by digest: children before their index, blobs before their manifest, bytes never altered or kept."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass, field

from controller.core.errors import PreconditionError, RegistryError
from controller.oci.manifest import Descriptor, Manifest
from controller.oci.reference import check_digest, check_tag
from controller.oci.registry import Registry
from controller.oci.transport import CHUNK, Stream, TransientError

_DEEPEST = 4
_MOST_MANIFESTS = 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of a registry."""

    registry: Registry
    repository: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes of blobs that were sent, and of blobs that were there already."""

    bytes: int = 0
    skipped: int = 0


def copy_image(source: Place, destination: Place, digest: str, tag: str) -> Moved:
    """Copies the image or index `digest` and everything below it, then tags it. Safe to repeat at any point.

    `PreconditionError` if `tag` already names something else: a tag is never moved. `RegistryError` if the source has
    not what it should have; nothing is tagged then.
    """
    check_digest(digest)
    check_tag(tag)
    if _tagged(destination, digest, tag):
        return Moved()
    run = _Run(source, destination)
    there = destination.registry.manifest(destination.repository, digest)
    manifest = there if there is not None else run.below(run.fetch(digest), 1)
    try:
        destination.registry.put_manifest(destination.repository, manifest, tag)
    except RegistryError:
        # Somebody may have been faster: an immutable tag is refused even when it names the same image.
        if not _tagged(destination, digest, tag):
            raise
    return Moved(run.sent, run.skipped)


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
    """One copy: where from, where to, and what it has done so far."""

    source: Place
    destination: Place
    sent: int = 0
    skipped: int = 0
    manifests: int = 0
    done: set[str] = field(default_factory=set)

    def fetch(self, digest: str) -> Manifest:
        """A manifest of the source."""
        self.manifests += 1
        if self.manifests > _MOST_MANIFESTS:
            raise RegistryError(f"an image of {self.source.repository} has more than {_MOST_MANIFESTS} manifests")
        manifest = self.source.registry.manifest(self.source.repository, digest)
        if manifest is None:
            raise RegistryError(f"{self.source.repository} does not hold manifest {digest}", status=404)
        return manifest

    def below(self, manifest: Manifest, depth: int) -> Manifest:
        """Everything that a manifest names is at the destination when this returns the manifest."""
        if depth > _DEEPEST:
            raise RegistryError(f"indexes within indexes deeper than {_DEEPEST}: {manifest.digest}")
        for child in manifest.children:
            if child.digest not in self.done:
                self.child(child, depth + 1)
                self.done.add(child.digest)
        for blob in sorted(manifest.blobs, key=lambda part: -part.size):
            if blob.digest not in self.done:
                self.blob(blob)
                self.done.add(blob.digest)
        return manifest

    def child(self, wanted: Descriptor, depth: int) -> None:
        """One entry of an index."""
        target = self.destination
        if target.registry.manifest(target.repository, wanted.digest) is not None:
            return
        manifest = self.fetch(wanted.digest)
        if (manifest.media_type, len(manifest.body)) != (wanted.media_type, wanted.size):
            raise RegistryError(f"manifest {wanted.digest} is not of the type and size that its index says")
        target.registry.put_manifest(target.repository, self.below(manifest, depth))

    def blob(self, blob: Descriptor) -> None:
        """One blob, streamed."""
        source, target = self.source, self.destination
        if target.registry.has_blob(target.repository, blob):
            self.skipped += blob.size
            return

        def pieces() -> Generator[memoryview, None, None]:
            stream = source.registry.open_blob(source.repository, blob).stream
            try:
                yield from verified(stream, blob)
            finally:
                stream.close()

        target.registry.upload(target.repository, blob, pieces)
        self.sent += blob.size


def verified(stream: Stream, blob: Descriptor) -> Generator[memoryview, None, None]:
    """The stream's bytes through one buffer of 1 MiB, each piece only valid until the next.

    The last piece comes only after size and sha256 of the whole are proven, so a receiver that was promised the size
    never completes with wrong bytes. Ends early: `TransientError`; too long or altered: `RegistryError`.
    """
    sha256 = hashlib.sha256()
    buffer = memoryview(bytearray(min(CHUNK, blob.size) or 1))
    left = blob.size
    while left:
        piece = _filled(stream, buffer[: min(len(buffer), left)], blob)
        sha256.update(piece)
        left -= len(piece)
        if left:
            yield piece
    if stream.readinto(memoryview(bytearray(1))):
        raise RegistryError(f"blob {blob.digest} is longer than the {blob.size} bytes its manifest says")
    if f"sha256:{sha256.hexdigest()}" != blob.digest:
        raise RegistryError(f"blob {blob.digest} came with other bytes: it is not copied", code="DIGEST_INVALID")
    if blob.size:
        yield piece


def _filled(stream: Stream, room: memoryview, blob: Descriptor) -> memoryview:
    """`room`, full: a stream may give less than it is asked for, and not be at its end."""
    have = 0
    while have < len(room):
        count = stream.readinto(room[have:])
        if not count:
            raise TransientError(f"blob {blob.digest} ended before its {blob.size} bytes")
        have += count
    return room
