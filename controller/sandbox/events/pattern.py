"""Event patterns, as EventBridge documents them: exact values and the content filters."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any

Check = Callable[[Any, Any], bool]


class PatternError(ValueError):
    """A pattern that EventBridge would not take."""


def _text(test: Callable[[str, str], bool]) -> Check:
    def check(value: Any, wanted: Any) -> bool:
        if isinstance(wanted, dict):  # {"equals-ignore-case": "…"} inside prefix and suffix
            return isinstance(value, str) and test(value.lower(), str(wanted["equals-ignore-case"]).lower())
        return isinstance(value, str) and test(value, str(wanted))

    return check


def _wild(value: str, wanted: str) -> bool:
    parts = re.split(r"(?<!\\)\*", wanted)
    return re.fullmatch(".*".join(re.escape(part.replace("\\*", "*")) for part in parts), value, re.DOTALL) is not None


def _numeric(value: Any, wanted: list[Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    tests = {
        "=": lambda a, b: a == b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    return all(tests[sign](value, bound) for sign, bound in zip(wanted[::2], wanted[1::2], strict=True))


def _cidr(value: Any, wanted: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted)
    except ValueError:
        return False


def _anything_but(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        ((name, inner),) = wanted.items()
        inners = inner if isinstance(inner, list) else [inner]
        return not any(_FILTERS[name](value, item) for item in inners)
    return not any(_equal(value, item) for item in (wanted if isinstance(wanted, list) else [wanted]))


_FILTERS: dict[str, Check] = {
    "prefix": _text(str.startswith),
    "suffix": _text(str.endswith),
    "equals-ignore-case": lambda value, wanted: isinstance(value, str) and value.lower() == str(wanted).lower(),
    "wildcard": _text(_wild),
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}


def _equal(value: Any, wanted: Any) -> bool:
    """Equal as JSON values: 1 is 1.0, but not true, and not "1"."""
    return value == wanted and isinstance(value, bool) is isinstance(wanted, bool)


def _meets(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return _equal(value, wanted)
    ((name, inner),) = wanted.items()
    return _FILTERS[name](value, inner)


_ABSENT = object()


def _leaf(values: list[Any], choices: list[Any]) -> bool:
    """Whether any value that stands in the event at this place meets any of the choices."""
    present = values != [_ABSENT]
    for choice in choices:
        if isinstance(choice, dict) and "exists" in choice:
            if choice["exists"] is present:
                return True
        elif present and any(_meets(value, choice) for value in values):
            return True
    return False


def _within(pattern: dict[str, Any], event: Any) -> bool:
    if isinstance(event, list):
        return any(_within(pattern, item) for item in event)
    here = event if isinstance(event, dict) else {}
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list):
            if not any(_within(choice, here) for choice in wanted):
                return False
            continue
        value = here.get(name, _ABSENT)
        if isinstance(wanted, dict):
            if not _within(wanted, {} if value is _ABSENT else value):
                return False
        elif not _leaf(value if isinstance(value, list) else [value], wanted):
            return False
    return True


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether an event meets a pattern that `read_pattern` took."""
    return _within(pattern, event)


def _check_filter(choice: dict[str, Any]) -> None:
    if len(choice) != 1:
        raise PatternError("Only one key allowed in match expression")
    ((name, inner),) = choice.items()
    if name == "exists":
        if not isinstance(inner, bool):
            raise PatternError("exists match pattern must be either true or false.")
    elif name not in _FILTERS:
        raise PatternError(f"Unrecognized match type {name}")
    elif name == "numeric" and (not isinstance(inner, list) or not inner or len(inner) % 2):
        raise PatternError("Bad numeric range operator")
    elif name == "anything-but" and isinstance(inner, dict):
        _check_filter(inner)


def _check(pattern: Any) -> None:
    if not isinstance(pattern, dict) or not pattern:
        raise PatternError("Pattern must be a non-empty object")
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list):
            for choice in wanted:
                _check(choice)
        elif isinstance(wanted, dict):
            _check(wanted)
        elif not isinstance(wanted, list):
            raise PatternError(f'"{name}" must be an object or an array')
        elif not wanted:
            raise PatternError("Empty arrays are not allowed")
        else:
            for choice in wanted:
                if isinstance(choice, list):
                    raise PatternError("Match value must be String, number, true, false, or null")
                if isinstance(choice, dict):
                    _check_filter(choice)


def read_pattern(text: str) -> dict[str, Any]:
    """The pattern of a JSON text; `PatternError` says what is wrong with it."""
    try:
        pattern = json.loads(text)
    except ValueError as fault:
        raise PatternError("Event pattern contains invalid JSON") from fault
    _check(pattern)
    found: dict[str, Any] = pattern
    return found
