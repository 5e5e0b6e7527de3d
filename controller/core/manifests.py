"""All manifests of one revision, with positions and defaults applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from controller.core.arn import partition_of
from controller.core.manifest import (
    Access,
    Approval,
    Fleet,
    Guardrails,
    Hub,
    ModelGroup,
    Promotion,
    Spoke,
    Subscription,
    Waiver,
)
from controller.core.problems import Problem, Where, where_text

Spec = TypeVar("Spec", covariant=True)


@dataclass(frozen=True, slots=True)
class LockSource:
    arn: str
    account: str
    region: str
    group: str
    version: int


@dataclass(frozen=True, slots=True)
class LockedObject:
    uri: str
    size: int
    etag: str
    version_id: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockedListing:
    uri: str
    count: int
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class LockedImage:
    image: str
    digest: str


@dataclass(frozen=True, slots=True)
class Recorded:
    approval: Approval | None = None
    modified: str | None = None
    resolved: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """What a promotion's source consisted of when it was locked."""

    source: LockSource
    release: str
    fields: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[LockedObject, ...] = ()
    listings: tuple[LockedListing, ...] = ()
    images: tuple[LockedImage, ...] = ()
    recorded: Recorded = Recorded()


@dataclass(frozen=True, slots=True)
class Entry(Generic[Spec]):
    """One document. `path` is from the repository's root, `below` from the manifests folder.

    `line` and `column` (from 1) are its name's; `author` is `Name <mail>` of the file's last commit.
    `body` is the document as written, without defaults. `at` gives the place of anything in it.
    """

    path: str
    below: str
    kind: str
    name: str
    spec: Spec
    line: int
    column: int
    author: str | None
    commit: str | None
    body: Mapping[str, Any] = field(repr=False)
    values: Mapping[Where, tuple[int, int]] = field(repr=False, compare=False)
    keys: Mapping[Where, tuple[int, int]] = field(repr=False, compare=False)

    def at(self, where: Where, *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value at `where` (of its key), or of the nearest parent that is written."""
        if key and where in self.keys:
            return self.keys[where]
        while where and where not in self.values:
            where = where[:-1]
        return self.values.get(where, (1, 1))

    def problem(
        self, rule: str, where: Where, message: str, *, expected: str = "", hint: str = "", key: bool = False
    ) -> Problem:
        """A fault at `where` in this document."""
        line, column = self.at(where, key=key)
        return Problem(self.path, line, column, where_text(where), message, expected, hint, self.kind, self.name, rule)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


AnyEntry = Entry[Any]


@dataclass(frozen=True, slots=True)
class Commit:
    """What a revision's commit says of itself: evidence, and no proof. `author` is `Name <mail>`, `at` the committer's
    time (ISO 8601 with its zone), `pull` the number of the pull request that the message names, or empty."""

    author: str
    at: str
    subject: str
    pull: str


@dataclass(frozen=True, slots=True)
class Manifests:
    """Every valid document by name. What is not valid is in `invalid` as (kind, name) and explained in `problems`.

    `revision` is the commit (40 or 64 hexadecimal digits) or `worktree`; `locks` are by promotion; `files` counts the
    manifest files read. `shallow` says that history is cut off, so that some authors are unknown. A name of `invalid`
    may be of a file that could not be read: then kind and name are what its text says, else empty and the file's name.
    `commit` is what a bundle says of its revision; of a repository it is asked when somebody wants to know.
    """

    revision: str
    fleet: Entry[Fleet]
    hubs: Mapping[str, Entry[Hub]] = field(default_factory=dict)
    spokes: Mapping[str, Entry[Spoke]] = field(default_factory=dict)
    guardrails: Mapping[str, Entry[Guardrails]] = field(default_factory=dict)
    waivers: Mapping[str, Entry[Waiver]] = field(default_factory=dict)
    groups: Mapping[str, Entry[ModelGroup]] = field(default_factory=dict)
    promotions: Mapping[str, Entry[Promotion]] = field(default_factory=dict)
    subscriptions: Mapping[str, Entry[Subscription]] = field(default_factory=dict)
    locks: Mapping[str, Entry[Lock]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    invalid: frozenset[tuple[str, str]] = frozenset()
    files: int = 0
    shallow: bool = False
    platform_revision: str | None = None  # where the platform kinds came from, when not from `revision`
    commit: Commit | None = None

    @property
    def places(self) -> dict[str, tuple[str, int, int]]:
        """Where promotions and subscriptions are declared: path, line, column."""
        asking: list[AnyEntry] = [*self.subscriptions.values(), *self.promotions.values()]
        return {entry.name: (entry.path, entry.line, entry.column) for entry in asking}


def resolved_access(access: Access, account: str, region: str) -> Access:
    """`access` with `role` or `roleName` written out for all three purposes."""
    role = access.role
    if access.role_name is not None:
        role = f"arn:{partition_of(region)}:iam::{account}:role/{access.role_name}"
    if role is None:
        return access
    return Access(read=role, register=role, approve=role, external_id=access.external_id)


def resolved_hub(hub: Hub) -> Hub:
    """The hub with its access written out."""
    return replace(hub, access=resolved_access(hub.access, hub.account, hub.region))


def resolved_spoke(spoke: Spoke, fleet: Fleet | None) -> Spoke:
    """The spoke with the fleet's defaults and its access written out. Its own `access` replaces the default whole."""
    defaults = fleet.defaults.spoke if fleet else None
    region = spoke.region or (defaults.region if defaults else None)
    access = spoke.access if spoke.access is not None else (defaults.access if defaults else None)
    if access is not None and region is not None:
        access = resolved_access(access, spoke.account, region)
    return replace(spoke, region=region, access=access)


def resolved_group(group: ModelGroup, name: str, hubs: Mapping[str, Any]) -> ModelGroup:
    """The group with its name in the hub, and its hub where there is only one."""
    only = next(iter(hubs)) if len(hubs) == 1 else None
    return replace(group, group=group.group or name, hub=group.hub or only)
