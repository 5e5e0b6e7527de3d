"""Every document that a command writes, with the same words in every text that it is made of: none becomes more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.cli.check import shown as validation
from controller.core.drift import Drift
from controller.core.lineage import Lineage
from controller.core.past import Applied, Event, Standing
from controller.core.problems import Problem
from controller.core.redact import redacted_all
from controller.core.report import Report
from controller.core.trace import Asked, Traced
from controller.core.trace import to_json as traced
from controller.render import drift, past, trace
from controller.render.access import access_json, access_markdown, access_text
from controller.render.document import document, to_json
from controller.render.github import github
from controller.render.html import drift_html, html
from controller.render.junit import of_report, of_validation
from controller.render.markdown import markdown
from controller.render.notices import notices, of_problems
from controller.render.sarif import sarif
from controller.render.text import text
from tests.render.inert import COMMAND, HIDDEN, assert_plain_markdown
from tests.render.poison import poisoned
from tests.render.test_escape import BLNS, WORDS
from tests.render.test_page import FRAME, seen

CANARY = "c4n4ryc4n4ryc4n4ry"
SECRETS = (
    f"see https://b.s3.amazonaws.com/k?X-Amz-Signature={CANARY}",
    f"password={CANARY}",
    f"https://ada:{CANARY}@git.example.com/x.git",
)
HELD = {"Row.standing": "blocked", "Finding.standing": "blocked"}  # so that annotations are made of them, too
Outputs = Iterator[tuple[str, str, Callable[[], str]]]


def outputs(words: str) -> Outputs:
    """(command, format, what it writes) of everything."""
    yield from _reports(words)
    found: Drift = poisoned(Drift, words)
    yield "drift", "text", lambda: drift.text(found)
    yield "drift", "markdown", lambda: drift.markdown(found)
    yield "drift", "json", lambda: to_json(drift.document(found))
    yield "drift", "html", lambda: drift_html(found, {words: words})
    history = past.document(
        words,
        words,
        [poisoned(Standing, words)],
        [poisoned(Event, words)],
        [poisoned(Applied, words)],
        words,
    )
    yield "history", "text", lambda: past.text(history)
    yield "history", "markdown", lambda: past.markdown(history)
    yield "history", "json", lambda: to_json(history)
    yield from _trace(words)
    access: Report = poisoned(Report, words, {"Report.kind": "access-result", "Action.facts": {"why": words}} | HELD)
    yield "access", "text", lambda: access_text(access)
    yield "access", "markdown", lambda: access_markdown(access)
    yield "access", "json", lambda: access_json(access)
    problems = [poisoned(Problem, words)]
    yield "validate", "text", lambda: validation(problems, {}, "text")
    yield "validate", "json", lambda: validation(problems, {}, "json")
    yield "validate", "junit", lambda: of_validation(of_problems(problems))


def _reports(words: str) -> Outputs:
    for kind in ("plan", "result"):
        report: Report = poisoned(Report, words, {"Report.kind": kind, **HELD})
        yield kind, "text", lambda report=report: text(report, color=False)
        yield kind, "markdown", lambda report=report: markdown(report, limit=1 << 30)
        yield kind, "json", lambda report=report: to_json(document(report))
        yield kind, "github", lambda report=report: github(notices(report))
        yield kind, "sarif", lambda report=report: sarif(notices(report))
        yield kind, "junit", lambda report=report: of_report(report)
        yield kind, "html", lambda report=report: html(report)


def _trace(words: str) -> Outputs:
    job = {"arn": words, "inputs": [{"channel": words, "uri": words}], "image": words, "experiment": words}
    data = {
        "promotion": dict.fromkeys(("id", "name", "fleet", "group", "manifest", "revision", "run"), words),
        "source": dict.fromkeys(("arn", "commit", "repository", "generatedBy", "createdBy", "created"), words),
        "pipeline": dict.fromkeys(("arn", "name", "status", "experiment", "trial"), words),
        "training": [job | {"trial": words, "run": words, "status": words}],
        "metrics": {words: {"uri": words, "values": {words: 1}}},
        "objects": {"count": 1, "bytes": 1, "digest": words, "items": []},
        "images": [{"source": words, "hub": words}],
        "unread": {words: words},
        "release": words,
    }
    found = redacted_all(
        traced(Asked(words, "digest"), [poisoned(Traced, words, {"Lineage": Lineage(data, words)})], {words: words})
    )  # as `hubwright trace` does
    yield "trace", "text", lambda: trace.text(found)
    yield "trace", "mermaid", lambda: trace.mermaid(found)
    yield "trace", "json", lambda: to_json(found)


def assert_inert(form: str, shown: str, strong: int) -> None:
    if form == "html":
        page = seen(shown)
        assert page.names <= FRAME
        assert page.addresses == []
        return
    assert not HIDDEN.search(shown)
    if form == "markdown":
        assert_plain_markdown(shown, strong)
    elif form in ("json", "sarif"):
        assert shown.isascii()
        json.loads(shown)
    elif form == "github":
        assert all(COMMAND.fullmatch(line) for line in shown.splitlines())
    if form != "github":
        assert not [line for line in shown.split("\n") if line.strip().startswith("::")]


@pytest.mark.parametrize("words", WORDS)
def test_words_of_others_stay_words_everywhere(words: str) -> None:
    for command, form, write in outputs(words):
        try:
            assert_inert(form, write(), strong=command == "drift")
        except AssertionError as error:
            raise AssertionError(f"{command} as {form}") from error


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
def test_naughty_strings_stay_words_everywhere() -> None:
    for words in json.loads(BLNS.read_text()):
        test_words_of_others_stay_words_everywhere(words)


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_come_through_nowhere(secret: str) -> None:
    leaks = [(command, form) for command, form, write in outputs(secret) if CANARY in write()]
    assert leaks == []


def test_every_text_of_a_report_is_among_the_words() -> None:
    found: Any = poisoned(Report, "w0rds")
    assert found.rows[0].hints == ("w0rds",)
    assert found.scene.origins == {"w0rds": type(found.scene.origins["w0rds"])(("w0rds",), ("w0rds",))}
    assert found.plan.actions[0].key.name == "w0rds"
