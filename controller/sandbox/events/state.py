"""What EventBridge keeps of one account and region, and events under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]


@dataclass(slots=True)
class Rule:
    """One rule; targets by their id."""

    name: str
    arn: str
    bus: str
    pattern: str | None
    schedule: str | None
    enabled: bool
    creator: str
    description: str = ""
    role: str = ""
    targets: dict[str, Document] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Bus:
    """One event bus. `policy` is its resource policy, None when nobody else may put events."""

    name: str
    arn: str
    created: float
    policy: str | None = None
    description: str = ""
    rules: dict[str, Rule] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Buses:
    """The buses of one account and region; `default` is always there."""

    account: str
    region: str
    partition: str
    buses: dict[str, Bus] = field(default_factory=dict)

    def arn(self, kind: str, name: str) -> str:
        """The ARN of an `event-bus` or a `rule`."""
        return f"arn:{self.partition}:events:{self.region}:{self.account}:{kind}/{name}"


@dataclass(slots=True)
class Pending:
    """An event on its way to the rules of a bus; `crossed`: it has already come from another account."""

    due: float
    account: str
    region: str
    bus: str
    event: Document
    crossed: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one event at one target. `error` is empty when it arrived, else AWS's error code."""

    event: str
    rule: str
    target: str
    error: str = ""
    reason: str = ""

    def document(self) -> Document:
        """As JSON values."""
        return {name: getattr(self, name) for name in Delivery.__slots__}
