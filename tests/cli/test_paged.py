"""The page of a real run: it has the history, the lineage, the figures, and what an earlier plan said otherwise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command, Repo


def data(page: Path) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    made: dict[str, Any] = json.loads(found.group(1))
    return made


def rows(page: Path) -> dict[str, dict[str, Any]]:
    found = data(page)
    return {row[1]: dict(zip(found["columns"], row, strict=True)) for row in found["rows"]}


def test_a_plan_as_a_page_has_everything_beside_it(live: Command, repo: Repo, tmp_path: Path) -> None:
    earlier, page = tmp_path / "plan.json", tmp_path / "page.html"
    live("plan", "--out", earlier)
    assert live("reconcile").code == 0
    repo.git("mv", "manifests/teams/vision/ocr-1.yaml", "manifests/teams/vision/ocr-one.yaml")
    repo.edit("teams/vision/ocr-one.yaml", "name: ocr-1", "name: ocr-one")
    live("plan", "--html", page, "--before", earlier)
    found, told = data(page), rows(page)
    assert told["churn-1"]["was"] == "pending"
    assert told["ocr-one"]["was"] == ""
    assert found["earlier"] == {"gone": ["ocr-1: pending"], "left": 0}
    _, _, source, parts, hub, _ = told["churn-1"]["chain"]
    assert source == ["churn-lab/churn-experiments/1"]
    assert re.fullmatch(r"churn/[12]", hub[0])
    assert any(part.startswith("serve@sha256:") for part in parts)
    steps = {(about, before, after, who, by.split()[0]) for _, _, about, before, after, who, by in found["moments"]}
    assert ("churn-1", "", "Approved", "Ada", "commit") in steps
    assert ("ocr-1", "Approved", "", "Ada", "commit") in steps
    assert [about for _, _, about, _, _, _, by in found["moments"] if by == "the hub"]
    times = [moment[0] for moment in found["moments"]]
    assert times == sorted(times, reverse=True)
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", time) for time in times)


def test_a_first_page_has_nothing_to_compare_with(live: Command, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    live("plan", "--html", page, "--before", tmp_path / "none.json")
    assert data(page)["earlier"] is None
    (tmp_path / "none.json").write_text("{}")
    said = live("plan", "--html", page, "--before", tmp_path / "none.json")
    assert (said.code, "is not a plan" in said.err) == (64, True)


def test_drift_says_what_is_new_since_and_what_is_gone(live: Command, tmp_path: Path) -> None:
    page, report = tmp_path / "drift.html", tmp_path / "drift.json"
    live("drift", "--html", page, "--since", report, "--out", report)
    assert data(page)["earlier"] is None
    live("reconcile")
    live("drift", "--html", page, "--since", report, "--out", report)
    assert data(page)["earlier"]["gone"]
