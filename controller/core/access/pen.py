"""How documents are written: statements collected by Sid, document by document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.core.access.document import Document
from controller.core.access.facts import Facts, Side
from controller.core.access.statement import Statement, sid
from controller.core.model import Key


@dataclass(slots=True)
class _Draft:
    side: Side
    spec: dict[str, Any]
    why: str
    needs: set[Key] = field(default_factory=set)
    origins: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Pen:
    """Collects documents. What is written to one key twice becomes one document."""

    facts: Facts
    _drafts: dict[Key, _Draft] = field(default_factory=dict)

    def policy(self, side: Side, kind: str, name: str, why: str, *needs: Key, **spec: Any) -> Key:
        """A document of statements, to be there even while it has none. Gives its key."""
        key = side.key(kind, name)
        draft = self._drafts.setdefault(key, _Draft(side, {"statements": {}, **spec}, why))
        draft.needs |= set(needs)
        return key

    def say(self, key: Key, purpose: Iterable[str], wished: Statement, origin: str) -> None:
        """A statement in a policy. Equal ones are said once; others of the same Sid get a number."""
        draft = self._drafts[key]
        statements = draft.spec["statements"]
        draft.origins.add(origin)
        words = list(purpose)
        for number in range(1, 1000):
            name = sid(self.facts.fleet, *words, str(number) if number > 1 else "")
            if statements.setdefault(name, wished) == wished:
                return

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
                draft.spec,
                draft.why,
                draft.side.manage,
                tuple(sorted(draft.needs)),
                tuple(sorted(draft.origins)),
            )
            for key, draft in sorted(self._drafts.items())
        )
