"""How the page lies before somebody's eyes, by what a browser measures: nothing under something else, nothing idle."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller.render.html import html
from tests.render import reports
from tests.render.test_page import acting, browsed, browser, many, staged

pytestmark = [pytest.mark.peer, browser]

MEASURED = """
const box = (id) => { const {top, bottom, left, right} = document.getElementById(id).getBoundingClientRect();
  return {top, bottom, left, right}; };
const shown = (id) => document.getElementById(id).getClientRects().length > 0;
setTimeout(() => { document.title = JSON.stringify({ %s }); }, 300);
"""


def measured(tmp_path: Path, page: str, what: str, place: str = "", width: int = 1200) -> Any:
    """What a script's members say of the page once it stands."""
    shown, complaints = browsed(tmp_path, acting(page, MEASURED % what), place, width=width)
    assert complaints == ""
    found = re.search(r"<title>(.*?)</title>", shown)
    assert found
    return json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))


def test_what_a_link_leads_to_is_not_below_the_bar(tmp_path: Path) -> None:
    page = html(staged(60))
    found = measured(tmp_path, page, "bar: box('filter'), row: box('row-team-7')", "#row-team-7")
    assert found["row"]["top"] >= found["bar"]["bottom"]


def test_only_what_there_is_to_ask_for_is_asked(tmp_path: Path) -> None:
    what = "since: shown('changed-only'), matrix: shown('matrix'), none: document.getElementById('none').textContent"
    empty = measured(tmp_path, html(reports.empty()), what)
    assert empty == {"since": False, "matrix": False, "none": "There is nothing here."}
    assert measured(tmp_path, html(staged(20)), what) == {"since": True, "matrix": True, "none": ""}
    filtered = measured(tmp_path, many(20), what, "#?q=nothing-like-it")
    assert filtered["none"].startswith("Nothing here matches the filter")


def test_names_are_in_the_order_people_count_in(tmp_path: Path) -> None:
    what = (
        "groups: [...document.querySelectorAll('#fleet tbody th')].map((one) => one.textContent),"
        "rows: [...document.querySelectorAll('article strong')].map((one) => one.textContent)"
    )
    found = measured(tmp_path, many(30), what, "#?standing=converged")
    assert found["groups"] == [f"group-{number}" for number in range(30)]
    assert found["rows"] == [f"team-{number}" for number in range(30) if number % 10 != 9]


def test_the_parts_of_a_long_page_are_a_press_away(tmp_path: Path) -> None:
    what = (
        "names: [...document.querySelectorAll('#jump button')].map((one) => one.textContent),"
        "top: (document.querySelector('#jump button:last-child').click(), box('time-title').top),"
        "bar: box('filter').bottom"
    )
    page = html(staged(200))
    calm = page.replace("scroll-behavior:smooth", "scroll-behavior:auto")
    found = measured(tmp_path, calm, what)
    assert found["names"] == ["Fleet", "Since the last report", "Promotions", "Figures", "Timeline"]
    assert 0 <= found["top"] < 900


@pytest.mark.parametrize("width", [500, 1200])
def test_nothing_is_wider_than_the_window(tmp_path: Path, width: int) -> None:
    long = "a" * 63
    row = reports.row(long, "blocked", "x" * 300, source=f"{long}/{long}/1", group=long, version=1, is_now="Approved")
    page = html(reports.of_rows(row))
    what = "page: document.documentElement.scrollWidth, window: document.documentElement.clientWidth"
    found = measured(tmp_path, page, what, f"#row-{long}", width=width)
    assert found["page"] <= found["window"]


def test_the_lineage_picture_fits_where_there_is_little_room(tmp_path: Path) -> None:
    what = (
        "picture: document.querySelector('.chain svg').getBoundingClientRect().width,"
        "room: document.querySelector('.chain').clientWidth,"
        "label: document.querySelector('.chain svg').getAttribute('aria-label')"
    )
    found = measured(tmp_path, html(staged(10)), what, "#row-team-7", width=500)
    assert 0 < found["picture"] <= found["room"]
    assert found["label"].startswith("data: s3://lab-data/team-7/train.csv; trained by: train-team-7, commit")
