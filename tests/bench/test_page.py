"""The tables that benches write, without measuring anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import page
from tests.bench.page import Row, aims, put, table


def test_a_table_has_medians_spread_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.os, "cpu_count", lambda: 2)
    mine = [Row(1.0, 0.5, 20, 1.5), Row(3.0, 0.5, 29.6, 1.5), Row(2.0, 0.5, 22, 1.5)]
    theirs = [Row(4.0, 2.0, 40, 2.0)]
    assert table("cold", {"ours": mine, "theirs": theirs}, "ours")[2:] == [
        "| ours | 2.00 | 1.00 | 3.00 | 0.50 | 1.50 | 30 | 1.00 | 2.00 |",
        "| theirs | 4.00 | 4.00 | 4.00 | 2.00 | 2.00 | 40 | 0.50 | 2.00 |",
    ]


def test_an_aim_that_is_missed_is_said_to_be() -> None:
    assert aims([("wall", 1.1, 1.2, False), ("mount", 15, 20, True)])[2:] == [
        "| wall | at most 1.1 | 1.20 | **missed** |",
        "| mount | at least 15 | 20.00 | met |",
    ]


def test_only_a_full_run_changes_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text("a\n<!-- begin images -->\nold\n<!-- end images -->\nb\n")
    monkeypatch.setattr(page, "PAGE", path)
    monkeypatch.setattr(page, "QUICK", True)
    put("images", ["new"])
    assert "old" in path.read_text()
    monkeypatch.setattr(page, "QUICK", False)
    put("images", ["new"])
    put("images", ["newer"])
    assert path.read_text() == "a\n<!-- begin images -->\n\nnewer\n\n<!-- end images -->\nb\n"
    with pytest.raises(AssertionError):
        put("other", ["x"])
