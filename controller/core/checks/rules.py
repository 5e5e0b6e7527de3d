"""Windows, and what gates ask for: names, times, places that no spoke writes to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from controller.core.checks.book import Book, repeated
from controller.core.draft import split_uri
from controller.core.expression import fault
from controller.core.manifests import AnyEntry
from controller.core.problems import Where, did_you_mean, shown
from controller.core.rules import Gate, Window


def check_rules(book: Book) -> None:
    """What the gates of guardrails and groups, and the windows of guardrails, ask for."""
    for entry in book.of("Guardrails"):
        _check_windows(book, entry, entry.spec.windows)
        _check_gates(book, entry, entry.spec.gates)
        for index, gate in enumerate(entry.spec.gates):
            if gate.evidence is not None:
                _check_place(book, entry, gate.evidence, ("spec", "gates", index, "evidence"))
    for entry in book.of("ModelGroup"):
        _check_gates(book, entry, entry.spec.gates)
        for index, gate in enumerate(entry.spec.gates):
            if gate.evidence is not None:
                message = "a team's document may not name a bucket"
                hint = "ask the platform to put the gate into its Guardrails"
                book.fault(entry, "gate", ("spec", "gates", index, "evidence"), message, hint=hint)
        for index in repeated(gate.name for gate in entry.spec.gates):
            message = f"two of the gates are named {shown(entry.spec.gates[index].name)}"
            book.fault(entry, "duplicate", ("spec", "gates", index, "name"), message)


def _check_gates(book: Book, entry: AnyEntry, gates: Iterable[Gate]) -> None:
    for index, gate in enumerate(gates):
        if gate.no_worse_than is not None and gate.operator in ("==", "!="):
            where: Where = ("spec", "gates", index, "operator")
            message = f"{gate.operator} does not say what is worse"
            book.fault(entry, "gate", where, message, expected=">= or > where more is better, <= or < where less is")
        if gate.expression is not None and (why := fault(gate.expression, gate.metrics)):
            book.fault(entry, "gate", ("spec", "gates", index, "expression"), why)


def _check_windows(book: Book, entry: AnyEntry, windows: tuple[Window, ...]) -> None:
    for index in repeated(window.name for window in windows):
        message = f"two of the windows are named {shown(windows[index].name)}"
        book.fault(entry, "duplicate", ("spec", "windows", index, "name"), message)
    for index, window in enumerate(windows):
        where: Where = ("spec", "windows", index)
        if dt.time.fromisoformat(window.from_) >= dt.time.fromisoformat(window.until):
            hint = "for a night, give two windows"
            book.fault(entry, "time", (*where, "until"), "ends before it begins", hint=hint)
        if book.zones and window.zone not in book.zones:
            hint = did_you_mean(window.zone, [zone for zone in book.zones if zone[:1] == window.zone[:1]])
            book.fault(entry, "time", (*where, "zone"), f"there is no time zone {shown(window.zone)}", hint=hint)


def _check_place(book: Book, entry: AnyEntry, place: str, where: Where) -> None:
    """Evidence counts for nothing where a spoke could have written it."""
    bucket, prefix = split_uri(place)
    for spoke in book.every("Spoke"):
        if bucket in spoke.spec.allow.buckets:
            message = f"the Spoke {shown(spoke.name)} may write to the bucket {shown(bucket)}"
            book.fault(entry, "gate", where, message, expected="a bucket that no spoke writes to")
            return
    for hub in book.every("Hub"):
        for store in hub.spec.stores:
            if bucket == store.bucket and _overlap(prefix, f"{store.prefix}/"):
                message = f"the store {shown(store.name)} of the Hub {shown(hub.name)} is there, and spokes may push"
                book.fault(entry, "gate", where, message, expected="another bucket, or a prefix beside the store")
                return


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
