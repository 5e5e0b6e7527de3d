"""How much is to be copied and how much was: bytes, those of them that pass through this machine, seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.model import Action, Outcome
from controller.core.report import facts_of


@dataclass(frozen=True, slots=True)
class Load:
    """What a plan has to copy: at most so many `bytes`, of which `relayed` pass through the machine that runs it.

    `unweighed` counts images whose size nobody said.
    """

    bytes: int = 0
    relayed: int = 0
    unweighed: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run has copied: how many `copies`, `bytes` moved and, of those, `relayed` through this machine; bytes
    `skipped` because they were there; `seconds` from the first copy's begin to the last one's end."""

    copies: int = 0
    bytes: int = 0
    relayed: int = 0
    skipped: int = 0
    seconds: float = 0.0


def load(actions: Iterable[Action]) -> Load:
    """The load of a plan's actions. One image that several promotions tag in one repository moves once."""
    found = Load()
    moved: set[tuple[str, str]] = set()
    for action in actions:
        facts = facts_of(action)
        if action.key.kind == "image":
            image = (f"{action.key.target}/{action.key.name.rpartition(':')[0]}", action.after["digest"])
            if image in moved:
                continue
            moved.add(image)
        size = facts.get("bytes", 0)
        relayed = size if facts.get("relay") else 0
        unweighed = action.key.kind == "image" and "bytes" not in facts
        found = Load(found.bytes + size, found.relayed + relayed, found.unweighed + unweighed)
    return found


def totals(actions: Iterable[Action], outcomes: Iterable[Outcome]) -> Totals:
    """The totals of a run, from what its outcomes say."""
    by_id = {action.id: action for action in actions}
    ended = [item for item in outcomes if item.status == "done" and "bytes" in item.facts and item.action in by_id]
    relayed = (item.facts["bytes"] for item in ended if facts_of(by_id[item.action]).get("relay"))
    return Totals(
        copies=len(ended),
        bytes=sum(item.facts["bytes"] for item in ended),
        relayed=sum(relayed),
        skipped=sum(item.facts.get("skipped", 0) for item in ended),
        seconds=_span([item.facts for item in ended]),
    )


def _span(facts: Iterable[Mapping[str, Any]]) -> float:
    """Seconds during which something was copied, as copies go on at the same time."""
    times = [(item["began"], item["began"] + item["seconds"]) for item in facts if "began" in item]
    return round(max(end for _, end in times) - min(begin for begin, _ in times), 1) if times else 0.0
