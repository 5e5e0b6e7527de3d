"""What a report says and in which order, before any output's own form: the loudest first, what is as it should be last.

All words in it are as they came; whoever writes them out escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal

from controller.core.estimate import ASSUMED, estimate
from controller.core.model import Action, Outcome, Target
from controller.core.reasons import REASONS, Standing
from controller.core.report import Report, Row, facts_of
from controller.core.totals import load, totals
from controller.core.wish import Finding
from controller.render.document import revokes
from controller.render.explain import explain
from controller.render.item import Item
from controller.render.models import models
from controller.render.words import duration, listed, money, number, size

Tone = Literal["alarm", "warning", "change", "quiet"]

HELD: tuple[Standing, ...] = ("conflict", "mismatch", "refused", "invalid", "unknown", "stale", "blocked", "duplicate")
_LATER: tuple[Standing, ...] = ("waiting", "deferred", "orphaned")
_PLACES = ("group", "repository", "package")
_COPIES = ("artifact", "image")
_NAMED = 8
_OPEN = 10
_SIGNS: Mapping[str, str] = {"create": "+", "update": "~", "delete": "-"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its items. `folded`: where an output can fold, only the heading shows at first."""

    title: str
    tone: Tone
    items: tuple[Item, ...]
    folded: bool = False


def headline(report: Report) -> str:
    """The whole report in one line."""
    plan, total = report.plan, len(report.plan.actions)
    shown = plan.revision[:12]
    if report.kind == "result":
        done = sum(outcome.status == "done" for outcome in report.outcomes)
        did = f"{done:,} of {number(total, 'action')} done" if total else _idle(report)
        return f"Result at {shown}: {did}{_copied(report)}. {_standings(report)}"
    if not total:
        return f"Plan for {shown}: {_idle(report)}. {_standings(report)}"
    return f"Plan for {shown}: {_amounts(report)}. {_standings(report)}"


def _idle(report: Report) -> str:
    """Of a run without actions. Where something could not be read, nobody knows that there is nothing to do."""
    return "nothing to do" if report.plan.complete else "nothing that can be done while not everything can be read"


def _amounts(report: Report) -> str:
    actions = report.plan.actions
    revoking = sum(revokes(action) for action in actions)
    approving = sum(_approves(action) for action in actions)
    creating = sum(action.verb == "create" for action in actions)
    other = len(actions) - revoking - approving - creating
    parts = [
        f"{revoking:,} to REVOKE" if revoking else "",
        f"{creating:,} to create" if creating else "",
        f"{other:,} to change" if other else "",
        f"{approving:,} to approve" if approving else "",
    ]
    return ", ".join(part for part in parts if part) + _to_copy(report)


def _to_copy(report: Report) -> str:
    found = load(report.plan.actions)
    more = f", and {number(found.unweighed, 'image')} of unknown size" if found.unweighed else ""
    if not found.bytes:
        return f"; to copy{more.removeprefix(', and')}" if more else ""
    through = f", {_part(found.relayed, found.bytes)} through this machine" if found.relayed else ""
    return f"; {size(found.bytes)} to copy{through}{more}"


def _part(some: int, whole: int) -> str:
    return "all of it" if some == whole else f"{size(some)} of it"


def _copied(report: Report) -> str:
    found = totals(report.plan.actions, report.outcomes)
    if not found.copies:
        return ""
    return f"; {_moved(found.bytes, found.skipped, found.seconds)}"


def _moved(count: int, skipped: int, seconds: float) -> str:
    """`1.2 GB copied in 14 s, 3.0 MB were there`"""
    there = f", {size(skipped)} were there" if skipped else ""
    return f"{size(count)} copied in {seconds:.{0 if seconds >= 10 else 1}f} s{there}"


def _approves(action: Action) -> bool:
    return action.key.kind == "approval" and action.before["approval"] != "Approved" == action.after["approval"]


def _standings(report: Report) -> str:
    if not report.rows:
        return "No promotions."
    counts = {name: count for name, count in report.counts.items() if name not in ("create", "update")}
    shown = listed(f"{count:,} {name}" for name, count in reversed(list(counts.items())))
    return f"{number(len(report.rows), 'promotion')}: {shown}."


