"""Models against the approved ones, in words."""

from __future__ import annotations

from controller.core.compare import Comparison, Difference
from controller.core.report import Report
from controller.render.item import Item
from controller.render.words import size

_ROOM = 160


def models(report: Report) -> tuple[Item, ...]:
    """One item for each promotion that brings a model, with a line for every facet that differs."""
    places = {row.name: row for row in report.rows}
    found = ((name, item) for name, item in sorted(report.models.items()) if _shown(report, name))
    return tuple(Item("", name, _against(places[name].group, item), _lines(item)) for name, item in found)


def _shown(report: Report, name: str) -> bool:
    return report.brought is None or name in report.brought


def _against(group: str, found: Comparison) -> str:
    if not found.against:
        return f"the first that {group} would approve"
    number = found.against.rpartition("/")[2]
    same = "" if found.differences else ": nothing that is compared differs"
    return f"against {group}/{number}, which is approved{same}"


def _lines(found: Comparison) -> tuple[str, ...]:
    return tuple(_line(item, first=not found.against) for item in found.differences)


def _line(item: Difference, *, first: bool) -> str:
    after = _value(item, item.after)
    if first:
        return f"{item.facet}: {after}"
    by = f" ({_by(item)})" if item.by else ""
    return f"{item.facet}: {_value(item, item.before)} -> {after}{by}"


def _by(item: Difference) -> str:
    if item.facet != "size":
        return item.by
    return ("-" if item.by.startswith("-") else "+") + size(abs(int(item.by)))


def _value(item: Difference, value: str) -> str:
    if not value:
        return "none"
    if item.facet == "size":
        return size(int(value))
    return value if len(value) <= _ROOM else f"{value[:_ROOM]}…"
