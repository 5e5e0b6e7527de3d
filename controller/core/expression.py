"""Expressions of gates: what may stand in one, so that it always ends, at once, in true or false. Pure.

A part of CEL (the Common Expression Language): numbers, comparisons, `+ - *`, `&& || !`, `? :` and parentheses. No
calls, no lists, no texts; and no division, because what is divided by nothing is infinite, and so above every bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from controller.core.canonical import canonical

LONGEST = 500  # characters
_DEEPEST = 16  # parentheses within parentheses
_PRODUCTS = 8
LARGEST = Decimal("1e30")
"""Of every number: so that nothing which eight products and the longest sums may come to is beyond a double."""
_SIGNS = 2  # one after another, such as `!-`
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?)|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>&&|\|\||[<>=!]=|[-+*<>!?:()]))",
    re.ASCII,
)
_METRIC = "metrics."
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_UNEVEN = "its parentheses do not match"
_UNLIKE = "it compares what a comparison says: join them with && or || instead"


def fault(text: str, names: Iterable[str]) -> str:
    """Why this is no expression for a gate with these metrics, or an empty text. What CEL itself does not take is only
    known when it is evaluated."""
    if len(text) > LONGEST:
        return f"it has {len(text)} characters, and at most {LONGEST} are read"
    try:
        found = [*_tokens(text)]
    except ValueError as error:
        return str(error)
    known = {*names}
    used = {word.removeprefix(_METRIC) for kind, word in found if kind == "name" and word.startswith(_METRIC)}
    if unknown := sorted(used - known):
        return f"metrics.{unknown[0]} is none of its metrics"
    if unused := sorted(known - used):
        return f"its metric {unused[0]} is not used in it"
    return _shape(found)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            raise ValueError(_stranger(text, at))
        kind = match.lastgroup or ""
        word = match.group(kind)
        if kind == "name" and word not in ("true", "false") and not re.fullmatch(r"metrics\.[A-Za-z_]\w*", word):
            raise ValueError(f"{word} is not known: metrics are named metrics.NAME, and nothing can be called")
        if kind == "number" and Decimal(word) > LARGEST:
            raise ValueError(f"{word} is too large a number")
        yield kind, word
        at = match.end()


def _stranger(text: str, at: int) -> str:
    sign = text[at:].lstrip()[0]
    if sign == "/":
        return "it divides, and what is divided by nothing passes every bar: write a > b * 2.0 for a / b > 2.0"
    return f"{sign!r} may not stand in it, only metrics, numbers, + - * < <= > >= == != && || ! ? : ( )"


def _shape(found: list[tuple[str, str]]) -> str:
    deep, signs, products = 0, 0, sum(word == "*" for _, word in found)
    if products > _PRODUCTS:
        return f"it multiplies {products} times, and at most {_PRODUCTS} are allowed"
    before = "("
    for kind, word in found:
        deep += (word == "(") - (word == ")")
        if deep > _DEEPEST:
            return f"it has more than {_DEEPEST} parentheses within each other"
        if deep < 0:
            return _UNEVEN
        opens = kind == "sign" and word in "!-" and before not in (")", "")
        signs = signs + 1 if opens else 0
        if signs > _SIGNS:
            return f"it has more than {_SIGNS} signs one after another"
        before = word if kind == "sign" else ""
    if deep:
        return _UNEVEN
    return _compared(found) if found else "it is empty"


@dataclass(slots=True)
class _Level:
    """What stands within one pair of parentheses so far."""

    compares: bool = False  # since the last && || ? :
    decides: bool = False
    chooses: bool = False


def _compared(found: list[tuple[str, str]]) -> str:
    """Only numbers are compared: CEL says of a truth and a number that they differ, and a mistake would pass."""
    levels, truth = [_Level()], False  # whether the operand that has just ended is true or false
    for kind, word in found:
        here = levels[-1]
        if kind == "sign" and word in _COMPARISONS:
            if here.compares or truth:
                return _UNLIKE
            here.compares = here.decides = True
        elif word in ("&&", "||", "?", ":"):
            here.compares, here.decides, here.chooses = False, True, here.chooses or word == "?"
        elif word == "(":
            levels.append(_Level())
        elif word == ")":
            levels.pop()
        truth = word in ("true", "false") or (word == ")" and here.decides and not here.chooses)
        if truth and levels[-1].compares:
            return _UNLIKE
    return ""


def written(text: str) -> str:
    """The expression as it is evaluated: every number of it a double, as every metric is."""
    words = [word + ".0" if kind == "number" and word.isdigit() else word for kind, word in _tokens(text)]
    return " ".join(words)


def key_of(text: str, names: Mapping[str, str]) -> str:
    """Names an expression together with its metrics."""
    return canonical([text, dict(names)])
