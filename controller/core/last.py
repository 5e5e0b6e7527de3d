"""The last Approved version of a group: never taken away silently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from controller.core.globs import any_matches
from controller.core.manifests import Manifests
from controller.core.marks import PREFIX
from controller.core.model import Change, Key, Resource, Target
from controller.core.view import View
from controller.core.wish import Hold, Wish, Wishes

_MARK = PREFIX + "approval"


@dataclass(frozen=True, slots=True)
class _Group:
    """What is to happen to the approvals of one group: `leaving` those that lose theirs, `coming` those that get it."""

    wishes: tuple[Wish, ...]
    leaving: tuple[Change, ...]
    coming: tuple[Key, ...]
    remain: bool


def lasting(
    wishes: Wishes,
    desired: Mapping[Key, Resource],
    changes: Iterable[Change],
    views: Mapping[Target, View],
    manifests: Manifests,
) -> tuple[Wishes, dict[Key, Resource]]:
    """The wishes with holds on what would empty a group, and the resources in an order that does not.

    What another approval replaces waits for that approval; a revocation never waits, and is marked as the last.
    """
    result, held = dict(desired), dict[str, Hold]()
    for group in _groups(wishes, desired, list(changes), views):
        if group.remain:
            continue
        for change in group.leaving:
            wish = desired[change.key]
            if wish.facts.get("revokes"):
                if not group.coming:
                    result[change.key] = replace(wish, facts={**wish.facts, "last": True})
            elif group.coming:
                result[change.key] = replace(wish, needs=tuple(sorted({*wish.needs, group.coming[0]})))
            else:
                result[change.key] = replace(wish, facts={**wish.facts, "last": True})
                held |= {origin: _hold(origin, group) for origin in _unacknowledged(change, group, manifests)}
    promotions = (
        replace(wish, holds=(*wish.holds, held[wish.subject.name])) if wish.subject.name in held else wish
        for wish in wishes.promotions
    )
    return replace(wishes, promotions=tuple(promotions)), result


def _groups(
    wishes: Wishes, desired: Mapping[Key, Resource], changes: list[Change], views: Mapping[Target, View]
) -> Iterator[_Group]:
    found: dict[tuple[Target, str], list[Wish]] = {}
    for wish in wishes.promotions:
        found.setdefault((wish.subject.place.target, wish.subject.group_name), []).append(wish)
    for (target, name), members in found.items():
        names = {wish.subject.name for wish in members}
        own = [item for item in changes if item.key.kind == "approval" and not names.isdisjoint(item.origins)]
        leaving = [item for item in own if _leaves(item, desired[item.key])]
        if not leaving:
            continue
        free = {wish.subject.name for wish in members if not wish.holds}
        coming = sorted(item.key for item in own if _comes(item) and not free.isdisjoint(item.origins))
        gone = {desired[item.key].facts.get("arn") for item in leaving}
        approved = {item.version.arn for item in views[target].packages if _of(item.version.group, name, item.approval)}
        yield _Group(tuple(members), tuple(leaving), tuple(coming), bool(approved - gone))


def _of(group: str, name: str, approval: str) -> bool:
    return group.casefold() == name.casefold() and approval == "Approved"


def _leaves(change: Change, wish: Resource) -> bool:
    """An approval that ends; one that another approval supersedes waits for it anyway."""
    if change.verb != "update" or wish.facts.get("supersedes"):
        return False
    return bool(change.before["approval"] == "Approved" != change.after["approval"])


def _comes(change: Change) -> bool:
    return change.verb == "update" and bool(change.before["approval"] != "Approved" == change.after["approval"])


def _unacknowledged(change: Change, group: _Group, manifests: Manifests) -> Iterator[str]:
    """Whose taking back needs a word in Git: not what was only approved by hand."""
    if change.before["metadata"].get(_MARK) != "Approved":
        return
    for wish in group.wishes:
        name = wish.subject.name
        if name in change.origins and _kept(wish, manifests) and name not in wish.subject.group.acknowledges:
            yield name


def _kept(wish: Wish, manifests: Manifests) -> bool:
    rules = [entry.spec for entry in manifests.guardrails.values() if entry.spec.keep_approved]
    return any(rule.select is None or any_matches(rule.select.groups, wish.subject.group_name) for rule in rules)


def _hold(name: str, group: _Group) -> Hold:
    subject = group.wishes[0].subject
    why = f"keepApproved: it is the last Approved version of the group {subject.group_name}"
    return Hold(
        "approval", why, f"if that is meant: `acknowledges: [{name}]` in the ModelGroup {subject.group_manifest}"
    )
