"""Locks: beside their promotion, named like it, for its source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from controller.core.checks.book import Book
from controller.core.checks.owners import Unread, clean_rules
from controller.core.globs import path_matches
from controller.core.manifest import Owner, Promotion
from controller.core.manifests import AnyEntry, Entry, Lock
from controller.core.problems import shown


def stray(entries: Sequence[AnyEntry], unread: Iterable[Unread]) -> tuple[list[AnyEntry], set[Unread]]:
    """Locks that have no say: one too many, or in a folder that another team owns than the promotion's.

    A wrong lock stops its promotion; a lock in another team's folder must not.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "Promotion":
            places[entry.name].append(entry.below)
    owners = [owner for rules in clean_rules(entries) for owner in rules.spec.owners]
    locks = [entry for entry in entries if entry.kind == "Lock"]
    settled = {entry.name for entry in locks if _beside(entry.below, places[entry.name])}

    def has_no_say(name: str, below: str) -> bool:
        if not places[name] or _beside(below, places[name]):
            return False
        return name in settled or _elsewhere(owners, below, places[name])

    wrong = {claim for claim in unread if claim[0][0] == "Lock" and has_no_say(claim[0][1], claim[1])}
    return [entry for entry in locks if has_no_say(entry.name, entry.below)], wrong


def _beside(below: str, places: Sequence[str]) -> bool:
    return any(below.rpartition("/")[0] == place.rpartition("/")[0] for place in places)


def _elsewhere(owners: Sequence[Owner], below: str, places: Sequence[str]) -> bool:
    mine = [owner for owner in owners if any(path_matches(glob, below) for glob in owner.paths)]
    return bool(mine) and not any(
        path_matches(glob, place) for owner in mine for glob in owner.paths for place in places
    )


def check_locks(book: Book) -> None:
    """A lock is beside its promotion, is named like it and is for its source."""
    for entry in book.every("Lock"):
        if ("Promotion", entry.name) in book.invalid and ("Promotion", entry.name) not in book.entries:
            continue
        promotion = book.get("Promotion", entry.name)
        if promotion is None:
            hint = "remove it, or lock again"
            book.fault(entry, "lock", ("metadata", "name"), f"there is no Promotion {shown(entry.name)}", hint=hint)
            continue
        beside = promotion.path.rpartition("/")[0]
        wanted = f"{beside}/{entry.name}.lock.yaml" if beside else f"{entry.name}.lock.yaml"
        if entry.path != wanted:
            book.fault(entry, "lock", (), "the lock is not where its promotion is", expected=wanted)
        _check_locked(book, entry, promotion)


def _check_locked(book: Book, entry: Entry[Lock], promotion: Entry[Promotion]) -> None:
    origin = book.origin(promotion.spec.source)
    spoke = book.get("Spoke", origin.spoke) if origin is not None else None
    if origin is None or origin.group is None or spoke is None:
        return
    source = entry.spec.source
    pairs: tuple[tuple[str, object, object], ...] = (
        ("account", source.account, spoke.spec.account),
        ("region", source.region, spoke.spec.region),
        ("group", source.group.casefold(), origin.group.casefold()),
        ("version", source.version, origin.version),
    )
    for part, locked, wanted in pairs:
        if locked != wanted:
            message = f"the lock is for another source than {promotion.path}"
            book.fault(
                entry,
                "lock",
                ("spec", "source", part),
                message,
                expected=str(wanted),
                hint=f"hubwright lock {entry.name}",
            )
            return
