"""The pull pattern's function: EventBridge → Lambda, and EventBridge → SQS → Lambda."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from controller.core.errors import HubwrightError
from controller.core.redact import redacted
from controller.events.batch import Handled, handle
from controller.events.line import Line, Stopped
from controller.events.manifests import clone_of, read_manifests
from controller.render.escape import terminal

log = logging.getLogger("hubwright.events")
_MARGIN = 30_000  # milliseconds of Lambda's time in which nothing new is begun
_lines: dict[str, Line] = {}


def pull_handler(event: Any, context: Any) -> dict[str, Any]:
    """Looks at what an event, or a batch of an SQS queue, hints at, and brings it about.

    Of a queue the answer is `{"batchItemFailures": […]}`: those to be delivered again, and those that are not events of
    this fleet, which end in the dead-letter queue. Of one event it is how its promotions stand; what another try may
    mend raises, so that Lambda delivers it again.
    """
    line = line_of(os.environ)
    stopped = running_out(context)
    records = event.get("Records") if isinstance(event, Mapping) else None
    if isinstance(records, list):
        bodies = {_id(record): record.get("body") for record in records if isinstance(record, Mapping)}
        return _batch(handle(line, bodies, stopped))
    handled = handle(line, {"event": event}, stopped)
    _note(handled)
    if handled.refused:
        return {"refused": redacted(handled.refused["event"])}
    if handled.failed:
        raise HubwrightError(terminal(handled.failed["event"]))  # Lambda logs it and answers with it
    return {"promotions": _standings(handled)}


def _id(record: Mapping[str, Any]) -> str:
    return str(record.get("messageId", ""))


def _batch(handled: Handled) -> dict[str, Any]:
    _note(handled)
    again = sorted({*handled.failed, *handled.refused})
    return {"batchItemFailures": [{"itemIdentifier": name} for name in again]}


def _note(handled: Handled) -> None:
    for name, why in sorted(handled.refused.items()):
        log.warning("refused %s: %s", terminal(name), terminal(why))
    for name, why in sorted(handled.failed.items()):
        log.error("failed %s: %s", terminal(name), terminal(why))
    for name, standing in _standings(handled).items():
        log.info("%s: %s", name, standing)


def _standings(handled: Handled) -> dict[str, str]:
    return {row.name: row.standing for report in handled.reports for row in report.rows}


def line_of(environment: Mapping[str, str]) -> Line:
    """The line of the manifests as they are now, kept while their revision stays."""
    manifests = read_manifests(environment)
    key = f"{manifests.revision} {manifests.platform_revision} {environment.get('AWS_ENDPOINT_URL', '')}"
    if key not in _lines:
        for line in _lines.values():
            line.close()
        _lines.clear()
        _lines[key] = Line(manifests, repo=clone_of(environment))
    return _lines[key]


def running_out(context: Any) -> Stopped:
    """Whether Lambda's time is nearly over; never, where there is no clock in the context."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return (lambda: left() < _MARGIN) if callable(left) else lambda: False
