"""Which rules of the platform cover a promotion, and what they hold back.

Rules that this version does not enforce yet hold back everything they cover: a declared guard is never ignored.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.follow import followed_holds
from controller.core.globs import any_matches
from controller.core.limits import parse_moment
from controller.core.manifest import Guardrails
from controller.core.manifests import Entry, Manifests
from controller.core.view import View
from controller.core.wish import Hold, Subject

NOT_YET = "is declared but not yet enforced by this version of Hubwright"


def covering(group: str, manifests: Manifests) -> tuple[Entry[Guardrails], ...]:
    """The guardrails that select a package group, by its name in the hub."""
    return tuple(
        entry
        for _, entry in sorted(manifests.guardrails.items())
        if entry.spec.select is None or any_matches(entry.spec.select.groups, group)
    )


def holds(subject: Subject, view: View, manifests: Manifests) -> tuple[Hold, ...]:
    """Everything that keeps a promotion, or its approval, from going on."""
    if subject.promotion.approval == "Rejected":
        return ()
    rules = covering(subject.group_name, manifests)
    return (
        *_invalid(manifests),
        *_state(subject, view),
        *_locks(subject, rules),
        *_references(subject, rules),
        *_not_yet(subject, rules),
        *_overruling(subject),
        *followed_holds(subject, rules, manifests.invalid),
    )


def _invalid(manifests: Manifests) -> Iterator[Hold]:
    for kind, name in sorted(manifests.invalid):
        if kind == "Guardrails":
            yield Hold("all", f"the manifest of Guardrails {name!r} is invalid, and what it would hold back is unknown")


def _state(subject: Subject, view: View) -> Iterator[Hold]:
    state = subject.spoke.state
    recorded = bool(subject.identity) and subject.identity in view.records
    if subject.new and (state == "Frozen" or (state == "Retired" and not recorded)):
        yield Hold("all", f"the spoke {subject.spoke_name} is {state}: nothing new is promoted from it")


def _locks(subject: Subject, rules: tuple[Entry[Guardrails], ...]) -> Iterator[Hold]:
    for rule in rules:
        if rule.spec.require_lock and not subject.locked:
            yield Hold("all", f"{rule.name}/requireLock: it has no lock", _lock_hint(subject))


def _lock_hint(subject: Subject) -> str:
    if subject.following is None:
        return f"run: hubwright lock {subject.name}"
    source = subject.source
    return f"run: hubwright promote {subject.spoke_name}/{source.group}/{source.number} --to {subject.group_manifest}"


def _references(subject: Subject, rules: tuple[Entry[Guardrails], ...]) -> Iterator[Hold]:
    promotion = subject.promotion
    referring = [name for name in ("artifacts", "images") if getattr(promotion, name) == "reference"]
    if referring and promotion.approval == "Approved" and not any(rule.spec.allow_reference for rule in rules):
        why = f"{' and '.join(referring)} by reference: no guardrail of this group says allowReference"
        yield Hold("approval", why, "copy them, or have the platform allow references for this group")


def _not_yet(subject: Subject, rules: tuple[Entry[Guardrails], ...]) -> Iterator[Hold]:
    approving = subject.promotion.approval == "Approved"
    if approving:
        if subject.promotion.after is not None:
            yield Hold("all", f"its `after` {NOT_YET}")
        if subject.group.current is not None:
            yield Hold("all", f"`current` of the group {subject.group_manifest} {NOT_YET}")
        if subject.group.gates:
            yield Hold("all", f"the gate {subject.group_manifest}/gates/{subject.group.gates[0].name} {NOT_YET}")
    for rule in rules:
        for what in _rules_not_yet(rule.spec, approving=approving):
            yield Hold("all", f"{rule.name}/{what} {NOT_YET}")


def _rules_not_yet(rule: Guardrails, *, approving: bool) -> Iterator[str]:
    if rule.caps is not None:
        amounts = [rule.caps.creates, rule.caps.bytes, rule.caps.percent]
        if approving or any(amount is not None for amount in amounts):
            yield "caps"
    if not approving:
        return
    if rule.approvals is not None:
        yield "approvals"
    yield from (f"gates/{gate.name}" for gate in rule.gates)
    yield from (f"freezes/{freeze.name}" for freeze in rule.freezes)


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
