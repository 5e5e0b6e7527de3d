"""What a long-running worker says of itself: a health file, and metrics that Prometheus reads."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.core.redact import redacted_all

_HELP: Mapping[str, str] = {
    "received": "Messages received.",
    "handled": "Messages handled and deleted.",
    "idle": "Messages about nothing of this fleet's promotions.",
    "failed": "Messages left to come again.",
    "refused": "Messages that no account of this fleet can have sent, left to the dead-letter queue.",
    "runs": "Runs that messages started.",
    "full_runs": "Full runs of the timer.",
    "errors": "Runs, or calls of the queue, that ended in an error.",
    "actions": "Effects brought about.",
}


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    received: int = 0
    handled: int = 0
    idle: int = 0
    failed: int = 0
    refused: int = 0
    runs: int = 0
    full_runs: int = 0
    errors: int = 0
    actions: int = 0


@dataclass(slots=True)
class State:
    """How the worker stands; times are seconds since 1970, 0 for never."""

    status: str = "starting"  # starting, waiting, working, error, stopped
    now: float = 0.0
    last_message: float = 0.0
    last_full_run: float = 0.0
    revision: str = ""
    error: str = ""


def write_health(path: Path, state: State, counts: Counts) -> None:
    """The state as JSON, in one step: whoever reads it reads all of it."""
    _whole(path, health_text(state, counts))


def health_text(state: State, counts: Counts) -> str:
    """The state as JSON."""
    return json.dumps(redacted_all({**asdict(state), "counts": asdict(counts)}), indent=2, sort_keys=True) + "\n"


def write_metrics(path: Path, state: State, counts: Counts) -> None:
    """The counts in Prometheus' text format, for node_exporter's textfile collector."""
    lines = []
    for name, value in asdict(counts).items():
        metric = f"hubwright_watch_{name}_total"
        lines += [f"# HELP {metric} {_HELP[name]}", f"# TYPE {metric} counter", f"{metric} {value}"]
    gauges = {
        "last_message_seconds": state.last_message,
        "last_full_run_seconds": state.last_full_run,
        "up": 0 if state.status in ("error", "stopped") else 1,
    }
    for name, number in gauges.items():
        lines += [f"# TYPE hubwright_watch_{name} gauge", f"hubwright_watch_{name} {number:.0f}"]
    _whole(path, "\n".join(lines) + "\n")


def _whole(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)
