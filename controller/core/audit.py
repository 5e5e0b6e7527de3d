"""The record of a run: what it meant to do before it did anything, and what became of it. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controller.core.canonical import digest
from controller.core.model import Action, Outcome
from controller.core.redact import redacted_all

FORMAT = "hubwright.io/audit/v1"


@dataclass(frozen=True, slots=True)
class Who:
    """On whose behalf a run is. `caller` is the ARN whose credentials it has, `actor` and `link` what the CI says,
    `review` the review that was handed in (`{pr, head, author, approvers, mergedBy}`), `pull` and `author` what the
    revision's commit says: its pull request, and its author."""

    caller: str = ""
    actor: str = ""
    link: str = ""
    pull: str = ""
    author: str = ""
    review: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What every record of a run begins with. `at` is when it began (`2026-11-22T12:00:00Z`)."""

    name: str
    at: str
    tool: str
    command: str
    revision: str
    platform: str
    hub: str
    who: Who

    def head(self, kind: str) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": kind,
            "run": self.name,
            "at": self.at,
            "tool": self.tool,
            "command": self.command,
            "revision": self.revision,
            "platform": self.platform,
            "hub": self.hub,
            "caller": self.who.caller,
            "actor": self.who.actor,
            "link": self.who.link,
            "author": self.who.author,
            "pullRequest": str(self.who.review.get("pr") or self.who.pull),
            "review": dict(self.who.review) or None,
        }


def plan_digest(actions: Iterable[Action]) -> str:
    """Of the ids of all actions: the same for the same work, whoever plans it."""
    return digest(sorted(action.id for action in actions))


def intent(run: Run, actions: Sequence[Action]) -> dict[str, Any]:
    """Written before the first change: everything that the run may do."""
    body = run.head("intent") | {"plan": plan_digest(actions), "actions": [_action(one) for one in actions]}
    return _kept(body)


def outcome(
    run: Run,
    actions: Sequence[Action],
    outcomes: Sequence[Outcome],
    calls: Iterable[Mapping[str, Any]],
    *,
    ended: str,
    before: str,
    exit_code: int,
) -> dict[str, Any]:
    """Written at the end: what became of each action, and every call that changes something, with AWS's own ids.

    `before` is the digest of the run's intent, empty when there was nothing to do.
    """
    done = {one.action: one for one in outcomes}
    body = run.head("outcome") | {
        "plan": plan_digest(actions),
        "intent": before or None,
        "ended": ended,
        "actions": [_action(one) | _ended(done.get(one.id)) for one in actions],
        "calls": [dict(call) for call in calls],
        "exit": exit_code,
    }
    return _kept(body)


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    """With the digest of what it says, and without what looks like a secret: a record is kept for years."""
    shown: dict[str, Any] = redacted_all(body)
    return shown | {"digest": digest(shown)}


def _action(one: Action) -> dict[str, Any]:
    return {
        "id": one.id,
        "verb": one.verb,
        "key": str(one.key),
        "before": one.before,
        "after": one.after,
        "origins": list(one.origins),
        "reason": one.reason,
    }


def _ended(one: Outcome | None) -> dict[str, Any]:
    if one is None:
        return {"status": "skipped", "detail": "not begun", "arn": ""}
    ended = {"status": one.status, "detail": one.detail, "arn": str(one.facts.get("arn", ""))}
    return ended | {name: one.facts[name] for name in ("relayedObjects", "relayedDigest") if name in one.facts}


def whole(data: Any) -> str:
    """Why a document read back is not a whole record, or an empty text."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        return f"it is not an audit record ({FORMAT})"
    body = {name: value for name, value in data.items() if name != "digest"}
    return "" if data.get("digest") == digest(body) else "its digest is not that of its content: it was changed"


def name_of(run: str, kind: str, began: datetime) -> str:
    """Where a record stands below the prefix: by day, in the order in which runs began, to the millisecond (UTC)."""
    stamp = f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03}Z"
    return f"{began:%Y/%m/%d}/{stamp}-{run}-{kind}.json"
