"""Which live version stands for which promotion, and which sources have to be read to know the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from controller.core.adopting import unmarked
from controller.core.arn import Version
from controller.core.manifest import Allow, From, ModelGroup, Promotion, Spoke
from controller.core.manifests import Entry, Lock, Manifests
from controller.core.model import Target
from controller.core.release import inputs_digest, promotion_id
from controller.core.view import Package, View
from controller.core.wish import Finding, Place, Subject


@dataclass(frozen=True, slots=True)
class Question:
    """What must be read before a promotion can be judged: its `source` in the spoke, its `record` in the hub, or the
    record of the promotion that it comes from (`via`)."""

    subject: Subject
    kind: Literal["source", "record", "via"]


def place_of(group: Entry[ModelGroup], manifests: Manifests) -> Place | None:
    """The hub a group lives in, or None when its manifest is missing or invalid."""
    name = group.spec.hub or (next(iter(manifests.hubs)) if len(manifests.hubs) == 1 else "")
    hub = manifests.hubs.get(name)
    return Place(name, hub.spec, manifests.fleet.name) if hub else None


def subject_of(entry: Entry[Promotion], manifests: Manifests, *, waits: bool = True) -> Subject | Finding:
    """The promotion with everything its manifest names, or why that cannot be put together.

    Without `waits`, what it waits for (`after`) is left out: it only serves another promotion.
    """
    promotion = entry.spec
    revoked = promotion.approval == "Rejected"
    if ("Lock", entry.name) in manifests.invalid and not revoked:
        return Finding(entry.name, "invalid", "its lock is invalid", f"run: hubwright lock {entry.name}")
    group = manifests.groups.get(promotion.to.group)
    if group is None:
        return _unresolved(entry, "ModelGroup", promotion.to.group, manifests)
    place = place_of(group, manifests)
    if place is None:
        return _unresolved(entry, "Hub", group.spec.hub or "", manifests)
    origin = _origin(promotion, manifests)
    lock_name = entry.name if entry.name in manifests.locks else ""
    found = _references(entry, manifests, waits=waits) if not revoked else {}
    if isinstance(found, Finding):
        return found
    via = found.get("via")
    if via is not None and not lock_name:
        lock_name = via.lock_name
    lock = manifests.locks.get(lock_name)
    spoke = _spoke_of(promotion, origin, manifests, lock)
    if spoke is None:
        return _unresolved(entry, "Spoke", origin.spoke or "", manifests)
    stands_by = standing_by(entry, group)
    return Subject(
        name=entry.name,
        path=entry.path,
        promotion=replace(promotion, approval="PendingManualApproval", stage=None) if stands_by else promotion,
        place=place,
        group_manifest=group.name,
        group=group.spec,
        spoke_name=origin.spoke or "",
        spoke=spoke,
        source=Version(spoke.account, spoke.region or "", origin.group or "", origin.version or 0),
        inputs=inputs_digest(promotion),
        locked=lock.spec.release if lock else "",
        checksums={item.uri: item.checksums for item in lock.spec.objects if item.checksums} if lock else {},
        lock_name=lock_name,
        via=via,
        after=found.get("after"),
        stands_by=stands_by,
    )


def referred(subject: Subject) -> Iterator[Place]:
    """The hubs of the promotions that it comes from and waits for."""
    for other in (subject.via, subject.after):
        if other is not None:
            yield other.place
            yield from referred(other)


def standing_by(entry: Entry[Promotion], group: Entry[ModelGroup]) -> str:
    """The group's current promotion, where this one says Approved too and is not it; else an empty text."""
    current = group.spec.current or ""
    return current if entry.spec.approval == "Approved" and current != entry.name else ""


def _origin(promotion: Promotion, manifests: Manifests) -> From:
    """The spoke's version that a chain of promotions begins with."""
    source, seen = promotion.source, set[str]()
    while source.promotion is not None and source.promotion not in seen:
        before = manifests.promotions.get(source.promotion)
        if before is None:
            break
        seen.add(source.promotion)
        source = before.spec.source
    return source


def _references(entry: Entry[Promotion], manifests: Manifests, *, waits: bool) -> dict[str, Subject] | Finding:
    """The subjects of the promotions that it comes from (`via`) and waits for (`after`)."""
    asked = {"via": entry.spec.source.promotion, "after": entry.spec.after.promotion if entry.spec.after else None}
    found: dict[str, Subject] = {}
    for role, name in asked.items():
        if name is None or (role == "after" and not waits):
            continue
        other = manifests.promotions.get(name)
        if other is None:
            return _unresolved(entry, "Promotion", name, manifests)
        subject = subject_of(other, manifests, waits=False)
        if isinstance(subject, Finding):
            return Finding(entry.name, subject.standing, f"its promotion {name}: {subject.why}", subject.hint)
        found[role] = subject
    return found


