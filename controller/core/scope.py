"""What a run is about: everything, or only some promotions, groups and spokes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.core.errors import UsageError
from controller.core.manifests import Manifests

KINDS = ("promotion", "group", "spoke")
_FOLLOWING = ("Promotion", "Subscription")


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
        """Whether a promotion (or `SUBSCRIPTION/VERSION`) into this ModelGroup from this spoke is in scope."""
        return all(
            not wanted or name in wanted or name.partition("/")[0] in wanted
            for wanted, name in ((self.promotions, promotion), (self.groups, group), (self.spokes, spoke))
        )

    def follows(self, name: str, *, group: str, spoke: str) -> bool:
        """Whether a Subscription, or one of its versions, is in scope."""
        named = next((word for word in self.promotions if word.partition("/")[0] == name), name)
        return self.covers(promotion=named, group=group, spoke=spoke)

    def numbers(self, name: str) -> frozenset[int]:
        """The only versions of a Subscription that are in scope; none: all of them."""
        if name in self.promotions:
            return frozenset()
        words = (word.partition("/") for word in self.promotions)
        return frozenset(int(number) for start, _, number in words if start == name and number.isdigit())

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
        ("promotion", _whole(scope.promotions, manifests), {**manifests.promotions, **manifests.subscriptions}),
        ("group", scope.groups, manifests.groups),
        ("spoke", scope.spokes, manifests.spokes),
    )
    for kind, names, known in places:
        title = {"promotion": "Promotion", "group": "ModelGroup", "spoke": "Spoke"}[kind]
        invalid = {name for what, name in manifests.invalid if what == title or (title, what) == _FOLLOWING}
        unknown = sorted(name for name in names if name not in known and name not in invalid)
        if unknown:
            raise UsageError(
                f"--scope {kind}={unknown[0]}: there is no {title} of that name",
                f"there are: {', '.join(sorted(known)[:12]) or 'none'}",
            )


def _whole(names: Iterable[str], manifests: Manifests) -> frozenset[str]:
    """The names with `SUBSCRIPTION/VERSION` as the Subscription's own."""
    found = set()
    for name in names:
        start, _, number = name.partition("/")
        found.add(start if number.isdigit() and start in manifests.subscriptions else name)
    return frozenset(found)
