"""Finds, for hub versions that Hubwright did not register, the spoke versions that they are copies of. Reads only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from controller.core.adopting import draft_of, in_place, outline_of
from controller.core.arn import Version
from controller.core.canonical import canonical, digest
from controller.core.draft import split_uri
from controller.core.errors import CloudError, HubwrightError, PreconditionError, told
from controller.core.globs import any_matches
from controller.core.inverse import plain
from controller.core.manifest import Inference, ModelGroup, Promotion, Spoke
from controller.core.manifests import Entry
from controller.core.model import Target
from controller.core.release import Release, inputs_digest
from controller.core.view import Package
from controller.core.wish import InPlace, Place, Subject
from controller.kinds import adoption, versions
from controller.kinds.base import Client, Cloud, Purpose
from controller.kinds.flow import Inline, Pace
from controller.kinds.s3object import ObjectCopy
from controller.kinds.s3upload import Lanes
from controller.listed import listed, uris_of
from controller.resolve import reader_of, release_or_finding

_KEPT = frozenset({"BatchGetImage", "DescribeImages", "DescribeModelPackage", "DescribeRepositories", "HeadObject"})
_BARE = frozenset({"Bucket", "Key", "ExpectedBucketOwner", "ChecksumMode"})
Heads = dict[tuple[Target, str, str], dict[str, Any]]
"""What listings said of objects, by the account that lists, bucket and key."""

_LANES = Lanes(Inline(), lambda: Pace(time.monotonic), time.sleep)


@dataclass(frozen=True, slots=True)
class Match:
    """A hub version with the promotion that adopts it; or without one, and why (empty: nothing is built like it).

    `proven`: by checksums or by its bytes. Otherwise sizes and ETags are the same, and `reconcile` proves it.
    """

    live: Package
    promotion: Promotion | None = None
    source: Version | None = None
    why: str = ""
    proven: bool = False


class _Remembering:
    """A cloud that asks what it has asked before only once: many versions share images, and what is looked at to find a
    version's source is looked at again to prove it. For one run that only reads; refusals are not kept. Of objects in
    `heads` it says what a listing said."""

    def __init__(self, cloud: Cloud, heads: Heads | None = None) -> None:
        self._cloud = cloud
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._heads = heads if heads is not None else {}

    def client(self, target: Target, service: str, purpose: Purpose = "read", *, brief: bool = False) -> Client:
        client = self._cloud.client(target, service, purpose, brief=brief)
        return _RememberingClient(client, (target, service, purpose), self._known, self._heads)


@dataclass(frozen=True, slots=True)
class _RememberingClient:
    client: Client
    place: tuple[Any, ...]
    known: dict[tuple[Any, ...], dict[str, Any]]
    heads: Heads

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        if operation not in _KEPT:
            return self.client.call(operation, **parameters)
        if operation == "HeadObject" and parameters.keys() == _BARE:
            head = self.heads.get((self.place[0], parameters["Bucket"], parameters["Key"]))
            if head is not None:
                return head
        asked = (*self.place, operation, canonical(parameters))
        if asked not in self.known:
            self.known[asked] = self.client.call(operation, **parameters)
        return self.known[asked]

    def pages(self, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        return self.client.pages(operation, result, **parameters)

    def many(
        self, operation: str, requests: Sequence[Mapping[str, Any]], told: Callable[[int], bool] = lambda _: True
    ) -> list[dict[str, Any] | None]:
        return self.client.many(operation, requests, told)


@dataclass
class Sources:
    """What spokes have, read once: their versions, and releases as they are asked for. `blind`: why not, by spoke.

    `quick` is the same cloud, and says of objects what listings said of them, once `look` has asked for those.
    """

    cloud: Cloud
    place: Place
    spokes: Mapping[str, Entry[Spoke]]
    blind: dict[str, str] = field(default_factory=dict)
    quick: Cloud = field(init=False)
    _heads: Heads = field(default_factory=dict)
    _releases: dict[tuple[Version, bool], Release | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cloud = _Remembering(self.cloud)
        self.quick = _Remembering(self.cloud, self._heads)

    def look(self, lives: Iterable[Package]) -> None:
        """Lists the objects of these hub versions, and of what is built like them in the spokes."""
        bodies = [live.body for live in lives]
        here = {uri for body in bodies for uri in uris_of(body)}
        for store in self.place.settings.stores:
            below = [uri for uri in here if uri.startswith(f"s3://{store.bucket}/{store.prefix}/")]
            self._list(self.place.target, self.place.target.account, below)
        there: dict[str, set[str]] = {}
        for built in {digest(outline_of(body)) for body in bodies}:
            for name, item in self._built.get(built, ()):
                there.setdefault(name, set()).update(uris_of(item.body))
        for name, uris in there.items():
            spoke = self.spokes[name].spec
            self._list(Target(spoke.account, spoke.region or ""), spoke.account, uris)

    def _list(self, target: Target, owner: str, uris: Iterable[str]) -> None:
        asked = set(uris)
        for bucket in sorted({split_uri(uri)[0] for uri in asked}):
            found = listed(self.cloud.client(target, "s3"), owner, bucket, asked)
            self._heads |= {(target, bucket, key): head for key, head in found.items()}

    @cached_property
    def packages(self) -> tuple[tuple[str, Package], ...]:
        """(spoke, version) of everything finished that may leave a spoke."""
        return tuple(item for name in sorted(self.spokes) for item in self._of(name))

    @cached_property
    def _built(self) -> Mapping[str, list[tuple[str, Package]]]:
        """The same by how they are built, so that a thousand versions are not each compared with a thousand."""
        found: dict[str, list[tuple[str, Package]]] = {}
        for name, item in self.packages:
            found.setdefault(digest(outline_of(item.body, Inference())), []).append((name, item))
        return found

    def like(self, live: Package) -> list[tuple[str, Package]]:
        """(spoke, version) of everything that is built like a hub version, the likelier first."""
        return sorted(self._built.get(digest(outline_of(live.body)), ()), key=lambda one: _distance(one[1], live))

    def _of(self, name: str) -> list[tuple[str, Package]]:
        spoke = self.spokes[name].spec
        if spoke.state != "Active" or spoke.pattern == "push":
            return []
        if spoke.access is None or spoke.access.read is None:
            self.blind[name] = "without a role to read it with, its versions cannot be listed"
            return []
        try:
            found, unread = versions.read(self.cloud.client(Target(spoke.account, spoke.region or ""), "sagemaker"))
        except HubwrightError as error:
            self.blind[name] = told(error)
            return []
        if unread:
            self.blind[name] = "; ".join(f"{group}: {why}" for group, why in sorted(unread.items()))
        globs = [glob.casefold() for glob in spoke.allow.groups]
        return [(name, item) for item in found if item.status == "Completed" and _may(item, globs)]

    def release(self, subject: Subject, *, quick: bool = False) -> Release | str:
        """The release of a source, or why there is none. A `quick` one may lack versions and checksums of objects."""
        key = (subject.source, quick)
        if key not in self._releases:
            found = release_or_finding(self.quick if quick else self.cloud, subject)
            self._releases[key] = found if isinstance(found, Release) else found.why
        return self._releases[key]


def _may(item: Package, globs: Sequence[str]) -> bool:
    return any_matches(globs, item.version.group.casefold())


def matched(sources: Sources, live: Package, *, prove: bool = False) -> Match:
    """A version with the promotion of the source that it is a copy of, or why there is none.

    Equal sizes and equal ETags make it one, unless it is to be proven here; else S3's checksums do, or the bytes.
    What looks unequal at once is not read: only the nearest of it, to be named with both digests.
    """
    if live.approval == "Rejected" or live.status != "Completed":
        return Match(live, why=f"it is {live.approval}, {live.status}")
    hub = _Standing(sources.quick, sources.place.target)
    found: list[tuple[int, Subject]] = []
    why = ""
    for subject in _candidates(sources, live):
        release = sources.release(subject, quick=True)
        try:
            if isinstance(release, str):
                raise PreconditionError(release)
            stands = in_place(release, live, subject.promotion.inference, sources.place.settings)
            if unequal := hub.unequal(release, stands):
                found.append((unequal, subject))
                continue
            told = not prove and hub.same_etags(release, stands)
            _prove(sources, subject, live, objects=not told)
            return Match(live, subject.promotion, subject.source, proven=not told)
        except (PreconditionError, ValueError) as error:
            why = why or f"{subject.source.arn} is built like it, but {error}"
    if found:
        _, subject = min(found, key=lambda one: one[0])
        try:
            _prove(sources, subject, live)
        except (PreconditionError, ValueError) as error:
            why = f"{subject.source.arn} is built like it, but {error}"
    return Match(live, why=why)


@dataclass
class _Standing:
    """A cheap first look at what a hub version names: sizes, ETags and digests, each asked for once."""

    cloud: Cloud
    target: Target
    _heads: dict[str, tuple[int, str] | None] = field(default_factory=dict)
    _images: dict[str, str] = field(default_factory=dict)

    def unequal(self, release: Release, found: InPlace) -> int:
        """How many objects and images cannot be the release's."""
        sizes = {item.uri: item.size for item in release.objects}
        objects = sum((self._head(uri) or (None,))[0] != sizes[source] for source, uri in found.objects)
        return objects + sum(self._digest(uri) != digest for _, digest, uri in found.images)

    def same_etags(self, release: Release, found: InPlace) -> bool:
        """Whether S3 calls every object of it by its source's ETag. Only bytes that are equal have one and the same,
        unless somebody went to great lengths; equal bytes have others where they were encrypted or uploaded otherwise.
        """
        etags = {item.uri: item.etag for item in release.objects}
        return all((self._head(uri) or (0, ""))[1] == etags[source] for source, uri in found.objects)

    def _head(self, uri: str) -> tuple[int, str] | None:
        """Size and ETag, None where there is no such object."""
        if uri not in self._heads:
            bucket, key = split_uri(uri)
            client = self.cloud.client(self.target, "s3")
            try:
                place = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": self.target.account}
                head = client.call("HeadObject", **place, ChecksumMode="ENABLED")  # to the letter as the proof asks
                self._heads[uri] = int(head["ContentLength"]), head["ETag"].strip('"')
            except CloudError as error:
                if not error.missing:
                    raise
                self._heads[uri] = None
        return self._heads[uri]

    def _digest(self, uri: str) -> str:
        if uri not in self._images:
            client = self.cloud.client(self.target, "ecr")
            self._images[uri] = adoption.pinned(client, self.target.account, uri)
        return self._images[uri]


