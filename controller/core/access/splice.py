"""Our statements in a policy that others write too: put in and taken out, theirs untouched byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.access.statement import Statement, meaning, policy_text
from controller.core.canonical import canonical

Ours = Callable[[object], bool]
"""Whether a Sid is ours."""
_DECODER = json.JSONDecoder(object_pairs_hook=lambda pairs: _once(pairs))
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class _Element:
    """One statement: its text from `start` to `end`, and what it says."""

    start: int
    end: int
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Policy:
    """A policy's text taken apart. The value of `Statement` is from `start` to `end`; `alone`: it is no list."""

    text: str
    start: int
    end: int
    alone: bool
    elements: tuple[_Element, ...]
    members: tuple[str, ...]


def present(text: str | None, wished: Mapping[str, Statement], ours: Ours, partition: str) -> dict[str, dict[str, Any]]:
    """Our statements in a policy by Sid, in normal form; a wished one that others have said already counts as there.

    ValueError for what is no policy.
    """
    if not text:
        return {}
    parsed = _parse(text)
    found = {
        str(item.value["Sid"]): meaning(item.value, partition)
        for item in parsed.elements
        if ours(item.value.get("Sid"))
    }
    others = [meaning(item.value, partition) for item in parsed.elements if not ours(item.value.get("Sid"))]
    said = {name: dict(wish) for name, wish in wished.items() if name not in found and wish in others}
    return found | said


def merged(text: str | None, wished: Mapping[str, Statement], ours: Ours, partition: str) -> str | None:
    """The policy with exactly the wished statements of ours; None when nothing is left of it.

    A text that says so already comes back as it is. Statements of others keep their bytes and their order.
    """
    if not text:
        return policy_text(wished) if wished else None
    if present(text, wished, ours, partition) == {name: dict(wish) for name, wish in wished.items()}:
        return text
    parsed = _parse(text)
    theirs = [item for item in parsed.elements if not ours(item.value.get("Sid"))]
    if not theirs and set(parsed.members) <= {"Version", "Statement"}:
        return policy_text(wished) if wished else None
    said = [meaning(item.value, partition) for item in theirs]
    added = [canonical({"Sid": name, **wish}) for name, wish in sorted(wished.items()) if dict(wish) not in said]
    return text[: parsed.start] + _list(parsed, theirs, added) + text[parsed.end :]


def _list(parsed: _Policy, theirs: list[_Element], added: list[str]) -> str:
    """The list of statements: theirs with the text before each as it was, then ours."""
    if parsed.alone:
        return "[" + ",".join([parsed.text[item.start : item.end] for item in theirs] + added) + "]"
    if not theirs:
        return "[" + ",".join(added) + "]"
    ends = {item.start: before.end for before, item in zip(parsed.elements, parsed.elements[1:], strict=False)}
    first, last = parsed.elements[0], parsed.elements[-1]
    out = parsed.text[parsed.start : first.start] + parsed.text[theirs[0].start : theirs[0].end]
    for item in theirs[1:]:
        out += parsed.text[ends[item.start] : item.end]
    out += "".join("," + item for item in added)
    return out + parsed.text[last.end : parsed.end]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _parse(text: str) -> _Policy:
    try:
        whole = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(whole, dict) or "Statement" not in whole:
        raise ValueError("it has no statements")
    start, end = _member(text, "Statement")
    alone = text[start] != "["
    elements = (_element(text, start),) if alone else tuple(_elements(text, start))
    return _Policy(text, start, end, alone, elements, tuple(whole))


def _member(text: str, wanted: str) -> tuple[int, int]:
    """Where the value of a member of the outermost object is."""
    at = _skip(text, text.index("{") + 1)
    while True:
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        if name == wanted:
            return at, end
        at = _skip(text, _skip(text, end) + 1)


def _elements(text: str, start: int) -> list[_Element]:
    found: list[_Element] = []
    at = _skip(text, start + 1)
    while text[at] != "]":
        found.append(_element(text, at))
        at = _skip(text, found[-1].end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _element(text: str, at: int) -> _Element:
    value, end = _DECODER.raw_decode(text, at)
    if not isinstance(value, dict):
        raise ValueError("one of its statements is no object")
    return _Element(at, end, value)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
