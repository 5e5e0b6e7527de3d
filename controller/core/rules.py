"""The rules of Guardrails as types: approvals, gates, caps, freezes and windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Approvals:
    count: int
    from_: tuple[str, ...] = ()
    exclude_author: bool = False


@dataclass(frozen=True, slots=True)
class When:
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    field: str
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageScan:
    below: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    metric: str | None = None
    operator: str | None = None
    threshold: int | float | None = None
    no_worse_than: Literal["current"] | None = None
    margin: int | float = 0
    report: str | None = None
    model_card: ModelCard | None = None
    image_scan: ImageScan | None = None
    evidence: str | None = None
    expression: str | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    when: When | None = None


@dataclass(frozen=True, slots=True)
class SpokeCaps:
    approvals: int | None = None
    creates: int | None = None
    bytes: int | str | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    approvals: int | None = None
    creates: int | None = None
    bytes: int | str | None = None
    percent: int | None = None
    per_spoke: SpokeCaps | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    name: str
    from_: str
    until: str
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Window:
    name: str
    from_: str
    until: str
    days: tuple[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ...] = ()
    zone: str = "UTC"
