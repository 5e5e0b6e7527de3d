"""A report as a JSON document: published (`schemas/plan.v1.json`, `schemas/result.v1.json`), stable, self-hashed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from controller.core.canonical import digest
from controller.core.model import Action, Change, Outcome
from controller.core.problems import Problem
from controller.core.redact import redacted_all
from controller.core.report import Report, Row, facts_of
from controller.core.totals import load, totals
from controller.core.wish import Finding

FORMATS: Mapping[str, str] = {"plan": "hubwright.io/plan/v1", "result": "hubwright.io/result/v1"}
# Of an outcome's facts.
_TOLD = ("bytes", "objects", "skipped", "seconds", "relayedObjects", "relayedDigest", "arn", "duplicates")


def document(report: Report) -> dict[str, Any]:
    """The report as JSON data. Of equal reports it is equal to the byte; in a plan no clock takes part."""
    plan = report.plan
    body: dict[str, Any] = {
        "format": FORMATS[report.kind],
        "revision": plan.revision,
        "complete": plan.complete,
        "actions": [_action(item) for item in plan.actions],
        "changes": [_change(item) for item in plan.changes],
        "findings": [finding(item) for item in sorted(report.others, key=lambda item: (item.about, item.why))],
        "promotions": [_row(item) | _model(report, item.name) for item in report.rows],
        "problems": [problem(item) for item in report.problems],
        "summary": summary(report),
        "exit": report.exit_code(),
    }
    if report.kind == "result":
        body["outcomes"] = [_outcome(item) for item in report.outcomes]
        body["totals"] = asdict(totals(plan.actions, report.outcomes))
    shown: dict[str, Any] = redacted_all(body)
    return shown | {"digest": self_hash(shown)}


def to_json(data: Mapping[str, Any]) -> str:
    """A document as text: sorted keys, ASCII only, a line break at its end."""
    return json.dumps(data, indent=2, sort_keys=True, allow_nan=False) + "\n"


def self_hash(data: Mapping[str, Any]) -> str:
    """The digest of a document without its `digest`: it tells accidents, not attacks."""
    return digest({name: value for name, value in data.items() if name != "digest"})


def summary(report: Report) -> dict[str, Any]:
    """How much a report says: promotions by standing, actions by what they do, bytes to copy."""
    actions = report.plan.actions
    standings = [row.standing for row in report.rows]
    copied = load(actions)
    return {
        "promotions": {name: standings.count(name) for name in sorted(set(standings))},
        "actions": len(actions),
        "creates": sum(action.verb == "create" for action in actions),
        "updates": sum(action.verb == "update" for action in actions),
        "revokes": sum(revokes(action) for action in actions),
        "bytes": copied.bytes,
        "relayed": copied.relayed,
        "unweighed": copied.unweighed,
        "kept": report.plan.kept,
    }


def revokes(action: Action) -> bool:
    """Whether an action takes away what consumers may deploy."""
    before, after = action.before or {}, action.after or {}
    return action.key.kind == "approval" and before.get("approval") == "Approved" != after.get("approval")


def identified(item: Action) -> dict[str, Any]:
    """What every document says of an action: which it is, and what it changes."""
    return {
        "id": item.id,
        "verb": item.verb,
        "key": str(item.key),
        "before": item.before,
        "after": item.after,
        "needs": sorted(item.needs),
        "reason": item.reason,
    }


def _action(item: Action) -> dict[str, Any]:
    return {
        **identified(item),
        "origins": list(item.origins),
        "groups": list(item.groups),
        "revokes": revokes(item),
        "facts": facts_of(item),
    }


def _change(item: Change) -> dict[str, Any]:
    return {
        "verb": item.verb,
        "key": str(item.key),
        "before": item.before,
        "after": item.after,
        "origins": list(item.origins),
        "reason": item.reason,
    }


def finding(item: Finding) -> dict[str, Any]:
    """A finding as JSON data."""
    return {
        "about": item.about,
        "standing": item.standing,
        "why": item.why,
        "hint": item.hint,
        "differences": list(item.differences),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "standing": row.standing,
        "why": list(row.why),
        "hints": list(row.hints),
        "differences": list(row.differences),
        "source": row.source,
        "group": row.group,
        "wish": row.wish,
        "isNow": row.is_now,
        "release": row.release,
        "locked": row.locked,
        "version": row.version,
        "arn": row.arn,
        "bytes": row.bytes,
        "images": row.images,
    }


def _model(report: Report, name: str) -> dict[str, Any]:
    if report.kind != "plan":
        return {}
    found = report.models.get(name)
    if found is None:
        return {"model": None}
    return {
        "model": {
            "against": found.against,
            "differences": [
                {"facet": item.facet, "before": item.before, "after": item.after, "by": item.by}
                for item in found.differences
            ],
        }
    }


def problem(item: Problem) -> dict[str, Any]:
    """A fault of a document as JSON data."""
    return {
        "path": item.path,
        "line": item.line,
        "column": item.column,
        "where": item.where,
        "message": item.message,
        "expected": item.expected,
        "hint": item.hint,
        "kind": item.kind,
        "name": item.name,
        "rule": item.rule,
    }


def _outcome(item: Outcome) -> dict[str, Any]:
    return {
        "action": item.action,
        "status": item.status,
        "detail": item.detail,
        "attempts": item.attempts,
        "facts": {name: item.facts[name] for name in _TOLD if name in item.facts},
    }
