"""The figures of metric reports, side by side: of a model that a plan brings, and of its group's approved one.

A figure is called as gates call it (`ModelQuality.Statistics:auc.value`), so that it can be copied into one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from controller.core.gates import Reading, number

REPORTS = (
    "ModelQuality.Statistics",
    "Bias.Report",
    "Bias.PostTrainingReport",
    "Bias.PreTrainingReport",
    "ModelDataQuality.Statistics",
    "Explainability.Report",
)
"""The reports that hold figures, in the order of showing. Constraints are not among them: they are wishes."""
_LISTED = 12
_DEEP, _MANY, _LONG = 12, 5_000, 160
_ASIDE = ("standard_deviation", "confusion_matrix", "num_", "evaluation_time", "item_count", "version")
Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the reports of a model hold, and those of the approved one (`old`, empty without one), by report.

    A reading's value is the document; one with a fault has none and says why.
    """

    new: Mapping[str, Reading] = field(default_factory=dict)
    old: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A figure that differs: its name, both values in words (`before` empty without an approved model), and by how
    much."""

    name: str
    before: str
    after: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class _Figure:
    report: str
    path: str
    names: tuple[str, ...]
    value: Decimal

    @property
    def name(self) -> str:
        """`Bias.Report:facets.0.value (age)`, short enough to be read."""
        named = f" ({', '.join(self.names)})" if self.names else ""
        whole = f"{self.report}:{self.path}{named}"
        return whole if len(whole) <= _LONG else f"{whole[:_LONG]}…"


def steps(found: Measured, wanted: Set[str]) -> tuple[tuple[Step, ...], dict[str, int]]:
    """The figures that differ, those that are `wanted` (by a gate) first; and how many more there are by report."""
    differing = [step for report in REPORTS for step in _differing(report, found)]
    ranked = sorted(differing, key=lambda pair: _rank(pair[0], wanted))  # stable: the reports' own order stays
    left: dict[str, int] = {}
    for figure, _ in ranked[_LISTED:]:
        left[figure.report] = left.get(figure.report, 0) + 1
    return tuple(step for _, step in ranked[:_LISTED]), left


def _rank(figure: _Figure, wanted: Set[str]) -> int:
    if f"{figure.report}:{figure.path}" in wanted:
        return 0
    return 2 if aside(figure.path) else 1


def aside(path: str) -> bool:
    """Whether a figure is of those that people look at last."""
    return any(word in path for word in _ASIDE)


def _differing(report: str, found: Measured) -> Iterator[tuple[_Figure, Step]]:
    read, known = found.new.get(report), found.old.get(report)
    new, old = _figures(report, read), _figures(report, known)
    for key, figure in new.items():
        was = old.get(key)
        if was is None:
            yield figure, Step(figure.name, "unread" if _faulty(known) else "", _shown(figure.value))
        elif was.value != figure.value:
            by = f"{float(figure.value - was.value):+.4g}"
            yield figure, Step(figure.name, _shown(was.value), _shown(figure.value), by)
    if read is None or _faulty(read):
        return  # a report that is not there, or could not be read, is said as a whole
    for key, figure in old.items():
        if key not in new:
            yield figure, Step(figure.name, _shown(figure.value), "")


def _faulty(reading: Reading | None) -> bool:
    return reading is not None and bool(reading.fault)


def _shown(value: Decimal) -> str:
    return f"{float(value):.8g}"


def _figures(report: str, reading: Reading | None) -> dict[Key, _Figure]:
    """The numbers of a document by their place. Entries of a list are told apart by their `name` where each has one:
    their order may be another in the next report."""
    if reading is None or reading.fault:
        return {}
    found: dict[Key, _Figure] = {}
    for key, path, names, value in _leaves(reading.value, (), (), ()):
        if len(found) >= _MANY:
            break
        found[key] = _Figure(report, ".".join(path), names, value)
    return found


_Leaf = tuple[Key, tuple[str, ...], tuple[str, ...], Decimal]


def _leaves(value: Any, key: Key, path: tuple[str, ...], names: tuple[str, ...]) -> Iterator[_Leaf]:
    if len(path) > _DEEP:
        return
    if isinstance(value, dict):
        for word, inner in value.items():
            yield from _leaves(inner, (*key, word), (*path, word), names)
    elif isinstance(value, list):
        told = _names(value)
        for place, inner in enumerate(value):
            if told:
                yield from _leaves(inner, (*key, told[place]), (*path, str(place)), (*names, told[place]))
            elif isinstance(inner, dict | list):  # a list of bare numbers is a curve, not figures
                yield from _leaves(inner, (*key, place), (*path, str(place)), names)
    elif isinstance(value, Decimal):
        try:
            yield key, path, names, number(value)
        except ValueError:
            return


def _names(items: list[Any]) -> list[str]:
    """The names of a list's entries, if each has one of its own; else none."""
    named = [item.get("name") for item in items if isinstance(item, dict)]
    texts = [name for name in named if isinstance(name, str)]
    return texts if len(texts) == len(items) == len(set(texts)) else []


def said(reading: Reading | None, left: int) -> str:
    """What is said of a report beside its figures, to follow `there`."""
    if reading is not None and reading.fault:
        return f"; it {reading.fault}"
    return f"; {left} more of its figures" if left else ""
