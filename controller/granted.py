"""What access has brought about, looked at again: policies, roles, buses, rules, against what Git says. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property, partial

from controller.access import AccessThought, Names, Step, think_access
from controller.core.access.derive import documents
from controller.core.access.document import Document
from controller.core.access.drifted import Account, items, named
from controller.core.access.facts import Facts, Side, facts_of
from controller.core.access.settings import Manage
from controller.core.drift import Item
from controller.core.manifests import Manifests
from controller.core.model import Key
from controller.core.scope import Scope
from controller.kinds.base import Cloud

_CARE: tuple[Manage, ...] = ("apply", "render", "observe")
Befores = Callable[[], Iterable[Manifests]]


@dataclass(frozen=True, slots=True)
class Granted:
    """What was found, and how many documents were compared."""

    items: tuple[Item, ...] = ()
    compared: int = 0


def granted(cloud: Cloud, manifests: Manifests, scope: Scope, pool: Executor, step: Step, befores: Befores) -> Granted:
    """How the documents of access stand in the accounts that a run enters with a role to read, or as the hub's own.

    `befores` gives the manifests of earlier revisions, newest first; it is called only where something differs.
    """
    facts = facts_of(manifests)
    sides = _sides(facts, scope, manifests)
    if not sides:
        return Granted()
    thought = think_access(cloud, _applying(manifests), {side.account for side in sides}, pool, step, left=False)
    wished = [one for one in thought.documents if _in_scope(one, scope, manifests)]
    past = _Past(befores, _names(thought.documents))
    accounts = [_account(number, wished, thought, facts) for number in sorted({side.account for side in sides})]
    found = tuple(one for account in accounts for one in items(account, past))
    return Granted(found, sum(len(account.wished) for account in accounts if account.applied))


def _account(number: str, wished: Iterable[Document], thought: AccessThought, facts: Facts) -> Account:
    """What was read of one account. What belongs to a thing that is not there yet is not missed."""
    waiting = {one.about for one in thought.findings if one.standing == "waiting"}
    mine = {one.key: one for one in wished if one.key.target.account == number and str(one.key) not in waiting}
    changes = {change.key: change for change in thought.plan.changes if change.key in mine}
    blind = {key: change.reason for key, change in changes.items() if change.verb == "unknown"}
    nameless = {one.about: one.why for one in thought.findings if _of_place(one.about, number)}
    unread = {named(key): why for key, why in blind.items()} | nameless
    seen = {key: one for key, one in mine.items() if key not in blind}
    hub = next((side.name for side in facts.hubs if side.account == number), "")
    differing = {key: change for key, change in changes.items() if key not in blind}
    return Account(number, seen, differing, unread, _manage(facts, number), hub)


def _of_place(about: str, number: str) -> bool:
    """Whether a finding is about all names of a region of the account, and not about one document."""
    account, _, region = about.partition("/")
    return account == number and bool(region) and "/" not in region


@dataclass(frozen=True)
class _Past:
    """The documents of earlier revisions, derived when they are first asked for."""

    befores: Befores
    names: Names

    @cached_property
    def _made(self) -> list[Mapping[Key, Document]]:
        return [{one.key: one for one in documents(facts_of(before), self.names)} for before in self.befores()]

    def __iter__(self) -> Iterator[Mapping[Key, Document]]:
        return iter(self._made)


def _sides(facts: Facts, scope: Scope, manifests: Manifests) -> list[Side]:
    """Where to look: hubs, and spokes that have a role to be read with."""
    spokes = [side for side in facts.spokes if side.access.read and not side.pushes]
    if scope.whole:
        return [*facts.hubs, *spokes]
    hubs = {manifests.groups[name].spec.hub for name in scope.groups if name in manifests.groups}
    return [
        *(side for side in facts.hubs if side.name in hubs),
        *(side for side in spokes if side.name in scope.spokes),
    ]


def _in_scope(one: Document, scope: Scope, manifests: Manifests) -> bool:
    """All, or those that the groups and spokes in scope ask for."""
    if scope.whole:
        return True
    asking = {manifests.groups[name].path for name in scope.groups if name in manifests.groups}
    asking |= {manifests.spokes[name].path for name in scope.spokes if name in manifests.spokes}
    return bool(asking & {*one.origins})


def _applying(manifests: Manifests) -> Manifests:
    """The manifests as if all documents were ours to bring about, so that all are compared alike."""
    fleet = replace(manifests.fleet, spec=replace(manifests.fleet.spec, manage="apply"))
    own = partial(replace, manage=None)
    return replace(
        manifests,
        fleet=fleet,
        hubs={name: replace(entry, spec=own(entry.spec)) for name, entry in manifests.hubs.items()},
        spokes={name: replace(entry, spec=own(entry.spec)) for name, entry in manifests.spokes.items()},
    )


def _manage(facts: Facts, number: str) -> Manage:
    """Who brings an account's documents about: the more careful where two of the fleet share it."""
    said = [side.manage for side in (*facts.hubs, *facts.spokes) if side.account == number]
    return max(said, key=_CARE.index)


def _names(found: Iterable[Document]) -> Names:
    """The live names that the documents were derived with."""
    names: dict[tuple[str, str, str], frozenset[str]] = {}
    for one in found:
        kind = one.key.kind.removesuffix("_policy")
        if kind in ("group", "repository"):
            place = (kind, one.key.target.account, one.key.target.region)
            names[place] = names.get(place, frozenset()) | {one.key.name}
    return names
