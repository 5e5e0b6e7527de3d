"""How what is wished and what is live differ. The only place that knows what different means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.core.model import Change, Key, Resource, Snapshot
from controller.core.reasons import CONFLICTS

Reason = Callable[[Key, Any, Any], str]


def merged(resources: Iterable[Resource]) -> dict[Key, Resource]:
    """Wishes for the same key become one, with all their origins and needs; ValueError when they contradict."""
    result: dict[Key, Resource] = {}
    for item in resources:
        other = result.get(item.key)
        result[item.key] = _both(other, item) if other else item
    return result


def _both(one: Resource, other: Resource) -> Resource:
    if one.spec != other.spec:
        raise ValueError(f"{one.key} is wished in two ways, by {', '.join(sorted({*one.origins, *other.origins}))}")
    makeable = other if one.facts.get("lost") else one
    origins = tuple(sorted({*one.origins, *other.origins}))
    return Resource(one.key, one.spec, tuple(sorted({*one.needs, *other.needs})), origins, makeable.facts)


def diff(desired: Mapping[Key, Resource], live: Snapshot, reason: Reason) -> tuple[Change, ...]:
    """One change for every wish, in the order of the keys; nothing is said of what nobody wishes."""
    return tuple(_change(desired[key], live, reason) for key in sorted(desired))


def _change(wish: Resource, live: Snapshot, reason: Reason) -> Change:
    key, have = wish.key, live.resources.get(wish.key)
    if have is None:
        if why := blindness(live, key):
            return Change(key, "unknown", None, wish.spec, wish.origins, f"unreadable: {why}")
        if wish.facts.get("lost"):
            return Change(key, "conflict", None, wish.spec, wish.origins, "lost")
        return Change(key, "create", None, wish.spec, wish.origins, reason(key, None, wish.spec))
    if have.spec == wish.spec:
        return Change(key, "keep", have.spec, wish.spec, wish.origins)
    found = reason(key, have.spec, wish.spec)
    return Change(key, "conflict" if found in CONFLICTS else "update", have.spec, wish.spec, wish.origins, found)


def blindness(live: Snapshot, key: Key) -> str:
    """Why this key could not be read, or an empty text: its own entry, its kind's, or its account's."""
    places = (str(key), f"{key.target}/{key.kind}", str(key.target))
    return next((live.blind[place] for place in places if place in live.blind), "")
