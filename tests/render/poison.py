"""Makes a value of any type with the same words in every text of it: a new field cannot be forgotten."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

_PLAIN = {int: 1, float: 0.5, bool: True}


def poisoned(hint: Any, words: str, given: Mapping[str, Any] | None = None) -> Any:
    """A value of the type `hint`; `given` has what must be otherwise, by `Class.field` or `Class`."""
    known = given or {}
    if hint is str:
        return words
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint, words, known)
    return _generic(hint, words, known)


def _dataclass(cls: type, words: str, known: Mapping[str, Any]) -> Any:
    if cls.__name__ in known:
        return known[cls.__name__]
    hints = get_type_hints(cls)
    values = {}
    for one in fields(cls):
        if one.init:
            name = f"{cls.__name__}.{one.name}"
            values[one.name] = known[name] if name in known else poisoned(hints[one.name], words, known)
    return cls(**values)


def _generic(hint: Any, words: str, known: Mapping[str, Any]) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return args[0]
    if origin in (types.UnionType, typing.Union):
        return poisoned(next(arg for arg in args if arg is not type(None)), words, known)
    if origin is tuple:
        parts = args[:1] if args[-1] is Ellipsis else args
        return tuple(poisoned(part, words, known) for part in parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {poisoned(args[0], words, known): poisoned(args[1], words, known)}
    if isinstance(origin, type) and issubclass(origin, Set):
        return frozenset({poisoned(args[0], words, known)})
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return (poisoned(args[0], words, known),)
    assert hint is Any, hint
    return {words: [words]}
