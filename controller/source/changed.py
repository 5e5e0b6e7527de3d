"""Who made a revision, and who last changed some files, as their commits say: evidence, and no proof."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.core.errors import SourceError
from controller.core.manifests import Commit
from controller.source import authors, git, history


def commit_of(place: Path, revision: str) -> Commit | None:
    """What the revision's commit says; None for a worktree, and where there is no such commit."""
    if revision == "worktree":
        return None
    try:
        said = git.repository(place).run("log", "-1", "--no-mailmap", "--format=%an <%ae>%n%cI%n%B", revision)
    except SourceError:
        return None
    author, at, message = said.decode("utf-8", "replace").split("\n", 2)
    return Commit(author, at, message.strip().partition("\n")[0], history.pull_of(message))


def last_changes(place: Path, revision: str, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    """(`Name <mail>`, commit) of the last change of each file at a revision, by its path from the repository's root.

    What is not known is left out: files that are not there, a history that is cut off, a worktree, no repository.
    """
    wanted = sorted(set(paths))
    if revision == "worktree" or not wanted:
        return {}
    try:
        repo = git.repository(place)
        shallow = repo.run("rev-parse", "--is-shallow-repository").strip() == b"true"
        listed = git.blobs(repo, revision, wanted)
        found = authors.last(repo.start, git.commit(repo, revision), "", listed, shallow=shallow)
    except SourceError:
        return {}
    return {path: (author, commit) for path, (author, commit) in found.items() if author and commit}
