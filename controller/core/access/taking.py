"""Access that is not taken away while some manifests are invalid: what those ask for is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.core.access.statement import Statement
from controller.core.manifests import Manifests
from controller.core.model import Action
from controller.core.plan import Plan, without
from controller.core.wish import Finding

_SILENT = frozenset({"Lock", "Waiver"})
"""Kinds that ask for no access."""
_ONE_OF = frozenset({"ArnEquals", "ArnLike", "StringEquals", "StringLike"})
"""Tests of a condition that more values make easier to pass."""


def kept_back(whole: Plan, manifests: Manifests) -> Plan:
    """The plan without what takes a statement away, or narrows it, while a manifest that may ask for it is invalid.

    What only adds goes on.
    """
    unknown = sorted(f"{kind} {name!r}".strip() for kind, name in manifests.invalid if kind not in _SILENT)
    taking = [action for action in whole.actions if takes(action)] if unknown else []
    if not taking:
        return whole
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    why = f"it would take access away, and what the invalid {', '.join(unknown[:3])}{more} may ask for is not known"
    hint = "mend or remove what is invalid (hubwright validate), then run it again"
    left = without(whole, {action.id: (why, hint) for action in taking})
    said = tuple(Finding(str(action.key), "invalid", f"left as it is: {why}", hint) for action in taking)
    return replace(left, findings=(*left.findings, *said))


def takes(action: Action) -> bool:
    """Whether some of what a document's statements say, or its pattern lets pass, is so no more after an action."""
    was, will = ((side or {}).get("pattern", {}) for side in (action.before, action.after))
    if was and _narrower(will, was):
        return True
    before: Mapping[str, Statement] = (action.before or {}).get("statements", {})
    after: Mapping[str, Statement] = (action.after or {}).get("statements", {})
    return any(not any(covers(new, old) for new in after.values()) for old in before.values())


def _narrower(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a pattern asks more of an event than another one: of each of its members, any of the values."""
    for name, values in new.items():
        if name not in old:
            return True
        nested = isinstance(values, Mapping) and isinstance(old[name], Mapping)
        if nested and _narrower(values, old[name]):
            return True
        if not nested and values != old[name] and any(value not in values for value in old[name]):
            return True
    return False


def covers(new: Statement, old: Statement) -> bool:
    """Whether a statement grants at least what another does; both in normal form."""
    if new == old:
        return True
    if new.keys() != old.keys() or (new["Effect"], old["Effect"]) != ("Allow", "Allow"):
        return False
    return all(_wider(name, new[name], old[name]) for name in old)


def _wider(name: str, new: Any, old: Any) -> bool:
    if new == old:
        return True
    if name in ("Action", "Resource"):
        return {*new} >= {*old}
    if name == "Principal":
        return all({*new.get(kind, ())} >= {*names} for kind, names in old.items())
    return name == "Condition" and new.keys() == old.keys() and all(_easier(test, new[test], old[test]) for test in old)


def _easier(test: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    if new == old:
        return True
    return test in _ONE_OF and new.keys() == old.keys() and all({*new[key]} >= {*old[key]} for key in old)
