"""What was asked of whom and how it was decided, for people and for tests that look for grants nobody uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.sandbox.authz.decide import Decision


@dataclass(frozen=True, slots=True)
class Record:
    """One evaluated action; `call` is the number of the last call in the log when it was asked for."""

    call: int
    principal: str
    action: str
    resource: str
    decision: Decision

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "call": self.call,
            "principal": self.principal,
            "action": self.action,
            "resource": self.resource,
            "allowed": self.decision.allowed,
            "reason": self.decision.reason,
            "statements": [
                {"source": item.source, "sid": item.sid, "effect": item.effect} for item in self.decision.matched
            ],
        }
