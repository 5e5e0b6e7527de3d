"""A drift report as a JSON document (`schemas/drift.v1.json`), for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from controller.core.canonical import canonical
from controller.core.drift import CLASSES, Class, Drift, Evidence, Item
from controller.core.redact import redacted_all
from controller.core.watching import Ignore
from controller.render.document import problem, self_hash
from controller.render.escape import code, terminal
from controller.render.escape import markdown as escaped
from controller.render.words import listed, number, size

FORMAT = "hubwright.io/drift/v1"
TITLES: dict[Class, str] = {
    "drift": "Drift: changed outside Git",
    "lost": "Lost: gone, or not what was promoted",
    "duplicate": "Duplicates: registered twice",
    "source-moved": "Sources that moved",
    "orphaned": "Orphaned: ours, and in no manifest",
    "blind": "Blind: could not be read",
    "pending": "Pending: Git is ahead",
    "unmanaged": "Unmanaged: not ours",
}
_LONGEST = 160
_ROWS = 12


def document(report: Drift) -> dict[str, Any]:
    """The report as JSON data. Of equal reports it is equal to the byte; no clock takes part."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "revision": report.revision,
        "deep": report.deep,
        "clean": not any(item.counts or item.blinds for item in report.items),
        "items": [_item(item) for item in report.items],
        "looked": {name: getattr(report.looked, name) for name in report.looked.__slots__},
        "summary": _summary(report),
        "expired": [_ignore(rule) for rule in report.expired],
        "problems": [problem(item) for item in report.problems],
        "exit": report.exit_code(),
    }
    shown: dict[str, Any] = redacted_all(body)
    return shown | {"digest": self_hash(shown)}


def _item(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "class": item.kind,
        "severity": item.severity,
        "about": item.about,
        "field": item.field,
        "why": item.why,
        "hub": item.hub,
        "group": item.group,
        "arn": item.arn,
        "evidence": [{"field": row.field, "expected": row.expected, "found": row.found} for row in item.evidence],
        "by": item.by,
        "at": item.at,
        "mend": {"commands": list(item.mend.commands), "commit": item.mend.commit},
        "mode": item.mode,
        "ignored": _ignore(item.ignored) if item.ignored else None,
        "firstSeen": item.first_seen or None,
        "counts": item.counts,
    }


def _ignore(rule: Ignore) -> dict[str, Any]:
    return {"reason": rule.reason, "until": rule.until}


def _summary(report: Drift) -> dict[str, Any]:
    kinds = [item.kind for item in report.items]
    return {
        "classes": {name: kinds.count(name) for name in CLASSES},
        "counted": sum(item.counts for item in report.items),
        "ignored": sum(item.ignored is not None for item in report.items),
    }


def headline(report: Drift) -> str:
    """The whole report in one line: also a clean one says what was looked at."""
    shown, seen = report.revision[:12], report.looked
    looked = [number(seen.promotions, "promotion"), number(seen.versions, "version"), number(seen.objects, "object")]
    looked += [number(seen.documents, "access document")] if seen.documents else []
    deep = f", {size(seen.bytes)} and {number(seen.images, 'image')} read again" if report.deep else ""
    end = f"Looked at {listed(looked)} in {number(seen.hubs, 'hub')}{deep}."
    counted = sum(item.counts for item in report.items)
    blind = sum(item.blinds for item in report.items)
    if counted:
        return f"Drift at {shown}: {number(counted, 'finding')}. {end}"
    if blind:
        return f"No drift seen at {shown}, but {number(blind, 'thing')} could not be read. {end}"
    return f"No drift at {shown}. {end}"


def text(report: Drift) -> str:
    """The report in lines."""
    lines = [terminal(headline(report))]
    for kind in CLASSES:
        some = [item for item in report.items if item.kind == kind]
        if some:
            lines += ["", TITLES[kind]]
            for item in some:
                lines += [terminal(line) for line in _lines(item)]
    lines += [terminal(line) for line in _ends(report)]
    return "\n".join(lines) + "\n"


def _lines(item: Item) -> Iterator[str]:
    sign = {"critical": "!", "warning": "~", "info": "-"}[item.severity]
    place = f" ({item.arn})" if item.arn and item.arn != item.about else ""
    yield f"  {sign} {item.about} {item.field}{place}  {item.why}"
    for row in item.evidence[:_ROWS]:
        yield f"      {row.field}: {_sides(item, row, str)}"
    if len(item.evidence) > _ROWS:
        yield f"      and {len(item.evidence) - _ROWS:,} more"
    yield from (f"      {line}" for line in _notes(item))


def _notes(item: Item) -> Iterator[str]:
    if item.by or (item.at and item.kind == "drift"):
        yield f"last changed{' by ' + item.by if item.by else ''}{' at ' + item.at if item.at else ''}"
    if item.first_seen:
        yield f"first seen {item.first_seen}"
    if item.ignored is not None:
        yield f"ignored until {item.ignored.until}: {item.ignored.reason}"
    if item.mode != "enforce":
        yield f"mode {item.mode}: not counted"
    first, *rest = item.mend.commands or ("",)
    if first:
        commit = ", commit what it writes" if item.mend.commit else ""
        yield f"mend: {first}{commit}" + "".join(f"; then {command}" for command in rest)


def _ends(report: Drift) -> Iterator[str]:
    if report.expired:
        yield ""
    for rule in report.expired:
        yield f"an ignore rule ended at {rule.until}: {rule.reason}"
    if report.problems:
        yield ""
        yield "Invalid manifests"
    yield from (f"  ! {fault}" for fault in report.problems)


def _sides(item: Item, row: Evidence, form: Callable[[str], str]) -> str:
    """What was expected and found; of what could not be read, why."""
    if item.kind == "blind":
        return form(_shown(row.found))
    return f"{form(_shown(row.expected))} expected, {form(_shown(row.found))} found"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    said = value if isinstance(value, str) else canonical(value)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def markdown(report: Drift) -> str:
    """The report for a pull request or an issue."""
    lines = ["### Hubwright: drift", "", escaped(headline(report)), ""]
    for kind in CLASSES:
        some = [item for item in report.items if item.kind == kind]
        if some:
            lines += [f"#### {TITLES[kind]}", ""]
            for item in some:
                lines += _block(item)
            lines.append("")
    lines += [f"- {escaped(line.strip())}" for line in _ends(report) if line]
    return "\n".join(lines).rstrip("\n") + "\n"


def _block(item: Item) -> Iterator[str]:
    yield f"- **{escaped(item.about)}** {code(item.field)}: {escaped(item.why)}"
    for row in item.evidence[:_ROWS]:
        yield f"  - {code(row.field)}: {_sides(item, row, code)}"
    for line in _notes(item):
        yield f"  - mend: {code(line.removeprefix('mend: '))}" if line.startswith("mend: ") else f"  - {escaped(line)}"
