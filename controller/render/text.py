"""A report for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.report import Report
from controller.render.escape import terminal
from controller.render.item import Item
from controller.render.sections import Section, converged, headline, sections

_BOLD, _RED, _GREEN, _YELLOW, _DIM, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
_TONES = {"alarm": _BOLD + _RED, "warning": _BOLD + _YELLOW, "change": _BOLD, "quiet": _BOLD}
_SIGNS = {"+": _GREEN, "~": _YELLOW, "!": _BOLD + _RED}


def text(report: Report, *, color: bool) -> str:
    """The report in lines; `color` adds ANSI colours, the words are the same."""
    paint = _painted if color else _plain
    lines = [paint(terminal(headline(report)), _BOLD)]
    for section in sections(report):
        lines += ["", *_section(section, color=color)]
    if said := converged(report):
        lines += ["", said]
    return "\n".join(lines) + "\n"


def _section(section: Section, *, color: bool) -> Iterator[str]:
    paint = _painted if color else _plain
    yield paint(section.title, _TONES[section.tone])
    for item in section.items:
        yield from _item(item, color=color)


def _item(item: Item, *, color: bool) -> Iterator[str]:
    paint = _painted if color else _plain
    sign = paint(terminal(item.sign), _SIGNS.get(item.sign, _YELLOW)) + " " if item.sign else ""
    says = f"  {terminal(item.says)}" if item.says else ""
    yield f"  {sign}{terminal(item.about)}{says}"
    for note in item.notes:
        yield paint(f"      {terminal(note)}", _DIM)


def _painted(words: str, style: str) -> str:
    return f"{style}{words}{_OFF}" if words else ""


def _plain(words: str, style: str) -> str:  # noqa: ARG001  (the twin of `_painted`)
    return words
