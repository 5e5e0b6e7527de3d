"""What commands that change something leave in the audit buckets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.run import Run
from controller.cli.term import complain
from controller.core.plan import Plan, within
from controller.core.report import Report
from controller.reconcile import Thought
from controller.recording import Journal, hubs_of, recorded

Bring = Callable[[Thought], Report]
_REVIEW_ROOM = 1 << 20


def audited(run: Run, command: str, thought: Thought, saved: frozenset[str] | None, bring: Bring) -> tuple[Report, int]:
    """The report of what `bring` did, and 1 if it could not be recorded, else 0.

    Where the record of what is to be done cannot be written, nothing is done but revoking, which nothing ever stops.
    """
    hubs = hubs_of(run.manifests)
    if not hubs:
        return bring(thought), 0
    chosen = thought.plan if saved is None else within(thought.plan, saved)

    def brought(allowed: Plan) -> Report:
        return bring(thought if allowed is chosen else replace(thought, plan=_only(thought, allowed)))

    report, good = recorded(journal(run, command), chosen, brought)
    return report, int(not good)


def _only(thought: Thought, allowed: Plan) -> Plan:
    ids = {action.id for action in allowed.actions}
    return replace(thought.plan, actions=tuple(action for action in thought.plan.actions if action.id in ids))


def journal(run: Run, command: str) -> Journal:
    """How a run of a command is recorded."""
    return Journal(
        manifests=run.manifests,
        name=run.name,
        command=command,
        cloud=run.cloud(writable=True),
        hubs=hubs_of(run.manifests),
        calls=lambda: run.calls.mutations,
        tell=complain,
        environment=os.environ,
        repo=Path(run.settings.repo),
        review=_review(run),
    )


def _review(run: Run) -> dict[str, Any]:
    """The review that was handed in, as it stands."""
    file: Path | None = getattr(run.settings, "review", None)
    if file is None:
        return {}
    try:
        with file.open("rb") as stream:
            data = json.loads(stream.read(_REVIEW_ROOM))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
