"""What SQS keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Message:
    """One message. `visible`: from when on it may be received; `receipt`: that of its last receipt."""

    id: str
    body: str
    digest: str
    attributes: dict[str, Any]
    sent: float
    visible: float
    sender: str
    group: str | None = None
    receipt: str = ""
    received: int = 0
    first: float = 0.0


@dataclass(slots=True)
class Queue:
    """One queue; `attributes` are those that can be set, as texts. `sent`: what went into a FIFO queue lately, by its
    identity."""

    name: str
    arn: str
    account: str
    region: str
    created: float
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    sent: dict[str, Message] = field(default_factory=dict)
