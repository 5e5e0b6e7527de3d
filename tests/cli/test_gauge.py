"""What is said of a copy under way."""

from __future__ import annotations

import io
import json

import pytest

from controller.cli import term
from controller.cli.gauge import Gauge, said
from controller.cli.term import Progress
from controller.core.model import Action, Key, Target
from controller.render.sections import copied
from tests.soon import soon

KEY = Key(Target("111111111111", "eu-west-1"), "artifact", "222222222222/x")


@pytest.mark.parametrize(
    ("done", "total", "rate", "words"),
    [
        (0, 4_000_000, 0.0, "0 B of 4.0 MB"),
        (1_000_000, 4_000_000, 500_000.0, "1.0 MB of 4.0 MB, 500.0 kB/s, 6 s left"),
        (4_000_000, 4_000_000, 500_000.0, "4.0 MB of 4.0 MB, 500.0 kB/s"),
    ],
)
def test_words(done: int, total: int, rate: float, words: str) -> None:
    assert said(done, total, rate) == words


def test_a_log_hears_of_a_copy_once_a_minute_and_at_its_end() -> None:
    stream, now = io.StringIO(), [0.0]
    gauge = Gauge(Progress("json", stream), lambda: now[0])
    for second in range(151):
        now[0] = float(second)
        gauge(KEY, second * 10, 1500)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["bytes"], line["total"], line["rate"], line["left"]) for line in lines] == [
        (600, 1500, 10, 90),
        (1200, 1500, 10, 30),
        (1500, 1500, 10, 0),
    ]
    assert {line["key"] for line in lines} == {str(KEY)}


def test_a_log_hears_once_a_minute_of_what_has_come_to_a_halt() -> None:
    stream, now = io.StringIO(), [0.0]
    gauge = Gauge(Progress("json", stream), lambda: now[0])
    gauge(KEY, 500, 1000)
    for second in range(1, 131):
        now[0] = float(second)
        gauge.beat()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["bytes"], line["rate"], line["left"]) for line in lines] == [("copy", 500, 0, 0)] * 2
    gauge.over(KEY)
    now[0] = 300.0
    gauge.beat()
    assert len(stream.getvalue().splitlines()) == 2


def test_a_log_hears_of_a_halt_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term, "_TICK", 0.005)
    stream, now = io.StringIO(), [0.0]
    with Progress("json", stream) as progress:
        gauge = Gauge(progress, lambda: now[0])
        gauge(KEY, 500, 1000)
        now[0] = 61.0
        soon(lambda: bool(stream.getvalue()))
    assert json.loads(stream.getvalue())["bytes"] == 500


def gauged() -> tuple[Gauge, list[float]]:
    now = [0.0]
    return Gauge(Progress("none", io.StringIO()), lambda: now[0]), now


def test_a_copy_is_named_by_what_people_know_it_by() -> None:
    image = Key(KEY.target, "image", "models/222222222222/churn/serve:hw-1")
    facts = {"source": "222222222222.dkr.ecr.eu-west-1.amazonaws.com/churn/serve"}
    artifact = Action("1", "create", KEY, None, {}, origins=("churn-1",))
    made = Action("2", "create", image, None, {}, origins=("churn-1", "churn-2"), facts=facts)
    lost = Action("3", "create", image, None, {}, origins=("churn-1",), facts={"source": ""})
    step = {"approval": "Approved"}
    approved = Action(
        "4", "update", Key(KEY.target, "approval", "churn/222222222222/x/1"), step, step, origins=("churn-1",)
    )
    assert [copied(action) for action in (artifact, made, lost, approved)] == [
        "artifacts of churn-1",
        "image churn/serve of churn-1 and churn-2",
        "image models/222222222222/churn/serve of churn-1",
        "approval of churn-1",
    ]


def test_every_copy_under_way_has_a_line_until_it_ends() -> None:
    gauge, now = gauged()
    image = Key(KEY.target, "image", "models/a:hw-1")
    gauge.begin(image, "image a of p-1")
    assert gauge.lines() == []
    gauge(KEY, 0, 4_000_000)
    now[0] = 2.0
    gauge(image, 1000, 2000)
    gauge(KEY, 1_000_000, 4_000_000)
    assert gauge.lines() == [
        ("artifact 222222222222/x", "1.0 MB of 4.0 MB, 500.0 kB/s, 6 s left"),
        ("image a of p-1", "1.0 kB of 2.0 kB"),
    ]
    gauge(KEY, 4_000_000, 4_000_000)
    assert gauge.lines() == [("image a of p-1", "1.0 kB of 2.0 kB")]
    gauge.over(image)  # it failed
    assert gauge.lines() == []