def sections(report: Report) -> list[Section]:
    """All that has something in it."""
    ended = {outcome.action: outcome for outcome in report.outcomes}
    every = [(action, ended.get(action.id)) for action in report.plan.actions]
    places = frozenset(action.key.target for action in report.plan.actions)
    named = places if len(places) > 1 else frozenset()
    actions = [pair for pair in every if _brought(report, pair[0])]
    before = [pair for pair in every if not _brought(report, pair[0])]
    made = [
        Section("Revoked" if report.kind == "result" else "To be REVOKED", "alarm", _actions(every, named, "revoke")),
        Section("Failed", "alarm", tuple(_failed(every, named))),
        Section("Held back", "warning", tuple(_held(report))),
        Section("Invalid manifests", "warning", tuple(Item("!", str(problem)) for problem in report.problems)),
        _long("Approvals", _actions(actions, named, "approval")),
        _long("Models", models(report)),
        Section("Groups, repositories and versions", "change", _actions(actions, named, *_PLACES), folded=True),
        Section("Copies", "change", _actions(actions, named, *_COPIES), folded=True),
        Section("Estimate, not a bill", "quiet", tuple(_estimate(report)), folded=True),
        Section("Not from this branch", "quiet", _actions(before, named, "approval", *_PLACES, *_COPIES), folded=True),
        Section("In the hub now", "change", tuple(_placed(report)), folded=True),
        Section("Later", "quiet", tuple(_later(report)), folded=True),
        Section("Notes", "quiet", tuple(_notes(report)), folded=True),
    ]
    return [section for section in made if section.items]


def _estimate(report: Report) -> Iterator[Item]:
    """About how long the copies take and what they cost; a result says what they took."""
    found = estimate(report.plan.actions) if report.kind == "plan" else None
    if found is not None:
        abroad = f", {size(found.abroad)} of it from one region to another" if found.abroad else ""
        yield Item("", "copies", f"about {duration(found.seconds)} and {money(found.usd)}{abroad}", (ASSUMED,))


def _placed(report: Report) -> Iterator[Item]:
    """Where a run has left what it worked on: the ARNs that consumers deploy by."""
    done = {outcome.action for outcome in report.outcomes if outcome.status == "done"}
    names = {origin for action in report.plan.actions if action.id in done for origin in action.origins}
    yield from (Item("", row.name, f"{row.arn}, {row.is_now}") for row in report.rows if row.name in names and row.arn)


def _long(title: str, items: tuple[Item, ...]) -> Section:
    """What reviewers come for: in the open, unless it is long."""
    return Section(title, "change", items, folded=len(items) > _OPEN)


def _brought(report: Report, action: Action) -> bool:
    return report.brought is None or not report.brought.isdisjoint(action.origins)


def converged(report: Report) -> str:
    """What needs no more than to be counted."""
    count = sum(row.standing == "converged" for row in report.rows)
    return f"{number(count, 'promotion')} {'is' if count == 1 else 'are'} as Git declares." if count else ""


def _actions(pairs: Iterable[tuple[Action, Outcome | None]], named: Set[Target], *kinds: str) -> tuple[Item, ...]:
    """The actions of these kinds; those that revoke are a kind of their own. Of places in `named` it says which."""
    return tuple(_item(action, outcome, named) for action, outcome in pairs if _kind(action) in kinds)


def _kind(action: Action) -> str:
    return "revoke" if revokes(action) else action.key.kind


def _item(action: Action, outcome: Outcome | None, named: Set[Target]) -> Item:
    sign = "!" if revokes(action) else _SIGNS.get(action.verb, "?")
    ended = f" ({outcome.status})" if outcome is not None and outcome.status != "done" else _did(outcome)
    lines = explain(action.before, action.after) if action.verb == "update" else ()
    notes = (*(line for line in lines if not line.startswith("approval: ")), *facts_of(action).get("passed", ()))
    return Item(sign, _about(action, named), f"{_says(action)}{ended}", notes)


def _did(outcome: Outcome | None) -> str:
    facts = outcome.facts if outcome is not None else {}
    if "bytes" not in facts:
        return ""
    return f"; {_moved(facts['bytes'], facts.get('skipped', 0), facts.get('seconds', 0.0))}"


def _about(action: Action, named: Set[Target]) -> str:
    return f"{_thing(action)} in {action.key.target}" if action.key.target in named else _thing(action)


def _thing(action: Action) -> str:
    kind, name = action.key.kind, action.key.name
    if kind == "artifact":
        return f"artifacts of {listed(action.origins)}"
    if kind == "image":
        return f"image {name.rpartition(':')[0]}@{action.after['digest'][:19]}"
    return f"{kind} {name}"


