"""What a branch brings: which promotions and groups come out otherwise by its manifests than by those it began from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.manifests import AnyEntry, Manifests

_PLATFORM = ("hubs", "guardrails", "waivers")


def brought(before: Manifests | None, after: Manifests) -> frozenset[str]:
    """Names of promotions and subscriptions, and paths of group manifests: the origins of what the branch asks for.

    `before` is None where nothing valid was there: then all of it is the branch's.
    """
    if before is None or _differs(before, after):
        every = (entry.path for entry in after.groups.values())
        return frozenset({*after.promotions, *after.subscriptions, *every})
    groups = _changed(before.groups, after.groups)
    spokes = _changed(before.spokes, after.spokes)
    names = _changed(before.promotions, after.promotions) | _changed(before.locks, after.locks)
    names |= _changed(before.subscriptions, after.subscriptions)
    asking: list[AnyEntry] = [*after.promotions.values(), *after.subscriptions.values()]
    names |= {item.name for item in asking if item.spec.to.group in groups or item.spec.source.spoke in spokes}
    return frozenset(names | {after.groups[name].path for name in groups if name in after.groups})


def _differs(before: Manifests, after: Manifests) -> bool:
    """Whether what applies to every promotion is another: the fleet, a hub, a guardrail."""
    if before.fleet.body != after.fleet.body:
        return True
    return any(_changed(getattr(before, kind), getattr(after, kind)) for kind in _PLATFORM)


def _changed(before: Mapping[str, AnyEntry], after: Mapping[str, AnyEntry]) -> set[str]:
    return {name for name in {*before, *after} if _body(before.get(name)) != _body(after.get(name))}


def _body(entry: AnyEntry | None) -> Any:
    return entry.body if entry else None
