"""The page: one file, nothing from elsewhere, no markup of others; and what a browser makes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from controller.core.drift import Drift, Item, Looked
from controller.core.plan import Plan
from controller.core.report import Report
from controller.core.scene import Moment, Origin, Scene, Series
from controller.render.html import drift_html, html
from tests.render import reports
from tests.render.inert import HIDDEN
from tests.render.test_escape import BLNS, WORDS

TOP = Path(__file__).parents[2]
FRAME = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "main", "noscript", "form", "label"),
    *("input", "select", "option", "button", "section", "span", "div", "table", "script", "ul", "ol"),
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
    return html(many_rows(count))


def many_rows(count: int) -> Report:
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
    return Report("plan", Plan(reports.REVISION, (), ()), rows)


def staged(count: int) -> Report:
    """A plan with everything beside it: history, figures, parts, readers and an earlier plan."""
    names = [f"team-{number}" for number in range(count)]
    moments = tuple(
        Moment(
            f"2026-{1 + n % 12:02}-{1 + n % 28:02}T09:14:03Z", f"group-{n % 40}", name, "", "Approved", "Ada", "pull #1"
        )
        for n, name in enumerate(names[:1000])
    )
    points = tuple((n, round(0.9 + n % 7 / 100, 2), "Approved" if n % 3 else "Rejected") for n in range(1, 40))
    series = tuple(Series(f"group-{n}", metric, points) for n in range(40) for metric in ("auc", "rmse"))
    parts = dict.fromkeys(names, ("serve@sha256:abababababab", "model.tar.gz"))
    readers = {f"group-{n}": ("555555555555",) for n in range(40)}
    earlier = {name: "pending" if n % 50 == 0 else stands(n) for n, name in enumerate(names[1:], 1)}
    origins = {
        name: Origin((f"s3://lab-data/{name}/train.csv",), (f"train-{name}", "commit 1555c13c82ad")) for name in names
    }
    scene = Scene(moments, series, parts, readers, 7, {**earlier, "left-long-ago": "converged"}, origins)
    return replace(many_rows(count), scene=scene)


def stands(number: int) -> str:
    return f"{'blocked' if number % 10 == 9 else 'converged'}, Approved"


def test_ten_thousand_promotions_are_not_five_megabytes() -> None:
    assert len(html(staged(10_000)).encode()) < 5_000_000


def test_it_says_what_is_otherwise_than_in_an_earlier_report() -> None:
    data = json.loads(seen(html(staged(100))).inside["script data"])
    told = {row[1]: row[8] for row in data["rows"] if row[8] is not None}
    assert told == {"team-0": "", "team-50": "pending"}
    assert data["earlier"] == {"gone": ["left-long-ago: converged"], "left": 0}
    item = Item("drift", "critical", "churn-1", "approval", "approved outside Git", group="churn")
    page = drift_html(Drift("0" * 40, (item,), Looked()), {"another": "churn-2 image: gone"})
    data = json.loads(seen(page).inside["script data"])
    assert [row[8] for row in data["rows"]] == [""]
    assert data["earlier"]["gone"] == ["churn-2 image: gone"]


@pytest.mark.corpus
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_naughty_strings_are_data(every: int) -> None:
    for words in json.loads(BLNS.read_text())[::every]:
        moment = Moment(words, words, words, words, words, words, words)
        series = Series(words, words, ((1, 0.5, words),))
        scene = Scene(
            (moment,),
            (series,),
            {words: (words,)},
            {words: (words,)},
            0,
            {words: words},
            {words: Origin((words,), (words,))},
        )
        found = seen(html(replace(reports.hostile(words), scene=scene)))
        assert found.names <= FRAME
        assert found.addresses == []
        assert not HIDDEN.search(found.inside["script data"])
        assert json.loads(found.inside["script data"])["moments"]


CHROMIUM = shutil.which("chromium")
browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def browsed(
    tmp_path: Path, page: str, place: str = "", *, width: int = 1200, budget: int | None = 5000
) -> tuple[str, str]:
    """The page's elements after its script ran, and what the browser complained of; with a `budget` of milliseconds
    its clock is not the world's."""
    file = tmp_path / "page.html"
    file.write_text(page)
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"),
        *(f"--user-data-dir={tmp_path}/profile", f"--window-size={width},900"),
        *([f"--virtual-time-budget={budget}"] if budget else []),
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
    shown, complaints = browsed(tmp_path, html(staged(10_000)), budget=None)
    assert complaints == ""
    ready = re.search(r'data-ready="([0-9]+)"', shown)
    assert ready
    print(f"\n10,000 promotions: usable after {ready.group(1)} ms")
    assert int(ready.group(1)) < 10_000  # the aim is 2,000; this machine may be busy
    assert "10,000 of 10,000</span>" in shown
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


