"""What each promotion comes to, from Git, the live hub and what was read of the sources. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from controller.core.adopting import draft_of, in_place, unfit
from controller.core.arn import Version
from controller.core.draft import Draft, draft, lightened
from controller.core.identify import duplicates, identified
from controller.core.lock import differences
from controller.core.manifest import Store
from controller.core.manifests import Manifests
from controller.core.marks import (
    LINEAGE,
    MAX_ENTRIES,
    PREFIX,
    compared,
    foreign,
    is_keys_mark,
    keys_marks,
    named,
    owned_keys,
)
from controller.core.mode import OBSERVED, mode_of
from controller.core.problems import Problem
from controller.core.record import Record
from controller.core.release import Release, spec_digest
from controller.core.view import Package, View
from controller.core.wish import Finding, Subject, Wish

_ORPHAN = "declare it in a promotion, or reject it in the hub"
_ANEW = "take `adopts` away to register it anew, beside the version that is there"
_LATER_MARKS = 4  # approved, superseded-by, revision, lineage: not known when this is judged

Answer = Release | Record | Finding | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A wish, unless the promotion cannot be told or made; and what there is to say about it."""

    wish: Wish | None
    findings: tuple[Finding, ...] = ()


def judge(subject: Subject, view: View, answer: Answer, manifests: Manifests) -> Judgement:
    """What `subject` comes to; `answer` is what was read for it, or the finding that says why it could not be."""
    if why := view.unread("packages", subject.group_name):
        known = subject.promotion.approval == "Rejected" and subject.mine
        unread = Finding(subject.name, "unknown", f"the hub's registry could not be read: {why}")
        return Judgement(_rejection(subject) if known else None, (unread,))
    if subject.promotion.approval == "Rejected":
        return Judgement(_rejection(subject), () if subject.mine else (_nothing_to_reject(subject),))
    if mode_of(subject) == "observe":
        return Judgement(None, (Finding(subject.name, "deferred", OBSERVED),))
    if over := _surplus(subject):
        why = f"its metadata would have {over} more entries than the {MAX_ENTRIES} that AWS allows"
        return Judgement(None, (Finding(subject.name, "refused", why, "name fewer, or have strangers' removed"),))
    if isinstance(answer, Finding) and subject.new:
        return Judgement(None, (answer,))
    judged = _judged(subject, view, answer, manifests)
    if subject.stands_by and judged.wish is not None:
        why = f"it stands by: the group's current promotion is {subject.stands_by}"
        return replace(judged, findings=(*judged.findings, Finding(subject.name, "converged", why)))
    return judged


def _judged(subject: Subject, view: View, answer: Answer, manifests: Manifests) -> Judgement:
    if isinstance(answer, Record):
        return _from_record(subject, view, answer, manifests)
    if isinstance(answer, Release):
        return _from_release(subject, view, answer, manifests)
    return _from_live(subject, view)


def _rejection(subject: Subject) -> Wish:
    """Rejected needs nothing but the hub's own versions: all of them that are, or could still be, approved."""
    targets = [item for item in subject.mine if _approvable(item) and not _is(item, subject.live)]
    return Wish(subject, subject.place.settings.stores[0], rejected=tuple(targets))


def _nothing_to_reject(subject: Subject) -> Finding:
    why = f"nothing in the hub's group {subject.group_name} has our marks of this source, so nothing is to be rejected"
    return Finding(subject.name, "converged", why)


def _surplus(subject: Subject) -> int:
    """How many metadata entries too many the live version would get."""
    if subject.live is None or subject.kept:
        return 0
    live, own = subject.live.metadata, subject.promotion.metadata
    kept = {name for name in compared(live) if name not in owned_keys(live) and not is_keys_mark(name)}
    kept |= {LINEAGE} & set(live)
    marks = named(approval="x", approved="yes" if subject.promotion.approval == "Approved" else "")
    return max(0, len({*kept, *own, *keys_marks(own), *marks}) - MAX_ENTRIES)


def _approvable(item: Package) -> bool:
    return item.approval == "Approved" or not (item.approval == "Rejected" or item.superseded)


