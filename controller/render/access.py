"""Plans and results of access: for a terminal, for a pull request, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.access.statement import Statement
from controller.core.model import Action, Outcome
from controller.core.redact import redacted_all
from controller.core.report import Report
from controller.core.wish import Finding
from controller.render.document import finding, identified, problem, self_hash, to_json
from controller.render.escape import code, markdown, terminal
from controller.render.words import number

_SIGNS = {"create": "+", "update": "~"}


FORMATS = {"access-plan": "hubwright.io/access-plan/v1", "access-result": "hubwright.io/access-result/v1"}


def access_json(report: Report) -> str:
    """The report as a document: equal reports give the same bytes."""
    plan = report.plan
    body: dict[str, Any] = {
        "format": FORMATS[report.kind],
        "revision": plan.revision,
        "complete": plan.complete,
        "actions": [_data(item) for item in plan.actions],
        "findings": [finding(item) for item in sorted(report.others, key=lambda item: (item.about, item.why))],
        "problems": [problem(item) for item in report.problems],
        "kept": plan.kept,
        "exit": report.exit_code(),
    }
    if report.kind == "access-result":
        body["outcomes"] = [
            {"action": item.action, "status": item.status, "detail": item.detail} for item in report.outcomes
        ]
    shown: dict[str, Any] = redacted_all(body)
    return to_json(shown | {"digest": self_hash(shown)})


def _data(item: Action) -> dict[str, Any]:
    return {
        **identified(item),
        "why": item.facts.get("why", ""),
        "from": list(item.facts.get("from", ())),
    }


def access_text(report: Report) -> str:
    """The report in lines."""
    lines = [terminal(_headline(report))]
    for title, items in _sections(report):
        lines += ["", title]
        for sign, about, notes in items:
            lines.append(f"  {sign} {terminal(about)}")
            lines += [f"      {terminal(note)}" for note in notes]
    return "\n".join(lines) + "\n"


def access_markdown(report: Report) -> str:
    """The report for a comment; what is long is folded."""
    lines = [f"### Hubwright: access {'result' if report.kind.endswith('result') else 'plan'}", ""]
    lines += [markdown(_headline(report)), ""]
    for title, items in _sections(report):
        lines += [f"<details><summary>{title} ({len(items)})</summary>", ""]
        for sign, about, notes in items:
            lines.append(f"- {code(sign)} {code(about)}")
            lines += [f"  - {markdown(note)}" for note in notes]
        lines += ["", "</details>", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _headline(report: Report) -> str:
    plan, revision = report.plan, report.plan.revision[:12]
    if report.kind == "access-result":
        done = sum(item.status == "done" for item in report.outcomes)
        return f"Access at {revision}: {done} of {number(len(plan.actions), 'document')} brought about."
    made = sum(action.verb == "create" for action in plan.actions)
    changed = len(plan.actions) - made
    idle = "nothing to do" if plan.complete else "nothing that can be done while not everything can be read"
    what = f"{made} to create, {changed} to change" if plan.actions else idle
    return f"Access for {revision}: {what}; {number(plan.kept, 'document')} as needed."


Line = tuple[str, str, list[str]]


def _sections(report: Report) -> Iterator[tuple[str, list[Line]]]:
    ended = {item.action: item for item in report.outcomes}
    actions = [_action(item, ended.get(item.id)) for item in report.plan.actions]
    said = sorted({(item.standing, item.about, item.why, item.hint): item for item in report.others}.items())
    bad = [_finding(item) for _, item in said if item.standing not in ("deferred", "waiting")]
    later = [_finding(item) for _, item in said if item.standing in ("deferred", "waiting")]
    if bad:
        yield "Not known, or not possible", bad
    if report.problems:
        yield "Invalid manifests", [("!", str(item), []) for item in report.problems]
    if actions:
        yield "Done" if report.kind == "access-result" else "To do", actions
    if later:
        yield "Left to others, or to later", later


def _finding(item: Finding) -> Line:
    return "!", f"{item.about}: {item.why}", [item.hint] if item.hint else []


def _action(action: Action, outcome: Outcome | None) -> Line:
    about = f"{action.key.target.account} {action.key.kind.replace('_', ' ')} {action.key.name}"
    sign = _SIGNS.get(action.verb, "~")
    notes = [str(action.facts.get("why", ""))]
    if outcome is not None and outcome.status != "done":
        sign, notes = "!", [*notes, f"{outcome.status}: {outcome.detail}"]
    return sign, about, [*notes, *_differences(action.before or {}, action.after)]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Statement by statement; of what is no policy, name by name."""
    old, new = before.get("statements", {}), after.get("statements", {})
    for name in sorted({*old, *new}):
        if name not in old:
            yield f"+ {name}: {_told(new[name])}"
        elif name not in new:
            yield f"- {name}: {_told(old[name])}"
        elif old[name] != new[name]:
            yield f"~ {name}: {_told(old[name])} → {_told(new[name])}"
    for name in sorted({*before, *after} - {"statements"}):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, '(nothing)')} → {after.get(name, '(nothing)')}"


def _told(said: Statement) -> str:
    """A statement in one line: who may do what to what, when."""
    people = said.get("Principal", {})
    who = ", ".join(sorted({name for names in people.values() for name in names}))
    what = ", ".join(said.get("Action", ()))
    place = ", ".join(said.get("Resource", ()))
    tests = [f"{key} {test} {', '.join(values)}" for test, keys in said.get("Condition", {}).items()
             for key, values in keys.items()]  # fmt: skip
    parts = [said["Effect"].lower(), f"{who}:" if who else "", what, f"on {place}" if place else ""]
    return " ".join(part for part in parts if part) + (f" if {' and '.join(tests)}" if tests else "")
