"""What was approved when, as a JSON document (`schemas/history.v1.json`), for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from controller.core.past import Applied, Event, Standing
from controller.core.redact import redacted_all
from controller.render.document import self_hash
from controller.render.escape import code, terminal
from controller.render.escape import markdown as escaped

FORMAT = "hubwright.io/history/v1"
NOTE = "Approved in the registry is not the same as live on an endpoint: what endpoints serve is not recorded here."


def document(
    revision: str,
    as_of: str | None,
    standing: Iterable[Standing],
    happened: Iterable[Event],
    runs: Sequence[Applied],
    unread: str,
) -> dict[str, Any]:
    """The history as JSON data: no clock takes part."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "revision": revision,
        "asOf": as_of,
        "note": NOTE,
        "approved": [
            {
                "group": one.group,
                "promotion": one.promotion,
                "source": one.source,
                "since": asdict(one.since) if one.since else None,
            }
            for one in standing
        ],
        "events": [asdict(one) for one in happened],
        "runs": [asdict(one) for one in runs],
        "unread": unread or None,
    }
    shown: dict[str, Any] = redacted_all(body)
    return shown | {"digest": self_hash(shown)}


def text(data: Mapping[str, Any]) -> str:
    """The history in lines."""
    return "".join(f"{terminal(line)}\n" for line in _lines(data))


def _lines(data: Mapping[str, Any]) -> list[str]:
    lines = [f"Approved at {data['revision'][:12]}{' (' + data['asOf'] + ')' if data['asOf'] else ''}:"]
    for one in data["approved"]:
        since = one["since"]
        by = f", since {since['at']} by {_by(since)}" if since else ""
        lines.append(f"  {one['group']}: {one['promotion']}, from {one['source']}{by}")
    if not data["approved"]:
        lines.append("  nothing")
    if data["events"]:
        lines += ["", "What Git asked for, newest first:"]
    for one in reversed(data["events"]):
        lines.append(f"  {one['at']}  {one['group']}: {one['promotion']}: {_step(one)}, by {_by(one)}")
    if data["runs"]:
        lines += ["", "What runs did, newest first:"]
    for one in reversed(data["runs"]):
        lines.append(
            f"  {one['at']}  {one['promotion']}: {_step(one)} ({one['status']}), {one['arn']}, by {one['caller']}"
        )
    if data["unread"]:
        lines += ["", f"The records of runs could not be read: {data['unread']}"]
    return [*lines, "", data["note"]]


def _by(one: Mapping[str, Any]) -> str:
    pull = f" (pull request #{one['pull']})" if one["pull"] else ""
    return f"{one['commit'][:12]}{pull}, {one['author']}"


def _step(one: Mapping[str, Any]) -> str:
    return f"{one['before'] or 'nothing'} -> {one['after'] or 'gone'}"


def markdown(data: Mapping[str, Any]) -> str:
    """The history for a page."""
    rows = ["| group | promotion | source | since | by |", "|---|---|---|---|---|"]
    for one in data["approved"]:
        since = one["since"] or {"at": "", "commit": "", "pull": "", "author": ""}
        cells = (one["group"], one["promotion"], one["source"])
        shown = " | ".join(code(cell) for cell in cells)
        rows.append(f"| {shown} | {escaped(since['at'])} | {escaped(_by(since)) if one['since'] else ''} |")
    head = f"### Approved at {code(data['revision'][:12])}"
    return "\n".join([head, "", *rows, "", escaped(data["note"])]) + "\n"