def _is(package: Package, other: Package | None) -> bool:
    return other is not None and package.version == other.version


def _from_live(subject: Subject, view: View) -> Judgement:
    store = _store_of(subject, view)
    if store is None:
        return Judgement(None, (_no_store(subject),))
    return Judgement(_with_others(Wish(subject, store)))


def _from_record(subject: Subject, view: View, record: Record, manifests: Manifests) -> Judgement:
    """What was recorded is registered as recorded, or not at all: a body nobody can derive is nobody's word."""
    if subject.locked and record.release.digest != subject.locked:
        return _mismatch(subject, record.release, manifests, "the record is not what its lock names")
    judged = _from_release(subject, view, record.release, manifests)
    made = judged.wish.draft if judged.wish else None
    if made is not None and spec_digest(made.body) != spec_digest(record.body):
        why = "its record says otherwise than Git would have it now: the hub's settings changed since it was copied"
        return Judgement(None, (Finding(subject.name, "conflict", why, "raise `attempt` to copy it anew"),))
    known = replace(judged.wish, lineage=record.lineage) if judged.wish else None
    return Judgement(known, judged.findings)


def _mismatch(subject: Subject, release: Release, manifests: Manifests, why: str) -> Judgement:
    hint = f"if the change is meant: hubwright lock {subject.lock_name or subject.name}, and commit the lock"
    changed = differences(manifests.locks[subject.lock_name].spec, release)
    return Judgement(None, (Finding(subject.name, "mismatch", why, hint, changed),))


def _from_release(subject: Subject, view: View, release: Release, manifests: Manifests) -> Judgement:
    if subject.live is not None and subject.live.mark("release") != release.digest:
        return _from_live(subject, view)  # its record is lost and its source moved on: nothing to write
    if subject.locked and release.digest != subject.locked:
        return _mismatch(subject, release, manifests, "the source is not what its lock names")
    if subject.locked and differences(manifests.locks[subject.lock_name].spec, release):
        why = "its lock contradicts itself: what it lists is not what its digest stands for"
        return _mismatch(subject, release, manifests, why)
    if not subject.locked and release.moved:
        why = "a tag of its source no longer names the image that was registered"
        hint = f"to promote what the tag names now: hubwright lock {subject.name}, and commit the lock"
        return Judgement(None, (Finding(subject.name, "mismatch", why, hint, release.moved),))
    subject = identified(subject, release.digest)
    if subject.promotion.adopts is not None and subject.live is None:
        return _adopted(subject, release)
    store = _store_of(subject, view)
    if store is None:
        return Judgement(None, (_no_store(subject),))
    try:
        made = draft(release, subject.promotion, subject.identity, subject.place.settings, store, subject.group_name)
        made = lightened(made, view.images)
        metadata = create_metadata(subject, release, made)
    except ValueError as error:
        return Judgement(None, (Finding(subject.name, "refused", str(error)),))
    if subject.live is not None and spec_digest(made.body) != subject.live.mark("spec"):
        return _from_live(subject, view)  # it would be made elsewhere now, as in another store
    wish = Wish(subject, store, draft=made, metadata=metadata)
    return Judgement(_with_others(wish))


def _adopted(subject: Subject, release: Release) -> Judgement:
    """The version that is there, with the marks it is to have; the promotion refused where it cannot be that one."""
    live = subject.adopts
    why = unfit(subject)
    if live is None or why:
        rejected = live is not None and live.approval == "Rejected"
        return Judgement(None, (Finding(subject.name, "blocked" if rejected else "refused", why, _ANEW),))
    try:
        found = in_place(release, live, subject.promotion.inference, subject.place.settings)
        made = draft_of(release, live, found)
        marks = create_metadata(subject, release, made)
    except ValueError as error:
        return Judgement(None, (Finding(subject.name, "refused", f"{live.version.arn}: {error}", _ANEW),))
    own = {name: value for name, value in marks.items() if name.startswith(PREFIX) and not is_keys_mark(name)}
    if over := max(0, len({**live.metadata, **own}) + _LATER_MARKS - MAX_ENTRIES):
        why = f"its metadata would have {over} more entries than the {MAX_ENTRIES} that AWS allows"
        return Judgement(None, (Finding(subject.name, "refused", why, "have strangers' removed"),))
    wish = Wish(subject, found.store, draft=made, metadata={**live.metadata, **own}, in_place=found)
    return Judgement(_with_others(wish))


