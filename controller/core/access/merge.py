"""Statements that say alike are said once: exactly what they allowed apart, in fewer characters.

A statement holds where each of its lists has what is asked. So two that differ in one list only are, together, the one
with both lists' entries: nothing is allowed or denied by it that was not by one of the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from controller.core.access.statement import Statement
from controller.core.canonical import canonical
from controller.core.globs import matches

_ANY_OF = frozenset(
    {"ArnEquals", "ArnLike", "ForAnyValue:StringEquals", "StringEquals", "StringLike", "StringLikeIfExists"}
)
"""Tests that hold for any of their values: of all others (`…Not…`, `ForAllValues:…`) two lists are not their union."""
_WHO = ("ArnEquals", "aws:PrincipalArn")
_Lists = dict[tuple[str, ...], list[str]]
"""Lists of a statement, by where they stand in it: `("Resource",)`, `("Condition", "StringEquals", "aws:…")`."""


def merged(said: Iterable[Statement]) -> list[dict[str, Any]]:
    """Statements in normal form, with those together that differ in one list, in the order of the first of each."""
    found = [dict(item) for item in said]
    if len(found) == 1:
        return [_without_covered(item) for item in found]
    before: list[dict[str, Any]] = []
    while before != found:
        before = found
        found = _joined([_without_covered(item) for item in found], _grantees)
        for place in sorted({place for item in found for place in _lists(item)}):
            found = _joined(found, partial(_one, place))
    return found


def _joined(said: list[dict[str, Any]], chosen: Callable[[Statement], _Lists]) -> list[dict[str, Any]]:
    """Statements that are alike but for the chosen lists, together; those of which none is chosen as they are."""
    alike: dict[str, dict[str, Any]] = {}
    for item in said:
        lists = chosen(item)
        rest = canonical([sorted(map(list, lists)), _with(item, {place: [] for place in lists})])
        first = alike.setdefault(rest, item)
        if first is not item:
            alike[rest] = _with(first, {place: sorted({*_at(first, place), *lists[place]}) for place in lists})
    return list(alike.values())


def _lists(item: Statement) -> _Lists:
    """The lists of which two may be taken together, each alone."""
    found: _Lists = {("Resource",): item["Resource"]} if "Resource" in item else {}
    found |= {("Principal", kind): names for kind, names in item.get("Principal", {}).items()}
    for test, keys in item.get("Condition", {}).items():
        if test in _ANY_OF:
            found |= {("Condition", test, key): values for key, values in keys.items()}
    return found


def _one(place: tuple[str, ...], item: Statement) -> _Lists:
    lists = _lists(item)
    return {place: lists[place]} if place in lists else {}


def _grantees(item: Statement) -> _Lists:
    """Accounts with roles of theirs: two lists, but a role's ARN says its account, so that both go together."""
    accounts = item.get("Principal", {}).get("AWS", [])
    roles = item.get("Condition", {}).get(_WHO[0], {}).get(_WHO[1], [])
    owners = {":".join(name.split(":")[:5]) + ":root" for name in roles}
    if not roles or owners != set(accounts) or any(set("*?$") & set(name) for name in roles):
        return {}
    return {("Principal", "AWS"): accounts, ("Condition", *_WHO): roles}


def _at(item: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    for name in place:
        item = item[name]
    return list(item)


def _with(item: Mapping[str, Any], lists: _Lists) -> dict[str, Any]:
    """The statement with other lists in their places."""
    made = dict(item)
    for (name, *rest), values in lists.items():
        made[name] = _with(made[name], {tuple(rest): values}) if rest else values
    return made


def _without_covered(item: dict[str, Any]) -> dict[str, Any]:
    """Without resources that another one of the statement stands for as well."""
    places = item.get("Resource", [])
    wild = [(re.split(r"[*?]", place, maxsplit=1)[0], place) for place in places if set("*?") & set(place)]
    kept = list(places)
    for place in places:  # one after the other: of two that stand for each other one has to stay
        others = (wide for before, wide in wild if wide != place and place.startswith(before))
        if any(wide in kept and _covers(wide, place) for wide in others):
            kept.remove(place)
    return {**item, "Resource": kept} if len(kept) != len(places) else item


def _covers(wide: str, narrow: str) -> bool:
    """Whether a pattern stands for all that another one does. ARNs are compared part by part, as AWS does."""
    if wide == "*":
        return True
    ours, theirs = wide.split(":", 5), narrow.split(":", 5)
    if len(ours) != len(theirs):
        return False
    return all(mine == other or _stands_for(mine, other) for mine, other in zip(ours, theirs, strict=True))


def _stands_for(wide: str, narrow: str) -> bool:
    # A `?` is one character, and what a `*` or a variable of the other stands for may be none or many.
    return "?" not in wide and matches(wide, narrow)
