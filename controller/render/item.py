"""One thing that a report says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to say: a sign (`+`, `~`, `!`, or a standing), what it is about, what of it, and lines below it."""

    sign: str
    about: str
    says: str = ""
    notes: tuple[str, ...] = ()
