"""What documents say about each other: names, owners, duplicates, limits. Pure: no file, clock or network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from controller.core.checks.book import Book, Name
from controller.core.checks.owners import Unread, check_owners, foreign, platform_problem, relied_on
from controller.core.checks.platform import check_fleet, check_guardrails, check_hubs, check_spokes, check_waivers
from controller.core.checks.teams import check_groups, check_locks, check_promotions, check_subscriptions
from controller.core.globs import any_matches
from controller.core.manifests import AnyEntry, Manifests
from controller.core.problems import Problem, shown

__all__ = ["Book", "check", "missing_locks"]


def check(
    entries: Sequence[AnyEntry],
    *,
    version: str,
    unread: Iterable[Unread] = (),
    zones: frozenset[str] = frozenset(),
    elsewhere: bool = False,
    apart: bool = False,
) -> Book:
    """All documents of a revision with defaults applied, what is invalid, and why.

    `unread` are the names and paths of documents that did not pass their schema, `zones` the time zones there are
    (empty: unknown), `elsewhere` says that the platform kinds come from another revision, `apart` from another
    repository.
    """
    book = Book(
        version, zones, elsewhere, apart, invalid={name for name, _ in unread} if apart else relied_on(entries, unread)
    )
    _enter(book, _without_foreign(book, entries))
    book.settle()
    check_fleet(book)
    check_hubs(book)
    check_spokes(book)
    check_owners(book)
    check_groups(book)
    check_promotions(book)
    check_subscriptions(book)
    check_guardrails(book)
    check_waivers(book)
    check_locks(book)
    _spread(book)
    book.problems = sorted(set(book.problems))
    return book


def _without_foreign(book: Book, entries: Sequence[AnyEntry]) -> list[AnyEntry]:
    out, unclear = ([], []) if book.apart else foreign(entries)
    for entry in [*out, *unclear]:
        where, message = platform_problem(entry)
        book.problems.append(entry.problem("owners", where, message, hint="move the file out of the teams' folders"))
    book.invalid.update((entry.kind, entry.name) for entry in unclear)
    left_out = {id(entry) for entry in out}
    return [entry for entry in entries if id(entry) not in left_out]


def _enter(book: Book, entries: Sequence[AnyEntry]) -> None:
    """Documents by name; a name that is there twice is nobody's."""
    named: dict[Name, list[AnyEntry]] = defaultdict(list)
    for entry in entries:
        named[entry.kind, entry.name].append(entry)
    for name, same in named.items():
        book.entries[name] = same[0]
        for entry, other in zip(same, [*same[1:], same[0]], strict=True):
            if other is not entry:
                book.fault(
                    entry,
                    "duplicate",
                    ("metadata", "name"),
                    f"{other.path} is named {entry.kind} {shown(entry.name)} too",
                    hint="rename one of them",
                )
    fleets = [entry for entry in entries if entry.kind == "Fleet"]
    for entry in fleets[1:]:
        book.fault(entry, "duplicate", ("kind",), f"{fleets[0].path} is a Fleet too", expected="one per repository")


def _spread(book: Book) -> None:
    """What names an invalid team document is invalid too; platform documents block later, with what they cover."""
    again = True
    while again:
        again = False
        for entry, where, name in list(_team_links(book)):
            if name in book.invalid and (entry.kind, entry.name) not in book.invalid:
                message = f"the {name[0]} {shown(name[1])} is not valid"
                book.fault(entry, "depends", where, message, hint="see what is said about it")
                again = True


def _team_links(book: Book) -> Iterable[tuple[AnyEntry, tuple[str, ...], Name]]:
    for entry in [*book.every("Promotion"), *book.every("Subscription")]:
        yield entry, ("spec", "to", "group"), ("ModelGroup", entry.spec.to.group)
        if entry.kind == "Promotion":
            yield entry, ("metadata", "name"), ("Lock", entry.name)
            if entry.spec.source.promotion is not None:
                yield entry, ("spec", "from", "promotion"), ("Promotion", entry.spec.source.promotion)
            if entry.spec.after is not None:
                yield entry, ("spec", "after", "promotion"), ("Promotion", entry.spec.after.promotion)


def missing_locks(manifests: Manifests) -> tuple[Problem, ...]:
    """A problem for each promotion that guardrails want locked and that is not. For `validate`; a run blocks them."""
    problems = []
    for entry in manifests.promotions.values():
        group = manifests.groups.get(entry.spec.to.group)
        if entry.name in manifests.locks or group is None or entry.spec.approval == "Rejected":
            continue
        for rules in manifests.guardrails.values():
            select = rules.spec.select
            if rules.spec.require_lock and (
                select is None or any_matches(select.groups, group.spec.group or group.name)
            ):
                message = f"the Guardrails {shown(rules.name)} require a lock"
                problems.append(
                    entry.problem("require-lock", ("metadata", "name"), message, hint=f"hubwright lock {entry.name}")
                )
                break
    return tuple(sorted(problems))
