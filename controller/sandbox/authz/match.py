"""Patterns of policies: wildcards, policy variables, and ARNs part by part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

Context = Mapping[str, tuple[str, ...]]
"""The request's context: keys in lower case, each with its values; a key that is absent has none."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_COLON = re.compile(r":(?![^{}]*\})")
_LITERALS = {"*": "*", "?": "?", "$": "$"}


@lru_cache(maxsize=8192)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_wild(pattern), re.DOTALL)


def _wild(pattern: str) -> str:
    return "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)


def glob(pattern: str, value: str) -> bool:
    """Whether a text meets a pattern of `*` and `?`; there are no variables in it."""
    return pattern in ("*", value) or _compiled(pattern).fullmatch(value) is not None


def _value_of(name: str, context: Context) -> str | None:
    """What a variable stands for: a single value of the context, its default, None when there is neither."""
    name, _, usual = name.partition(",")
    values = context.get(name.strip().lower(), ())
    if len(values) == 1:
        return values[0]
    usual = usual.strip()
    return usual[1:-1] if len(usual) >= 2 and usual[0] == usual[-1] == "'" else None


def expand(pattern: str, context: Context, *, wild: bool) -> re.Pattern[str] | None:
    """A pattern with its variables filled in, whose values stand for themselves; None when one has no value.

    Without `wild`, `*` and `?` stand for themselves, too.
    """
    parts, at = [], 0
    for found in _VARIABLE.finditer(pattern):
        text = pattern[at : found.start()]
        value = _LITERALS.get(found[1]) or _value_of(found[1], context)
        if value is None:
            return None
        parts += [_wild(text) if wild else re.escape(text), re.escape(value)]
        at = found.end()
    tail = pattern[at:]
    return re.compile("".join(parts) + (_wild(tail) if wild else re.escape(tail)), re.DOTALL)


def meets(pattern: str, value: str, context: Context, *, variables: bool, wild: bool = True) -> bool:
    """Whether a text meets one pattern of a policy."""
    if variables and "${" in pattern:
        expanded = expand(pattern, context, wild=wild)
        return expanded is not None and expanded.fullmatch(value) is not None
    return glob(pattern, value) if wild else pattern == value


@lru_cache(maxsize=8192)
def _parts(pattern: str) -> list[str]:
    """The six parts of an ARN; colons inside of variables do not count."""
    return _COLON.split(pattern, maxsplit=5)


def meets_arn(pattern: str, value: str, context: Context, *, variables: bool) -> bool:
    """Whether an ARN meets a pattern, part by part: wildcards do not reach over the first five colons.

    `*` alone meets all; any other pattern that is no whole ARN meets nothing.
    """
    if pattern in ("*", value):
        return True
    parts, given = _parts(pattern), value.split(":", 5)
    if len(parts) != 6 or len(given) != 6:
        return False
    return all(meets(a, b, context, variables=variables) for a, b in zip(parts, given, strict=True))
