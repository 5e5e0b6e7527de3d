"""Strict YAML: plain data, one document, and the line and column of everything.

Read from parser events, never composed: composing deep nesting with libyaml ends the process. What YAML 1.1 would turn
into something else (`yes`, `012`, `0x1F`, `12:30:45`, `2026-11-22`, `1_000`, `1e5`) stays the text it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from controller.core.problems import Where, shown
from controller.source.layout import Fault, Layout

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_NODES = 20_000
MAX_DIGITS = 18  # fits 64 bits, and every JSON reader

_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?")
_OTHER_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|0o[0-7]+")
# Not allowed anywhere, not even as escapes such as "\0": control characters, lone surrogates, non-characters.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
# Line breaks in YAML 1.1 and none in 1.2: the same text would mean two things.
_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")


class StrictError(Exception):
    """The text is not a strict document; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None); where its values and keys begin (line, column from 1)."""

    data: Any
    values: dict[Where, tuple[int, int]]
    keys: dict[Where, tuple[int, int]]

    def at(self, where: Where, *, key: bool = False) -> tuple[int, int]:
        """The position of the value at `where`, or of its key; of the nearest parent when there is none."""
        if key and where in self.keys:
            return self.keys[where]
        while where and where not in self.values:
            where = where[:-1]
        return self.values.get(where, (1, 1))


@dataclass(slots=True)
class _Frame:
    where: Where
    items: dict[str, Any] | list[Any]
    flow: bool
    line: int  # where it begins, from 0
    indent: int  # column of the innermost block around its items, from 0; -1 when there is none
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    layout: Layout
    values: dict[Where, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Where, tuple[int, int]] = field(default_factory=dict)
    frames: list[_Frame] = field(default_factory=list)
    data: Any = None
    nodes: int = 0
    documents: int = 0

    def node(self, event: Any) -> None:
        """What holds for every scalar, list and mapping."""
        mark = event.start_mark
        if event.anchor is not None:
            raise _refused("anchors are not allowed", mark, "write the value out where it is used")
        if event.tag is not None:
            raise _refused(f"tags are not allowed, found {shown(event.tag)}", mark, "remove it, or quote the value")
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _refused(f"more than {MAX_NODES} values in one document", mark)

    def wants_key(self) -> bool:
        """Whether the next node is a mapping's key."""
        return bool(self.frames) and isinstance(self.frames[-1].items, dict) and self.frames[-1].key is None

    def add(self, value: Any, mark: Any) -> Where:
        """Puts a value where the document is at; its place."""
        position = (mark.line + 1, mark.column + 1)
        if not self.frames:
            self.data = value
            self.values[()] = position
            return ()
        frame = self.frames[-1]
        part: str | int
        if isinstance(frame.items, list):
            part = len(frame.items)
            frame.items.append(value)
        else:
            part = frame.key or ""
            frame.items[part] = value
            frame.key = None
        where = (*frame.where, part)
        self.values[where] = position
        return where

    def indent(self) -> int:
        """The column of the innermost block; -1 at the top."""
        return self.frames[-1].indent if self.frames else -1

    def open(self, event: Any, items: dict[str, Any] | list[Any]) -> None:
        """A list or a mapping begins."""
        mark, flow = event.start_mark, bool(event.flow_style)
        if self.wants_key():
            raise _refused("a key must be a word, not a list or a mapping", mark, "quote it if it begins with { or [")
        if len(self.frames) >= MAX_DEPTH:
            raise _refused(f"nested deeper than {MAX_DEPTH}", mark)
        if flow:
            _check(self.layout.opened(event))
        indent = self.indent() if flow else mark.column
        self.frames.append(_Frame(self.add(items, mark), items, flow, mark.line, indent))

    def close(self, event: Any) -> None:
        """A list or a mapping ends."""
        frame = self.frames.pop()
        if frame.flow:
            outermost = not (self.frames and self.frames[-1].flow)
            _check(self.layout.closed(frame.line, event, frame.indent, outermost=outermost))

    def scalar(self, event: Any) -> None:
        """A key, or a value that is no list or mapping."""
        mark = event.start_mark
        found = FORBIDDEN.search(event.value) if event.style == '"' else None  # the text itself has been searched
        if found:
            raise _refused(f"the character U+{ord(found.group()):04X} is not allowed", mark)
        _check(self.layout.scalar(event, self.indent()))
        if self.wants_key():
            self.named(event)
        else:
            self.add(plain_value(event.value, mark) if event.implicit[0] else event.value, mark)

    def named(self, event: Any) -> None:
        """A mapping's key: its text, whatever it looks like."""
        mark, frame = event.start_mark, self.frames[-1]
        key, position = event.value, (mark.line + 1, mark.column + 1)
        if event.implicit[0] and key == "<<":
            raise _refused("merge keys are not allowed", mark, "write the keys out")
        if event.implicit[0] and key == "":
            raise _refused("a key is missing before the colon", mark)
        where = (*frame.where, key)
        if where in self.keys:
            first = self.keys[where]
            raise _refused(
                f"the key {shown(key)} appears twice", mark, f"it is already in line {first[0]}, column {first[1]}"
            )
        frame.key = key
        self.keys[where] = position


