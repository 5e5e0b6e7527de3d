"""From an empty folder to a model in the hub in under five minutes: what the page costs a person, by the page itself."""

from __future__ import annotations

import re

from scripts.docs_tutorial import commands
from tests.docs.pages import TOP

PAGE = TOP / "docs" / "quickstart.md"
#: A slow reader of technical English, and of what a program says, which is looked over for what the page speaks of.
WORDS, LOOKED_OVER = 200 / 60, 600 / 60
#: Somebody who types commands, with their odd characters, by hand: two or three a second.
TYPED = 150 / 60
LIMIT = 300
_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
#: What `promote` writes is there; only this is changed in it.
EDITED = ("Approved", "reason: ")


def cost(page: str) -> dict[str, float]:
    """Seconds, by what they go into."""
    text = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    blocks = [(found["info"].split(" ")[0], found["body"]) for found in _BLOCK.finditer(text)]
    shown = "".join(body for info, body in blocks if info == "console")
    typed = list(commands(shown))
    said = [line for line in shown.splitlines() if not line.startswith("$ ")]
    edits = [line.strip() for info, body in blocks if info == "yaml" for line in body.splitlines()]
    edited = [line for line in edits if any(word in line for word in EDITED)]
    ran = re.search(r"<!-- ran in ([0-9]+) s -->", page)
    assert ran
    return {
        "reading": len(_BLOCK.sub("", text).split()) / WORDS,
        "looking over": sum(len(line.split()) for line in said) / LOOKED_OVER,
        "typing": (sum(map(len, typed)) + sum(map(len, edited))) / TYPED,
        "waiting": float(ran[1]),
    }


def test_the_page_takes_less_than_five_minutes() -> None:
    found = cost(PAGE.read_text())
    assert all(found.values())
    assert sum(found.values()) < LIMIT, found


def test_all_that_it_promises_is_on_it() -> None:
    typed = "\n".join(commands(PAGE.read_text()))
    places = [typed.index(f"hubwright {name}") for name in ("init", "promote", "validate", "plan", "reconcile")]
    assert places == sorted(places)


def test_a_page_that_grows_costs_more() -> None:
    page = PAGE.read_text()
    longer = page + "word " * 200 + "\n```console\n$ " + "x" * 150 + "\n```\n"
    more = sum(cost(longer).values()) - sum(cost(page).values())
    assert 119 < more < 121
