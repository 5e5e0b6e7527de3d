"""What commands say and write beside reports, with the same words in every text of it: files for machines, logs, files
for Git."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.amend import Amendment
from controller.cli import amend, attesting, deployed, evidence, health, pinning, showing
from controller.cli.term import Progress
from controller.cli.watching import Plain
from controller.core import audit, lineage
from controller.core.errors import HubwrightError
from controller.core.lock import lock_document
from controller.core.model import Action, Outcome
from controller.core.redact import redacted_all
from controller.core.release import Release
from controller.core.view import Package
from controller.doctor import Check
from controller.events.health import Counts, State, health_text
from controller.events.push import refusal
from controller.pin import Pin
from controller.source import strict
from controller.source.write import to_yaml
from tests.render.inert import HIDDEN, assert_plain_markdown
from tests.render.poison import poisoned
from tests.render.test_escape import BLNS, WORDS
from tests.render.test_every_output import CANARY, SECRETS

Outputs = Iterator[tuple[str, str, Callable[[], str]]]


def outputs(words: str) -> Outputs:
    """(command, format, what it writes)."""
    checks = [poisoned(Check, words, {"Check.status": status}) for status in ("ok", "warn", "fail")]
    yield "doctor", "text", lambda: health.text(checks)
    yield "doctor", "json", lambda: health.document(checks, 1)
    package: Package = poisoned(Package, words)
    found = redacted_all(deployed.document(words, package, words, 1))  # as `hubwright current` does
    yield "current", "text", lambda: deployed.text(found)
    yield "current", "json", lambda: deployed.to_json(found)
    yield "show", "json", lambda: showing.as_json({"spec": {words: [words]}, "path": words})
    yield "verify", "text", lambda: attesting.said_of(words, words, (words,))
    yield "import", "text", lambda: amend.said_of(poisoned(Amendment, words))
    pin: Pin = poisoned(Pin, words)
    yield "lock", "text", lambda: pinning.said_of([pin], check=False)
    yield "lock --check", "text", lambda: pinning.said_of([pin], check=True)
    yield "evidence", "markdown", lambda: evidence.readme("churn", words, words, [], words)
    yield from _machines(words)


def _machines(words: str) -> Outputs:
    yield "watch", "json", lambda: health_text(State(status="error", revision=words, error=words), Counts())
    yield "watch", "text", lambda: _logged(words)
    yield "push", "json", lambda: json.dumps(refusal(502, HubwrightError(words, words)))
    yield "--log json", "json", lambda: _progress(words)
    actions = [poisoned(Action, words)]
    run: audit.Run = poisoned(audit.Run, words)
    yield "record", "json", lambda: json.dumps(audit.intent(run, actions))
    ended = [Outcome(words, "failed", words, facts={"arn": words})]
    yield (
        "record",
        "json",
        lambda: json.dumps(
            audit.outcome(run, actions, ended, [{words: words}], ended=words, before=words, exit_code=1)
        ),
    )
    yield "lineage", "json", lambda: _ancestry(words)


def _logged(words: str) -> str:
    record = logging.LogRecord("hubwright", logging.ERROR, "", 0, "%s: %s", (words, words), None)
    return Plain("%(levelname)s %(message)s").format(record) + "\n"


def _progress(words: str) -> str:
    stream = io.StringIO()
    progress = Progress("json", stream)
    progress.event("step", text=words, of=[words])
    progress.note(words)
    first, second = stream.getvalue().splitlines()
    return f"[{first}, {second}]"


def _ancestry(words: str) -> str:
    """The lineage document but for what names bytes: objects, images, the source."""
    said: lineage.Ancestry = poisoned(lineage.Ancestry, words)
    made = lineage.Made("id", poisoned(Release, "x"), {words: words}, "bucket", (), ())
    return json.dumps(json.loads(lineage.document(made, said)))


def assert_inert(form: str, shown: str) -> None:
    assert not HIDDEN.search(shown)
    assert not [line for line in shown.split("\n") if line.strip().startswith("::")]
    if form == "json":
        assert shown.isascii()
        json.loads(shown)
    elif form == "markdown":
        assert_plain_markdown(shown)


@pytest.mark.parametrize("words", WORDS)
def test_words_of_others_stay_words(words: str) -> None:
    for command, form, write in outputs(words):
        try:
            assert_inert(form, write())
        except AssertionError as error:
            raise AssertionError(f"{command} as {form}") from error


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
def test_naughty_strings_stay_words() -> None:
    for words in json.loads(BLNS.read_text()):
        test_words_of_others_stay_words(words)
        test_what_is_written_for_git_says_exactly_the_words(words)


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_come_through_nowhere(secret: str) -> None:
    leaks = [(command, form) for command, form, write in outputs(secret) if CANARY in write()]
    assert leaks == []


def written(words: str) -> Iterator[dict[str, Any]]:
    """What `promote`, `lock`, `import`, `rollback` and `revoke` write: any data, and a lock of any release."""
    yield {"spec": {"reason": words, "metadata": {words: words}, "revoked": [{"reason": words}, words]}}
    yield lock_document("churn-1", poisoned(Release, words), words)


@pytest.mark.parametrize("words", WORDS)
def test_what_is_written_for_git_says_exactly_the_words(words: str) -> None:
    for data in written(words):
        try:
            text = to_yaml(data)
        except ValueError as error:  # said to the person: what no manifest may hold is never written
            assert str(error) in ("a control character", "a name of more than 1000 characters")
            assert strict.FORBIDDEN.search(words) or len(json.dumps(words)) > 900
            continue
        assert not HIDDEN.search(text)
        assert re.sub(r"\s", "", text).isprintable()
        assert strict.read(text.encode()).data == json.loads(json.dumps(data))
