"""A manifests folder as bytes, and which files of it are refused by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.core.errors import SourceError, UsageError
from controller.core.problems import Problem, shown
from controller.source.strict import MAX_BYTES

MAX_FILES = 20_000
MAX_TOTAL = 128 << 20  # bytes of all files: they are held in memory, and Git stores a thousand equal ones as one
_SPLIT = "split the repository, or name a smaller folder with --path"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class File:
    """A manifest file: `path` from the repository's root, `below` from the manifests folder, both with `/`."""

    path: str
    below: str
    data: bytes
    author: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """The manifest files of one revision, by path.

    `problems` name what is refused. Such a file may be in `files` too: then its text says what must not be relied on.
    `shallow`: history is cut off.
    """

    revision: str
    files: tuple[File, ...]
    problems: tuple[Problem, ...] = ()
    shallow: bool = False
    path: str = ""  # the manifests folder, as in `clean_folder`


def clean_folder(path: str, option: str = "--path") -> str:
    """The manifests folder from the repository's root without a slash at the end; empty for the root itself."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if path.startswith(("/", "\\")) or ".." in parts or any(ord(char) < 32 for char in path):
        raise UsageError(
            f"{option} {shown(path)} is not a folder inside the repository", "give it from the repository's root"
        )
    return "/".join(parts)


def below(path: str, folder: str) -> str:
    """`path` from the manifests folder instead of from the root."""
    return path[len(folder) + 1 :] if folder else path


def is_manifest(path: str) -> bool:
    """Whether the file is read; all others in the folder are not looked into."""
    return path.lower().endswith(SUFFIXES)


def refused(path: str, message: str, hint: str = "", rule: str = "file") -> Problem:
    """A file that is not read."""
    return Problem(printable(path), 1, 1, "", message, "", hint, "", "", rule)


def printable(path: str) -> str:
    """A path for messages; bytes that are no UTF-8 are shown as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def unsafe_name(path: str) -> str:
    """Why a path from a Git tree is not accepted, or empty."""
    if any("\udc80" <= char <= "\udcff" for char in path):
        return "the name is not UTF-8"
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in path) or "\\" in path:
        return "the name has a control character or a backslash"
    for part in path.split("/"):
        if part in ("", ".", "..") or part.lower().rstrip(". ") in (".git", "git~1"):
            return f"the name {shown(part)} in a path is not allowed"
    return ""


def too_large(path: str, size: int) -> Problem | None:
    """A file that is beyond what a manifest may be."""
    if size <= MAX_BYTES:
        return None
    return refused(
        path, f"the file has {size:,} bytes, more than {MAX_BYTES // 1024} KiB", "a manifest is a page of text"
    )


def check_room(count: int, total: int) -> None:
    """`SourceError` when there are more manifest files, or bytes in them, than one run takes."""
    if count > MAX_FILES:
        raise SourceError(f"more than {MAX_FILES:,} manifest files", _SPLIT)
    if total > MAX_TOTAL:
        raise SourceError(f"the manifests have more than {MAX_TOTAL >> 20} MiB", _SPLIT)


def twins(paths: Sequence[str]) -> list[Problem]:
    """A problem for each path that is one with another where names are folded (`A.yaml`, `a.yaml`)."""
    folded: dict[str, list[str]] = {}
    for path in paths:
        folded.setdefault(unicodedata.normalize("NFC", path).casefold(), []).append(path)
    return [
        refused(path, f"the name is {shown(other)} on some file systems", "rename one of them", "twin")
        for same in folded.values()
        if len(same) > 1
        for path, other in zip(same, [*same[1:], same[0]], strict=True)
    ]


def sorted_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by file and place, each once."""
    return tuple(sorted(set(problems)))
