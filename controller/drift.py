"""`drift`: the straight line without its last call, and a second look at what is behind what was promoted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from controller.behind import behind
from controller.core import differ
from controller.core.differ import Past, anew, brought, item
from controller.core.drift import Drift, Evidence, Item, Looked, Mend, ordered, ruled
from controller.core.given import Given
from controller.core.manifests import Manifests
from controller.core.mode import enforced
from controller.core.model import Change
from controller.core.reasons import REASONS
from controller.core.scope import Scope
from controller.core.view import Package, View
from controller.core.wish import Finding, GroupWish, Subject, Wish
from controller.granted import granted
from controller.kinds.base import Cloud
from controller.reconcile import Step, Thought, think
from controller.stocktake import Depth, Taken, deep, shelves, sources

_PENDING = frozenset({"refused", "invalid", "conflict", "blocked", "waiting"})


class Pasts(Protocol):
    """What Git once said."""

    def ever(self, kind: str, name: str) -> list[Any]:
        """Every spec that a document has had, newest first."""
        ...

    def at(self, kind: str, name: str, revision: str) -> tuple[bool, Any]:
        """Whether a revision is known, and the document's spec there or None."""
        ...

    def before(self) -> Iterable[Manifests]:
        """The manifests of earlier revisions, newest first, as far as they are valid; a bounded number of them."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """How to look: at what, with which threads, how deep (None: not into bytes), and what time it is."""

    cloud: Cloud
    manifests: Manifests
    scope: Scope
    pool: Executor
    step: Step
    pasts: Pasts
    now: datetime
    depth: Depth | None = None


def look(how: Look) -> Drift:
    """Everything that differs between Git, what was written, and what is live. Writes nothing."""
    thought = think(how.cloud, enforced(how.manifests), how.scope, how.pool, how.step, Given(how.now))
    wishes = [wish for wish in thought.wishes.promotions if wish.subject.name in thought.subjects]
    how.step("reading the sources again")
    taken = replace(_shelves(how, wishes, thought), releases=sources(how.cloud, thought.subjects.values(), how.pool))
    if how.depth is not None:
        how.step("reading all bytes again")
        spoiled, read, images = deep(how.cloud, wishes, thought.views, taken, how.depth, how.pool)
        taken = replace(taken, spoiled=spoiled, read=read, images=images)
    access = granted(how.cloud, how.manifests, how.scope, how.pool, how.step, how.pasts.before)
    own = _modes(how.manifests)
    found = [replace(one, mode=own.get(one.about, one.mode)) for one in _items(how, thought, wishes, taken)]
    found += access.items
    items, expired = ruled(_once(found), how.manifests.fleet.spec.drift.ignore, how.now)
    seen = replace(_looked(thought, taken), documents=access.compared)
    problems = how.manifests.problems
    return Drift(how.manifests.revision, ordered(items), seen, how.depth is not None, problems, expired)


def _shelves(how: Look, wishes: Sequence[Wish], thought: Thought) -> Taken:
    how.step("reading records and listing objects")
    return shelves(how.cloud, wishes, thought.views, how.pool, whole=how.scope.whole)


def _modes(manifests: Manifests) -> dict[str, Any]:
    """The mode of each promotion (by name) and group (by path) as its manifest has it."""
    care = ("enforce", "warn", "observe")
    groups = {name: entry.spec.mode for name, entry in manifests.groups.items()}
    modes: dict[str, Any] = {entry.path: entry.spec.mode for entry in manifests.groups.values()}
    for name, entry in manifests.promotions.items():
        modes[name] = max(entry.spec.mode, groups.get(entry.spec.to.group, "enforce"), key=care.index)
    return modes


def _once(items: Iterable[Item]) -> list[Item]:
    """One item for each id, the loudest; and of a group that is gone not each of its versions."""
    found: dict[str, Item] = {}
    for one in ordered(items):
        found.setdefault(one.id, one)
    gone = {(one.hub, one.group) for one in found.values() if one.kind == "lost" and one.field == "group"}
    return [one for one in found.values() if not (one.field == "version" and (one.hub, one.group) in gone)]


def _looked(thought: Thought, taken: Taken) -> Looked:
    views = thought.views.values()
    return Looked(
        hubs=len(thought.views),
        groups=sum(len(view.groups) for view in views),
        versions=sum(len(view.packages) for view in views),
        promotions=len(thought.subjects),
        sources=len(taken.releases),
        records=len(taken.records),
        objects=taken.objects,
        bytes=taken.read,
        images=taken.images,
    )


def _items(how: Look, thought: Thought, wishes: Sequence[Wish], taken: Taken) -> Iterator[Item]:
    by_name = {wish.subject.name: wish for wish in wishes}
    groups = {wish.path: wish for wish in thought.wishes.groups}
    for change in thought.plan.changes:
        yield from _of_change(how, change, by_name, groups, thought, taken)
    for finding in (*thought.findings, *thought.unmatched):
        yield from _of_finding(finding, thought)
    for name, subject in thought.subjects.items():
        wish = by_name.get(name)
        yield from behind(wish.subject if wish else subject, wish, taken, thought.views)
    if how.scope.whole:
        yield from _unmanaged(how.manifests, thought.views)


def _of_change(
    how: Look,
    change: Change,
    wishes: Mapping[str, Wish],
    groups: Mapping[str, GroupWish],
    thought: Thought,
    taken: Taken,
) -> Iterator[Item]:
    kind = change.key.kind
    if change.verb == "unknown":
        yield from (_blind(origin, change, wishes) for origin in change.origins)
    elif kind == "group":
        wish = groups.get(change.origins[0]) if change.origins else None
        if wish is not None:
            yield _of_group(how, wish, change, wishes.values(), thought)
    else:
        for origin in change.origins:
            if origin in wishes:
                yield from _of_version(how, change, wishes[origin], thought, taken)


def _blind(origin: str, change: Change, wishes: Mapping[str, Wish]) -> Item:
    wish = wishes.get(origin)
    why = f"the {change.key.kind} {change.key.name} could not be read: {change.reason.removeprefix('unreadable: ')}"
    if wish is None:
        return Item("blind", "warning", origin, change.key.kind, why)
    return item(wish.subject, "blind", "warning", change.key.kind, why, mend=Mend())


def _of_group(how: Look, wish: GroupWish, change: Change, wishes: Iterable[Wish], thought: Thought) -> Item:
    if change.verb == "create":
        lost = sorted(
            one.subject.name
            for one in wishes
            if one.subject.group_manifest == wish.manifest
            and one.subject.recorded_as in thought.views[one.subject.place.target].records
        )
        again = (f"hubwright retry {' '.join(lost)}",) if lost else ()
        mend = Mend((*again, f"hubwright reconcile --scope group={wish.manifest}"), commit=bool(lost))
        why = "the group is gone, though something was promoted into it" if lost else "the group is not made yet"
        severity: Any = "critical" if lost else "info"
        known: dict[str, Any] = {"hub": wish.place.name, "group": wish.name, "mend": mend}
        return Item("lost" if lost else "pending", severity, wish.path, "group", why, **known)
    return differ.tags(wish, change, how.pasts.ever("ModelGroup", wish.manifest))


def _of_version(how: Look, change: Change, wish: Wish, thought: Thought, taken: Taken) -> Iterator[Item]:
    subject, kind = wish.subject, change.key.kind
    if kind == "approval":
        yield from _of_approval(how, change, wish)
    elif kind == "package" and change.verb == "create":
        yield _absent(subject, thought.views[subject.place.target])
    elif kind == "package":
        yield _package(subject, change, taken)
    elif subject.live is not None and kind in ("artifact", "image"):
        yield _gone(subject, change)


def _absent(subject: Subject, view: View) -> Item:
    if subject.identity not in view.records:
        return item(subject, "pending", "info", "version", "it is not promoted yet")
    why = "its artifacts are recorded and no version has its marks: it was deleted, or a run ended before that"
    # SageMaker may answer the token of a deleted version with that version: only a new attempt is sure to make one.
    return item(subject, "lost", "critical", "version", why, mend=anew(subject))


def _package(subject: Subject, change: Change, taken: Taken) -> Item:
    if change.reason == "changed":
        why = "what is registered is not what was registered: somebody changed the version itself"
        rows = differ.contents(subject, taken.records.get(subject.name))
        live = subject.live
        who = {"by": live.modified_by, "at": live.modified} if live else {}
        return item(subject, "drift", "critical", "package", why, evidence=rows, mend=anew(subject), **who)
    row = Evidence(change.reason, change.after, change.before)
    return item(subject, "pending", "warning", "package", REASONS[change.reason], evidence=(row,), mend=anew(subject))


def _gone(subject: Subject, change: Change) -> Item:
    field = "record" if change.key.kind == "artifact" else "image"
    mend = brought(subject) if change.verb == "create" else anew(subject)
    row = Evidence(change.key.name, change.after, change.before)
    if change.reason == "taken":
        why = "the tag of its image names another image"
        return item(subject, "drift", "critical", field, why, evidence=(row,), mend=mend)
    why = "the record of its artifacts is gone" if field == "record" else "its image is gone from the hub"
    return item(subject, "lost", "critical", field, why, evidence=(row,), mend=mend)


def _of_approval(how: Look, change: Change, wish: Wish) -> Iterator[Item]:
    subject = wish.subject
    _, _, number = change.key.name.rpartition("@")
    if "@" not in change.key.name:
        if subject.live is not None:
            yield from differ.standing(subject, subject.live, change, _past(how, subject, subject.live))
        return
    live = next(one for one in subject.mine if str(one.number) == number)
    rows: tuple[Evidence, ...] = (Evidence("approval", change.after["approval"], change.before["approval"]),)
    known: dict[str, Any] = {"evidence": rows, "arn": live.version.arn}
    who = {"by": live.modified_by, "at": live.modified}
    if change.reason == "duplicate":
        why = "the same promotion is registered twice; the lower number stays"
        yield item(subject, "duplicate", "critical", "version", why, **known)
    elif (live.superseded or wish.rejected) and live.mark("approval") != live.approval:
        why = f"somebody made it {live.approval} outside Git, though another version stands in its place"
        if wish.rejected:
            why = f"somebody made it {live.approval} outside Git, though Git rejects it"
        yield item(subject, "drift", "critical", "approval", why, **known, **who)
    elif live.superseded:
        rows = tuple(
            Evidence(name, change.after[name], change.before[name])
            for name in ("description", "stage", "metadata")
            if change.before[name] != change.after[name]
        )
        why = "somebody changed how the superseded version stands"
        yield item(subject, "drift", "warning", "superseded", why, **known | {"evidence": rows}, **who)
    else:
        yield item(subject, "pending", "info", "superseded", "another version is to take its place", **known)


def _past(how: Look, subject: Subject, live: Package) -> Past:
    revision = live.mark("revision")
    if not revision:
        return Past(None, known=len(live.metadata) < 50)
    known, said = how.pasts.at("Promotion", subject.name, revision)
    return Past(said, known)


def _of_finding(finding: Finding, thought: Thought) -> Iterator[Item]:
    subject = thought.subjects.get(finding.about)
    if finding.standing == "orphaned":
        yield _orphan(finding, thought)
    elif finding.standing == "mismatch" and subject is not None:
        rows = tuple(Evidence("release", subject.locked or None, line) for line in finding.differences)
        mend = Mend((f"hubwright lock {subject.name}", *brought(subject).commands), commit=True)
        yield item(subject, "source-moved", "warning", "source", finding.why, evidence=rows, mend=mend)
    elif finding.standing == "unknown":
        yield Item("blind", "warning", finding.about, "promotion", finding.why)
    elif finding.standing in _PENDING and not finding.hint.startswith("to overrule it"):
        severity: Any = "warning" if finding.standing in ("refused", "invalid", "conflict") else "info"
        known: dict[str, Any] = {"hub": subject.place.name, "group": subject.group_name} if subject else {}
        why = f"{finding.why}" + (f" ({finding.hint})" if finding.hint else "")
        yield Item("pending", severity, finding.about, finding.standing, why, **known)
    elif finding.standing == "deferred":
        yield Item("pending", "info", finding.about, "deferred", finding.why)


def _orphan(finding: Finding, thought: Thought) -> Item:
    view, live = next(
        (view, one) for view in thought.views.values() for one in view.packages if one.version.arn == finding.about
    )
    hub = next((wish.place.name for wish in thought.wishes.groups if wish.place.target == view.target), "")
    mend = Mend((f"hubwright import --hub {hub} --group {live.version.group}",), commit=True) if hub else Mend()
    why = f"it is ours and {live.approval}, and no manifest names it"
    row = Evidence("promotion", None, live.mark("promotion"))
    who: dict[str, Any] = {"by": live.modified_by, "at": live.modified, "group": live.version.group, "hub": hub}
    severity: Any = "critical" if live.approval == "Approved" else "warning"
    arn = live.version.arn
    return Item("orphaned", severity, arn, "version", why, arn=arn, evidence=(row,), mend=mend, **who)


def _unmanaged(manifests: Manifests, views: Mapping[Any, View]) -> Iterator[Item]:
    """What is in the hub and not ours, a group at a time."""
    names = {entry.spec.account + entry.spec.region: name for name, entry in manifests.hubs.items()}
    for view in views.values():
        hub = names[view.target.account + view.target.region]
        strange: dict[str, list[Package]] = {}
        for live in view.packages:
            if live.mark("fleet") != manifests.fleet.name:
                strange.setdefault(live.version.group, []).append(live)
        for group, found in sorted(strange.items()):
            rows = tuple(Evidence(one.version.arn, None, one.mark("fleet") or None) for one in found)
            why = f"{len(found)} of its versions are not of this fleet; they are never touched"
            yield Item("unmanaged", "info", group, "versions", why, hub=hub, group=group, evidence=rows)