def copied(action: Action) -> str:
    """What is being copied or read, and for whom, in few words."""
    kind, names = action.key.kind, listed(action.origins)
    if kind == "image":
        source = str(facts_of(action).get("source", "")).partition("/")[2]
        return f"image {source or action.key.name.rpartition(':')[0]} of {names}"
    return f"{'artifacts' if kind == 'artifact' else kind} of {names}" if names else _thing(action)


def _says(action: Action) -> str:
    facts, names = facts_of(action), listed(action.origins)
    if action.key.kind == "artifact":
        if not facts.get("objects"):
            return "nothing to copy, only to record"
        through = ", through this machine" if facts.get("relay") else ""
        return f"{number(facts['objects'], 'object')}, {size(facts['bytes'])}, to {facts['prefix']}{through}"
    if action.key.kind == "image":
        amount = f"at most {size(facts['bytes'])}" if "bytes" in facts else "—"
        moves = f"{amount}, through this machine" if facts.get("bytes", 1) else "already there"
        return f"for {names}, from {facts['source']}, {moves}"
    if action.key.kind == "approval":
        return f"for {names}: {_step(action)}"
    return f"for {names}" if names else ""


def _step(action: Action) -> str:
    before, after, why = action.before["approval"], action.after["approval"], REASONS[action.reason]
    if before == after:
        return f"stays {after}, described anew" if action.reason == "described" else f"stays {after}; {why}"
    last = "; the LAST Approved version of its group" if facts_of(action).get("last") else ""
    return f"{before} -> {after}{last}" + (f"; {why}" if action.reason in ("superseded", "duplicate") else "")


def _failed(actions: Iterable[tuple[Action, Outcome | None]], named: Set[Target]) -> Iterator[Item]:
    for action, outcome in actions:
        if outcome is not None and outcome.status == "failed":
            yield Item("!", _about(action, named), f"for {listed(action.origins)}", (outcome.detail,))


def _held(report: Report) -> Iterator[Item]:
    for standing in HELD:
        yield from _together(_of_row(row) for row in report.rows if row.standing == standing)
        for finding in sorted(report.others, key=lambda item: (item.about, item.why)):
            if finding.standing == standing:
                yield _of_finding(finding)
    for outcome in report.outcomes:
        if outcome.facts.get("duplicates"):
            rejected = tuple(f"rejected: {arn}" for arn in outcome.facts["duplicates"])
            yield Item("duplicate", str(outcome.facts.get("arn", "")), REASONS["duplicate"], rejected)


def _together(items: Iterable[Item]) -> Iterator[Item]:
    """What is said of many in the same words, such as of a spoke that cannot be read, once for all of them."""
    alike: dict[Item, list[str]] = {}
    for item in items:
        alike.setdefault(replace(item, about=""), []).append(item.about)
    for item, names in alike.items():
        yield replace(item, about=listed(_shortened(names)))


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) <= _NAMED else [*names[:_NAMED], f"{len(names) - _NAMED:,} more"]


def _later(report: Report) -> Iterator[Item]:
    for standing in _LATER:
        yield from _together(_of_row(row) for row in report.rows if row.standing == standing)
        found = sorted((item for item in report.others if item.standing == standing), key=lambda item: item.about)
        yield from (_of_finding(finding) for finding in found)


def _notes(report: Report) -> Iterator[Item]:
    yield from (Item("", row.name, row.why[0]) for row in report.rows if row.standing == "converged" and row.why)
    loose = [row.name for row in report.rows if row.standing == "pending" and row.version is None and not row.locked]
    if loose and report.kind == "plan":
        yield Item(
            "", f"no lock: {listed(_shortened(loose))}", "what is promoted is what the source was when it was read"
        )
    left = sum(outcome.status == "skipped" for outcome in report.outcomes)
    if left:
        yield Item("", f"{number(left, 'action')} not begun", "what it needs did not happen, or it was interrupted")
    if not report.plan.complete:
        yield Item("", "not everything could be read", "what could not is unknown, and nothing of it is touched")


def _of_row(row: Row) -> Item:
    hints = tuple(f"hint: {hint}" for hint in row.hints)
    first, *rest = row.why or (REASONS["duplicate"] if row.standing == "duplicate" else "",)
    return Item(row.standing, row.name, first, (*rest, *row.differences, *hints))


def _of_finding(finding: Finding) -> Item:
    hints = (f"hint: {finding.hint}",) if finding.hint else ()
    return Item(finding.standing, finding.about, finding.why, (*finding.differences, *hints))
