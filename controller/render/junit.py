"""JUnit's XML, for the test views of CI systems: one case for each promotion and each faulty document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.core.report import Report
from controller.render.escape import xml
from controller.render.notices import Notice, notices

_SUITE = "hubwright"


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    of: str
    faults: tuple[Notice, ...]


def of_report(report: Report) -> str:
    """A plan or a result: promotions that stand as Git says, or only wait for a run, pass."""
    told: dict[str, list[Notice]] = {row.name: [] for row in report.rows}
    for item in notices(report):
        told.setdefault(item.about, []).append(item)
    groups = {row.name: row.group for row in report.rows}
    return _document(report.kind, [_Case(name, groups.get(name, ""), tuple(items)) for name, items in told.items()])


def of_validation(problems: Iterable[Notice]) -> str:
    """A validation: one failed case for each faulty document, one that passes when there is none."""
    told: dict[str, list[Notice]] = {}
    for item in problems:
        told.setdefault(item.path or item.about, []).append(item)
    cases = [_Case(name, "", tuple(items)) for name, items in told.items()]
    return _document("validate", cases or [_Case("manifests", "", ())])


def _document(name: str, cases: list[_Case]) -> str:
    failed = sum(any(item.level == "error" or item.rule == "blocked" for item in case.faults) for case in cases)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="{_SUITE}" {counts}>',
        f'  <testsuite name="{_SUITE} {xml(name)}" {counts}>',
        *(line for case in cases for line in _case(name, case)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(suite: str, case: _Case) -> Iterator[str]:
    path = next((f' file="{xml(item.path)}" line="{item.line}"' for item in case.faults if item.path), "")
    kind = ".".join(part for part in (_SUITE, suite, case.of) if part)
    head = f'    <testcase classname="{xml(kind)}" name="{xml(case.name)}"{path}'
    if not case.faults:
        yield f"{head}/>"
        return
    yield f"{head}>"
    bad = [item for item in case.faults if item.level == "error" or item.rule == "blocked"]
    for item in bad:
        yield f'      <failure type="{xml(item.rule)}" message="{xml(item.message)}"/>'
    for item in case.faults:
        if item not in bad:
            yield f"      <system-out>{xml(f'{item.rule}: {item.message}')}</system-out>"
    yield "    </testcase>"
