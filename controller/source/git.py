"""Manifest files at a revision, from Git's object database: no checkout, no hooks, no filters, nothing of the worktree.

GitPython only starts `git` and passes bytes; its object model is not used. Every command after the first gets the
repository's folder by name, full commit ids, and settings that switch off everything a hostile repository configuration
could make Git run: hooks, file system monitors, signature programs, external diffs, and fetching through transports.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.core.errors import SourceError
from controller.core.problems import Problem, shown
from controller.source import authors, files
from controller.source.strict import MAX_BYTES

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # beats every protocol.*.allow of the repository
    "GIT_NO_REPLACE_OBJECTS": "1",  # a commit id means what it says
    "GIT_GRAFT_FILE": f"{os.devnull}/none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
}
_SETTINGS = (
    *("-c", "core.hooksPath=" + os.devnull),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.commitGraph=false"),  # a cached graph is not evidence
    *("-c", "log.showSignature=false"),
    *("-c", "log.mailmap=false"),
    *("-c", "diff.external="),
    *("-c", "core.attributesFile=" + os.devnull),
)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MODES = {
    "120000": "a symbolic link",
    "160000": "a submodule",
    "100755": "an executable file",
    "100664": "a group-writable file",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository to read from. `directory` is its own folder (`.git`), `top` that of its worktree or None."""

    directory: Path
    top: Path | None

    def run(self, *arguments: str, feed: Any = None) -> bytes:
        """What a git command prints; raises `SourceError` with what it said."""
        return _git(
            self.directory.parent, ("--git-dir", str(self.directory), *_SETTINGS, *arguments), _ENVIRONMENT, feed
        )

    def start(self, *arguments: str) -> Any:
        """A git command as a process whose `stdout` can be read while it runs."""
        command = ["git", "--git-dir", str(self.directory), *_SETTINGS, *arguments]
        return _wrapper(self.directory.parent).execute(command, as_process=True, env=_ENVIRONMENT)


def repository(directory: Path) -> Repository:
    """The repository that `directory` is in; raises `SourceError` where there is none or Git refuses it."""
    if not directory.is_dir():
        raise SourceError(f"{directory} is not a folder", "give the folder of a Git repository")
    if os.environ.get("GIT_DIR"):  # inside a hook: Git would not look at `directory` at all
        beside = directory / ".git"
        return Repository((beside if beside.exists() else directory).resolve(), directory.resolve())
    # The only command with the user's own settings: they say which folders of others are trusted (safe.directory).
    asked = ("rev-parse", "--absolute-git-dir", "--is-bare-repository")
    try:
        said = os.fsdecode(_git(directory, (*_SETTINGS, *asked), {"GIT_TERMINAL_PROMPT": "0"}, None)).splitlines()
    except SourceError as error:
        raise _not_opened(directory, error) from None
    top = (
        None
        if said[1] == "true"
        else Path(os.fsdecode(_git(directory, (*_SETTINGS, "rev-parse", "--show-toplevel"), {}, None)).rstrip("\n"))
    )
    return Repository(Path(said[0]), top)


def _not_opened(directory: Path, error: SourceError) -> SourceError:
    if "dubious ownership" in str(error):
        return SourceError(
            f"{directory} belongs to another user, so Git does not read it",
            f"if you trust it: git config --global --add safe.directory {directory.resolve()}",
        )
    if "not a git repository" in str(error):
        return SourceError(
            f"{directory} is not in a Git repository", "give --repo, or run git init and commit the manifests"
        )
    return error


