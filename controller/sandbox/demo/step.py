"""What a demo consists of: steps, and the record of how they ended."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.core.errors import HubwrightError

FORMAT = "hubwright.io/demo/v1"


class StepError(HubwrightError):
    """A step did not end as expected."""


@dataclass(slots=True)
class Step:
    """One step: what it is about, what a person would type for it, and once it was done, how that ended.

    `output` is what a terminal shows; `plan` the plan document of a step that made one; `facts` what a deed found out.
    """

    title: str
    command: str
    exit: int = 0
    seconds: float = 0.0
    output: str = ""
    plan: Any = None
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the record has it: without what it does not have."""
        whole = {
            "title": self.title,
            "command": self.command,
            "exit": self.exit,
            "seconds": round(self.seconds, 3),
            "output": self.output,
        }
        return whole | ({"plan": self.plan} if self.plan else {}) | ({"facts": self.facts} if self.facts else {})


@dataclass(slots=True)
class Record:
    """All steps of one telling."""

    steps: list[Step] = field(default_factory=list)
    failure: str = ""
    _begun: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    def to_json(self) -> dict[str, Any]:
        """The document of `--json`."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "ok": not self.failure,
            "seconds": round(self.seconds, 3),
            "steps": [step.to_json() for step in self.steps],
        }
        return document | ({"failure": self.failure} if self.failure else {})

    def save(self, file: Path) -> None:
        """Writes the document; OSError when that cannot be done."""
        file.write_text(json.dumps(self.to_json(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