def _spoke_of(promotion: Promotion, origin: From, manifests: Manifests, lock: Entry[Lock] | None) -> Spoke | None:
    """The spoke's manifest. Without a valid one, the lock knows enough to reject what was promoted from it."""
    found = manifests.spokes.get(origin.spoke or "")
    if found is not None:
        return found.spec
    if promotion.approval != "Rejected" or lock is None:
        return None
    return Spoke(lock.spec.source.account, Allow(), lock.spec.source.region)


def _unresolved(entry: Entry[Promotion], kind: str, name: str, manifests: Manifests) -> Finding:
    if (kind, name) in manifests.invalid:
        return Finding(entry.name, "invalid", f"its {kind} {name!r} has an invalid manifest")
    return Finding(entry.name, "invalid", f"there is no {kind} {name!r}")


def matched_all(subject: Subject, views: Mapping[Target, View]) -> Subject:
    """As `matched`, the promotions that it comes from and waits for included."""
    via = matched_all(subject.via, views) if subject.via is not None else None
    after = matched_all(subject.after, views) if subject.after is not None else None
    return matched(replace(subject, via=via, after=after), views[subject.place.target])


def matched(subject: Subject, view: View) -> Subject:
    """The subject with its live versions; its identity too when no source has to be read for it."""
    mine = view.made_from(subject.place.fleet, subject.group_name, subject.source)
    subject = replace(subject, mine=mine, adopts=unmarked(subject, view))
    if subject.following is not None:
        return _registered_once(subject)
    if named := subject.locked or subject.release:
        return identified(subject, named)
    newest = _newest(mine)
    if newest is None or _raised(subject, newest):
        return subject
    known = replace(subject, identity=newest.mark("promotion"), release=newest.mark("release"))
    return replace(known, live=_lowest(known))


def _registered_once(subject: Subject) -> Subject:
    """A followed version that is in the hub stands as it was registered, by whatever manifest and inputs."""
    live = _newest(subject.mine) or max(subject.mine, key=lambda item: item.number, default=None)
    if live is None:
        return subject
    identity, release, inputs = (live.mark(name) for name in ("promotion", "release", "inputs"))
    known = replace(subject, identity=identity, release=release, inputs=inputs)
    return replace(known, live=_lowest(known) or live)


def identified(subject: Subject, release: str) -> Subject:
    """The subject once its release digest is known."""
    identity = promotion_id(subject.source, subject.place.target, subject.group_name, release, subject.inputs)
    known = replace(subject, identity=identity, release=release)
    live = _lowest(known)
    if live is None:
        live = next(iter(_with_other_inputs(known)), None)
    return replace(known, live=live)


def _newest(mine: Iterable[Package]) -> Package | None:
    versions = tuple(mine)
    candidates = [item for item in versions if not replaced(item, versions) and not item.mark("duplicate-of")]
    return max(candidates, key=lambda item: item.number, default=None)


def replaced(item: Package, mine: Iterable[Package]) -> bool:
    """Whether another version of the same source superseded it; what the group's `current` superseded may return."""
    return item.superseded and item.mark("superseded-by") in {other.mark("promotion") for other in mine}


def _raised(subject: Subject, package: Package) -> bool:
    """Whether the promotion asks for a new attempt at what this version is."""
    return subject.promotion.attempt > attempt_of(package)


def attempt_of(package: Package) -> int:
    text = package.mark("attempt")
    return int(text) if text.isascii() and text.isdigit() else 1


def _lowest(subject: Subject) -> Package | None:
    same = [item for item in subject.mine if item.mark("promotion") == subject.identity]
    return min((item for item in same if not item.mark("duplicate-of")), key=lambda item: item.number, default=None)


def _with_other_inputs(subject: Subject) -> list[Package]:
    """Live versions of the same release that were registered with other inputs, where no new attempt is asked for."""
    return [
        item
        for item in sorted(subject.mine, key=lambda item: -item.number)
        if item.mark("release") == subject.release and not replaced(item, subject.mine) and not _raised(subject, item)
    ]


def duplicates(subject: Subject) -> tuple[Package, ...]:
    """Other live versions of the very same promotion that may still be approved."""
    live = subject.live
    return tuple(
        item
        for item in subject.mine
        if live is not None
        and item.version != live.version
        and item.mark("promotion") == live.mark("promotion")
        and item.approval != "Rejected"
    )


def question(subject: Subject, view: View) -> Question | None:
    """What has to be read before the subject can be judged; None when the hub has answered everything."""
    if view.unread("packages", subject.group_name) or subject.promotion.approval == "Rejected":
        return None
    recorded = bool(subject.recorded_as) and subject.recorded_as in view.records
    origin: Literal["source", "via"] = "source" if subject.via is None else "via"
    if subject.live is not None:
        lost = not recorded and not view.unread_store and subject.live.mark("inputs") == subject.inputs
        return Question(subject, origin) if lost else None
    if recorded:
        return Question(subject, "record")
    return Question(subject, origin)
