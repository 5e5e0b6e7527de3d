"""One file that shows a report in a browser: no request leaves it, and nothing that others wrote is markup in it.

Jinja2 fills the frame, autoescaped; the rows are data, which the page's own script shows as text and never as HTML.
What may run is named by its hash in the page's content security policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.core.drift import Drift
from controller.core.report import Report
from controller.core.scene import Scene
from controller.render.beside import beside, chain, gone, stands, was
from controller.render.escape import terminal
from controller.render.models import models
from controller.render.sections import headline
from controller.render.words import number, size

_PLACE = Path(__file__).parent / "page"
_FILES = ("page.css", "pictures.js", "page.js")
_PLAIN = re.compile(r"[a-z][a-z0-9-]{0,62}")
_COLUMNS = ("id", "name", "group", "spoke", "standing", "health", "facts", "lines", "was", "chain")
# The worst first: a cell of the matrix shows the worst of its entries.
TONES: Mapping[str, str] = {
    **dict.fromkeys(("failed", "conflict", "mismatch", "refused", "invalid", "unknown", "stale", "duplicate"), "bad"),
    **dict.fromkeys(("drift", "lost"), "bad"),
    **dict.fromkeys(("blocked", "blind", "source-moved", "orphaned", "waiting", "deferred"), "warn"),
    **dict.fromkeys(("pending", "unmanaged"), "plain"),
    "converged": "good",
    "Rejected": "bad",
    "PendingManualApproval": "warn",
    "Approved": "good",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    group: str
    spoke: str
    standing: str
    health: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]
    was: str | None = None  # how it stood in an earlier report, where that is otherwise; empty for new
    chain: tuple[tuple[str, ...], ...] = ()

    def row(self, name: str) -> list[Any]:
        facts = [[terminal(name), terminal(value)] for name, value in self.facts if value]
        words = [terminal(word) for word in (self.name, self.group, self.spoke, self.standing, self.health)]
        chain = [[terminal(part) for part in column] for column in self.chain]
        was = None if self.was is None else terminal(self.was)
        return [name, *words, facts, [terminal(line) for line in self.lines], was, chain]


def html(report: Report) -> str:
    """A plan or a result as a page."""
    told = {item.about: (item.says, *item.notes) for item in models(report)}
    entries = [
        _Entry(
            name=row.name,
            group=row.group,
            spoke=row.source.partition("/")[0],
            standing=row.standing,
            health=row.is_now,
            facts=(
                ("source", row.source),
                ("Git asks for", row.wish),
                ("version in the hub", row.arn),
                ("locked", "yes" if row.locked else "no"),
                ("to copy", size(row.bytes) if row.bytes else ""),
            ),
            lines=(*row.why, *row.differences, *(f"hint: {hint}" for hint in row.hints), *told.get(row.name, ())),
            was=was(report.scene, row.name, stands(row.standing, row.is_now)),
            chain=chain(report.scene, row),
        )
        for row in report.rows
    ]
    others = [
        _Entry(
            item.about,
            "",
            "",
            item.standing,
            "",
            (),
            tuple(part for part in (item.why, *item.differences, item.hint) if part),
        )
        for item in report.others
    ]
    faults = [_Entry(item.path, "", "", "invalid", "", (), (str(item),)) for item in report.problems]
    more = beside(report.scene, gone(report.scene, {row.name for row in report.rows}))
    return _page(f"Hubwright: {report.kind}", headline(report), "Promotions", [*entries, *others, *faults], more)


def drift_html(report: Drift, before: Mapping[str, str] | None = None) -> str:
    """A drift report as a page; `before` maps the ids of an earlier report's findings to what they were about."""
    entries = [
        _Entry(
            name=item.about,
            group=item.group,
            spoke=item.hub,
            standing=item.kind,
            health="",
            facts=(("what", item.field), ("changed by", item.by), ("at", item.at), ("first seen", item.first_seen)),
            lines=(item.why, *(f"run: {command}" for command in item.mend.commands)),
            was="" if before is not None and item.id not in before else None,
        )
        for item in report.items
    ]
    said = f"Drift at {report.revision[:12]}: {number(len(entries), 'finding')}."
    here = {item.id for item in report.items}
    missing = None if before is None else [about for name, about in before.items() if name not in here]
    more = beside(Scene(), missing)
    return _page("Hubwright: drift", said, "Findings", entries, more)


def _page(title: str, said: str, noun: str, entries: list[_Entry], more: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    rows = [entry.row(name) for name, entry in _named(entries)]
    data = json.dumps({"columns": _COLUMNS, "rows": rows, "tones": TONES, **more}, separators=(",", ":"))
    style, pictures, rest = ((_PLACE / name).read_text(encoding="utf-8") for name in _FILES)
    script = pictures + rest
    frame = Environment(loader=FileSystemLoader(_PLACE), autoescape=True, undefined=StrictUndefined)
    return frame.get_template("page.html.j2").render(
        title=terminal(title),
        headline=terminal(said),
        noun=noun,
        # Nothing in JSON may end the element that it stands in.
        data=data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _named(entries: Iterable[_Entry]) -> Iterator[tuple[str, _Entry]]:
    """Each entry with the word that links to it: its name where that is one, else its place."""
    seen: set[str] = set()
    for place, entry in enumerate(entries):
        plain = _PLAIN.fullmatch(entry.name) and entry.name not in seen
        seen.add(entry.name)
        yield entry.name if plain else str(place), entry


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
