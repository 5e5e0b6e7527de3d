"""The page: one file, nothing from elsewhere, no markup of others; and what a browser makes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from controller.core.drift import Drift, Item, Looked
from controller.core.plan import Plan
from controller.core.report import Report
from controller.render.html import drift_html, html
from tests.render import reports
from tests.render.test_escape import WORDS

TOP = Path(__file__).parents[2]
FRAME = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "main", "noscript", "form", "label"),
    *("input", "select", "option", "button", "section", "span", "div", "table", "script"),
}


class Seen(HTMLParser):
    """Elements, their addresses, and the text of scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self.inside: dict[str, str] = {}
        self.policy = ""
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        given = dict(attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self._open = f"{tag} {given.get('id', '')}".strip()

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        self.inside[self._open] = self.inside.get(self._open, "") + data


def seen(page: str) -> Seen:
    found = Seen()
    found.feed(page)
    return found


def hash_of(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@pytest.mark.parametrize("words", [*WORDS, "</script><script>alert(1)</script>", "<!--<script>", "{{ 7*7 }}"])
def test_words_of_others_are_data(words: str) -> None:
    found = seen(html(reports.hostile(words)))
    assert found.names <= FRAME
    assert found.addresses == []
    assert len(json.loads(found.inside["script data"])["rows"]) == 4


def test_only_our_own_script_and_style_may_run() -> None:
    found = seen(html(reports.everything()))
    rules = dict(rule.strip().partition(" ")[::2] for rule in found.policy.split(";"))
    script, style = found.inside["script"], found.inside["style"]
    assert rules == {
        "default-src": "'none'",
        "style-src": hash_of(style),
        "script-src": hash_of(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(
        r"https?://|innerHTML|insertAdjacentHTML|eval\(|fetch\(|XMLHttpRequest|import\(", script + style
    )


def test_secrets_stay_out() -> None:
    assert "canary-environment" not in html(reports.everything())
    row = reports.row("a", "blocked", "see https://b.s3.amazonaws.com/k?X-Amz-Signature=c4n4ryc4n4ry")
    assert "c4n4ry" not in html(Report("plan", Plan("worktree", (), ()), (row,)))


def test_drift_is_a_page_too() -> None:
    item = Item(
        "drift", "critical", "churn-1", "approval", "approved outside Git", group="churn", by="<b>ada", at="2026"
    )
    found = seen(drift_html(Drift("0" * 40, (item,), Looked())))
    (row,) = json.loads(found.inside["script data"])["rows"]
    assert row[1:6] == ["churn-1", "churn", "", "drift", ""]
    assert ["changed by", "<b>ada"] in row[6]


def many(count: int) -> str:
    standings = (*["converged"] * 9, "blocked")
    rows = tuple(
        reports.row(
            f"team-{number}",
            standings[number % 10],
            *(["production/requireLock: it has no lock"] if number % 10 == 9 else []),
            source=f"lab-{number % 12}/experiments/{number}",
            group=f"group-{number % 40}",
            version=number + 1,
            is_now="Approved",
            arn=f"arn:aws:sagemaker:eu-west-1:111111111111:model-package/group-{number % 40}/{number + 1}",
        )
        for number in range(count)
    )
    return html(Report("plan", Plan(reports.REVISION, (), ()), rows))


def test_ten_thousand_promotions_are_not_five_megabytes() -> None:
    assert len(many(10_000).encode()) < 5_000_000


CHROMIUM = shutil.which("chromium")
browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def browsed(tmp_path: Path, page: str, place: str = "", *, width: int = 1200) -> tuple[str, str]:
    """The page's elements after its script ran, and what the browser complained of."""
    file = tmp_path / "page.html"
    file.write_text(page)
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"),
        *(f"--user-data-dir={tmp_path}/profile", f"--window-size={width},900", "--virtual-time-budget=5000"),
        f"file://{file}{place}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    complaints = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, complaints


def acting(page: str, script: str) -> str:
    """The page with a script of the test's, which its own policy would not let in."""
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    return opened.replace("</body>", f"<script>{script}</script></body>")


@pytest.mark.peer
@browser
def test_a_browser_shows_ten_thousand_promotions(tmp_path: Path) -> None:
    shown, complaints = browsed(tmp_path, many(10_000))
    assert complaints == ""
    assert 'data-ready="yes"' in shown
    assert "10000 of 10000</span>" in shown
    assert shown.count("<article") == 100


@pytest.mark.peer
@browser
def test_links_lead_to_filters_and_entries(tmp_path: Path) -> None:
    filtered, complaints = browsed(tmp_path, many(200), "#?standing=blocked&spoke=lab-9")
    assert complaints == ""
    assert re.search(r">(\d+) of 200</span>", filtered)
    assert "converged</span>" not in filtered.partition('id="rows"')[2].partition("<script")[0]
    single, _ = browsed(tmp_path, many(5000), "#row-team-4321")
    assert re.search(r'<article id="row-team-4321"><details open', single)


CLICKS = """
const said = [];
const count = () => document.getElementById("count").textContent;
const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
said.push(count());
document.querySelector("#fleet button").click(); said.push(count());
document.querySelector("button[type=reset]").click();
setTimeout(() => {
  said.push(count());
  press("/"); said.push(document.activeElement.id);
  const words = document.getElementById("words"); words.value = "team-17"; words.dispatchEvent(new Event("input"));
  setTimeout(() => { said.push(count()); document.title = said.join("|"); }, 300);
}, 100);
"""


@pytest.mark.peer
@browser
def test_clicks_keys_and_words_filter(tmp_path: Path) -> None:
    shown, complaints = browsed(tmp_path, acting(many(120), CLICKS))
    assert complaints == ""
    found = re.search(r"<title>(.*?)</title>", shown)
    assert found
    assert found.group(1) == "120 of 120|1 of 120|120 of 120|words|1 of 120"


@pytest.mark.peer
@browser
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_serious(tmp_path: Path, width: int) -> None:
    axe = TOP / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed: npm install --no-save axe-core")
    script = axe.read_text() + (
        ";axe.run().then((found) => { document.title = 'axe ' + JSON.stringify(found.violations.filter((item) =>"
        " ['serious', 'critical'].includes(item.impact)).map((item) => item.id)); });"
    )
    page = acting(html(reports.everything()), script)
    shown, _ = browsed(tmp_path, page, "#row-churn-7", width=width)
    assert "<title>axe []</title>" in shown
