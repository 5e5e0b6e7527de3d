"""How the demo speaks: short paragraphs, numbered steps, commands as typed, a little colour on a terminal."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TextIO

_WIDTH = 88
_MOST_LINES = 60
_STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}


class Voice:
    """Writes to a stream, and flushes: what is being done is told before it is done."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._color = self._stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def say(self, text: str, style: str = "") -> None:
        """A paragraph, folded; an empty one is an empty line."""
        if not text:
            self._line("")
        for line in textwrap.wrap(text, _WIDTH):
            self._line(line, style)

    def heading(self, number: int, title: str, words: str) -> None:
        """The beginning of a step."""
        self._line("")
        self._line(f"{number:2}. {title}", "bold")
        for line in textwrap.wrap(words, _WIDTH - 4):
            self._line(f"    {line}")

    def command(self, text: str) -> None:
        """What a person would type, one command a line."""
        for line in text.splitlines():
            self._line(f"    $ {line}", "cyan")

    def output(self, text: str, most: int = _MOST_LINES) -> None:
        """What came of it; of more than `most` lines, the beginning."""
        lines = text.rstrip("\n").splitlines()
        for line in lines[:most]:
            self._line(f"    {line}".rstrip())
        if len(lines) > most:
            self._line(f"    … and {len(lines) - most} lines more", "dim")

    def _line(self, text: str, style: str = "") -> None:
        if style and self._color:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        self._stream.write(text + "\n")
        self._stream.flush()
