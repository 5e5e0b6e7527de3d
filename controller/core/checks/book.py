"""The documents being checked together, and what has been found wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core.manifest import Fleet, From, Promotion
from controller.core.manifests import AnyEntry, Entry, resolved_group, resolved_hub, resolved_spoke
from controller.core.problems import Problem, Where, did_you_mean, shown

Name = tuple[str, str]  # kind and name
MAX_HINTS = 100  # looking for similar names costs; after a mass renaming nobody reads them all


@dataclass(slots=True)
class Book:
    """Entries by kind and name, with defaults applied once `settle` has run.

    `invalid` are names that must not be acted on, `problems` says why. `version` is this program's, `zones` the time
    zones there are (empty: unknown). `elsewhere`: the platform kinds are of another revision than the team kinds;
    `apart`: of another repository even, so that its paths are not the teams'.
    """

    version: str
    zones: frozenset[str] = frozenset()
    elsewhere: bool = False
    apart: bool = False
    entries: dict[Name, AnyEntry] = field(default_factory=dict)
    invalid: set[Name] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def fault(
        self,
        entry: AnyEntry,
        rule: str,
        where: Where,
        message: str,
        *,
        expected: str = "",
        hint: str = "",
        key: bool = False,
    ) -> None:
        """Notes a fault and that the document is not to be acted on."""
        self.problems.append(entry.problem(rule, where, message, expected=expected, hint=hint, key=key))
        self.invalid.add((entry.kind, entry.name))

    def of(self, kind: str) -> list[AnyEntry]:
        """The documents of a kind that have not been found wrong, by name."""
        found = [entry for name, entry in self.entries.items() if name[0] == kind and name not in self.invalid]
        return sorted(found, key=lambda entry: entry.name)

    def every(self, kind: str) -> list[AnyEntry]:
        """The documents of a kind, wrong ones included, by name."""
        return sorted((entry for name, entry in self.entries.items() if name[0] == kind), key=lambda entry: entry.name)

    def get(self, kind: str, name: str | None) -> AnyEntry | None:
        """A document that has been read, wrong or not."""
        return self.entries.get((kind, name)) if name is not None else None

    def named(self, entry: AnyEntry, kind: str, name: str, where: Where) -> AnyEntry | None:
        """The document that `entry` names at `where`; notes a fault when there is no such name at all."""
        if (kind, name) in self.entries:
            return self.entries[kind, name]
        if (kind, name) not in self.invalid:
            hint = self._close(entry, kind, name)
            self.fault(entry, "unknown-name", where, f"there is no {kind} {shown(name)}", hint=hint)
        return None

    def _close(self, entry: AnyEntry, kind: str, name: str) -> str:
        if len(self.problems) >= MAX_HINTS:
            return ""
        own = (entry.kind, entry.name)
        return did_you_mean(name, [known[1] for known in {*self.entries, *self.invalid} - {own} if known[0] == kind])

    def settle(self) -> None:
        """Applies defaults to hubs and spokes, then to groups."""
        fleets = self.every("Fleet")
        fleet: Fleet | None = fleets[0].spec if fleets else None
        hubs = {name for kind, name in (*self.entries, *self.invalid) if kind == "Hub"}
        for name, entry in self.entries.items():
            spec: Any = entry.spec
            if entry.kind == "Hub":
                spec = resolved_hub(spec)
            elif entry.kind == "Spoke":
                spec = resolved_spoke(spec, fleet)
            elif entry.kind == "ModelGroup":
                spec = resolved_group(spec, entry.name, dict.fromkeys(hubs))
            if spec is not entry.spec:
                self.entries[name] = replace(entry, spec=spec)

    def origin(self, source: From) -> From | None:
        """The spoke's version at the beginning of a chain of promotions; None when the chain is broken or a circle."""
        seen: set[str] = set()
        while source.promotion is not None:
            before: Entry[Promotion] | None = self.get("Promotion", source.promotion)
            if before is None or source.promotion in seen:
                return None
            seen.add(source.promotion)
            source = before.spec.source
        return source


def circles(links: Mapping[str, str]) -> list[str]:
    """The names that lead back to themselves, given where each leads."""
    found = []
    for name in sorted(links):
        seen, at = {name}, links[name]
        while at in links and at not in seen:
            seen.add(at)
            at = links[at]
        if at == name:
            found.append(name)
    return found


def repeated(values: Iterable[Any]) -> list[int]:
    """The positions of values that have been there before."""
    seen: set[Any] = set()
    places = []
    for index, value in enumerate(values):
        if value in seen:
            places.append(index)
        seen.add(value)
    return places
