"""Refuses layout that PyYAML's parsers read and YAML 1.2 does not, or reads otherwise.

Each rule was found by running the YAML Test Suite: without it a case would load with another meaning than it states.
"""

from __future__ import annotations

import re
from typing import Any

_HEADER = re.compile(r"[|>][-+0-9]*(?:[ \t]+#.*|[ \t]*)$", re.MULTILINE)
_GLUED_COMMENT = re.compile(r"#|[ \t]*,#")
_TABBED = re.compile(r" *\t")

Fault = tuple[str, int, int]  # what is wrong, line and column from 0


class Layout:
    """The text of one document, looked at event by event."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = re.split("\r\n|\r|\n", text)

    def scalar(self, event: Any, indent: int) -> Fault | None:
        """A scalar inside a block whose column is `indent` (-1 at the top)."""
        start, end = event.start_mark, event.end_mark
        if event.style in ("|", ">"):
            return self._block_scalar(event)
        if not event.style:  # None, or "" from libyaml
            if event.value == "-":
                return "a lone dash is not a value", start.line, start.column
            if event.implicit[0] and event.value and start.index and self._text[start.index - 1] == "?":
                return "a value must not be glued to ?", start.line, start.column - 1
        return self._inside(start.line, end.line, indent) or self._comment(end)

    def opened(self, event: Any) -> Fault | None:
        """A list or mapping in brackets begins."""
        return self._comment(event.end_mark)

    def closed(self, first_line: int, event: Any, indent: int, *, outermost: bool) -> Fault | None:
        """A list or mapping in brackets, begun in line `first_line`, ends; only the outermost looks at all lines."""
        end = event.end_mark
        inside = self._inside(first_line, end.line, indent) if outermost else None
        return inside or self._comment(end)

    def _comment(self, end: Any) -> Fault | None:
        found = _GLUED_COMMENT.match(self._text, end.index)
        if found is None or end.index == 0 or self._text[end.index - 1] in " \t\r\n":
            return None
        return "a comment needs a space before #", end.line, end.column + len(found.group()) - 1

    def _inside(self, first: int, last: int, indent: int) -> Fault | None:
        for number in range(first + 1, last + 1):
            line = self._lines[number]
            if _TABBED.match(line):
                return "indent with spaces, not tabs", number, line.index("\t")
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                return "a continued line must be indented deeper than where it began", number, 0
        return None

    def _block_scalar(self, event: Any) -> Fault | None:
        start = event.start_mark
        if not _HEADER.match(self._text, start.index):
            return "a comment needs a space before #", start.line, start.column
        blank = 0
        for number in range(start.line + 1, len(self._lines)):  # no slice: a file may have thousands of these
            line = self._lines[number]
            if line.strip(" "):
                if len(line) - len(line.lstrip(" ")) < blank:
                    return "an empty first line is indented deeper than the text after it", start.line, start.column
                break
            blank = max(blank, len(line))
        last = self._lines[-1]
        if event.end_mark.line >= len(self._lines) - 1 and last and not last.strip(" \t"):
            return "the last line has only spaces and no line end", len(self._lines) - 1, 0
        return None