def _candidates(sources: Sources, live: Package) -> Iterator[Subject]:
    group = live.version.group
    for name, item in sources.like(live):
        promotion = _promotion(live, item.version, name, group)
        yield Subject(
            name=group,
            path="",
            promotion=promotion,
            place=sources.place,
            group_manifest=group,
            group=ModelGroup(group=group),
            spoke_name=name,
            spoke=sources.spokes[name].spec,
            source=item.version,
            inputs=inputs_digest(promotion),
            adopts=live,
        )


def _promotion(live: Package, source: Version, spoke: str, group: str) -> Promotion:
    return replace(plain(live, source, spoke, group), adopts=live.number)


def _distance(item: Package, live: Package) -> tuple[bool, int, str]:
    """The likelier first: the same number, then the later ones."""
    source = item.version
    return (source.number != live.number, -source.number, source.group)


def _prove(sources: Sources, subject: Subject, live: Package, *, objects: bool = True) -> None:
    """PreconditionError or ValueError unless all bytes of the version are those of the source; without `objects`, the
    images, and that nothing more stands below a prefix."""
    release = sources.release(subject, quick=not objects)
    if isinstance(release, str):
        raise PreconditionError(release)
    found = in_place(release, live, subject.promotion.inference, sources.place.settings)
    target = sources.place.target
    adoption.check_images(sources.cloud.client(target, "ecr"), target.account, found.images)
    items = list(_pairs(release, live, found, target.account))
    hub, reader = sources.cloud.client(target, "s3"), sources.cloud.client(reader_of(subject), "s3")
    adoption.check_folders(hub, items, [split_uri(uri)[1].rstrip("/") + "/" for uri in found.folders])
    for item in items if objects else ():
        adoption.same(reader, hub, item, _LANES)


def _pairs(release: Release, live: Package, found: InPlace, owner: str) -> Iterator[ObjectCopy]:
    for copy in draft_of(release, live, found).objects:
        bucket, key = split_uri(copy.source.uri)
        yield ObjectCopy(
            source_bucket=bucket,
            source_key=key,
            source_version=copy.source.version,
            source_etag=copy.source.etag,
            source_owner=release.source.account,
            size=copy.source.size,
            bucket=found.store.bucket,
            key=copy.key,
            owner=owner,
            mark=copy.mark,
            kms_key_arn=None,
            tags={},
            checksums=release.checksums.get(copy.source.uri, {}),
        )
