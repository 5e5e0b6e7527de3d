"""Who may write what, by the path of the file.

A path that some guardrails' `owners` cover belongs to a team: only team kinds may be written there, so that nobody
lifts a rule from a folder that others review. A team document about a group must be covered by one owner entry of
*each* guardrails that select the group and have owners: path, kind, group and, for what promotes, the spoke.
Groups that no guardrails with owners select may be written anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.core.checks.book import Book, Name
from controller.core.globs import any_matches, path_matches
from controller.core.manifest import PLATFORM_KINDS, Guardrails, Owner
from controller.core.manifests import AnyEntry, Entry
from controller.core.problems import Where, shown

Unread = tuple[Name, str]  # what a wrong file claims to be, and its path from the manifests folder
_TEAM_ONLY = "only team kinds may be written here"


def foreign(entries: Sequence[AnyEntry]) -> tuple[list[AnyEntry], list[AnyEntry]]:
    """Platform documents in a team's folder: those to leave out, and those that two guardrails dispute.

    Two that claim each other's folder must block what they could cover: which is the platform's cannot be told.
    """
    rules = _rules(entries)
    clean = clean_rules(entries)
    out, unclear = [], []
    for entry in entries:
        if entry.kind not in PLATFORM_KINDS:
            continue
        if any(other is not entry and _owned(other, entry.below) for other in clean):
            out.append(entry)
        elif any(other is not entry and _owned(other, entry.below) for other in rules):
            unclear.append(entry)
    return out, unclear


def relied_on(entries: Sequence[AnyEntry], unread: Iterable[Unread]) -> set[Name]:
    """The names of wrong files that others may rely on: not a platform kind that is claimed in a team's folder."""
    clean = clean_rules(entries)
    return {
        name
        for name, below in unread
        if name[0] not in PLATFORM_KINDS or not any(_owned(rules, below) for rules in clean)
    }


def clean_rules(entries: Sequence[AnyEntry]) -> list[Entry[Guardrails]]:
    """The guardrails whose own files no others claim for a team."""
    rules = _rules(entries)
    return [entry for entry in rules if not any(other is not entry and _owned(other, entry.below) for other in rules)]


def _rules(entries: Sequence[AnyEntry]) -> list[Entry[Guardrails]]:
    return [entry for entry in entries if entry.kind == "Guardrails"]


def platform_problem(entry: AnyEntry) -> tuple[Where, str]:
    """Where and what to say about a platform document in a team's folder."""
    return ("kind",), f"{entry.kind} may not be written in {shown(entry.below)}: {_TEAM_ONLY}"


def _owned(rules: Entry[Guardrails], below: str) -> bool:
    return any(path_matches(glob, below) for owner in rules.spec.owners for glob in owner.paths)


def check_owners(book: Book) -> None:
    """Faults every team document that is not covered by the owners of its group."""
    owned = [rules for rules in book.every("Guardrails") if rules.spec.owners]
    for entry in [*book.every("ModelGroup"), *book.every("Promotion"), *book.every("Subscription")]:
        group, where = _group(book, entry)
        for rules in owned:
            if rules.spec.select is None or any_matches(rules.spec.select.groups, group):
                _check_covered(book, entry, rules, group, where)


def _group(book: Book, entry: AnyEntry) -> tuple[str, Where]:
    if entry.kind == "ModelGroup":
        return entry.spec.group, ("spec", "group")
    target = book.get("ModelGroup", entry.spec.to.group)
    return (target.spec.group if target is not None else entry.spec.to.group), ("spec", "to", "group")


def _check_covered(book: Book, entry: AnyEntry, rules: Entry[Guardrails], group: str, where: Where) -> None:
    spoke = _spoke(book, entry)
    left = [owner for owner in rules.spec.owners if any(path_matches(glob, entry.below) for glob in owner.paths)]
    steps: tuple[tuple[Where, str, object], ...] = (
        ((), f"files in {shown(entry.below)}", None),
        (
            ("kind",),
            f"{entry.kind} in {shown(entry.below)}",
            lambda owner: not owner.kinds or entry.kind in owner.kinds,
        ),
        (
            where,
            f"the group {shown(group)} in {shown(entry.below)}",
            lambda owner: not owner.groups or any_matches(owner.groups, group),
        ),
        (
            ("spec", "from"),
            f"what comes from the spoke {shown(spoke)} in {shown(entry.below)}",
            lambda owner: _from(owner, spoke),
        ),
    )
    for place, what, fits in steps:
        left = [owner for owner in left if fits is None or fits(owner)]  # type: ignore[operator]
        if not left:
            message = f"no owner in the Guardrails {shown(rules.name)} covers {what}"
            book.fault(entry, "owners", place, message, hint="move the file, or ask the platform's owners")
            return


def _spoke(book: Book, entry: AnyEntry) -> str | None:
    if entry.kind == "ModelGroup":
        return None
    if entry.kind == "Subscription":
        return str(entry.spec.source.spoke)
    origin = book.origin(entry.spec.source)
    return origin.spoke if origin is not None else None


def _from(owner: Owner, spoke: str | None) -> bool:
    return not owner.spokes or spoke is None or spoke in owner.spokes
