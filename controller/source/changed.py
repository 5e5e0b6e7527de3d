"""Who last changed some files, as their commits say: evidence, and no proof."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.core.errors import SourceError
from controller.source import authors, git


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
