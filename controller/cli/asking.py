"""Who asked for a promotion, as far as a run knows: what its commit says, and the review that was handed in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from controller.core.review import Review, told
from controller.source.changed import last_changes


@dataclass(frozen=True)
class Asking:
    """`paths` are the manifests of the promotions that may be asked about; their history is read once, when one is."""

    repo: Path
    revision: str
    paths: frozenset[str]
    review: Review | None

    @cached_property
    def _changes(self) -> dict[str, tuple[str, str]]:
        return last_changes(self.repo, self.revision, self.paths)

    def __call__(self, promotion: str, path: str) -> dict[str, Any]:
        """`author` and `review` of a promotion by its name and its manifest's path; what is not known is left out."""
        found: dict[str, Any] = {}
        if path in self._changes:
            name, commit = self._changes[path]
            found["author"] = {"name": name, "commit": commit}
        if said := told(self.review, promotion):
            found["review"] = said
        return found
