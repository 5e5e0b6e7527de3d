"""Which fields of manifests take anybody's words, by the schemas themselves; and that hostile words go through each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.cli.check import shown
from controller.core.problems import ManifestsError, Problem
from controller.source.load import load
from tests.render.inert import HIDDEN
from tests.render.test_escape import BLNS, WORDS

SCHEMAS = Path(__file__).parents[2] / "schemas"
KINDS = ("fleet", "hub", "spoke", "guardrails", "waiver", "modelgroup", "promotion", "subscription", "lock")
#: Something of everything that may be more than words somewhere.
PROBES = ("<b>", "a|b", "`a`", "@a", "::a", "a b", "[a](b)", "s3://bucket/<b>", "a/<b>", "Bias.Report:<b>", "a:b/<b>")
#: Fields that take such words. A new one belongs here, and into `tests/e2e/test_words.py` where it reaches a report.
FREE = {
    "fleet": {
        "spec.defaults.spoke.access.externalId",
        "spec.defaults.spoke.access.roleName",
        "spec.drift.ignore.[].reason",
        "spec.iam.permissionsBoundary",
    },
    "hub": {
        "spec.access.externalId",
        "spec.access.roleName",
        "spec.ci.audience",
        "spec.ci.subjects.plan.[]",
        "spec.ci.subjects.reconcile.[]",
        "spec.iam.permissionsBoundary",
    },
    "spoke": {
        "spec.access.externalId",
        "spec.access.roleName",
        "spec.ci.audience",
        "spec.ci.subjects.push.[]",
        "spec.iam.permissionsBoundary",
    },
    "guardrails": {
        "spec.approvals.from.[]",
        "spec.gates.[].expression",
        "spec.gates.[].metric",
        "spec.gates.[].metrics.*",
        "spec.gates.[].modelCard.field",
        "spec.gates.[].modelCard.oneOf.[]",
        "spec.gates.[].when.stages.[]",
        "spec.owners.[].paths.[]",
        "spec.revoked.[].reason",
    },
    "waiver": {"spec.reason"},
    "modelgroup": {
        "spec.description",
        "spec.gates.[].expression",
        "spec.gates.[].metric",
        "spec.gates.[].metrics.*",
        "spec.gates.[].modelCard.field",
        "spec.gates.[].modelCard.oneOf.[]",
        "spec.gates.[].when.stages.[]",
        "spec.superseded.stage.description",
        "spec.tags.*",
    },
    "promotion": {
        "spec.inference.contentTypes.[]",
        "spec.inference.environment.set.*",
        "spec.inference.responseTypes.[]",
        "spec.metadata.*",
        "spec.reason",
        "spec.stage.description",
    },
    "subscription": set(),
    "lock": {
        "spec.fields.<name>",
        "spec.images.[].image",
        "spec.listings.[].uri",
        "spec.objects.[].checksums.*",
        "spec.objects.[].etag",
        "spec.objects.[].uri",
        "spec.objects.[].versionId",
        "spec.recorded.modified",
        "spec.recorded.resolved",
    },
}


def texts(kind: str) -> dict[tuple[str, ...], str | None]:
    """Every field of a kind that is a text, by its path, with the pattern it has to match."""
    root = json.loads((SCHEMAS / f"{kind}.json").read_text())
    return dict(_walked(root, root, (), frozenset()))


def _walked(
    part: Mapping[str, Any], root: Mapping[str, Any], path: tuple[str, ...], seen: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], str | None]]:
    if name := part.get("$ref"):
        target: Any = root
        for word in name.removeprefix("#/").split("/"):
            target = target[word]
        if name not in seen:
            yield from _walked(target, root, path, seen | {name})
    if part.get("type") == "string" and not {"enum", "const"} & set(part):
        yield path, part.get("pattern")
    for way in ("oneOf", "anyOf", "allOf"):
        for inner in part.get(way, ()):
            yield from _walked(inner, root, path, seen)
    below = {**part.get("properties", {}), "*": part.get("additionalProperties"), "[]": part.get("items")}
    below["<name>"] = {"type": "string", **part["propertyNames"]} if "propertyNames" in part else None
    for word, inner in below.items():
        if isinstance(inner, dict):
            yield from _walked(inner, root, (*path, word), seen)


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_anybodys_words_is_known(kind: str) -> None:
    found = {
        ".".join(path)
        for path, pattern in texts(kind).items()
        if pattern is None or any(re.search(pattern, probe) for probe in PROBES)
    }
    assert found == FREE[kind]


def nested(path: tuple[str, ...], words: str) -> Any:
    """Data with the words at a path; everything else that a document must have is missing, and said to be."""
    if not path:
        return words
    word, *rest = path
    inner = nested(tuple(rest), words)
    if word == "[]":
        return [inner]
    return {words: "x"} if word == "<name>" else {("w" if word == "*" else word): inner}


def problems(folder: Path, words: str) -> tuple[Problem, ...]:
    """What is said of documents that have the words in one field each, of every field that is a text."""
    place = folder / "manifests"
    place.mkdir(parents=True)
    fleet = {"apiVersion": "hubwright.io/v1beta1", "kind": "Fleet", "metadata": {"name": "f"}, "spec": {}}
    (place / "fleet.yaml").write_text(json.dumps(fleet))
    titles = {"modelgroup": "ModelGroup"}
    for kind in KINDS:
        for number, path in enumerate(texts(kind)):
            data = {"apiVersion": "hubwright.io/v1beta1", "kind": titles.get(kind, kind.capitalize())}
            data |= {"metadata": {"name": f"{kind}-{number}"}, "spec": {}} | nested(path, words)
            (place / f"{kind}-{number}.yaml").write_text(json.dumps(data))
    try:
        return load(folder, worktree=True, attribution=False).problems
    except ManifestsError as error:  # of several Fleets none is taken
        return error.problems


def assert_said_plainly(found: tuple[Problem, ...]) -> None:
    for form in ("text", "json", "github", "sarif", "junit"):
        said = shown(found, {"fleet": 1}, form)
        assert not HIDDEN.search(said)
        if form != "github":
            assert not [line for line in said.split("\n") if line.strip().startswith("::")]


@pytest.mark.parametrize("words", [word for word in WORDS if len(word) < 200][::5])
def test_words_in_any_field_are_refused_or_taken_as_words(tmp_path: Path, words: str) -> None:
    found = problems(tmp_path, words)
    assert len(found) > 100
    assert_said_plainly(found)


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
@pytest.mark.parametrize("part", range(5))
def test_naughty_strings_in_any_field_are_refused_or_taken_as_words(tmp_path: Path, part: int) -> None:
    for number, words in enumerate([*WORDS, *json.loads(BLNS.read_text())][part::5]):
        assert_said_plainly(problems(tmp_path / str(number), words))
