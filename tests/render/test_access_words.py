"""Words in manifests that reach rendered access: in JSON, CloudFormation and Terraform they stay the words they are."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.core.access.derive import derive
from controller.core.manifests import Manifests
from controller.core.problems import ManifestsError
from controller.render.templates import FILES
from controller.source import strict
from controller.source.load import load
from tests.admins import ROOT
from tests.render.inert import HIDDEN
from tests.render.test_escape import BLNS, WORDS
from tests.source.test_free_fields import FREE, texts

MANIFESTS = ROOT / "tests" / "cases" / "access" / "full" / "manifests"
FILES_OF = {"fleet": "fleet.yaml", "hub": "central.yaml", "spoke": "edge-lab.yaml"}
MORE = ["${aws:PrincipalTag/x}", "%{if~true}", "$${x}", "{{resolve:ssm:x}}", "Fn::Sub", "!Ref", "a/${path.module}/b"]
#: How words get by a field's pattern, where it has one.
AROUND = (
    "{}",
    "repo:acme/models:{}",
    "arn:aws:iam::222222222222:role/{}/hubwright",
    "arn:aws:iam::222222222222:policy/{}",
)
#: What Terraform's scanner sees, from left to right: an escape first, else the beginning of a template.
TEMPLATE = re.compile(r"\$\$\{|%%\{|\$\{|%\{")
ESCAPED = ("$${", "%%{")
OURS = re.compile(r"\$\{aws_sqs_queue\.\w+\.url\}")
ELSEWHERE = {"spec.drift.ignore.[].reason"}  # in drift reports only
Said = dict[tuple[str, tuple[str, ...]], str]
FUNCTIONS = re.compile(r"Ref|Condition|Fn::\w+|AWS::Include")


def put(data: dict[str, Any], path: tuple[str, ...], words: str) -> None:
    """Sets the field at a schema's path; lists on the way have one item."""
    *way, last = path
    here: Any = data
    for word, following in zip(way, [*way[1:], last], strict=True):
        empty: Any = [None] if following == "[]" else {}
        if word == "[]":
            here[0] = here[0] if isinstance(here[0], type(empty)) else empty
            here = here[0]
        else:
            here = here.setdefault(word, empty)
    here[0 if last == "[]" else last] = words


def fields() -> Iterator[tuple[str, tuple[str, ...], str | None]]:
    for kind in FILES_OF:
        known = texts(kind)
        yield from ((kind, path, known[path]) for path in known if ".".join(path) in FREE[kind] - ELSEWHERE)


def fleets(folder: Path, words: str) -> Iterator[tuple[list[str], Manifests]]:
    """(fields, a fleet) with the words in every field that takes them, in whatever has to be around them; where that is
    not a valid fleet, one for each field that is."""
    said: Said = {}
    if strict.FORBIDDEN.search(words):  # no manifest has them
        return
    for kind, path, pattern in fields():
        candidates = (around.format(text) for text in (words, re.sub(r"\s", "", words)) for around in AROUND)
        if text := next((text for text in candidates if text and re.search(pattern or "", text)), ""):
            said[kind, path] = text
    if whole := fleet_of(folder, said):
        yield named(said), whole
        return
    for place, text in said.items():
        if alone := fleet_of(folder, {place: text}):
            yield named({place: text}), alone


def named(said: Said) -> list[str]:
    return [f"{kind} {'.'.join(path)}" for kind, path in said]


def fleet_of(folder: Path, said: Said) -> Manifests | None:
    """The fleet with these texts in it, if it is a valid one."""
    shutil.rmtree(folder / "manifests", ignore_errors=True)
    shutil.copytree(MANIFESTS, folder / "manifests")
    for kind in {kind for kind, _ in said}:
        file = folder / "manifests" / "platform" / FILES_OF[kind]
        data: Any = strict.read(file.read_bytes()).data
        for (other, path), text in said.items():
            if other == kind:
                put(data, path, text)
        file.write_text(json.dumps(data))
    try:
        fleet = load(folder, worktree=True, attribution=False)
    except ManifestsError:  # of the Fleet
        return None
    return None if fleet.problems else fleet


def keys(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield str(name), value
            yield from keys(value)
    elif isinstance(data, list):
        for item in data:
            yield from keys(item)


def assert_words_stay(fleet: Manifests) -> None:
    documents = derive(fleet)
    for form, render in FILES.items():
        for text in render(fleet.fleet.name, documents).values():
            assert text.isascii()
            assert not HIDDEN.search(text)
            data = json.loads(text)
            if form == "cloudformation":  # of queues' policies, and of IAM's own statements
                assert {name for name, _ in keys(data) if FUNCTIONS.fullmatch(name)} <= {"Ref", "Condition"}
            if form == "terraform":
                for found in TEMPLATE.finditer(text):
                    assert found[0] in ESCAPED or OURS.match(text, found.start()), text[found.start() :][:80]


def taken(folder: Path, words: str) -> set[str]:
    """The fields that take these words, or a form of them, once they are known to stay words."""
    found = set()
    for names, fleet in fleets(folder, words):
        assert_words_stay(fleet)
        found.update(names)
    return found


@pytest.mark.parametrize("words", [WORDS[7], *MORE])
def test_words_stay_words_in_rendered_access(tmp_path: Path, words: str) -> None:
    assert {"hub spec.ci.subjects.plan.[]", "hub spec.ci.subjects.reconcile.[]"} <= taken(tmp_path, words)


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
@pytest.mark.parametrize("part", range(5))
def test_naughty_strings_stay_words_in_rendered_access(tmp_path: Path, part: int) -> None:
    every = [*WORDS, *json.loads(BLNS.read_text())][part::5]
    assert len({field for words in every for field in taken(tmp_path, words)}) > 5
