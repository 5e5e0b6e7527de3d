"""Who asked for a promotion, as far as a run knows: what its commit says, and the review that was handed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from controller.core.manifests import AnyEntry, Manifests
from controller.core.review import Review, told
from controller.reconcile import Thought
from controller.source.changed import last_changes


@dataclass(frozen=True)
class Asking:
    """`paths` are the manifests of the promotions that may be asked about; their history is read once, when one is.

    Without a `repo` the manifests' own word counts: a bundle brings it along.
    """

    repo: Path | None
    manifests: Manifests
    paths: frozenset[str]
    review: Review | None

    @cached_property
    def _changes(self) -> dict[str, tuple[str, str]]:
        if self.repo is not None:
            return last_changes(self.repo, self.manifests.revision, self.paths)
        return {one.path: (one.author, one.commit) for one in _asking(self.manifests) if one.author and one.commit}

    def __call__(self, promotion: str, path: str) -> dict[str, Any]:
        """`author` and `review` of a promotion by its name and its manifest's path. An author that is not known is left
        out; `review` is None where none was handed in, or what was does not vouch for it."""
        found: dict[str, Any] = {"review": told(self.review, promotion) or None}
        if path in self._changes:
            name, commit = self._changes[path]
            found["author"] = {"name": name, "commit": commit}
        return found


def asking(repo: Path | None, manifests: Manifests, thought: Thought, review: Review | None = None) -> Asking:
    """Who asked for what a run is about to copy."""
    copied = {name for action in thought.plan.actions if action.key.kind == "artifact" for name in action.origins}
    paths = frozenset(one.path for name, one in thought.subjects.items() if name in copied)
    return Asking(repo, manifests, paths, review)


def _asking(manifests: Manifests) -> Iterator[AnyEntry]:
    yield from manifests.promotions.values()
    yield from manifests.subscriptions.values()
    yield from manifests.groups.values()  # what a function pushes is asked for by its group
