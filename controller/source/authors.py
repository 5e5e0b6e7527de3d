"""Who last changed each file, from one pass over the history that stops when all are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_FULL_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_CHUNK = 65_536
_LOG = (
    "log",
    "-z",
    "--raw",
    "--no-abbrev",
    "--diff-merges=combined",  # a change made in a merge itself is the merger's
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-show-signature",
    "--no-mailmap",
    "--no-color",
    "--no-notes",
    "--no-decorate",
    "--format=tformat:%H%x00%P%x00%an <%ae>",
)

Authors = dict[str, tuple[str | None, str | None]]


def last(start: Callable[..., Any], revision: str, folder: str, wanted: Mapping[str, str], *, shallow: bool) -> Authors:
    """(author, commit) of each wanted path, given the object id that it has: the newest commit that made it so.

    Where history is cut off the commit at the cut seems to have made everything; what it alone explains stays unknown.
    `start` runs a git command and gives its process.
    """
    left, known = dict(wanted), Authors()
    if not left:
        return known
    process = start(*_LOG, revision, "--", *([folder] if folder else []))
    try:
        for commit, parents, author, made in _commits(process.stdout):
            for path, identity in made:
                if left.get(path) == identity:
                    del left[path]
                    unknown = shallow and not parents
                    known[path] = (None, None) if unknown else (author, commit)
            if not left:
                break
    finally:
        process.stdout.close()
        process.proc.terminate()
        process.proc.wait()
    return known


def _commits(stream: Any) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    """(commit, parents, author, [(path, object id)]) of each commit in the log."""
    tokens = _tokens(stream)
    commit, parents, author = "", "", ""
    made: list[tuple[str, str]] = []
    for token in tokens:
        token = token.lstrip(b"\n")
        if _FULL_ID.fullmatch(token):
            if commit:
                yield commit, parents, author, made
            commit, made = token.decode("ascii"), []
            parents = next(tokens, b"").decode("ascii", "replace")
            author = next(tokens, b"").decode("utf-8", "replace")
        elif token.startswith(b":"):
            path = next(tokens, b"").decode("utf-8", "surrogateescape")
            made.append((path, token.split(b" ")[-2].decode("ascii", "replace")))
    if commit:
        yield commit, parents, author, made


def _tokens(stream: Any) -> Iterator[bytes]:
    rest = b""
    while True:
        chunk = stream.read(_CHUNK)
        if not chunk:
            break
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest
