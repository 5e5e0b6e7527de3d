"""What a run has read of a hub: plain data, made by `observe`, thought about by everything pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core.arn import Identity, Version, parse_version
from controller.core.marks import mark
from controller.core.model import Target
from controller.core.release import spec_digest


@dataclass(frozen=True, slots=True)
class Package:
    """A live version. `created` and `modified` are like `2026-11-20T09:14:03Z`; `body` is as described; `sure` once
    read consistently.
    """

    version: Version
    status: str
    approval: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    stage: Mapping[str, str] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    modified: str = ""
    modified_by: str = ""
    failure: str = ""
    sure: bool = False

    def mark(self, name: str) -> str:
        return mark(self.metadata, name)

    @property
    def number(self) -> int:
        return self.version.number

    @property
    def source(self) -> Version | None:
        """The spoke version it says it was made from."""
        return parse_version(self.mark("source"))

    @property
    def spec(self) -> str:
        """The spec digest of what is live, to compare with the `spec` mark."""
        return spec_digest(self.body)

    @property
    def rejected_by_person(self) -> bool:
        """A Rejected that is not the last status we wrote."""
        return self.approval == "Rejected" and self.mark("approval") != "Rejected"

    @property
    def superseded(self) -> bool:
        return bool(self.mark("superseded-by"))

    @property
    def untouched(self) -> bool:
        """Whether a Subscription registered it, and since then nobody said anything about it, nor did we."""
        fresh = self.approval == self.mark("approval") == "PendingManualApproval" and not self.mark("approved")
        return fresh and bool(self.mark("subscription")) and not self.superseded and not self.mark("duplicate-of")


@dataclass(frozen=True, slots=True)
class Group:
    """A live package group; `sure` once its tags were read consistently."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    sure: bool = False


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record was seen: the store's name and the object's key."""

    store: str
    key: str


Origin = tuple[str, str, Identity]  # fleet, group in the hub, source


@dataclass(frozen=True, slots=True)
class View:
    """One hub as it was read. `blind` maps a part that could not be to the reason: `packages`, `groups`, `images`, or
    one thing of them (`packages GROUP`, `groups GROUP`, `images REPOSITORY`).

    `stores` maps a store's name to why it cannot be used, empty when it is fit: what it records is then not known.
    `images` maps (repository, tag) to the digest; `records` maps promotion ids to their records; `announced` are the
    promotion ids that tables and buses were told of.
    """

    target: Target
    groups: Mapping[str, Group] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    repositories: frozenset[str] = frozenset()
    images: Mapping[tuple[str, str], str] = field(default_factory=dict)
    records: Mapping[str, RecordPlace] = field(default_factory=dict)
    announced: frozenset[str] = frozenset()
    stores: Mapping[str, str] = field(default_factory=dict)
    blind: Mapping[str, str] = field(default_factory=dict)
    _by_source: Mapping[Origin, tuple[Package, ...]] = field(init=False, repr=False, compare=False)
    _promotions: Mapping[str, Mapping[int, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[Origin, list[Package]] = {}
        for item in self.packages:
            if source := item.source:
                found.setdefault((item.mark("fleet"), item.version.group, source.identity), []).append(item)
        marks: dict[str, dict[int, str]] = {}
        for item in self.packages:
            marks.setdefault(item.version.group.casefold(), {})[item.number] = item.mark("promotion")
        object.__setattr__(self, "_by_source", {origin: tuple(items) for origin, items in found.items()})
        object.__setattr__(self, "_promotions", marks)

    def made_from(self, fleet: str, group: str, source: Version) -> tuple[Package, ...]:
        """The versions of a group with a fleet's mark that were made from a source version, by number."""
        return self._by_source.get((fleet, group, source.identity), ())

    def numbers_from(self, fleet: str, group: str, source: Version) -> frozenset[int]:
        """The numbers that versions of the source's group have there, as far as this group was made from them."""
        one = source.identity[:-1]
        return frozenset(
            origin[-1] for name, to, origin in self._by_source if (name, to) == (fleet, group) and origin[:-1] == one
        )

    def promotions_of(self, group: str) -> Mapping[int, str]:
        """The promotion ids that the versions of a group said they have, empty without one, by number."""
        return self._promotions.get(group.casefold(), {})

    def unread(self, part: str, name: str) -> str:
        """Why one thing of a part could not be read, or an empty text."""
        return self.blind.get(part) or self.blind.get(f"{part} {name}", "")

    @property
    def unread_store(self) -> str:
        """Why the records of some store are not known, or an empty text."""
        return next((why for why in self.stores.values() if why), "")

    def with_packages(self, fresh: Mapping[Version, Package | None]) -> View:
        """The view with these versions read again (None: gone) and new ones added."""
        kept = [fresh.get(item.version, item) for item in self.packages]
        known = {item.version for item in self.packages}
        added = [item for version, item in fresh.items() if version not in known]
        packages = sorted((item for item in [*kept, *added] if item), key=lambda item: item.version)
        return replace(self, packages=tuple(packages))

    def with_groups(self, fresh: Mapping[str, Group | None]) -> View:
        """The view with these groups read again (None: gone)."""
        merged: dict[str, Group | None] = {**self.groups, **fresh}
        return replace(self, groups={name: group for name, group in sorted(merged.items()) if group})