def test_what_was_there_already_does_not_count_as_speed_for_long() -> None:
    gauge, now = gauged()
    gauge(KEY, 0, 10_000_000)
    gauge(KEY, 9_000_000, 10_000_000)  # skipped at once
    for second in range(1, 61):
        now[0] = float(second)
        gauge(KEY, 9_000_000 + second * 1000, 10_000_000)
    assert gauge.lines()[0][1].endswith(", 1.0 kB/s, 940 s left")


def test_what_has_come_to_a_halt_has_no_speed_any_more() -> None:
    gauge, now = gauged()
    gauge(KEY, 0, 10_000_000)
    now[0] = 1.0
    gauge(KEY, 5_000_000, 10_000_000)
    assert gauge.lines() == [("artifact 222222222222/x", "5.0 MB of 10.0 MB, 5.0 MB/s, 1 s left")]
    for tick in range(10, 300):
        now[0] = tick / 10
        found = gauge.lines()
    assert found == [("artifact 222222222222/x", "5.0 MB of 10.0 MB")]


def test_what_begins_anew_is_no_speed_below_nothing() -> None:
    gauge, now = gauged()
    gauge(KEY, 5000, 10_000)
    now[0] = 1.0
    gauge(KEY, 0, 10_000)
    assert gauge.lines() == [("artifact 222222222222/x", "0 B of 10.0 kB")]


def test_what_is_read_to_prove_a_copy_has_a_line_beside_what_is_copied() -> None:
    gauge, now = gauged()
    gauge(KEY, 2_000_000, 4_000_000)
    gauge.checked(KEY, 0, 4_000_000)
    now[0] = 2.0
    gauge.checked(KEY, 1_000_000, 4_000_000)
    name = "artifact 222222222222/x"
    assert gauge.lines() == [
        (name, "2.0 MB of 4.0 MB"),
        (name, "checking 1.0 MB of 4.0 MB, 500.0 kB/s, 6 s left"),
    ]
    gauge(KEY, 4_000_000, 4_000_000)
    assert gauge.lines() == [(name, "checking 1.0 MB of 4.0 MB, 500.0 kB/s, 6 s left")]
    gauge.checked(KEY, 4_000_000, 4_000_000)
    assert gauge.lines() == []
    gauge.checked(KEY, 4_000_000, 6_000_000)  # the next object
    assert gauge.lines()[0][1].startswith("checking 4.0 MB of 6.0 MB")
    gauge.over(KEY)
    assert gauge.lines() == []


def test_a_log_hears_of_a_proof_once_a_minute_and_when_all_is_over_however_often_more_is_to_be_read() -> None:
    stream, now = io.StringIO(), [0.0]
    gauge = Gauge(Progress("json", stream), lambda: now[0])
    for second in range(151):
        now[0] = float(second)
        gauge.checked(KEY, second * 10, second * 10 + 10)
        gauge.checked(KEY, second * 10 + 10, second * 10 + 10)
    gauge.over(KEY)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["bytes"], line["total"], line["rate"], line["left"]) for line in lines] == [
        ("check", 600, 610, 10, 1),
        ("check", 1200, 1210, 10, 1),
        ("check", 1510, 1510, 10, 0),
    ]
    assert {line["key"] for line in lines} == {str(KEY)}


def test_a_log_hears_once_a_minute_of_a_proof_that_has_come_to_a_halt() -> None:
    stream, now = io.StringIO(), [0.0]
    gauge = Gauge(Progress("json", stream), lambda: now[0])
    gauge.checked(KEY, 500, 1000)
    for second in range(1, 131):
        now[0] = float(second)
        gauge.beat()
    gauge.over(KEY)  # it failed; nothing came since
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["bytes"], line["rate"]) for line in lines] == [("check", 500, 0)] * 2


def test_a_log_hears_nothing_of_a_proof_for_which_nothing_was_read() -> None:
    stream = io.StringIO()
    gauge = Gauge(Progress("json", stream), lambda: 0.0)
    gauge.begin(KEY, "artifacts of churn-1")
    gauge.checked(KEY, 0, 0)  # of an empty object
    gauge.over(KEY)
    gauge.over(KEY)
    assert stream.getvalue() == ""


def test_the_time_between_two_proofs_of_an_artifact_is_not_their_speed() -> None:
    gauge, now = gauged()
    gauge.checked(KEY, 0, 1_000_000)
    now[0] = 1.0
    gauge.checked(KEY, 1_000_000, 1_000_000)
    now[0] = 3600.0  # another object was copied meanwhile
    gauge.checked(KEY, 1_000_000, 9_000_000)
    now[0] = 3602.0
    gauge.checked(KEY, 2_000_000, 9_000_000)
    assert gauge.lines()[0][1] == "checking 2.0 MB of 9.0 MB, 500.0 kB/s, 14 s left"
