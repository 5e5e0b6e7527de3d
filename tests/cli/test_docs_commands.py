"""Every `hubwright …` in a block of the docs is a command that is there, with options that it takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from controller.cli.answers import hubwright

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(console|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_END = re.compile(r"\s(?:[|>&;]|2>|\|\||&&)|[;)]\s|;$|\s#\s")


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each call of `hubwright` in a page's blocks: of console blocks only what follows a prompt."""
    for kind, block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if kind == "console" and not line.startswith("$ "):
                continue
            for found in re.finditer(r"(?:^|[\s(])hubwright (?=[a-z-])", line.removeprefix("$ ")):
                rest = line.removeprefix("$ ")[found.end() :]
                yield shlex.split(_END.split(rest, maxsplit=1)[0], comments=True)


def named(text: str) -> Iterator[list[str]]:
    """The arguments of each call in the text itself, where it gives options or more than a command's name."""
    for found in re.findall(r"`hubwright ([a-z-]+ [^`…]*)`", text):
        yield shlex.split(found)


def fault(arguments: list[str]) -> str:
    """Why a command line is none, or an empty text. Nothing runs."""
    command: click.Command = hubwright
    context = click.Context(command, info_name="hubwright")
    rest = arguments
    try:
        while isinstance(command, click.Group) and rest:
            if rest[0].startswith("-"):
                return "" if rest[0] in ("--help", "--version", "-h") else f"no option {rest[0]}"
            found = command.get_command(context, rest[0])
            if found is None:
                return f"no command {rest[0]}"
            command, context, rest = found, click.Context(found, parent=context, info_name=rest[0]), rest[1:]
        if "--help" not in rest:
            _checked(command, context, rest)
    except click.UsageError as error:
        return error.format_message()
    return ""


def _checked(command: click.Command, context: click.Context, rest: list[str]) -> None:
    """Parses without looking at what files there are."""
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    command.parse_args(context, list(rest))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_one(page: Path) -> None:
    text = page.read_text("utf-8")
    faults = [(" ".join(line), why) for line in (*commands(text), *named(text)) if (why := fault(line))]
    assert faults == []


def test_the_check_can_fail() -> None:
    text = "```console\n$ hubwright plan --colour | cat\nhubwright nothing\n$ hubwright nonsense\n```\n"
    assert [bool(fault(line)) for line in commands(text)] == [True, True]
    assert fault(["lock", "--nothing"]).startswith("No such option")
    assert sum(len(list(commands(page.read_text("utf-8")))) for page in PAGES) >= 15
    assert sum(len(list(named(page.read_text("utf-8")))) for page in PAGES) >= 15
