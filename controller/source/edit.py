"""Changes a manifest's text in as few places as possible, so that a reviewer sees what changed and comments stay.

Whatever is written is read back: when it does not say exactly what was asked for, the document is written anew.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from controller.core.problems import Where
from controller.source import strict
from controller.source.write import to_yaml

GONE = object()
"""Stands for a key that is to be taken out."""

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_PLAIN = re.compile(r"[^\s#][^#\n]*?(?=\s+#|\s*$)")
_IN_FLOW = re.compile(r"[^\s,\]}]+(?: +[^\s,\]}#]+)*")


def edited(data: bytes, changes: Mapping[Where, Any]) -> str:
    """The document with each value in its place, or `GONE`. Its text is otherwise kept as it is, as far as it can be.

    The parent of every place must be a mapping that is there. `strict.StrictError` when the text is not a document.
    """
    wanted = copy.deepcopy(strict.read(data).data)
    for where, value in changes.items():
        _set(wanted, where, value)
    text = data.decode("utf-8")
    for where, value in changes.items():
        text = _one(text, where, value)
    return text if _says(text, wanted) else _anew(data.decode("utf-8"), wanted)


def _set(data: Any, where: Where, value: Any) -> None:
    for part in where[:-1]:
        data = data[part]
    if value is GONE:
        data.pop(where[-1], None)
    else:
        data[where[-1]] = value


def _says(text: str, wanted: Any) -> bool:
    try:
        return bool(strict.read(text.encode()).data == wanted)
    except strict.StrictError:
        return False


def _anew(text: str, wanted: Any) -> str:
    """The whole document written out; what stood above it as comments stays."""
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(f"{line}\n")
    return "".join(head) + to_yaml(wanted)


def _one(text: str, where: Where, value: Any) -> str:
    """One change; the text as it is where it cannot be made in place."""
    try:
        document = strict.read(text.encode())
    except strict.StrictError:
        return text
    lines = text.splitlines(keepends=True)
    if where in document.values and where in document.keys:
        return _replaced(lines, document, where, value)
    return text if value is GONE else _inserted(lines, document, where, value)


def _replaced(lines: list[str], document: strict.Document, where: Where, value: Any) -> str:
    line, column = document.values[where]
    key_line, _ = document.keys[where]
    if value is GONE:
        alone = line == key_line and lines[line - 1].strip().startswith(str(where[-1]))
        return "".join(lines[: line - 1] + lines[line:]) if alone else "".join(lines)
    if isinstance(value, dict | list):
        return "".join(lines)
    old = lines[line - 1]
    rest = old[column - 1 :]
    flow = not lines[key_line - 1].lstrip().startswith(str(where[-1]))
    found = _QUOTED.match(rest) or (_IN_FLOW if flow else _PLAIN).match(rest.rstrip("\n"))
    if found is None:
        return "".join(lines)
    lines[line - 1] = old[: column - 1] + _scalar(value) + rest[found.end() :]
    return "".join(lines)


def _inserted(lines: list[str], document: strict.Document, where: Where, value: Any) -> str:
    """A new key, below the last one of its mapping that is one line, or at its beginning."""
    beside = sorted(place for key, place in document.keys.items() if key[:-1] == where[:-1] and len(key) == len(where))
    if not beside:
        return "".join(lines)
    column = beside[0][1]
    simple = [
        key for key in document.keys if key[:-1] == where[:-1] and len(key) == len(where) and _short(document, key)
    ]
    after = max((document.keys[key][0] for key in simple), default=beside[0][0] - 1)
    block = "".join(f"{' ' * (column - 1)}{line}\n" for line in to_yaml({str(where[-1]): value}).splitlines())
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += "\n"
    return "".join([*lines[:after], block, *lines[after:]])


def _short(document: strict.Document, key: Where) -> bool:
    """Whether a key and its value stand in one line, as far as can be told from where things begin."""
    line = document.keys[key][0]
    inside = [place[0] for other, place in document.values.items() if other[: len(key)] == key]
    return all(place == line for place in inside)


def _scalar(value: Any) -> str:
    return to_yaml({"k": value}).removeprefix("k: ").rstrip("\n")
