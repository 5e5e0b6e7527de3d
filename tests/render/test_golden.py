"""Reports against what they looked like when somebody last looked. UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from controller.core.report import Report
from controller.render.document import document, self_hash, to_json
from controller.render.github import github
from controller.render.junit import of_report
from controller.render.markdown import markdown
from controller.render.notices import notices
from controller.render.sarif import sarif
from controller.render.text import text
from tests.render import reports

CASES = Path(__file__).parents[1] / "cases" / "reports"
SCHEMAS = Path(__file__).parents[2] / "schemas"
MADE = {
    "everything": reports.everything,
    "nothing": reports.nothing,
    "blind": reports.blind,
    "empty": reports.empty,
    "failed": reports.failed,
}
FORMS = {
    "txt": lambda report: text(report, color=False),
    "ansi": lambda report: text(report, color=True),
    "md": markdown,
    "json": lambda report: to_json(document(report)),
    "github": lambda report: github(notices(report)),
    "sarif": lambda report: sarif(notices(report)),
    "xml": of_report,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MADE)
def test_a_report_looks_as_it_did(name: str, form: str) -> None:
    shown = FORMS[form](MADE[name]())
    path = CASES / f"{name}.{form}"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(shown)
    assert shown == path.read_text()


def schema(kind: str) -> Draft202012Validator:
    found = json.loads((SCHEMAS / f"{kind}.v1.json").read_text())
    Draft202012Validator.check_schema(found)
    assert found["$id"] == f"https://hubwright.io/schemas/{kind}.v1.json"
    return Draft202012Validator(found)


@pytest.mark.parametrize("name", MADE)
def test_documents_are_as_published(name: str) -> None:
    report = MADE[name]()
    data = json.loads(to_json(document(report)))
    schema(report.kind).validate(data)
    assert data["digest"] == self_hash(data)
    assert not schema("result" if report.kind == "plan" else "plan").is_valid(data)


def test_what_is_not_in_the_schema_is_refused() -> None:
    data = document(reports.everything())
    for changed in ({"extra": 1}, {"exit": 2}, {"format": "hubwright.io/plan/v2"}, {"digest": "md5:0"}):
        assert not schema("plan").is_valid(data | changed)
    short = {name: value for name, value in data.items() if name != "findings"}
    assert not schema("plan").is_valid(short)


def test_colours_change_no_word() -> None:
    import re

    for make in MADE.values():
        report: Report = make()
        assert re.sub(r"\x1b\[[0-9]*m", "", text(report, color=True)) == text(report, color=False)


def test_the_summary_counts() -> None:
    found = document(reports.everything())["summary"]
    assert found == {
        "promotions": {"blocked": 1, "converged": 2, "mismatch": 1, "pending": 3, "unknown": 1, "waiting": 1},
        "actions": 6,
        "creates": 4,
        "updates": 2,
        "revokes": 1,
        "bytes": 5_212_000_345,
        "relayed": 5_200_000_000,
        "unweighed": 0,
        "kept": 12,
    }