def _no_store(subject: Subject) -> Finding:
    hint = "give one of its stores the state Active"
    return Finding(subject.name, "refused", f"the hub {subject.place.name} has no Active store", hint)


def _store_of(subject: Subject, view: View) -> Store | None:
    """What was recorded stays in its store; new things go to the Active one."""
    place = view.records.get(subject.recorded_as)
    return subject.place.store(place.store) if place else subject.place.active_store


def _with_others(wish: Wish) -> Wish:
    subject = wish.subject
    twins = duplicates(subject)
    aside = {item.version for item in twins}
    replaced = tuple(
        item
        for item in subject.mine
        if not _is(item, subject.live) and item.version not in aside and not item.mark("duplicate-of")
    )
    if subject.stands_by:  # the group's current promotion supersedes all of it that is still Approved
        return replace(
            wish, duplicates=twins, superseded=tuple(item for item in replaced if item.approval == "Approved")
        )
    approving = subject.promotion.approval == "Approved" and _settled(subject)
    return replace(wish, duplicates=twins, superseded=replaced if approving and subject.following is None else ())


def _settled(subject: Subject) -> bool:
    """Whether the live version, if any, really is the promotion's own and not one that waits for a new attempt."""
    return subject.live is None or subject.live.mark("promotion") == subject.identity


def create_metadata(subject: Subject, release: Release, made: Draft) -> dict[str, str]:
    """The metadata of the create call: marks before the manifest's before the source's."""
    own = subject.promotion.metadata
    metadata = {
        **foreign(release.metadata),
        **own,
        **keys_marks(own),
        **named(
            promotion=subject.identity,
            fleet=subject.place.fleet,
            source=subject.source.arn,
            via=release.via,
            release=release.digest,
            inputs=subject.inputs,
            attempt=str(subject.promotion.attempt),
            spec=spec_digest(made.body),
            approval="PendingManualApproval",
            subscription=subject.following.name if subject.following else "",
        ),
    }
    if len(metadata) + _LATER_MARKS > MAX_ENTRIES:
        over = len(metadata) + _LATER_MARKS - MAX_ENTRIES
        raise ValueError(f"its metadata would have {over} more entries than the {MAX_ENTRIES} that AWS allows")
    return metadata


def orphans(views: Iterable[View], claimed: Iterable[Version], fleet: str) -> list[Finding]:
    """Versions with this fleet's mark that no manifest names, unless they were rejected or superseded."""
    known = set(claimed)
    return [
        Finding(item.version.arn, "orphaned", "no manifest names it; it keeps its status", _ORPHAN)
        for view in views
        for item in view.packages
        if item.mark("fleet") == fleet
        and item.version not in known
        and item.approval != "Rejected"
        and not item.superseded
    ]


def told_orphans(found: list[Finding], manifests: Manifests) -> list[Finding]:
    """The orphans; held back while a document that could not be read may be what names them."""
    unread = sorted({problem.path for problem in manifests.problems if _may_name(problem, manifests)})
    if not found or not unread:
        return found
    more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
    versions = "1 version" if len(found) == 1 else f"{len(found):,} versions"
    are = "is" if len(found) == 1 else "are"
    why = f"it{more} could not be read and may name what nothing else does: {versions} of this fleet {are} not called"
    return [Finding(unread[0], "unknown", f"{why} orphaned", "mend what is said about it")]


def _may_name(problem: Problem, manifests: Manifests) -> bool:
    """Whether a wrong document could be what names a version. Of what does not say its kind nobody knows."""
    if problem.kind == "Lock":
        return bool({("Lock", problem.name), ("Promotion", problem.name)} & manifests.invalid)
    return problem.kind not in ("Guardrails", "Waiver")
