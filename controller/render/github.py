"""Annotations of a GitHub workflow run, worst first: GitHub shows only the first ten of each level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.render.escape import command_data, command_property
from controller.render.notices import Level, Notice

_WORDS: Mapping[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


def github(notices: Iterable[Notice]) -> str:
    """One workflow command a line; empty when there is nothing to tell."""
    return "".join(f"{_command(item)}\n" for item in notices)


def _command(item: Notice) -> str:
    place = f"file={command_property(item.path)},line={item.line},col={item.column}," if item.path else ""
    title = command_property(f"{item.rule}: {item.about}" if item.about else item.rule)
    return f"::{_WORDS[item.level]} {place}title={title}::{command_data(item.message)}"
