"""Caps: how much one run may do for the groups of some guardrails, in all and per spoke; approvals, creates and bytes
apart. What is beyond a cap is held back, in the order of names; what still fits goes on. Nothing caps a revocation.

A run that an event starts goes on where the last day's runs ended: many small runs are else no run that is capped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from controller.core.given import Given
from controller.core.globs import any_matches
from controller.core.limits import parse_moment, parse_size
from controller.core.manifest import Guardrails
from controller.core.manifests import Entry, Manifests
from controller.core.model import Change, Key, Resource, Target
from controller.core.view import View
from controller.core.waivers import waived
from controller.core.wish import Hold, Wish, Wishes

PERCENT_FROM = 10  # promotions: of fewer, a share means nothing
_DAY = timedelta(hours=24)
_WHAT = {"approvals": "first approvals", "creates": "registrations", "bytes": "bytes to copy"}


@dataclass(frozen=True, slots=True)
class _Limit:
    rule: str
    what: str
    most: int
    per: str  # run or spoke
    waivable: str


def capped(
    wishes: Wishes,
    desired: Mapping[Key, Resource],
    changes: Iterable[Change],
    manifests: Manifests,
    given: Given,
    views: Mapping[Target, View],
) -> Wishes:
    """The wishes, with holds on those that caps do not let through in this run."""
    amounts = _amounts(wishes, desired, changes)
    held: dict[str, list[Hold]] = {}
    for _, rule in sorted(manifests.guardrails.items()):
        covered = [wish for wish in wishes.promotions if _covers(rule, wish.subject.group_name)]
        before = _before(rule, manifests, given, views)
        for limit in _limits(rule, manifests):
            for name, hold in _beyond(limit, covered, amounts, manifests, given, before):
                held.setdefault(name, []).append(hold)
                amounts[name] = Counter() if hold.covers == "all" else _without(amounts[name], limit.what)
    return replace(
        wishes,
        promotions=tuple(
            replace(wish, holds=(*wish.holds, *held.get(wish.subject.name, ()))) for wish in wishes.promotions
        ),
    )


def _without(amounts: Counter[str], what: str) -> Counter[str]:
    return Counter({name: amount for name, amount in amounts.items() if name != what})


def _before(
    rule: Entry[Guardrails], manifests: Manifests, given: Given, views: Mapping[Target, View]
) -> Counter[tuple[str, str]]:
    """What counts already for a run that an event starts, by what and by spoke (empty: all): first approvals and
    registrations of the last day. A version that was approved earlier and has changed since counts too.
    """
    found: Counter[tuple[str, str]] = Counter()
    if not given.by_event or given.now is None:
        return found
    begin = given.now - _DAY
    spokes = {(entry.spec.account, entry.spec.region): name for name, entry in manifests.spokes.items()}
    for live in (one for view in views.values() for one in view.packages):
        if live.mark("fleet") != manifests.fleet.name or not _covers(rule, live.version.group):
            continue
        source = live.source
        spoke = spokes.get((source.account, source.region), "") if source else ""
        for place in dict.fromkeys(("", spoke)):
            found["creates", place] += _since(live.created, begin)
            found["approvals", place] += live.mark("approved") == "yes" and _since(live.modified, begin)
    return found


def _since(moment: str, begin: datetime) -> bool:
    """Whether something was then or later; of what has no time nobody knows, so it counts."""
    return not moment or parse_moment(moment) >= begin


def _beyond(
    limit: _Limit,
    covered: Iterable[Wish],
    amounts: Mapping[str, Counter[str]],
    manifests: Manifests,
    given: Given,
    before: Counter[tuple[str, str]],
) -> Iterator[tuple[str, Hold]]:
    used: Counter[str] = Counter({spoke: amount for (what, spoke), amount in before.items() if what == limit.what})
    for wish in sorted(covered, key=lambda wish: wish.subject.name):
        name = wish.subject.name
        amount = amounts[name][limit.what]
        if not amount or waived(limit.waivable, name, manifests, given.now):
            continue
        spoke = wish.subject.spoke_name if limit.per == "spoke" else ""
        if used[spoke] + amount > limit.most:
            yield name, _hold(limit, used[spoke], amount, spoke, before[limit.what, spoke])
        else:
            used[spoke] += amount


def _hold(limit: _Limit, used: int, amount: int, spoke: str, before: int) -> Hold:
    place = f" from {spoke}" if spoke else ""
    day = ", and in a day of runs that events start" if before else ""
    past = f"{before:,} were in the last day, {used - before:,}" if before else f"{used:,}"
    why = (
        f"{limit.rule}: {limit.most:,} {_WHAT[limit.what]}{place} may be in one run{day}; "
        f"{past} come before it by name, and it has {amount:,}"
    )
    hint = "run it again for what is left, or ask the platform for more" if amount <= limit.most else "it never fits"
    if before and amount <= limit.most:
        hint = "hubwright reconcile does it, if that is meant; else it goes on tomorrow"
    return Hold("approval" if limit.what == "approvals" else "all", why, hint)


def _limits(rule: Entry[Guardrails], manifests: Manifests) -> Iterator[_Limit]:
    """All limits of some guardrails: first those that hold back everything of a promotion."""
    caps = rule.spec.caps
    if caps is None:
        return
    name = f"{rule.name}/caps"
    share = _share(rule, caps.percent, manifests)
    for what in ("creates", "bytes", "approvals"):
        most = getattr(caps, what)
        if most is not None:
            yield _Limit(f"{name}/{what}", what, parse_size(most), "run", f"{name}/{what}")
        if share is not None and what != "bytes":
            yield _Limit(f"{name}/percent ({caps.percent} %)", what, share, "run", f"{name}/percent")
        own = getattr(caps.per_spoke, what) if caps.per_spoke else None
        if own is not None:
            yield _Limit(f"{name}/perSpoke/{what}", what, parse_size(own), "spoke", f"{name}/{what}")


def _share(rule: Entry[Guardrails], percent: int | None, manifests: Manifests) -> int | None:
    """How many promotions a percentage is, of all that the fleet declares for these groups; None below ten."""
    if percent is None:
        return None
    groups = [manifests.groups.get(entry.spec.to.group) for entry in manifests.promotions.values()]
    count = sum(found is not None and _covers(rule, found.spec.group or found.name) for found in groups)
    return count * percent // 100 if count >= PERCENT_FROM else None


def _covers(rule: Entry[Guardrails], group: str) -> bool:
    return rule.spec.select is None or any_matches(rule.spec.select.groups, group)


def _amounts(wishes: Wishes, desired: Mapping[Key, Resource], changes: Iterable[Change]) -> dict[str, Counter[str]]:
    """How much each promotion would do in this run, as far as nothing else holds it back."""
    found: dict[str, Counter[str]] = {wish.subject.name: Counter() for wish in wishes.promotions}
    stuck = set()
    for change in changes:
        for origin in change.origins:
            if change.verb in ("unknown", "conflict"):
                stuck.add(origin)
            elif origin in found:
                found[origin] += _amount(change, desired[change.key])
    for wish in wishes.promotions:
        covers = {hold.covers for hold in wish.holds}
        if wish.subject.name in stuck or covers & {"all", "group"}:
            found[wish.subject.name] = Counter()
        elif covers:
            del found[wish.subject.name]["approvals"]
    return found


def _amount(change: Change, wish: Resource) -> Counter[str]:
    kind = change.key.kind
    if kind == "package" and change.verb == "create":
        return Counter(creates=1)
    if kind == "artifact" and change.verb == "create" and wish.facts.get("objects") and not wish.facts.get("adopts"):
        return Counter(bytes=sum(int(item[1]) for item in wish.facts["release"]["objects"]))
    if kind == "approval" and change.verb == "update" and _first(change.before, change.after):
        return Counter(approvals=1)
    return Counter()


def _first(before: Any, after: Any) -> bool:
    been = before["metadata"].get("hubwright/approved") == "yes"
    return not been and before["approval"] != "Approved" == after["approval"]