@pytest.mark.peer
@browser
def test_nothing_is_asked_of_any_network(tmp_path: Path) -> None:
    page = html(staged(50))
    assert asked_by(tmp_path / "whole", page) == []
    asking = acting(page, "").replace("</main>", '<img src="http://127.0.0.1:9/x.png" alt=""></main>')
    assert asked_by(tmp_path / "asking", asking) == ["http://127.0.0.1:9/x.png"]


def asked_by(place: Path, page: str) -> list[str]:
    """The addresses that a page asks for, by Chromium's own log of its network."""
    place.mkdir()
    file, log = place / "page.html", place / "net.json"
    file.write_text(page)
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--log-net-log={log}"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
        *(f"--user-data-dir={place}/profile", "--virtual-time-budget=3000", f"file://{file}#row-team-7"),
    ]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    found = requests(log.read_text())
    return list(dict.fromkeys(address for address, by in found if not address.startswith("file:") and by in OURS))


# What asks: a file's origin is opaque. The browser's own requests say `not an origin`.
OURS = ("null", "file://")


def requests(text: str) -> list[tuple[str, str]]:
    """(address, initiator) of every request in Chromium's log of its network; `not an origin` is the browser's own."""
    events = json.loads(text if text.rstrip().endswith("}") else text.rstrip().rstrip(",") + "]}")["events"]
    given = [event.get("params", {}) for event in events]
    return [(item["url"], str(item.get("initiator", ""))) for item in given if "url" in item and "initiator" in item]


@pytest.mark.peer
@browser
def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    shown, complaints = browsed(tmp_path, html(staged(200)), "#row-team-7")
    assert complaints == ""
    card = shown.partition('<article id="row-team-7">')[2].partition("</article>")[0]
    picture = re.search(r'<svg[^>]* aria-label="([^"]*)"', card)
    assert picture
    assert picture.group(1) == (
        "data: s3://lab-data/team-7/train.csv; trained by: train-team-7, commit 1555c13c82ad;"
        " source: lab-7/experiments/7; consists of: serve@sha256:abababababab, model.tar.gz;"
        " in the hub: group-7/8; read by: 555555555555"
    )
    figures = shown.partition('id="sparks"')[2].partition("</section>")[0]
    assert figures.count("<svg") == 24
    assert shown.partition('id="fleet"')[2].partition("</table>")[0].count("<svg") == 40
    assert "now 0.94</span>" in figures
    assert shown.partition('id="moments"')[2].partition("</ol>")[0].count("<li>") == 20
    assert "4 otherwise or new, 1 no longer there." in shown


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
    axe = TOP / "tests" / "peers" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed: scripts/peers")
    script = axe.read_text() + (
        ";axe.run().then((found) => { document.title = 'axe ' + JSON.stringify(found.violations.filter((item) =>"
        " ['serious', 'critical'].includes(item.impact)).map((item) => item.id)); });"
    )
    page = acting(html(staged(60)), script)
    shown, _ = browsed(tmp_path, page, "#row-team-7", width=width)
    assert "<title>axe []</title>" in shown
