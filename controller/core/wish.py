"""What a promotion comes to, once Git and the live hub have been read: the input of every kind's `desire`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from controller.core.arn import Version
from controller.core.draft import Draft, ImageCopy, held_images
from controller.core.manifest import Approval, Hub, ModelGroup, Promotion, Spoke, Store
from controller.core.model import Key, Target
from controller.core.reasons import Standing
from controller.core.view import Package


@dataclass(frozen=True, slots=True)
class Finding:
    """How something stands and why. `about` is a promotion's name, or a key for what no promotion names."""

    about: str
    standing: Standing
    why: str
    hint: str = ""
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A hub as a promotion's destination: its manifest, where it is, and the fleet whose marks count."""

    name: str
    settings: Hub
    fleet: str

    @property
    def target(self) -> Target:
        return Target(self.settings.account, self.settings.region)

    @property
    def active_store(self) -> Store | None:
        """The store that takes new artifacts."""
        return next((store for store in self.settings.stores if store.state == "Active"), None)

    def store(self, name: str) -> Store | None:
        return next((store for store in self.settings.stores if store.name == name), None)


@dataclass(frozen=True, slots=True)
class Following:
    """The Subscription that a version comes by, and the state it is brought to once."""

    name: str
    approval: Approval


@dataclass(frozen=True, slots=True)
class Subject:
    """A promotion, or a version that a Subscription follows, with what is live for it, before its source is read.

    `mine` are the live versions of the same source in the same group, by number; `live` the one that stands for the
    promotion, if any; `identity` the promotion id, empty while it depends on a source that was not read.
    """

    name: str
    path: str
    promotion: Promotion
    place: Place
    group_manifest: str
    group: ModelGroup
    spoke_name: str
    spoke: Spoke
    source: Version
    inputs: str
    mine: tuple[Package, ...] = ()
    live: Package | None = None
    identity: str = ""
    release: str = ""
    locked: str = ""  # the release digest of its lock
    following: Following | None = None
    lock_name: str = ""  # whose lock that is: its own, or that of the promotion it comes from
    via: Subject | None = None  # the promotion that it comes from, in that one's hub
    after: Subject | None = None  # the promotion that it waits for
    adopts: Package | None = None  # the version without marks that it takes over, until that has its marks
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of the source's objects, as its lock has
    stands_by: str = ""  # the group's `current`, where Git asks for Approved here but another is the current one

    @property
    def group_name(self) -> str:
        """The package group's name in the hub."""
        return self.group.group or self.group_manifest

    @property
    def package_name(self) -> str:
        """The name of the package's key: target group / source account / source group / version."""
        source = self.source
        return f"{self.group_name}/{source.account}/{source.group.casefold()}/{source.number}"

    @property
    def recorded_as(self) -> str:
        """The promotion id its artifacts are recorded under: the live version's own, else the one to be made."""
        return self.live.mark("promotion") if self.live is not None else self.identity

    @property
    def new(self) -> bool:
        """Whether it has not been registered yet."""
        return self.live is None

    @property
    def asks(self) -> Approval:
        """The status it is to have: a Subscription's until it was brought to that once, then whatever people say."""
        if self.following is None:
            return self.promotion.approval
        if self.live is None or self.live.untouched:
            return self.following.approval
        return self.live.approval  # type: ignore[return-value]  # as AWS has it

    @property
    def kept(self) -> bool:
        """Whether nothing of how its version stands is ours to change."""
        return self.following is not None and self.live is not None and self.asks == self.live.approval


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a promotion's actions are withheld: only its `approval`, `all` that it asks for itself, or everything that
    is to happen in its `group`, superseding included. Nothing withholds a revocation."""

    covers: Literal["all", "approval", "group"]
    why: str
    hint: str = ""
    standing: Literal["blocked", "waiting", "unknown"] = "blocked"


@dataclass(frozen=True, slots=True)
class InPlace:
    """What has to be shown equal: `objects` are (source URI, hub URI) in the release's order, `folders` the hub URIs of
    which everything below belongs to it, `images` are (source URI, its digest, hub URI). All objects are in `store`."""

    store: Store
    objects: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]
    images: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """A promotion to bring about. `draft` is there when something of it must be made; `metadata` is the create
    call's, for a version that does not exist yet; `superseded`, `duplicates` and `rejected` are other live versions
    of the same source that become just that; `passed` says what its gates and approvals found in order."""

    subject: Subject
    store: Store
    draft: Draft | None = None
    metadata: Mapping[str, str] | None = None
    holds: tuple[Hold, ...] = ()
    passed: tuple[str, ...] = ()
    superseded: tuple[Package, ...] = ()
    duplicates: tuple[Package, ...] = ()
    rejected: tuple[Package, ...] = ()
    in_place: InPlace | None = None  # of a version that is adopted; `draft` and `metadata` are then as it will stand
    lineage: str = ""  # the digest of its lineage document, where one was written in an earlier run

    @property
    def key(self) -> Key:
        """The package's key."""
        return Key(self.subject.place.target, "package", self.subject.package_name)

    @property
    def approval_key(self) -> Key:
        return Key(self.subject.place.target, "approval", self.subject.package_name)

    @property
    def images(self) -> tuple[ImageCopy, ...]:
        """The images it needs in the hub: to be copied, or already there for the live version."""
        if self.draft is not None:
            return self.draft.images
        live = self.subject.live
        if self.subject.promotion.approval == "Rejected":
            return ()
        return held_images(live.body, self.subject.place.settings, live.mark("promotion")) if live else ()

    def key_beside(self, package: Package) -> Key:
        """The approval key of another live version of the same source: by its number in the hub."""
        return Key(self.subject.place.target, "approval", f"{self.subject.package_name}@{package.number}")


@dataclass(frozen=True, slots=True)
class GroupWish:
    """A package group that a ModelGroup manifest declares."""

    name: str
    manifest: str
    path: str
    place: Place
    group: ModelGroup


@dataclass(frozen=True, slots=True)
class Wishes:
    """Everything that Git asks for, as far as it could be told."""

    groups: tuple[GroupWish, ...] = ()
    promotions: tuple[Wish, ...] = ()
