"""What every commit did to the manifests: the first-parent history of one folder, oldest first.

The first parent of a merge is what the branch was; so a merged pull request is one step, whatever it consists of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.core.errors import SourceError
from controller.source import files, git, strict

_FORMAT = "--format=tformat:%x01%H%x00%cI%x00%an <%ae>%x00%B%x02"
_LOG = (
    *("log", "-z", "--raw", "--no-abbrev", "--first-parent", "--diff-merges=first-parent", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-mailmap", "--no-color", "--no-notes"),
    *("--no-decorate", "--reverse", _FORMAT),
)
_NOTHING = re.compile(r"0+")
_PULL = (
    re.compile(r"\AMerge pull request #([0-9]{1,9})\b"),
    re.compile(r"\A[^\n]*\(#([0-9]{1,9})\)\s*$", re.MULTILINE),
)

Name = tuple[str, str]  # kind, name


@dataclass(frozen=True, slots=True)
class Step:
    """One commit. `at` is the committer's time (ISO 8601 with its zone), `pull` the pull request it says it is of, or
    empty; `changes` maps (kind, name) to the document as it is from then on, None for gone. What could not be read is
    `broken`, by path: until it can be, what stood before counts."""

    commit: str
    at: str
    author: str
    subject: str
    pull: str
    changes: Mapping[Name, Mapping[str, Any] | None] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


def steps(repo: git.Repository, ref: str, folder: str) -> tuple[Step, ...]:
    """Every commit up to `ref` that touched the folder, oldest first. `SourceError` when there is no such revision."""
    revision = git.commit(repo, ref)
    said = repo.run(*_LOG, revision, "--", *([folder] if folder else []))
    raw = list(_commits(said))
    wanted = sorted({blob for *_, made in raw for path, blob in made if blob and files.is_manifest(path)})
    documents = dict(zip(wanted, map(_document, git.contents(repo, wanted)), strict=True))
    return tuple(_replayed(raw, documents))


def before(repo: git.Repository, revision: str, folder: str) -> str:
    """The last commit at or before `revision` that touched the folder, or an empty text when it is not known here."""
    try:
        known = git.commit(repo, revision)
        said = repo.run("log", "-1", "--first-parent", "--format=%H", known, "--", *([folder] if folder else []))
    except SourceError:
        return ""
    return said.decode("ascii", "replace").strip()


def times(repo: git.Repository, revision: str) -> list[tuple[str, str]]:
    """(commit, committer's time) of every commit of the branch, newest first."""
    said = repo.run("log", "--first-parent", "--format=%H %cI", revision).decode("ascii", "replace")
    return [(commit, at) for commit, _, at in (line.partition(" ") for line in said.splitlines())]


def pull_of(message: str) -> str:
    """The number of the pull request that a commit message names, as GitHub writes it, or an empty text."""
    return next((found.group(1) for pattern in _PULL if (found := pattern.search(message))), "")


_Raw = tuple[str, str, str, str, list[tuple[str, str]]]


def _commits(said: bytes) -> Iterator[_Raw]:
    """(commit, time, author, message, [(path, blob or empty)]) of each."""
    for part in said.split(b"\x01")[1:]:
        head, _, rest = part.partition(b"\x02")
        commit, at, author, message = (text.decode("utf-8", "replace") for text in head.split(b"\0", 3))
        yield commit, at, author, message, list(_made(rest.split(b"\0")))


def _made(tokens: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    waiting = iter(tokens)
    for token in waiting:
        token = token.lstrip(b"\n")
        if token.startswith(b":"):
            blob = token.split(b" ")[3].decode("ascii", "replace")
            path = next(waiting, b"").decode("utf-8", "surrogateescape")
            yield path, "" if _NOTHING.fullmatch(blob) else blob


def _document(data: bytes) -> Mapping[str, Any] | None:
    try:
        found = strict.read(data).data
        return {**found} if isinstance(found["kind"], str) and isinstance(found["metadata"]["name"], str) else None
    except (strict.StrictError, KeyError, TypeError):
        return None


def _replayed(raw: Sequence[_Raw], documents: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Step]:
    held: dict[str, Name] = {}  # what each path holds
    for commit, at, author, message, made in raw:
        changes: dict[Name, Mapping[str, Any] | None] = {}
        broken = []
        for path, blob in made:
            if not files.is_manifest(path):
                continue
            found = documents[blob] if blob else None
            if blob and found is None:
                broken.append(path)
                continue
            old = held.pop(path, None)
            if old is not None and old not in held.values():
                changes.setdefault(old, None)
            if found is not None:
                held[path] = (found["kind"], found["metadata"]["name"])
                changes[held[path]] = found
        subject = message.strip().partition("\n")[0]
        yield Step(commit, at, author, subject, pull_of(message), changes, tuple(broken))
