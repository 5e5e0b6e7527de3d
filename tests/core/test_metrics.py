"""Figures of reports side by side: what differs, by how much, and what is said of a report that cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.core.gates import LARGEST_DOCUMENT, Reading, parse
from controller.core.metrics import Measured, Step, said, steps

QUALITY = "ModelQuality.Statistics"


def read(**reports: Any) -> dict[str, Reading]:
    return {
        name.replace("__", "."): Reading("s3://b/k", parse(json.dumps(it).encode())) for name, it in reports.items()
    }


def told(new: dict[str, Reading], old: dict[str, Reading], *wanted: str) -> tuple[tuple[Step, ...], dict[str, int]]:
    return steps(Measured(new, old), frozenset(wanted))


def test_what_differs_is_told_with_its_difference_and_what_does_not_is_not() -> None:
    new = read(
        ModelQuality__Statistics={"auc": {"value": 0.934, "standard_deviation": 0.02}, "rmse": 1, "n": 12, "x": "a"}
    )
    old = read(ModelQuality__Statistics={"auc": {"value": 0.913, "standard_deviation": 0.03}, "rmse": 1, "mae": 4})
    assert told(new, old) == (
        (
            Step(f"{QUALITY}:auc.value", "0.913", "0.934", "+0.021"),
            Step(f"{QUALITY}:n", "", "12"),
            Step(f"{QUALITY}:mae", "4", ""),
            Step(f"{QUALITY}:auc.standard_deviation", "0.03", "0.02", "-0.01"),
        ),
        {},
    )


def test_entries_of_a_list_are_told_apart_by_their_names() -> None:
    new = read(ModelDataQuality__Statistics={"features": [{"name": "age", "mean": 41}, {"name": "calls", "mean": 2}]})
    old = read(ModelDataQuality__Statistics={"features": [{"name": "calls", "mean": 2}, {"name": "age", "mean": 40}]})
    name = "ModelDataQuality.Statistics:features.0.mean (age)"
    assert told(new, old) == ((Step(name, "40", "41", "+1"),), {})


def test_curves_are_not_figures() -> None:
    new = read(ModelQuality__Statistics={"roc": {"rates": [0.1, 0.2]}, "at": [{"value": 1}]})
    assert told(new, {})[0] == (Step(f"{QUALITY}:at.0.value", "", "1"),)


def test_what_a_gate_looks_at_comes_first_and_the_rest_is_counted() -> None:
    new = read(ModelQuality__Statistics={f"m{number:02}": number for number in range(20)}, Bias__Report={"ci": 0.1})
    found, left = told(new, {}, f"{QUALITY}:m19")
    assert [step.name for step in found] == [f"{QUALITY}:m19", *(f"{QUALITY}:m{number:02}" for number in range(11))]
    assert left == {QUALITY: 8, "Bias.Report": 1}
    assert said(new[QUALITY], left[QUALITY]) == "; 8 more of its figures"


def test_unreadable_is_not_absent() -> None:
    fault = {QUALITY: Reading("", fault="could not be read: s3:GetObject failed: AccessDenied: no")}
    known = read(ModelQuality__Statistics={"auc": 0.9})
    assert told(fault, known) == ((), {})
    assert told(known, fault) == ((Step(f"{QUALITY}:auc", "unread", "0.9"),), {})
    assert told({}, known) == ((), {})
    assert said(fault[QUALITY], 0) == "; it could not be read: s3:GetObject failed: AccessDenied: no"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": NaN, "b": Infinity, "c": true, "d": null, "e": "1", "f": 1e400}',
        b"[1, 2, 3]",
        b"7" * 300,
        b'{"a": ' + b'{"a": ' * 40 + b"1" + b"}" * 41,
        b'{"a": {"name": "x"}}',
    ],
)
def test_what_is_no_figure_is_left_out(text: bytes) -> None:
    found = Measured({QUALITY: Reading("", parse(text))}, read(ModelQuality__Statistics={}))
    assert [step for step in steps(found, frozenset())[0] if step.name != f"{QUALITY}:"] == []


def test_a_large_document_ends_soon() -> None:
    wide = {f"f{number}": number for number in range(20_000)}
    text = json.dumps(wide).encode()
    assert len(text) < LARGEST_DOCUMENT
    found, left = steps(Measured({QUALITY: Reading("", parse(text))}, {}), frozenset())
    assert (len(found), left) == (12, {QUALITY: 5_000 - 12})


def test_long_names_stay_short() -> None:
    new = read(ModelQuality__Statistics={"x" * 5000: 1})
    assert [len(step.name) for step in told(new, {})[0]] == [161]
