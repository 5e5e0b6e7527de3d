"""What a copy has to carry: an image or index, everything below it, and what refers to any of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Protocol, TypeVar

from controller.core.errors import RegistryError
from controller.oci.manifest import OCI_INDEX, Descriptor, Listed, Manifest, read_manifest
from controller.oci.registry import Registry, referrers_tag

A = TypeVar("A")
B = TypeVar("B")

_DEEPEST = 4
_ATTACHED = ("sig", "att", "sbom")
_MOST_MANIFESTS = 1024
_MOST_BYTES = 64 * 1024 * 1024


class Each(Protocol):
    """Does some work on every item, perhaps at the same time; the results in the items' order."""

    def __call__(self, work: Callable[[A], B], items: Iterable[A], /) -> list[B]: ...


@dataclass(frozen=True, slots=True)
class Referrer:
    """An entry of the list of what refers to a manifest."""

    subject: str
    listed: Listed


@dataclass(slots=True)
class Tree:
    """Manifests of `repository` at the source that the destination lacks; `present` says of a digest that it has it.

    `tags` are those, by digest, that what is attached to a manifest is found under.
    """

    registry: Registry
    repository: str
    present: Callable[[str], bool]
    each: Each
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    _attached: dict[str, list[str]] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)
    _read: int = 0
    _bytes: int = 0

    def add(self, top: Manifest) -> None:
        """Takes in a manifest, and level by level what is below it and not at the destination."""
        level = [self._counted(top)]
        for depth in range(_DEEPEST + 1):
            wanted = self._unknown(child for manifest in level for child in manifest.children)
            if not wanted:
                return
            if depth == _DEEPEST:
                break
            there = self.each(lambda child: self.present(child.digest), wanted)
            self._there |= {child.digest for child, known in zip(wanted, there, strict=True) if known}
            absent = [child for child in wanted if child.digest not in self._there]
            self._check_room(len(absent), sum(child.size for child in absent))
            level = [self._counted(item) for item in self.each(self._described, absent)]
        raise RegistryError(f"indexes within indexes deeper than {_DEEPEST}: {top.digest}")

    def referrers(self) -> list[Referrer]:
        """What refers to the manifests, and to that in turn; what the destination lacks of it is taken in."""
        found: dict[str, Referrer] = {}
        asked: set[str] = set()
        for _ in range(_DEEPEST):
            subjects = [digest for digest in self.manifests if digest not in asked and digest not in self._there]
            asked |= {*subjects}
            lists = self.each(lambda digest: self.registry.referrers(self.repository, digest), subjects)
            pairs = [Referrer(subject, item) for subject, some in zip(subjects, lists, strict=True) for item in some]
            for referrer in pairs:
                if referrer.listed.part.digest not in found and self._take(referrer):
                    found[referrer.listed.part.digest] = referrer
        return list(found.values())

    def attached(self, subjects: Iterable[str]) -> None:
        """Takes in what cosign keeps under tags that are made of these digests: signatures, attestations, SBOMs."""
        names = [(digest, f"{referrers_tag(digest)}.{kind}") for digest in subjects for kind in _ATTACHED]
        found = self.each(lambda name: self.registry.manifest(self.repository, name[1]), names)
        for (subject, tag), manifest in zip(names, found, strict=True):
            if manifest is None:
                continue
            self.tags.setdefault(manifest.digest, []).append(tag)
            self._attached.setdefault(subject, []).append(manifest.digest)
            self._take_in(manifest)

    def ordered(self) -> list[Manifest]:
        """What is to be stored: children before their index, and what refers to a manifest before that.

        So a manifest that is at a destination says that everything that belongs to it is there.
        """
        missing = {digest: item for digest, item in self.manifests.items() if digest not in self._there}
        graph = {digest: [child.digest for child in item.children] for digest, item in missing.items()}
        referred = {digest: [*parts] for digest, parts in graph.items()}
        for digest, item in missing.items():
            referred[digest] += self._attached.get(digest, ())
            if item.subject in referred:
                referred[item.subject].append(digest)
        try:
            order = [*TopologicalSorter(referred).static_order()]
        except CycleError:  # an index that refers to one of its own children
            order = [*TopologicalSorter(graph).static_order()]
        return [missing[digest] for digest in order if digest in missing]

    def _take(self, referrer: Referrer) -> bool:
        """Takes a referrer in; False if it is gone."""
        part = referrer.listed.part
        if part.digest in self.manifests:
            return True
        self._check_room(1, part.size)
        manifest = self.registry.manifest(self.repository, part.digest)
        if manifest is None:  # a list may name what has been deleted
            return False
        if manifest.subject != referrer.subject:
            said = f"{part.digest} is listed as referring to {referrer.subject}, and does not"
            raise RegistryError(said, code="MANIFEST_INVALID")
        self._take_in(manifest)
        return True

    def _take_in(self, manifest: Manifest) -> None:
        """One manifest more, and what is below it unless it is at the destination."""
        if manifest.digest in self.manifests:
            return
        if manifest.digest in self._there or self.present(manifest.digest):
            self._there.add(self._counted(manifest).digest)
        else:
            self.add(manifest)

    def _unknown(self, children: Iterable[Descriptor]) -> list[Descriptor]:
        found = {child.digest: child for child in children}
        return [child for digest, child in found.items() if digest not in self.manifests and digest not in self._there]

    def _described(self, wanted: Descriptor) -> Manifest:
        manifest = self.fetch(wanted.digest)
        if (manifest.media_type, len(manifest.body)) != (wanted.media_type, wanted.size):
            raise RegistryError(f"manifest {wanted.digest} is not of the type and size that its index says")
        return manifest

    def fetch(self, digest: str) -> Manifest:
        """A manifest of the source; `RegistryError` if it has none."""
        manifest = self.registry.manifest(self.repository, digest)
        if manifest is None:
            raise RegistryError(f"{self.repository} does not hold manifest {digest}", status=404)
        return manifest

    def _check_room(self, manifests: int, size: int) -> None:
        if self._read + manifests > _MOST_MANIFESTS:
            raise RegistryError(f"an image of {self.repository} has more than {_MOST_MANIFESTS} manifests")
        if self._bytes + size > _MOST_BYTES:
            raise RegistryError(f"the manifests of an image of {self.repository} have more than {_MOST_BYTES} bytes")

    def _counted(self, manifest: Manifest) -> Manifest:
        self._check_room(1, len(manifest.body))
        self._read += 1
        self._bytes += len(manifest.body)
        self.manifests[manifest.digest] = manifest
        return manifest


def attach(registry: Registry, repository: str, subject: str, referrers: Iterable[Listed]) -> None:
    """Makes referrers that are stored findable: a registry that keeps no list wants an index under the subject's tag.

    That index is the specification's, not ours, and the one thing that is ever written anew.
    """
    wanted = {item.part.digest: item for item in referrers}
    there = registry.referrers(repository, subject)
    missing = wanted.keys() - {item.part.digest for item in there}
    if not missing or registry.keeps_lists:
        return
    entries = [dict(item.entry) for item in (*there, *(wanted[digest] for digest in sorted(missing)))]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    registry.put_manifest(repository, read_manifest(body, OCI_INDEX), referrers_tag(subject))