def read(data: bytes) -> Document:
    """The one document in `data` (UTF-8, at most `MAX_BYTES`); raises `StrictError` and nothing else."""
    text = _text(data)
    builder = _Builder(Layout(text))
    try:
        for event in _events(text):
            _take(builder, event)
    except StrictError:
        raise
    except (
        ValueError,
        RecursionError,
        OverflowError,
    ) as error:  # nothing known gets here; a reader's fault is the file's
        raise StrictError(f"not readable as YAML: {error}") from None
    if not builder.documents:
        raise StrictError("the file has no document", hint="remove the file, or write a manifest into it")
    return Document(builder.data, builder.values, builder.keys)


def plain_value(text: str, mark: Any = None) -> Any:
    """What an unquoted scalar means: true, false, null (also `~` and nothing), an integer, a float with a dot, or text.

    Raises `StrictError` for numbers that are too long or not finite, and for `0o14`, on which YAML's versions disagree.
    """
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if not (first.isdigit() or first in "+-."):
        return text
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > MAX_DIGITS:
            raise _refused(f"a number of more than {MAX_DIGITS} digits", mark, "quote it if it is a name")
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise _refused(f"the number {shown(text)} is too large", mark, "quote it if it is a name")
        return number
    if _OTHER_NUMBER.fullmatch(text):
        raise _refused(f"{shown(text)} is not a number here", mark, "write a finite decimal number, or quote it")
    return text


def _refused(message: str, mark: Any, hint: str = "") -> StrictError:
    line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
    return StrictError(message, line, column, hint)


def _check(fault: Fault | None) -> None:
    if fault is not None:
        raise StrictError(fault[0], fault[1] + 1, fault[2] + 1)


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise StrictError(f"larger than {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise StrictError("not UTF-8 text", *_place(before), "save the file as UTF-8") from None
    found = FORBIDDEN.search(text) or _BREAKS.search(text)
    if found:
        hint = "remove it" if FORBIDDEN.match(found.group()) else "write it as an escape in quotes, or remove it"
        message = f"the character U+{ord(found.group()):04X} is not allowed"
        raise StrictError(message, *_place(text[: found.start()]), hint)
    return text


def _place(before: str) -> tuple[int, int]:
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


def _events(text: str) -> Iterator[Any]:
    import yaml

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise _refused(f"not readable as YAML: {said}", mark, _way_out(text, said, mark)) from None
    except yaml.YAMLError as error:
        raise StrictError(f"not readable as YAML: {' '.join(str(error).split())}") from None


def _way_out(text: str, said: str, mark: Any) -> str:
    """What to do about the two faults of YAML that people make most, and whose names say nothing to them."""
    if "mapping values are not allowed" in said:
        return 'a text with ": " in it needs quotes; a key of its own, the indentation of its neighbours'
    lines = text.split("\n")
    indented = lines[mark.line][: mark.column + 1] if mark is not None and mark.line < len(lines) else ""
    return "indent with spaces, not with tabs" if "\t" in indented and not indented.strip() else ""


def _take(builder: _Builder, event: Any) -> None:
    name = type(event).__name__
    if name == "ScalarEvent":
        builder.node(event)
        builder.scalar(event)
    elif name == "MappingStartEvent":
        builder.node(event)
        builder.open(event, {})
    elif name == "SequenceStartEvent":
        builder.node(event)
        builder.open(event, [])
    elif name in ("MappingEndEvent", "SequenceEndEvent"):
        builder.close(event)
    elif name == "AliasEvent":
        raise _refused("aliases are not allowed", event.start_mark, "write the value out; quote it if it begins with *")
    elif name == "DocumentStartEvent":
        _begin(builder, event)


def _begin(builder: _Builder, event: Any) -> None:
    builder.documents += 1
    if builder.documents > 1:
        raise _refused("a second document in the file", event.start_mark, "one document per file")
    if event.version or event.tags:
        raise _refused("directives are not allowed", event.start_mark, "remove the lines that begin with %")
