"""Manifests and locks as YAML text: the same data gives the same bytes, and the strict loader reads them back."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from controller.source import strict

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+=-]*(?::[A-Za-z0-9._/@+=-]+)*(?: [A-Za-z0-9(][A-Za-z0-9._/@+=(),;-]*)*")
# Words that other readers of YAML take for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NUMBER_LIKE = re.compile(r"[-+.0-9][-+.0-9_:eExXoObBa-fA-FTZtz ]*")
# What nobody sees in a diff: direction, joiners, tags, line breaks of other kinds, letters that are drawn as nothing.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_LONGEST = 1_000  # characters of a key with its quotes; YAML takes a longer one for no key


def to_yaml(data: dict[str, Any]) -> str:
    """`data` (JSON data, keys in the order given) as one document; raises `ValueError` for what YAML must not hold."""
    return "".join(f"{line}\n" for line in _mapping(data))


def _mapping(data: dict[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        name = _text(key)
        if len(name) > _LONGEST:
            raise ValueError(f"a name of more than {_LONGEST} characters")
        yield from _headed(f"{name}:", value)


def _list(items: list[Any]) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict | list | tuple) and item:
            first, *rest = _block(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
        else:
            yield f"- {_scalar(item)}"


def _headed(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict | list | tuple) and value:
        yield head
        yield from (f"  {line}" for line in _block(value))
    else:
        yield f"{head} {_scalar(value)}"


def _block(value: Any) -> Iterator[str]:
    return _mapping(value) if isinstance(value, dict) else _list(list(value))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int) and len(str(abs(value))) > strict.MAX_DIGITS:
        raise ValueError(f"a number of more than {strict.MAX_DIGITS} digits")
    if isinstance(value, dict | list | tuple):
        return "{}" if isinstance(value, dict) else "[]"
    return json.dumps(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


def _text(text: str) -> str:
    if strict.FORBIDDEN.search(text):
        raise ValueError("a control character")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and not _NUMBER_LIKE.fullmatch(text)
    if plain:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isascii() else "".join(char if _seen(char) else _code(char) for char in quoted)


def _seen(char: str) -> bool:
    return unicodedata.category(char) not in _HIDDEN and char not in _FILLERS


def _code(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
