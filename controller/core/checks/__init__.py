"""What documents say about each other: names, owners, duplicates, limits. Pure: no file, clock or network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from controller.core.checks.book import Book, Name
from controller.core.checks.locks import check_locks, stray
from controller.core.checks.owners import Unread, check_owners, foreign, platform_problem, relied_on
from controller.core.checks.platform import check_fleet, check_guardrails, check_hubs, check_spokes, check_waivers
from controller.core.checks.rules import check_rules
from controller.core.checks.teams import check_groups, check_promotions, check_subscriptions
from controller.core.manifests import AnyEntry
from controller.core.problems import shown

__all__ = ["Book", "check"]


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
    believed = _believed(entries, unread, apart=apart)
    book = Book(version, zones, elsewhere, apart, invalid=believed)
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
    check_rules(book)
    check_waivers(book)
    check_locks(book)
    _spread(book)
    book.problems = sorted(set(book.problems))
    return book


def _without_foreign(book: Book, entries: Sequence[AnyEntry]) -> list[AnyEntry]:
    """Without what is written where it has no say: platform kinds and others' locks in a team's folder."""
    out, unclear = ([], []) if book.apart else foreign(entries)
    for entry in [*out, *unclear]:
        where, message = platform_problem(entry)
        book.problems.append(entry.problem("owners", where, message, hint="move the file out of the teams' folders"))
    book.invalid.update((entry.kind, entry.name) for entry in unclear)
    strays, _ = stray(entries, ())
    for entry in strays:
        message = f"there is no Promotion {shown(entry.name)} beside this lock: it has no effect"
        book.problems.append(entry.problem("lock", ("metadata", "name"), message, hint="remove it"))
    left_out = {id(entry) for entry in [*out, *strays]}
    return [entry for entry in entries if id(entry) not in left_out]


def _believed(entries: Sequence[AnyEntry], unread: Iterable[Unread], *, apart: bool) -> set[Name]:
    """The names of wrong files that stop what relies on them."""
    claims = set(unread)
    claims -= stray(entries, claims)[1]
    return {name for name, _ in claims} if apart else relied_on(entries, claims)


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
    _one_fleet(book, [entry for entry in entries if entry.kind == "Fleet"])


def _one_fleet(book: Book, fleets: Sequence[AnyEntry]) -> None:
    """Of two Fleets none is preferred: under the other one's mark everything would be made a second time."""
    broken = [
        f"the Fleet {shown(name)}, which is not valid, stands beside it"
        for kind, name in sorted(book.invalid)
        if kind == "Fleet"
    ]
    for entry in fleets:
        others = [f"{other.path} is a Fleet too" for other in fleets if other is not entry] + broken
        if others and (entry.kind, entry.name) not in book.invalid:
            book.fault(entry, "duplicate", ("kind",), others[0], expected="one per repository")


def _spread(book: Book) -> None:
    """What names an invalid team document is invalid too.

    Not because of a lock, which can be written anew, nor of platform documents: those block later what they cover.
    """
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
            if entry.spec.source.promotion is not None:
                yield entry, ("spec", "from", "promotion"), ("Promotion", entry.spec.source.promotion)
            if entry.spec.after is not None:
                yield entry, ("spec", "after", "promotion"), ("Promotion", entry.spec.after.promotion)
