"""The page of complaints names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_every_complaint_has_its_line_and_every_test_it_names_is_there() -> None:
    page = (TOP / "docs" / "comparison.md").read_text()
    assert re.findall(r"^\| +(\d+) \|", page, re.MULTILINE) == [str(number) for number in range(1, 26)]
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_[a-z0-9_]+))?`", page)
    assert len(named) >= 23
    for path, name in named:
        text = (TOP / path).read_text()
        assert not name or f"def {name}(" in text, f"{path}::{name}"
