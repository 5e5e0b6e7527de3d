"""What Git once said of one document: at a revision, and ever. Read only when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from controller.core.errors import SourceError
from controller.core.manifest import KINDS, build
from controller.core.manifests import Manifests
from controller.core.problems import ManifestsError
from controller.source import files, git, history
from controller.source.load import load

_BACK = 20  # revisions whose manifests are read whole


class Pasts:
    """The history of the manifests of a repository up to a revision; a repository without one has no past."""

    def __init__(self, repo: Path, ref: str, path: str, platform: str | None = None) -> None:
        self._place = repo
        self._ref = ref
        self._platform = platform
        self._folder = files.clean_folder(path)

    @cached_property
    def _repo(self) -> git.Repository:
        return git.repository(self._place)

    @cached_property
    def steps(self) -> tuple[history.Step, ...]:
        """Every commit that touched the manifests, oldest first; none without a repository."""
        try:
            return history.steps(self._repo, self._ref, self._folder)
        except SourceError:
            return ()

    def ever(self, kind: str, name: str) -> list[Any]:
        """Everything that a document has said, newest first."""
        said = [step.changes[kind, name] for step in reversed(self.steps) if (kind, name) in step.changes]
        return [spec for document in said if document is not None and (spec := _spec(kind, document)) is not None]

    def at(self, kind: str, name: str, revision: str) -> tuple[bool, Any]:
        """Whether the revision is known, and what the document said there, None when it was not there."""
        found = self._at(revision)
        if found is None:
            return False, None
        document = found((kind, name))
        return True, _spec(kind, document) if document is not None else None

    def before(self) -> Iterator[Manifests]:
        """The manifests as they were after each change to them, newest first; what was not valid is left out."""
        for step in islice(reversed(self.steps), _BACK):
            with suppress(SourceError, ManifestsError):
                yield load(self._place, ref=step.commit, path=self._folder, platform=self._platform, attribution=False)

    def _at(self, revision: str) -> Callable[[history.Name], Mapping[str, Any] | None] | None:
        if not revision or revision == "worktree" or not self.steps:
            return None
        commit = history.before(self._repo, revision, self._folder)
        number = next((place for place, step in enumerate(self.steps) if step.commit == commit), None)
        if number is None:
            return None
        upto = self.steps[: number + 1]

        def said(name: history.Name) -> Mapping[str, Any] | None:
            return next((step.changes[name] for step in reversed(upto) if name in step.changes), None)

        return said


def _spec(kind: str, document: Mapping[str, Any]) -> Any:
    try:
        return build(KINDS[kind], document["spec"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
