"""Which rules of the platform cover a promotion, and what they hold back.

Gates, approvals, `after`, windows and caps judge a version's first step into Approved; a version that has been there,
and every revocation, passes them. What cannot be judged is held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from controller.core.caps import capped
from controller.core.follow import followed_holds
from controller.core.gates import Evidence, asked, judge_gate
from controller.core.given import Given
from controller.core.globs import any_matches
from controller.core.hold import held
from controller.core.limits import parse_moment
from controller.core.manifest import Guardrails
from controller.core.manifests import Entry, Manifests
from controller.core.review import given_by, lacking
from controller.core.revoked import revoked_holds
from controller.core.rules import Gate
from controller.core.soak import soaking
from controller.core.view import View
from controller.core.waivers import waived
from controller.core.windows import frozen, is_open
from controller.core.wish import Hold, Subject, Wish

__all__ = ["capped", "covering", "gates_of", "guarded", "stepping"]


def covering(group: str, manifests: Manifests) -> tuple[Entry[Guardrails], ...]:
    """The guardrails that select a package group, by its name in the hub."""
    return tuple(
        entry
        for _, entry in sorted(manifests.guardrails.items())
        if entry.spec.select is None or any_matches(entry.spec.select.groups, group)
    )


def stepping(subject: Subject) -> bool:
    """Whether its approval would be the first one: what gates, approvals, `after`, windows and caps judge."""
    been = subject.live is not None and subject.live.mark("approved") == "yes"
    return subject.asks == "Approved" and not been and not subject.kept


def gates_of(subject: Subject, manifests: Manifests, given: Given) -> Iterator[tuple[str, Gate]]:
    """The gates that judge a promotion, by their full names: the guardrails' that are not waived, and its group's."""
    if not stepping(subject):
        return
    for rule in covering(subject.group_name, manifests):
        for gate in rule.spec.gates:
            name = f"{rule.name}/gates/{gate.name}"
            if asked(gate, subject.promotion) and not waived(name, subject.name, manifests, given.now):
                yield name, gate
    for gate in subject.group.gates:
        if asked(gate, subject.promotion):
            yield f"group {subject.group_manifest}/gates/{gate.name}", gate


def guarded(wish: Wish, view: View, manifests: Manifests, given: Given, evidence: Mapping[str, Evidence]) -> Wish:
    """The wish with everything that keeps it, or its approval, from going on, and with what it has passed."""
    subject = wish.subject
    if subject.promotion.approval == "Rejected":
        return wish
    rules = covering(subject.group_name, manifests)
    found: list[Hold | str] = [*_standing(subject, view, rules, manifests, given)]
    known = evidence.get(subject.name)
    found += revoked_holds(subject, wish.draft.release if wish.draft else None, manifests, known)
    if stepping(subject):
        found += _stepping(subject, rules, manifests, given, known)
    holds = tuple(item for item in found if isinstance(item, Hold))
    return replace(wish, holds=holds, passed=tuple(item for item in found if isinstance(item, str)))


def _standing(
    subject: Subject, view: View, rules: Iterable[Entry[Guardrails]], manifests: Manifests, given: Given
) -> Iterator[Hold]:
    yield from held(subject.group_name, view, given.now)
    yield from _invalid(manifests)
    yield from _state(subject, view)
    yield from _locks(subject, rules)
    yield from _references(subject, rules)
    yield from _overruling(subject)
    yield from followed_holds(subject, rules, manifests.invalid)


def _stepping(
    subject: Subject,
    rules: Iterable[Entry[Guardrails]],
    manifests: Manifests,
    given: Given,
    evidence: Evidence | None,
) -> Iterator[Hold | str]:
    for rule in rules:
        yield from _waivers(subject, rule, manifests, given)
        yield from _times(subject, rule, manifests, given)
        yield from _approvals(subject, rule, given)
    for name, gate in gates_of(subject, manifests, given):
        verdict = judge_gate(gate, evidence)
        if verdict.standing == "passed":
            yield f"{name}: {verdict.says}"
        else:
            yield Hold("approval", f"{name}: {verdict.says}", standing=verdict.standing)
    yield from soaking(subject, given.now)
    if subject.following is not None and subject.group.current is not None:
        why = f"the group's current promotion is {subject.group.current}, and a subscription does not replace it"
        yield Hold("approval", why)


def _invalid(manifests: Manifests) -> Iterator[Hold]:
    for kind, name in sorted(manifests.invalid):
        if kind == "Guardrails":
            yield Hold("all", f"the manifest of Guardrails {name!r} is invalid, and what it would hold back is unknown")


def _state(subject: Subject, view: View) -> Iterator[Hold]:
    state = subject.spoke.state
    recorded = bool(subject.identity) and subject.identity in view.records
    if subject.new and subject.via is None and (state == "Frozen" or (state == "Retired" and not recorded)):
        yield Hold("all", f"the spoke {subject.spoke_name} is {state}: nothing new is promoted from it")


def _locks(subject: Subject, rules: Iterable[Entry[Guardrails]]) -> Iterator[Hold]:
    for rule in rules:
        if rule.spec.require_lock and not subject.locked:
            yield Hold("all", f"{rule.name}/requireLock: it has no lock", _lock_hint(subject))


def _lock_hint(subject: Subject) -> str:
    if subject.following is None:
        return f"run: hubwright lock {subject.name}"
    source = subject.source
    return f"run: hubwright promote {subject.spoke_name}/{source.group}/{source.number} --to {subject.group_manifest}"


def _references(subject: Subject, rules: Iterable[Entry[Guardrails]]) -> Iterator[Hold]:
    promotion = subject.promotion
    referring = [name for name in ("artifacts", "images") if getattr(promotion, name) == "reference"]
    if referring and promotion.approval == "Approved" and not any(rule.spec.allow_reference for rule in rules):
        why = f"{' and '.join(referring)} by reference: no guardrail of this group says allowReference"
        yield Hold("approval", why, "copy them, or have the platform allow references for this group")


def _waivers(subject: Subject, rule: Entry[Guardrails], manifests: Manifests, given: Given) -> Iterator[str]:
    """What is waived for it is said, with the reason."""
    sections = (("gates", rule.spec.gates), ("freezes", rule.spec.freezes), ("windows", rule.spec.windows))
    for section, items in sections:
        for item in items:
            name = f"{rule.name}/{section}/{item.name}"
            if waiver := waived(name, subject.name, manifests, given.now):
                yield f"{name}: waived by {waiver.name} until {waiver.spec.until}: {waiver.spec.reason}"


def _times(subject: Subject, rule: Entry[Guardrails], manifests: Manifests, given: Given) -> Iterator[Hold]:
    if given.now is None:
        if rule.spec.freezes or rule.spec.windows:
            yield Hold("approval", f"{rule.name}: what time it is was not said, and it has freezes or windows")
        return
    for freeze in rule.spec.freezes:
        name = f"{rule.name}/freezes/{freeze.name}"
        if waived(name, subject.name, manifests, given.now):
            continue
        try:
            covers = frozen(freeze, given.now)
        except ValueError as error:
            yield Hold("approval", f"{name}: {error}")
            continue
        if covers:
            yield Hold("approval", f"{name}: frozen from {freeze.from_} until {freeze.until} ({freeze.zone})")
    yield from _windows(subject, rule, manifests, given)


def _windows(subject: Subject, rule: Entry[Guardrails], manifests: Manifests, given: Given) -> Iterator[Hold]:
    windows, now = rule.spec.windows, given.now
    names = [f"{rule.name}/windows/{window.name}" for window in windows]
    if not windows or now is None or any(waived(name, subject.name, manifests, now) for name in names):
        return
    try:
        if any(is_open(window, now) for window in windows):
            return
    except ValueError as error:
        yield Hold("approval", f"{names[0]}: {error}")
        return
    opens = "; ".join(
        f"{' '.join(window.days) or 'every day'} {window.from_} to {window.until} ({window.zone})" for window in windows
    )
    yield Hold("approval", f"{', '.join(names)}: no window is open now ({opens})")


def _approvals(subject: Subject, rule: Entry[Guardrails], given: Given) -> Iterator[Hold | str]:
    asks = rule.spec.approvals
    if asks is None:
        return
    why, hint = lacking(asks, given.review, subject.name)
    if why or given.review is None:
        yield Hold("approval", f"{rule.name}/approvals: {why}", hint)
    else:
        yield f"{rule.name}/approvals: {given_by(given.review, asks)}"


def _overruling(subject: Subject) -> Iterator[Hold]:
    live = subject.live
    if live is None or subject.promotion.approval != "Approved" or not live.rejected_by_person:
        return
    if not _same_moment(subject.promotion.overrules, live.modified):
        who = f" ({live.modified_by})" if live.modified_by else ""
        why = f"a person rejected version {live.number} of {live.version.group} at {live.modified}{who}"
        yield Hold("approval", why, f"to overrule it, the promotion must say `overrules: {live.modified}`")


def _same_moment(one: str | None, other: str) -> bool:
    """To the second, whatever their zones."""
    return bool(one and other) and parse_moment(one or "") == parse_moment(other)
