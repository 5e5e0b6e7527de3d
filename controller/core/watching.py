"""What the platform kinds say about drift, revoked digests and the record of runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ignore:
    """Findings of `drift` that are known: all that is given must match."""

    reason: str
    until: str
    classes: tuple[str, ...] = ()
    promotions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftRules:
    ignore: tuple[Ignore, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    bucket: str
    prefix: str = "audit"
    retention: str | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    digest: str
    reason: str
