"""A report as Markdown, for the comment on a pull request: what matters in the open, the rest folded."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.report import Report
from controller.render.escape import code
from controller.render.escape import markdown as escaped
from controller.render.item import Item
from controller.render.sections import Section, converged, headline, sections

LIMIT = 60_000  # characters; GitHub takes 65,536 of a comment
_FRAME = 240  # what a section needs beside its items, and the last line
_MARKS = {"alarm": "🛑 ", "warning": "⚠️ ", "change": "", "quiet": ""}


def markdown(report: Report, limit: int = LIMIT) -> str:
    """The report, of at most `limit` characters; what is left out is counted."""
    found = sections(report)
    title = "Result" if report.kind == "result" else "Plan"
    lines = [f"### Hubwright: {title.lower()}", "", escaped(headline(report)), ""]
    if found:
        rows = [f"| {_MARKS[section.tone]}{section.title} | {len(section.items)} |" for section in found]
        lines += ["| | |", "|---|---:|", *rows, ""]
    room = limit - sum(len(line) + 1 for line in lines) - _FRAME * (len(found) + 1)
    for section in found:
        block, room = _within(section, room)
        lines += [*block, ""]
    if said := converged(report):
        lines += [said, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _within(section: Section, room: int) -> tuple[list[str], int]:
    """The section's lines, as many items of it as there is room for; and the room left."""
    kept: list[str] = []
    left = 0
    for item in section.items:
        lines = list(_item(item))
        need = sum(len(line) + 1 for line in lines)
        if left or need > room:
            left += 1
            continue
        kept += lines
        room -= need
    if left:
        kept.append(f"- … and {left} more, not shown here: the comment would be too long. `--format text` shows all.")
    title = f"{_MARKS[section.tone]}{section.title} ({len(section.items)})"
    if section.folded:
        return [f"<details><summary>{title}</summary>", "", *kept, "", "</details>"], room
    return [f"#### {title}", "", *kept], room


def _item(item: Item) -> Iterator[str]:
    sign = f"{code(item.sign)} " if item.sign else ""
    says = f" {escaped(item.says)}" if item.says else ""
    yield f"- {sign}{code(item.about)}{says}"
    yield from (f"  - {escaped(note)}" for note in item.notes)
