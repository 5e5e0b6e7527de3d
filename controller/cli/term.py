"""Words for people on stderr: complaints, notes and the line that says what is being done."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Literal, TextIO

from controller.render.escape import terminal

Log = Literal["auto", "json", "none"]
_PATIENCE = 1.0  # seconds without a word before the live line appears
_TICK = 0.2


def complain(message: str, hint: str = "") -> None:
    """An error as a person reads it."""
    sys.stderr.write(f"error: {terminal(message)}\n")
    if hint:
        sys.stderr.write(f"hint: {terminal(hint)}\n")


class Progress:
    """Says what a run is doing: a live line on a terminal, lines of JSON for a log, otherwise nothing.

    A context manager: the live line is gone at its end.
    """

    def __init__(self, log: Log = "auto", stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._log = log
        self._live = log == "auto" and self._stream.isatty()
        self._text = ""
        self._since = 0.0
        self._shown = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        if self._live:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._live:
            self._thread.join()
            with self._lock:
                self._clear()

    def step(self, text: str) -> None:
        """What is being done now."""
        with self._lock:
            self._text, self._since = text, time.monotonic()
        self.event("step", text=text)

    def live(self, text: str) -> None:
        """As `step`, for the live line alone: what changes many times a second is no event."""
        with self._lock:
            self._text, self._since = text, min(self._since, time.monotonic() - _PATIENCE)

    def event(self, name: str, **facts: object) -> None:
        """One line of the log, where one is written."""
        if self._log == "json":
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps({"time": now, "event": name, **facts}, sort_keys=True)
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
            with self._lock:
                waited = time.monotonic() - self._since
                if self._text and waited >= _PATIENCE:
                    self._stream.write(f"\r\x1b[K{terminal(self._text)} ({waited:.0f} s)")
                    self._stream.flush()
                    self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
