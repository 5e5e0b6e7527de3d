"""What a run is about: everything, or only some promotions, groups and spokes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.core.errors import UsageError
from controller.core.manifests import Manifests

KINDS = ("promotion", "group", "spoke")


@dataclass(frozen=True, slots=True)
class Scope:
    """Names by kind, of manifests; each kind that is given must match. Empty: everything."""

    promotions: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    spokes: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        return not (self.promotions or self.groups or self.spokes)

    def covers(self, *, promotion: str, group: str, spoke: str) -> bool:
        """Whether a promotion into this ModelGroup from this spoke is in scope."""
        return all(
            not wanted or name in wanted
            for wanted, name in ((self.promotions, promotion), (self.groups, group), (self.spokes, spoke))
        )

    def covers_group(self, group: str) -> bool:
        """Whether a ModelGroup is itself in scope, whatever is promoted into it."""
        return not self.groups or group in self.groups


def parse_scope(words: Iterable[str]) -> Scope:
    """A scope from `kind=name` words; UsageError for anything else."""
    named: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for word in words:
        kind, found, name = word.partition("=")
        if not found or kind not in named or not name:
            raise UsageError(f"--scope {word!r} is not promotion=NAME, group=NAME or spoke=NAME")
        named[kind].add(name)
    return Scope(frozenset(named["promotion"]), frozenset(named["group"]), frozenset(named["spoke"]))


def check_scope(scope: Scope, manifests: Manifests) -> None:
    """UsageError for a name that no manifest has: a misspelt scope must not pass for «nothing to do»."""
    places = (
        ("promotion", scope.promotions, manifests.promotions),
        ("group", scope.groups, manifests.groups),
        ("spoke", scope.spokes, manifests.spokes),
    )
    for kind, names, known in places:
        title = {"promotion": "Promotion", "group": "ModelGroup", "spoke": "Spoke"}[kind]
        unknown = sorted(name for name in names if name not in known and (title, name) not in manifests.invalid)
        if unknown:
            raise UsageError(
                f"--scope {kind}={unknown[0]}: there is no {title} of that name",
                f"there are: {', '.join(sorted(known)[:12]) or 'none'}",
            )
