"""Manifest files as they lie on the disk. Nothing outside the folder is reached: links are refused, never followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from controller.core.errors import SourceError
from controller.core.problems import Problem, shown
from controller.source import files
from controller.source.strict import MAX_BYTES


def read(top: Path, folder: str) -> files.Folder:
    """The manifest files below `folder` of the worktree at `top`; raises `SourceError` when there is no such folder."""
    root = top
    for part in folder.split("/") if folder else ():
        root = root / part
        if root.is_symlink():
            raise SourceError(f"{shown(folder)} leads through a symbolic link", "it is never followed")
    if not root.is_dir():
        raise SourceError(
            f"there is no folder {shown(folder or '.')} in {top}", "give --path the folder of the manifests"
        )
    problems: list[Problem] = []
    found = dict(_walk(root, folder, problems))
    paths = sorted(found)
    problems += files.twins(paths)
    read_files: list[files.File] = []
    total = 0
    for path in paths:
        data = _bytes(found[path], path, problems)
        if data is not None:
            total += len(data)
            files.check_room(len(read_files), total)
            read_files.append(files.File(path, files.below(path, folder), data))
    return files.Folder("worktree", tuple(read_files), files.sorted_problems(problems), path=folder)


def _walk(root: Path, prefix: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    waiting = [(str(root), prefix)]
    count = 0
    while waiting:
        directory, name = waiting.pop()
        for entry in sorted(_entries(directory, name), key=lambda entry: entry.name):
            path = f"{name}/{entry.name}" if name else entry.name
            if entry.is_symlink():
                problems.append(
                    files.refused(path, "a symbolic link is never followed", "put the files themselves here", "link")
                )
            elif entry.is_dir(follow_symlinks=False):
                if os.path.lexists(f"{entry.path}/.git"):
                    problems.append(
                        files.refused(path, "a submodule is never followed", "put the files themselves here", "link")
                    )
                elif entry.name != ".git":
                    waiting.append((entry.path, path))
            elif files.is_manifest(path):
                count += 1
                yield path, entry.path
            files.check_room(count, 0)


def _entries(directory: str, name: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return list(found)
    except OSError as error:
        # What is in it is unknown, and unknown is not absent.
        raise SourceError(f"the folder {shown(name)} cannot be read: {error.strerror}") from None


def _bytes(place: str, path: str, problems: list[Problem]) -> bytes | None:
    reason = files.unsafe_name(path)
    if reason:
        problems.append(files.refused(path, reason, "rename it", "name"))
        return None
    try:
        # Opened without following a link that has just been put there, and without waiting for a pipe's other end.
        handle = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        problems.append(files.refused(path, f"the file cannot be read: {error.strerror}"))
        return None
    with os.fdopen(handle, "rb") as opened:
        about = os.fstat(handle)
        problem = files.too_large(path, about.st_size)
        if not stat.S_ISREG(about.st_mode):
            problem = files.refused(path, "no regular file", "only regular files are read", "mode")
        if problem is not None:
            problems.append(problem)
            return None
        return opened.read(MAX_BYTES + 1)
