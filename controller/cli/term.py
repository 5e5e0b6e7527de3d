"""Words for people on stderr: complaints, notes and the line that says what is being done."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol, TextIO

from controller.core.redact import redacted_all
from controller.render.escape import terminal

Log = Literal["auto", "json", "none"]
_PATIENCE = 1.0  # seconds without a word before the live line appears
_TICK = 0.2
_COPIES = 6  # lines for copies under way


def complain(message: str, hint: str = "") -> None:
    """An error as a person reads it."""
    sys.stderr.write(f"error: {terminal(message)}\n")
    if hint:
        sys.stderr.write(f"hint: {terminal(hint)}\n")


class Live(Protocol):
    """What is under way, asked a few times a second."""

    def lines(self) -> Sequence[tuple[str, str]]:
        """A line each: what, and how far it has come. Only of the first something may have to be left out."""
        ...

    def beat(self) -> None:
        """There is a log: whatever it should have heard of by now, it is to be told."""
        ...


class Progress:
    """Says what a run is doing: live lines on a terminal, lines of JSON for a log, otherwise nothing.

    A context manager: the live lines are gone at its end.
    """

    def __init__(self, log: Log = "auto", stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._log = log
        self._live = log == "auto" and self._stream.isatty()
        self._text = ""
        self._since = 0.0
        self._watched: Live | None = None
        self._shown = 0  # lines on the screen
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        if self._live or self._log == "json":
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._clear()

    def step(self, text: str) -> None:
        """What is being done now."""
        with self._lock:
            self._text, self._since = text, time.monotonic()
        self.event("step", text=text)

    def watch(self, live: Live) -> None:
        """What is to stand below the live line; changes many times a second, so is no event."""
        self._watched = live

    def event(self, name: str, **facts: object) -> None:
        """One line of the log, where one is written."""
        if self._log == "json":
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps(redacted_all({"time": now, "event": name, **facts}), sort_keys=True)
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()

    def note(self, text: str) -> None:
        """A line that stays, for people; in a JSON log an event."""
        self.event("note", text=text)
        if self._log == "auto":
            with self._lock:
                self._clear()
                self._stream.write(terminal(text) + "\n")

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            if not self._live:
                if self._watched is not None:
                    self._watched.beat()
                continue
            copies = self._watched.lines() if self._watched is not None else ()
            with self._lock:
                self._draw(time.monotonic() - self._since, copies)

    def _draw(self, waited: float, copies: Sequence[tuple[str, str]]) -> None:
        if not self._text or (waited < _PATIENCE and not copies and not self._shown):
            return
        first = f"{self._text} ({waited:.0f} s)" if waited >= _PATIENCE else self._text
        width = _columns(self._stream) - 1  # a line that wraps could not be taken back
        more = [f"  and {len(copies) - _COPIES} more"[:width]] if len(copies) > _COPIES else []
        lines = [terminal(first)[:width], *(_fitted(*copy, width) for copy in copies[:_COPIES]), *more]
        shown = "\r\n".join(lines)
        self._stream.write(_taken_back(self._shown) + shown)
        self._stream.flush()
        self._shown = len(lines)

    def _clear(self) -> None:
        if self._shown:
            self._stream.write(_taken_back(self._shown))
            self._stream.flush()
            self._shown = 0


def _fitted(what: str, how: str, width: int) -> str:
    """A line that is not too long; `what` gives way, as how far it has come is what is waited for."""
    name, tail = terminal(what), f": {terminal(how)}"
    room = max(width - len(tail) - 2, 1)
    return f"  {name if len(name) <= room else name[: room - 1] + '…'}{tail}"[:width]


def _taken_back(lines: int) -> str:
    """Moves to where the live lines began, and clears the screen from there."""
    return (f"\x1b[{lines - 1}A" if lines > 1 else "") + "\r\x1b[J"


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
