"""Where a branch began."""

from __future__ import annotations

from pathlib import Path

from controller.core.errors import SourceError
from controller.core.problems import shown
from controller.source import git


def merge_base(repo: Path, ref: str, other: str) -> str:
    """The commit from which `ref` and `other` went apart. `SourceError` when there is none, as in a shallow clone."""
    found = git.repository(repo)
    ends = git.commit(found, ref), git.commit(found, other)
    try:
        return found.run("merge-base", "--end-of-options", *ends).decode("ascii").split()[0]
    except (SourceError, IndexError) as error:
        hint = "in CI, fetch the whole history (fetch-depth: 0)"
        raise SourceError(f"{shown(ref)} and {shown(other)} have no commit in common here", hint) from error


def head(repo: Path, ref: str) -> str:
    """The full id of the commit that `ref` names."""
    return git.commit(git.repository(repo), ref)


def first_parents(repo: Path, ref: str, count: int) -> tuple[str, ...]:
    """The last `count` commits of a branch itself, newest first: what was merged into it, and not what was in that."""
    found = git.repository(repo)
    end = git.commit(found, ref)
    said = found.run("rev-list", "--first-parent", f"--max-count={count}", "--end-of-options", end)
    return tuple(said.decode("ascii").split())


def top_of(repo: Path) -> Path:
    """The folder of the repository's worktree. `SourceError` when there is none."""
    found = git.repository(repo)
    if found.top is None:
        raise SourceError(f"{repo} is a bare repository", "give the folder of a worktree")
    return found.top


def is_shallow(repo: Path) -> bool:
    """Whether the repository's history is cut off."""
    return git.repository(repo).run("rev-parse", "--is-shallow-repository").strip() == b"true"
