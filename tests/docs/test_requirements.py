"""The locked requirements are whole: whoever installs one of the files by its hashes has all that it needs."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
EXTRAS = {"run": ["expressions"], "sandbox": ["sandbox"], "dev": ["dev"]}
_NAME = re.compile(r"([A-Za-z0-9._-]+) *(?:\[([^]]*)\])?")


def split(requirement: str) -> tuple[str, tuple[str, ...], str]:
    """A requirement's name, extras and marker."""
    said, _, marker = requirement.partition(";")
    found = _NAME.match(said.strip())
    assert found is not None
    extras = tuple(part.strip() for part in (found[2] or "").split(",") if part.strip())
    return re.sub(r"[-_.]+", "-", found[1]).lower(), extras, marker


def applies(marker: str, extras: tuple[str, ...]) -> bool:
    """Whether a marker holds here. Only extras are looked at: a marker of platforms counts as one that does not."""
    if not marker.strip():
        return True
    wanted = re.fullmatch(r"extra == ['\"]([^'\"]+)['\"]", marker.strip())
    return wanted is not None and wanted[1] in extras


def needed(name: str, extras: tuple[str, ...], found: dict[str, set[str]]) -> None:
    """Everything that a requirement brings with it, as what is installed here says it, into `found`."""
    if set(extras) <= found.setdefault(name, set()) and "" in found[name]:
        return
    found[name] |= {"", *extras}
    own = PROJECT["optional-dependencies"] if name == PROJECT["name"] else {}
    lines = [line for extra in extras for line in own.get(extra, [])]
    lines += PROJECT["dependencies"] if name == PROJECT["name"] else metadata.requires(name) or []
    for line in lines:
        other, more, marker = split(line)
        if applies(marker, tuple(extras)):
            needed(other, more, found)


@pytest.mark.parametrize("name", EXTRAS)
def test_a_locked_file_has_all_that_what_is_in_it_needs(name: str) -> None:
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (TOP / "requirements" / f"{name}.txt").read_text()))
    found: dict[str, set[str]] = {}
    needed(PROJECT["name"], tuple(EXTRAS[name]), found)
    assert sorted(set(found) - locked - {PROJECT["name"]}) == []
