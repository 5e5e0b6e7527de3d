"""What machines that read reports (checks, code scanning, test views) are to be told, worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from controller.core.problems import Problem
from controller.core.reasons import EXITS
from controller.core.report import Report
from controller.core.wish import Finding
from controller.render.document import revokes
from controller.render.words import listed

Level = Literal["error", "warning", "note"]
_ORDER: Mapping[Level, int] = {"error": 0, "warning": 1, "note": 2}

RULES: Mapping[str, str] = {
    "invalid": "A manifest that is not valid.",
    "failed": "An effect that failed.",
    "conflict": "What is there is not what was registered.",
    "mismatch": "A source that is not what its lock names.",
    "refused": "A source that cannot be promoted as it is.",
    "unknown": "Something that could not be read.",
    "stale": "Something that a saved plan does not have.",
    "duplicate": "A promotion that was registered twice.",
    "blocked": "A promotion that a guardrail, a window or a person holds back.",
    "revoked": "A version that consumers may no longer deploy.",
    "waiting": "Something that AWS has not finished.",
    "deferred": "Something that another run does.",
    "orphaned": "A version that no manifest names.",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told. `rule` is of `RULES`; `line` and `column` count from 1; no `path`: of no file."""

    level: Level
    rule: str
    about: str
    message: str
    path: str = ""
    line: int = 1
    column: int = 1


def of_problems(problems: Iterable[Problem]) -> tuple[Notice, ...]:
    """Every fault of the manifests."""
    return tuple(_of_problem(item) for item in problems)


def notices(report: Report) -> tuple[Notice, ...]:
    """All that a plan or a result has to say, by level; what is as it should be is none."""
    others = (_of_finding(report, item) for item in report.others)
    found = [*of_problems(report.problems), *_revoked(report), *_of_rows(report), *others]
    return tuple(sorted(found, key=lambda item: (_ORDER[item.level], item.path, item.line, item.about, item.message)))


def _of_problem(item: Problem) -> Notice:
    where = f"{item.where}: " if item.where else ""
    expected = f"; expected {item.expected}" if item.expected else ""
    hint = f" ({item.hint})" if item.hint else ""
    about = f"{item.kind}/{item.name}" if item.kind and item.name else item.path
    message = f"{where}{item.message}{expected}{hint}"
    return Notice("error", "invalid", about, message, item.path, max(1, item.line), max(1, item.column))


def _revoked(report: Report) -> Iterator[Notice]:
    for action in report.plan.actions:
        if revokes(action):
            name = action.origins[0] if action.origins else ""
            did = "is revoked" if report.kind == "result" else "would be revoked"
            message = f"{action.key.name} {did}, for {listed(action.origins)}"
            yield Notice("warning", "revoked", name, message, *report.places.get(name, ("", 1, 1)))


def _of_rows(report: Report) -> Iterator[Notice]:
    for row in report.rows:
        if row.standing in RULES:
            words = "; ".join((*row.why, *row.differences, *(f"hint: {hint}" for hint in row.hints)))
            place = report.places.get(row.name, ("", 1, 1))
            yield Notice(_level(row.standing), row.standing, row.name, words or RULES[row.standing], *place)


def _of_finding(report: Report, item: Finding) -> Notice:
    words = "; ".join((item.why, *item.differences, *([f"hint: {item.hint}"] if item.hint else [])))
    place = report.places.get(item.about, ("", 1, 1))
    return Notice(_level(item.standing), item.standing, item.about, words, *place)


def _level(standing: str) -> Level:
    code = EXITS.get(standing, 0)
    return "note" if not code else "warning" if standing == "blocked" else "error"
