"""Nobody's words become commands, markup or mentions, whatever they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.render import escape
from controller.render.markdown import LIMIT, markdown
from controller.render.text import text
from tests.render import reports
from tests.render.inert import FORMS, assert_inert

BLNS = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
WORDS = [
    "\x1b[2J\x1b]0;title\x07",
    "a\rb\nc\td\x00e\x7f\x9b1m",
    "\u202eright\u2066to\u2069left\u200b\u200d\ufeff\u2028\u2029\u061c",
    "\U000e0041\u3164\u115f",
    "::error file=a,line=1::gone",
    "  ::set-output name=x::y",
    "##[command]x ##vso[task.setvariable]y",
    "<script>alert(1)</script><img src=x onerror=alert(1)><details>",
    "</details></summary>",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png) <https://evil.example>",
    "https://evil.example www.evil.example mail@evil.example",
    "@everyone @org/team #1 GH-1 org/repo#2",
    "# heading\n- list\n> quote\n| a | b |\n|---|---|",
    "``` `code` ``` ~~~ `",
    "*bold* _it_ **b** __b__ ~~no~~ $x$ $$y$$",
    "- [ ] task",
    "1. one",
    "+ plus",
    "=====",
    "&lt;b&gt; &#60;b&#62; &amp;",
    "\ud800 alone",
    "\\",
    "\\`",
    "a|b\\|c",
    "[ref]: https://evil.example",
    "x" * 5000,
    "",
    " ",
]


@pytest.mark.parametrize("words", WORDS)
def test_hostile_words_stay_words(words: str) -> None:
    assert_inert(reports.hostile(words))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_words_stay_words(words: str) -> None:
    assert_inert(reports.hostile(words))


@pytest.mark.corpus
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_naughty_strings_stay_words(every: int) -> None:
    for words in json.loads(BLNS.read_text())[::every]:
        assert_inert(reports.hostile(words))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("plain words, 8 %", "plain words, 8 %"),
        ("Müller 東京 🎉", "Müller 東京 🎉"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb", "a\\x0ab"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("::x", "\\x3a:x"),
        ("a::b", "a::b"),
        ("##[x", "#\\x23[x"),
    ],
)
def test_terminal(words: str, shown: str) -> None:
    assert escape.terminal(words) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("models/222222222222/churn-8.tar.gz", "models/222222222222/churn-8.tar.gz"),
        ("a_b *c*", "a\\_b \\*c\\*"),
        ("@ada #1", "@&#8203;ada #&#8203;1"),
        ("<b>", "&lt;b>"),
        ("- x", "\\- x"),
        ("12. x", "12\\. x"),
        ("https://x", "https:&#8203;//x"),
    ],
)
def test_markdown(words: str, shown: str) -> None:
    assert escape.markdown(words) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [("a", "`a`"), ("a`b", "`` a`b ``"), ("`", "`` ` ``"), (" a", "`  a `"), ("", ""), ("@a", "`@a`")],
)
def test_code(words: str, shown: str) -> None:
    assert escape.code(words) == shown


def test_environment_values_are_never_shown() -> None:
    for make in (reports.everything, reports.failed):
        report = make()
        for form in FORMS.values():
            assert "canary-environment" not in form(report)


def test_a_comment_that_is_too_long_says_so() -> None:
    report = reports.many(2000)
    comment = markdown(report)
    assert len(comment) < LIMIT
    kept = comment.count("- `~` `approval")
    assert f"- … and {2000 - kept} more, not shown here" in comment
    assert comment.count("<details>") == comment.count("</details>")
    assert text(report, color=False).count("  ~ approval") == 2000


@pytest.mark.slow
def test_the_comment_of_ten_thousand_changes_fits() -> None:
    report = reports.many(10_000)
    comment = markdown(report)
    assert len(comment.encode()) < 65_536
    kept = comment.count("- `~` `approval")
    assert kept > 100
    assert f"- … and {10_000 - kept} more, not shown here" in comment
    assert "| Approvals | 10000 |" in comment
    assert "10,000 pending" in comment.splitlines()[2]


def test_annotations_and_sarif_have_their_own_escapes() -> None:
    assert escape.command_data("100 %0A a:b,c") == "100 %250A a:b,c"
    assert escape.command_property("100 %0A a:b,c") == "100 %250A a%3Ab%2Cc"
    assert escape.sarif("[a](b) {0} \\") == "\\[a\\](b) {{0}} \\\\"
    assert escape.xml('<a b="\'">&\x00') == "&lt;a b=&quot;&#39;&quot;&gt;&amp;\\x00"
