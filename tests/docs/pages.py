"""The commands of the docs: what stands in their blocks, in the text with options, and what only names a command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[2]
PAGES = (TOP / "README.md", *sorted((TOP / "docs").glob("*.md")))
_FENCED = re.compile(r"^ *```(?P<info>[^\n`]*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_PROGRAMS = ("hubwright", "git", "make", "openssl", "skopeo")
_SHELL = ("console", "sh", "bash")
_SAID = re.compile(r"`(hubwright [a-z-]+ [^`]+)`")
_NAMED = re.compile(r"\bhubwright ([a-z][a-z-]+)")
_GROUPS = ("access", "new")
_STEP = re.compile(r"^ *- run: (hubwright .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Written:
    """A command as a page has it, and the line it begins at."""

    page: str
    line: int
    text: str


def written(path: Path) -> list[Written]:
    """The commands of a page in its order."""
    text = path.read_text("utf-8")
    found = [*_blocks(text), *_inline(text)]
    return [Written(path.name, text[:at].count("\n") + 1, command) for at, command in sorted(found)]


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    for block in _FENCED.finditer(text):
        info = block["info"].split(" ")[0]
        if info in _SHELL or (not info and block["body"].strip().startswith(_PROGRAMS)):
            yield from _lines(block["body"], block.start("body"), console=info == "console")
        elif info == "yaml":
            yield from ((block.start("body") + step.start(), step[1]) for step in _STEP.finditer(block["body"]))


def _lines(body: str, start: int, *, console: bool) -> Iterator[tuple[int, str]]:
    joined = re.sub(r"\\\n", lambda found: " " * len(found[0]), body)  # as long as it was: places stay places
    at = start
    for line in joined.splitlines(keepends=True):
        prompt = "$ " if console else ""
        command = re.sub(r"\s{2,}", " ", re.sub(r"\s{2,}#.*$", "", line.strip())).strip()
        if command.startswith(prompt) and command:
            yield at, command.removeprefix(prompt)
        at += len(line)


def _inline(text: str) -> Iterator[tuple[int, str]]:
    """What the text itself says with more than a command's name."""
    plain = _FENCED.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    for found in _SAID.finditer(plain):
        words = found[1].split()
        if len(words) > (3 if words[1] in _GROUPS else 2):
            yield found.start(), " ".join(words)


def named(path: Path) -> set[str]:
    """Every command that a page names in any way: its words below `hubwright`."""
    return set(_NAMED.findall(path.read_text("utf-8")))
