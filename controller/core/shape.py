"""Whether data that anybody may have written is of the kinds that it should be. Pure; every fault is a ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEEPEST = 64
"""Levels of what AWS describes: a dozen are usual."""


def need_texts(what: str, *values: Any) -> None:
    """ValueError unless all are texts."""
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{what} is no text")


def need_counts(what: str, *values: Any) -> None:
    """ValueError unless all are whole numbers from 0 on."""
    if not all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in values):
        raise ValueError(f"{what} is no whole number")


def need_names(what: str, value: Any) -> None:
    """ValueError unless it is an object whose members are texts."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is no object")
    need_texts(what, *value, *value.values())


def need_body(what: str, value: Any) -> None:
    """ValueError unless it is an object, and no deeper than anything that AWS describes."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is no object")
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [item for one in level for item in (one.values() if isinstance(one, Mapping) else one)]
        level = [item for item in level if isinstance(item, Mapping | list)]
        if not level:
            return
    raise ValueError(f"{what} is nested deeper than {DEEPEST} levels")
