"""What every renderer makes of a report, and that nobody's words become more than words in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

from markdown_it import MarkdownIt
from markdown_it.token import Token

from controller.core.report import Report
from controller.render.document import document, to_json
from controller.render.github import github
from controller.render.junit import of_report
from controller.render.markdown import LIMIT, markdown
from controller.render.notices import notices
from controller.render.sarif import sarif
from controller.render.text import text

ALLOWED = ("<details><summary>", "</summary>", "</details>")
PLAIN = {"text", "softbreak", "code_inline", "text_special"}


def tokens(tree: list[Token]) -> list[Token]:
    return [inner for token in tree for inner in (token, *tokens(token.children or []))]


HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u2028\u2029]")
COMMAND = re.compile(r"::(error|warning|notice) (file=[^:,]*,line=\d+,col=\d+,)?title=[^:,]*::.*")
FORMS: dict[str, Callable[[Report], str]] = {
    "text": lambda report: text(report, color=False),
    "json": lambda report: to_json(document(report)),
    "markdown": markdown,
    "github": lambda report: github(notices(report)),
    "sarif": lambda report: sarif(notices(report)),
    "junit": of_report,
}


def assert_inert(report: Report) -> None:
    """No renderer makes anything of others' words but words."""
    said = {name: form(report) for name, form in FORMS.items()}
    for name, shown in said.items():
        assert not HIDDEN.search(shown), name
        if name != "github":
            assert not [line for line in shown.split("\n") if line.strip().startswith("::")]
        if name not in ("json", "sarif"):  # there a line never begins with others' words
            assert not re.search(r"##[a-z]*\[", shown, re.IGNORECASE), name
    assert all(COMMAND.fullmatch(line) for line in said["github"].splitlines())
    assert said["json"].isascii()
    assert said["sarif"].isascii()
    for result in json.loads(said["sarif"])["runs"][0]["results"]:
        assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]]", result["message"]["text"])
    names = {item.tag for item in ET.fromstring(said["junit"]).iter()}
    assert names <= {"testsuites", "testsuite", "testcase", "failure", "system-out"}
    assert len(said["markdown"]) <= LIMIT
    assert_plain_markdown(markdown(report, limit=1 << 30))


def assert_plain_markdown(comment: str, strong: int = 0) -> None:
    """It has no element, link, image, mention or reference of others; `strong` is how often it is itself emphatic."""
    tree = tokens(MarkdownIt("gfm-like", {"linkify": False}).parse(comment))
    for token in tree:
        if token.type in ("html_block", "html_inline"):
            rest = token.content
            for tag in ALLOWED:
                rest = rest.replace(tag, "")
            assert "<" not in rest
        elif token.type == "text":
            assert not re.search(r"[@#](?!\u200b)\S|https?://|www\.", token.content)
    assert sum(token.type == "strong_open" for token in tree) <= strong
    assert {token.type for token in tree} <= PLAIN | {
        "html_block",
        "html_inline",
        "inline",
        *(
            f"{name}_{end}"
            for end in ("open", "close")
            for name in ("heading", "paragraph", "bullet_list", "list_item", "strong")
        ),
        *(f"{name}_{end}" for end in ("open", "close") for name in ("table", "thead", "tbody", "tr", "th", "td")),
    }
