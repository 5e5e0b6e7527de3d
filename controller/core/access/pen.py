"""How documents are written: statements collected by Sid, document by document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from controller.core.access.document import Document
from controller.core.access.facts import Facts, Side
from controller.core.access.merge import merged
from controller.core.access.statement import Conditions, Statement, sid, statement
from controller.core.access.taking import covers
from controller.core.model import Key

Live = Mapping[Key, Mapping[str, Statement]]
"""Our statements as they are in AWS, by Sid."""
Said = tuple[tuple[str, ...], Statement]
"""A statement and the words of its purpose."""


def by_sid(fleet: str, said: Iterable[Said]) -> dict[str, Statement]:
    """The statements by Sid. Those of one purpose that differ in one list are one; what is left of it gets numbers."""
    purposes: dict[tuple[str, ...], list[Statement]] = {}
    for words, wished in said:
        purposes.setdefault(words, []).append(wished)
    found: dict[str, Statement] = {}
    for words, statements in purposes.items():
        numbers = count(2)
        for wished in merged(statements):
            name = sid(fleet, *words)
            while name in found:
                name = sid(fleet, *words, str(next(numbers)))
            found[name] = wished
    return found


@dataclass(slots=True)
class _Draft:
    side: Side
    spec: dict[str, Any]
    why: str
    said: list[Said] = field(default_factory=list)
    needs: set[Key] = field(default_factory=set)
    origins: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Pen:
    """Collects documents. What is written to one key twice becomes one document."""

    facts: Facts
    live: Live = field(default_factory=dict)
    _drafts: dict[Key, _Draft] = field(default_factory=dict)

    def policy(self, side: Side, kind: str, name: str, why: str, *needs: Key, **spec: Any) -> Key:
        """A document of statements, to be there even while it has none. Gives its key."""
        key = side.key(kind, name)
        draft = self._drafts.setdefault(key, _Draft(side, {"statements": {}, **spec}, why))
        draft.needs |= set(needs)
        return key

    def say(self, key: Key, purpose: Iterable[str], wished: Statement, origin: str) -> None:
        """A statement in a policy."""
        draft = self._drafts[key]
        draft.origins.add(origin)
        draft.said.append((tuple(purpose), wished))

    def stands(self, key: Key, wished: Statement) -> bool:
        """Whether it is live already that whom a statement is about may do something there."""
        return any(covers({**said, "Action": wished["Action"]}, wished) for said in self.live.get(key, {}).values())

    def allow(
        self,
        key: Key,
        purpose: str,
        deeds: Iterable[str],
        resources: Iterable[str],
        conditions: Conditions | None = None,
        *,
        origin: str,
    ) -> None:
        """A statement of a role's own policy."""
        self.say(key, (purpose,), statement(deeds, resources, conditions=conditions), origin)

    def thing(
        self,
        side: Side,
        kind: str,
        name: str,
        why: str,
        origin: str,
        spec: Mapping[str, Any],
        *needs: Key,
    ) -> Key:
        """A document that is no policy."""
        key = side.key(kind, name)
        draft = self._drafts.setdefault(key, _Draft(side, dict(spec), why))
        draft.needs |= set(needs)
        draft.origins.add(origin)
        return key

    def documents(self) -> tuple[Document, ...]:
        """All, by key."""
        return tuple(
            Document(
                key,
                {**draft.spec, "statements": by_sid(self.facts.fleet, draft.said)} if draft.said else draft.spec,
                draft.why,
                draft.side.manage,
                tuple(sorted(draft.needs)),
                tuple(sorted(draft.origins)),
            )
            for key, draft in sorted(self._drafts.items())
        )
