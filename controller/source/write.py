"""Manifests and locks as YAML text: the same data gives the same bytes, and the strict loader reads them back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from controller.source import strict

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+=-]*(?::[A-Za-z0-9._/@+=-]+)*(?: [A-Za-z0-9(][A-Za-z0-9._/@+=(),;-]*)*")
# Words that other readers of YAML take for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NUMBER_LIKE = re.compile(r"[-+.0-9][-+.0-9_:eExXoObBa-fA-FTZtz ]*")
_ESCAPED = re.compile("[\x85\u2028\u2029\ufeff]")


def to_yaml(data: dict[str, Any]) -> str:
    """`data` (JSON data, keys in the order given) as one document; raises `ValueError` for what YAML must not hold."""
    return "".join(f"{line}\n" for line in _mapping(data))


def _mapping(data: dict[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        yield from _headed(f"{_text(key)}:", value)


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
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)