def commit(repo: Repository, ref: str) -> str:
    """The full id of the commit that `ref` names."""
    shallow = "; in CI, fetch it first (fetch-depth: 0)"
    unknown = SourceError(
        f"there is no revision {shown(ref)}", f"give a branch, tag or commit that exists here{shallow}"
    )
    if not ref or ref.startswith("-") or any(ord(char) < 33 for char in ref):
        raise unknown
    try:
        said = (
            repo.run("rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
            .decode("ascii", "replace")
            .strip()
        )
    except SourceError as error:
        if ref == "HEAD":
            raise SourceError("the repository has no commit yet", "commit the manifests, or give --worktree") from None
        raise unknown from error
    if not _COMMIT.fullmatch(said):
        raise unknown
    return said


def read(repo: Repository, ref: str, folder: str, *, attribution: bool = True) -> files.Folder:
    """The manifest files below `folder` at `ref`; raises `SourceError` when there is no such folder."""
    revision = commit(repo, ref)
    _need_folder(repo, revision, folder)
    listed, problems = _listed(repo, revision, folder)
    paths = sorted(listed)
    problems += files.twins(paths)
    blobs = contents(repo, [listed[path] for path in paths])
    shallow = repo.run("rev-parse", "--is-shallow-repository").strip() == b"true"
    known = authors.last(repo.start, revision, folder, listed, shallow=shallow) if attribution else {}
    found = (
        files.File(path, files.below(path, folder), data, *known.get(path, (None, None)))
        for path, data in zip(paths, blobs, strict=True)
    )
    return files.Folder(revision, tuple(found), files.sorted_problems(problems), shallow, folder)


def _need_folder(repo: Repository, revision: str, folder: str) -> None:
    if not folder:
        return
    parts = folder.split("/")
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        line = repo.run("ls-tree", "-z", "--full-tree", revision, "--", path).split(b"\0")[0]
        mode = line.split(b" ")[0].decode("ascii", "replace")
        if not line:
            raise SourceError(
                f"there is no folder {shown(path)} at {revision[:12]}", "give --path the folder of the manifests"
            )
        if mode != "040000":
            raise SourceError(f"{shown(path)} is {_MODES.get(mode, 'a file')}, not a folder", "it is never followed")


def _listed(repo: Repository, revision: str, folder: str) -> tuple[dict[str, str], list[Problem]]:
    """Object ids of the manifest files by path, and what is refused."""
    place = ("--", folder + "/") if folder else ()
    listed: dict[str, str] = {}
    problems: list[Problem] = []
    total = 0
    for line in repo.run("ls-tree", "-r", "-z", "-l", "--full-tree", revision, *place).split(b"\0"):
        if not line:
            continue
        head, _, name = line.partition(b"\t")
        mode, _, identity, size = head.decode("ascii").split()
        path = name.decode("utf-8", "surrogateescape")
        problem = _judged(path, mode, size)
        if problem is not None:
            problems.append(problem)
        if files.is_manifest(path) and (problem is None or problem.rule == "mode"):
            listed[path] = identity
            total += int(size)
    files.check_room(len(listed), total)
    return listed, problems


def _judged(path: str, mode: str, size: str) -> Problem | None:
    reason = files.unsafe_name(path)
    if reason:
        return files.refused(path, reason, "rename it", "name")
    if mode in ("120000", "160000"):
        return files.refused(path, f"{_MODES[mode]} is never followed", "put the files themselves here", "link")
    if not files.is_manifest(path):
        return None
    if not size.isdigit():
        hint = "fetch them, with a full clone (no --filter); run git fsck"
        raise SourceError(f"the bytes of {files.printable(path)} are not in this clone", hint)
    if int(size) > MAX_BYTES or mode == "100644":
        return files.too_large(path, int(size))
    return files.refused(
        path, f"{_MODES.get(mode, 'no regular file')} is not read", "git update-index --chmod=-x", "mode"
    )


def contents(repo: Repository, identities: Sequence[str]) -> Iterable[bytes]:
    """The bytes of objects, by one `cat-file --batch`."""
    if not identities:
        return []
    with tempfile.TemporaryFile() as feed:
        feed.write("".join(f"{identity}\n" for identity in identities).encode("ascii"))
        feed.seek(0)
        data = repo.run("cat-file", "--batch", "--buffer", feed=feed)
    contents, at = [], 0
    for identity in identities:
        end = data.index(b"\n", at)
        head = data[at:end].decode("ascii", "replace").split()
        if len(head) != 3 or head[1] != "blob":
            raise SourceError(
                f"the object {identity} cannot be read: {' '.join(head[1:])}", "run git fsck; fetch what is missing"
            )
        size = int(head[2])
        contents.append(data[end + 1 : end + 1 + size])
        at = end + size + 2
    return contents


def blobs(repo: Repository, revision: str, paths: Iterable[str]) -> dict[str, str]:
    """The object ids of files at a revision by path; what is not there is left out."""
    wanted, found = set(paths), {}
    for line in repo.run("ls-tree", "-r", "-z", "--full-tree", commit(repo, revision)).split(b"\0"):
        head, _, name = line.partition(b"\t")
        path = name.decode("utf-8", "surrogateescape")
        if path in wanted:
            found[path] = head.decode("ascii").split()[2]
    return found


def _wrapper(directory: Path) -> Any:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # importing must not fail where git is missing
    import git

    return git.Git(directory)


def _git(directory: Path, arguments: Sequence[str], environment: dict[str, str], feed: Any) -> bytes:
    wrapper = _wrapper(directory)
    from git.exc import GitCommandError, GitCommandNotFound

    try:
        said = wrapper.execute(
            ["git", *arguments], env=environment, istream=feed, stdout_as_string=False, strip_newline_in_stdout=False
        )
    except GitCommandNotFound:
        raise SourceError("git is not installed", "install git, version 2.36 or newer") from None
    except GitCommandError as error:
        text = str(error.stderr).strip().removeprefix("stderr:").strip().strip("'")
        words = " ".join(text.split())[:300]
        raise SourceError(f"git {_verb(arguments)} failed: {words or 'it gave no reason'}") from None
    return bytes(said)


def _verb(arguments: Sequence[str]) -> str:
    skip = {"-c", "--git-dir"}
    plain = [
        word
        for before, word in zip(["", *arguments], arguments, strict=False)
        if before not in skip and word not in skip
    ]
    return plain[0] if plain else ""
