"""Subscriptions: which versions of a followed group they bring to the hub, and as what.

A Subscription decides that a version is registered, once, and the state it is brought to, once. Everything after that
is people's, or a Promotion's, which goes before it for the same version and group.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from controller.core.arn import Version
from controller.core.identify import place_of
from controller.core.manifest import Follow, From, Guardrails, ModelGroup, Promotion, Spoke, Subscription
from controller.core.manifests import Entry, Manifests
from controller.core.release import inputs_digest
from controller.core.scope import Scope
from controller.core.view import View
from controller.core.wish import Finding, Following, Hold, Place, Subject

_COMPARED: Mapping[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_BOUND = re.compile(r" *(>=|<=|==|!=|>|<) *([0-9]+) *")
Claim = tuple[str, str, str, int, str]  # account, region, group in lower case, number; ModelGroup


@dataclass(frozen=True, slots=True)
class Followed:
    """A Subscription with everything its manifest names. `numbers` are those versions that alone are asked for."""

    name: str
    path: str
    subscription: Subscription
    place: Place
    group: Entry[ModelGroup]
    spoke: Spoke
    numbers: frozenset[int] = frozenset()

    @property
    def source(self) -> Version:
        """The followed group, as the version 0 that no group has."""
        origin = self.subscription.source
        return Version(self.spoke.account, self.spoke.region or "", origin.group, 0)

    @property
    def readable(self) -> bool:
        """Whether its spoke may be asked which versions there are."""
        return self.spoke.state == "Active" and self.spoke.pattern == "pull"


@dataclass(frozen=True, slots=True)
class Seen:
    """A version of a followed group as its spoke lists it."""

    number: int
    approval: str


def in_range(versions: str | None, number: int) -> bool:
    """Whether a number is in a range like `>=5, <9`; every number is in no range."""
    bounds = (_BOUND.fullmatch(part) for part in versions.split(",")) if versions else ()
    return all(bound is None or _COMPARED[bound[1]](number, int(bound[2])) for bound in bounds)


def wanted(source: Follow, seen: Seen) -> bool:
    """Whether the filters let a version in that is not in the hub yet."""
    return (not source.approval or seen.approval in source.approval) and in_range(source.versions, seen.number)


def followed_of(manifests: Manifests, scope: Scope) -> tuple[list[Followed], list[Finding]]:
    """The subscriptions in scope, and why some cannot be put together."""
    found: list[Followed] = []
    findings = []
    for name, entry in sorted(manifests.subscriptions.items()):
        spec = entry.spec
        if not scope.follows(name, group=spec.to.group, spoke=spec.source.spoke):
            continue
        group, spoke = manifests.groups.get(spec.to.group), manifests.spokes.get(spec.source.spoke)
        place = place_of(group, manifests) if group else None
        if group is None or place is None or spoke is None:
            findings.append(Finding(name, "invalid", f"what the subscription {name} names is missing or invalid"))
            continue
        found.append(Followed(name, entry.path, spec, place, group, spoke.spec, scope.numbers(name)))
    return found, findings


def unread(followed: Followed) -> Finding | None:
    """Why the versions of a followed group are not looked for at all, or None."""
    name, spoke = followed.name, followed.subscription.source.spoke
    if followed.spoke.state != "Active":
        why = f"the spoke {spoke} is {followed.spoke.state}: nothing new is promoted from it"
        return Finding(name, "blocked", why, "remove the subscription, or make the spoke Active")
    if followed.spoke.pattern == "push":
        return Finding(name, "deferred", f"the spoke {spoke} pushes: its own run promotes what is followed")
    return None


def claims(manifests: Manifests) -> frozenset[Claim]:
    """The pairs of source version and ModelGroup that Promotions speak for."""
    found = set()
    for entry in manifests.promotions.values():
        origin = _origin(entry.spec.source, manifests)
        spoke = manifests.spokes.get(origin.spoke or "") if origin else None
        if origin is not None and spoke is not None:
            place = (spoke.spec.account, spoke.spec.region or "")
            found.add((*place, (origin.group or "").casefold(), origin.version or 0, entry.spec.to.group))
    return frozenset(found)


def _origin(source: From, manifests: Manifests) -> From | None:
    """Where a chain of promotions begins; None where it is broken."""
    for _ in range(len(manifests.promotions) + 1):
        if source.promotion is None:
            return source
        before = manifests.promotions.get(source.promotion)
        if before is None:
            return None
        source = before.spec.source
    return None


def subjects_of(
    followed: Followed, seen: Iterable[Seen], view: View, claimed: frozenset[Claim]
) -> Iterator[tuple[str, Subject]]:
    """A subject, by its name, for each version that is in the hub already or that the filters let in."""
    source = followed.source
    group = followed.group.spec.group or followed.group.name
    there = view.numbers_from(followed.place.fleet, group, source)
    numbers = {item.number for item in seen if wanted(followed.subscription.source, item)} | there
    if followed.numbers:
        numbers &= followed.numbers
    for number in sorted(numbers):
        if (source.account, source.region, source.group.casefold(), number, followed.group.name) not in claimed:
            subject = _subject(followed, replace(source, number=number))
            yield subject.name, subject


def _subject(followed: Followed, source: Version) -> Subject:
    spec = followed.subscription
    promotion = Promotion(
        source=From(spec.source.spoke, spec.source.group, source.number),
        to=spec.to,
        approval="Approved" if spec.approval == "Approved" else "PendingManualApproval",
        artifacts=spec.artifacts,
        images=spec.images,
    )
    return Subject(
        name=f"{followed.name}/{source.number}",
        path=followed.path,
        promotion=promotion,
        place=followed.place,
        group_manifest=followed.group.name,
        group=followed.group.spec,
        spoke_name=spec.source.spoke,
        spoke=followed.spoke,
        source=source,
        inputs=inputs_digest(promotion),
        following=Following(followed.name, spec.approval),
    )


def followed_holds(
    subject: Subject, rules: Iterable[Entry[Guardrails]], invalid: Iterable[tuple[str, str]]
) -> Iterator[Hold]:
    """What keeps a Subscription from approving: a platform that has not allowed it, a Promotion that cannot be read."""
    if subject.following is None or subject.asks != "Approved":
        return
    if not any(rule.spec.allow_subscription_approval for rule in rules):
        why = "no guardrail of this group says allowSubscriptionApproval"
        yield Hold("approval", why, "approve it in the hub, or with a promotion")
    for kind, name in sorted(invalid):
        if kind == "Promotion":
            why = f"the manifest of Promotion {name!r} is invalid and may say otherwise"
            yield Hold("approval", why, "see: hubwright validate")
