"""What differs between Git, what was last written, and what is live: one item for everything there is to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from controller.core.canonical import stable_id
from controller.core.globs import any_matches
from controller.core.limits import parse_moment
from controller.core.manifest import Mode
from controller.core.model import Json
from controller.core.problems import Problem
from controller.core.reasons import exit_code
from controller.core.watching import Ignore

Class = Literal["drift", "lost", "duplicate", "source-moved", "orphaned", "blind", "pending", "unmanaged"]
Severity = Literal["critical", "warning", "info"]

#: The loudest first. `pending` is Git being ahead, `unmanaged` what is nobody's business here.
CLASSES: tuple[Class, ...] = (
    "drift",
    "lost",
    "duplicate",
    "source-moved",
    "orphaned",
    "blind",
    "pending",
    "unmanaged",
)
_COUNTED = frozenset({"drift", "lost", "duplicate", "source-moved", "orphaned"})
_SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that is not as it should be: JSON data on both sides, None for absent."""

    field: str
    expected: Json
    found: Json


@dataclass(frozen=True, slots=True)
class Mend:
    """How it is put right: commands in their order; `commit` says that one of them (`hubwright retry`, `accept`,
    `lock` or `import`) writes what must be committed, and reviewed, before the next."""

    commands: tuple[str, ...] = ()
    commit: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One finding. `about` is a promotion's name, a group manifest's path, a spoke, an ARN, an access document's key
    or, of all of an account's, the account; `field` what of it.

    `by` and `at` (`2026-11-20T09:14:03Z`) are who last changed the live object and when, where SageMaker says;
    `first_seen` when a report first had it, empty where that is not known.
    """

    kind: Class
    severity: Severity
    about: str
    field: str
    why: str
    hub: str = ""
    group: str = ""
    arn: str = ""
    evidence: tuple[Evidence, ...] = ()
    by: str = ""
    at: str = ""
    mend: Mend = Mend()
    mode: Mode = "enforce"
    ignored: Ignore | None = None
    first_seen: str = ""

    @property
    def id(self) -> str:
        """The same in every report that has this finding."""
        return stable_id([self.kind, self.about, self.field, self.hub, self.group, self.arn])

    @property
    def counts(self) -> bool:
        """Whether it makes `drift` exit with 3."""
        active = self.ignored is None and self.mode == "enforce" and self.severity != "info"
        return active and self.kind in _COUNTED

    @property
    def blinds(self) -> bool:
        """Whether the report is incomplete without it: not where nobody promised that it can be read (info)."""
        return self.kind == "blind" and self.severity != "info"


@dataclass(frozen=True, slots=True)
class Looked:
    """How much was looked at."""

    hubs: int = 0
    groups: int = 0
    versions: int = 0
    promotions: int = 0
    sources: int = 0
    records: int = 0
    objects: int = 0
    bytes: int = 0
    images: int = 0
    documents: int = 0


@dataclass(frozen=True, slots=True)
class Drift:
    """A drift report: what was found, sorted; `expired` are rules that no longer ignore anything."""

    revision: str
    items: tuple[Item, ...]
    looked: Looked
    deep: bool = False
    problems: tuple[Problem, ...] = ()
    expired: tuple[Ignore, ...] = ()

    def exit_code(self) -> int:
        """3 with drift, 5 when something could not be read or a manifest is invalid, else 0."""
        blind = any(item.blinds and item.ignored is None for item in self.items)
        drifted = any(item.counts for item in self.items)
        return exit_code([*([5] if blind or self.problems else []), *([3] if drifted else [])])


def ordered(items: Iterable[Item]) -> tuple[Item, ...]:
    """By class and severity, loudest first, then by what they are about."""

    def place(item: Item) -> tuple[object, ...]:
        named = (item.about, item.field, item.hub, item.group, item.arn, item.why)
        return (CLASSES.index(item.kind), _SEVERITIES.index(item.severity), *named)

    return tuple(sorted(items, key=place))


def ruled(items: Iterable[Item], rules: Sequence[Ignore], now: datetime) -> tuple[tuple[Item, ...], tuple[Ignore, ...]]:
    """The items with the rule that covers each, and the rules whose time is over."""
    valid = [rule for rule in rules if parse_moment(rule.until) > now]
    found = tuple(replace(item, ignored=next((rule for rule in valid if _covers(rule, item)), None)) for item in items)
    return found, tuple(rule for rule in rules if rule not in valid)


def _covers(rule: Ignore, item: Item) -> bool:
    if item.kind in ("pending", "unmanaged"):
        return False
    wanted = ((rule.promotions, item.about), (rule.groups, item.group), (rule.fields, item.field))
    return (not rule.classes or item.kind in rule.classes) and all(
        not globs or any_matches(globs, name) for globs, name in wanted
    )


def dated(items: Iterable[Item], before: Mapping[str, str], now: str) -> tuple[Item, ...]:
    """The items with the time at which each was first reported: as in an earlier report (by id), else `now`."""
    return tuple(replace(item, first_seen=before.get(item.id) or now) for item in items)
