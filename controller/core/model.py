"""The nouns everything else is said with: where, which, what is, what differs, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Any
Verb = Literal["keep", "create", "update", "delete", "unknown", "conflict"]
Status = Literal["done", "failed", "skipped", "waiting", "blocked"]


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An AWS account (12 digits) in a region."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names one resource; prints as `account/region/kind/name`."""

    target: Target
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.target}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that is wished or that exists.

    `spec` is JSON data: equal specs mean equal things. `needs` (what must exist first), `origins` (the
    manifests that ask for it) and `facts` (what applying needs beyond the spec: an ARN, a listing) are not compared.
    """

    key: Key
    spec: Json
    needs: tuple[Key, ...] = ()
    origins: tuple[str, ...] = ()
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is live. `blind` maps what could not be read (a key's text, or a prefix of it) to the reason.

    Unreadable is not absent.
    """

    resources: Mapping[Key, Resource]
    blind: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """How one wish and what is live differ. `reason` is from `core.reasons.REASONS`; it is shown and never steers."""

    key: Key
    verb: Verb
    before: Json
    after: Json
    origins: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One atomic effect as pure JSON data.

    `id` is a UUID-shaped hash of (verb, key, before, after). `groups` are the package groups (`account/region/name`)
    it is for. `facts` is what the effect needs and neither id nor reports show.
    """

    id: str
    verb: Verb
    key: Key
    before: Json
    after: Json
    needs: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    reason: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)


INTERRUPTED = "interrupted before it began"
"""The detail of what was skipped because the run was to end, and not because of what it needs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action; `action` is its id. `skipped`: something it needs did not happen."""

    action: str
    status: Status
    detail: str = ""
    attempts: int = 1
    facts: Mapping[str, Json] = field(default_factory=dict)
