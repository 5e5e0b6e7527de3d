"""What is said of a copy under way."""

from __future__ import annotations

import io
import json

import pytest

from controller.cli.gauge import Gauge, said
from controller.cli.term import Progress
from controller.core.model import Key, Target

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
