"""Several messages as one run: what they hint at together, and which of them must be heard again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.core.errors import HubwrightError, told
from controller.core.report import Report
from controller.core.scope import Scope
from controller.events.hint import ForgedError, Hint, hint_of
from controller.events.line import Line, Stopped

AGAIN = frozenset({"failed", "unknown", "pending"})  # what another try may mend: the last is what was interrupted


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a batch. By message id: `failed` to be tried again, `refused` that no try will mend."""

    reports: tuple[Report, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    idle: int = 0  # messages about nothing of ours


def handle(line: Line, messages: Mapping[str, Any], stopped: Stopped) -> Handled:
    """Looks, once, at everything that the messages (events, or their JSON text, by id) hint at.

    At each message alone where that does not come to an end.
    """
    hints: dict[str, Hint] = {}
    refused: dict[str, str] = {}
    for name, message in messages.items():
        try:
            hints[name] = hint_of(_event(message), line.manifests)
        except ForgedError as error:
            refused[name] = str(error)
    busy = {name: hint for name, hint in hints.items() if hint.whole or hint.names}
    reports, failed = _looked(line, busy, stopped) if busy else ((), {})
    return Handled(reports, failed, refused, len(hints) - len(busy))


def _looked(line: Line, busy: Mapping[str, Hint], stopped: Stopped) -> tuple[tuple[Report, ...], dict[str, str]]:
    """The reports, and by message why it is to come again.

    What comes again comes together. So where no run of all of them comes to an end each is looked at alone: one that
    no run gets over would keep the others from ever being dealt with, and in the end take them to the dead letters.
    """
    try:
        report = line.run(scope_of(busy.values()), stopped)
    except HubwrightError as error:
        if len(busy) == 1:
            return (), dict.fromkeys(busy, told(error))
        alone = [_looked(line, {name: hint}, stopped) for name, hint in busy.items()]
        reports = tuple(report for found, _ in alone for report in found)
        return reports, {name: why for _, failed in alone for name, why in failed.items()}
    wrong = unsettled(report)
    return (report,), {name: why for name, hint in busy.items() if (why := _why(hint, wrong))}


def _event(message: Any) -> Any:
    if not isinstance(message, str):
        return message
    try:
        return json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ForgedError("the message is not JSON") from error


def scope_of(hints: Iterable[Hint]) -> Scope:
    """The scope that covers all the hints."""
    found = list(hints)
    if any(hint.whole for hint in found):
        return Scope()
    return Scope(promotions=frozenset().union(*(hint.names for hint in found)))


def unsettled(report: Report) -> dict[str, str]:
    """Why promotions, followed versions and subscriptions are to be looked at again, by name.

    Among them what was not begun because AWS is sure to refuse it, or to refuse its record: others mend that, and
    where there is no timer nothing else comes back to it. What manifests or sources are in the way of is no finding of
    the plan itself.
    """
    found = {item.about: item.why for item in report.plan.findings if item.standing == "refused"}
    found |= {row.name: "; ".join(row.why) or row.standing for row in report.rows if row.standing in AGAIN}
    return found | {item.about: item.why for item in report.others if item.standing in AGAIN}


def _why(hint: Hint, wrong: Mapping[str, str]) -> str:
    names = {*hint.names, *(name.partition("/")[0] for name in hint.names)}
    return next((why for name, why in sorted(wrong.items()) if hint.whole or name in names), "")
