"""From a revision to checked manifests: the one way in for everything that reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from controller import __version__
from controller.core.checks import Book, check
from controller.core.errors import SourceError
from controller.core.manifest import KINDS, PLATFORM_KINDS, TEAM_KINDS, build
from controller.core.manifests import AnyEntry, Commit, Entry, Lock, Manifests
from controller.core.problems import ManifestsError, Problem, shown
from controller.source import files, git, schema, strict
from controller.source import worktree as disk

LOCK_SUFFIX = ".lock.yaml"
_KIND = re.compile(rb"^[\"']?kind[\"']?:[ \t]*[\"']?([A-Za-z]+)", re.MULTILINE)
_NAME = re.compile(rb"^metadata:[ \t]*(?:\{[ \t]*|(?:#.*)?\r?\n[ \t]+)name:[ \t]*[\"']?([a-z0-9-]{1,63})", re.MULTILINE)

_NAME_ONLY = re.compile(r"[a-z0-9](-*[a-z0-9]){0,62}")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The files of a revision, and those that the platform kinds are read from instead, if any.

    `label` begins the paths of the latter in messages; `apart`: they are of another repository. `commit` is what a
    bundle says of the revision.
    """

    mine: files.Folder
    platform: files.Folder | None = None
    label: str = ""
    apart: bool = False
    commit: Commit | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """What one folder's files are: good documents, faults, and what all other files claim to be, with their paths."""

    entries: tuple[AnyEntry, ...]
    problems: tuple[Problem, ...]
    unread: frozenset[tuple[tuple[str, str], str]]


def load(
    repo: Path,
    *,
    ref: str = "HEAD",
    worktree: bool = False,
    path: str = "manifests",
    platform: str | None = None,
    attribution: bool = True,
    added: Mapping[str, bytes] | None = None,
) -> Manifests:
    """The manifests below `path` of the Git repository `repo` at `ref`, or of its files as they are.

    `platform` is a revision, or a folder written with `/`, `./` or `../` (then optionally `@REVISION`): the platform
    kinds are read there, and those at hand are ignored. Without `attribution` no history is read. `added` are files by
    path, taken as if they were there: what a command is about to write. Raises `SourceError`
    where nothing can be read; `ManifestsError`, with all problems, where there is no valid Fleet.
    """
    found = gathered(repo, ref=ref, worktree=worktree, path=path, platform=platform, attribution=attribution)
    return manifests_of(replace(found, mine=_with(found.mine, added, found.mine.path)) if added else found)


def gathered(
    repo: Path,
    *,
    ref: str = "HEAD",
    worktree: bool = False,
    path: str = "manifests",
    platform: str | None = None,
    attribution: bool = True,
) -> Gathered:
    """The files that `load` reads, as they are."""
    folder = files.clean_folder(path)
    mine = _as_it_is(repo, folder) if worktree else git.read(git.repository(repo), ref, folder, attribution=attribution)
    if platform is None:
        return Gathered(mine)
    place, revision = _platform_place(repo, platform)
    other = git.read(git.repository(place), revision, folder, attribution=attribution)
    return Gathered(mine, other, f"{platform}:", place is not repo)


def manifests_of(found: Gathered) -> Manifests:
    """The manifests in these files, checked; raises as `load`."""
    mine, other = found.mine, found.platform
    if not mine.files:
        _empty(mine, mine.path)
    if other is None:
        return replace(_checked(mine, _documents(mine)), commit=found.commit)
    if not other.files:
        _empty(other, other.path)
    joined = _joined(_documents(mine), _documents(other, found.label))
    return replace(_checked(mine, joined, other.revision, apart=found.apart), commit=found.commit)


def root(repo: Path) -> Path:
    """The folder from which the paths of a worktree's files count. `SourceError` for a bare repository."""
    try:
        top = git.repository(repo).top
    except SourceError:
        return repo  # files can be looked at before there is a repository
    if top is None:
        raise SourceError(f"{repo} has no worktree", "leave out --worktree")
    return top


def _as_it_is(repo: Path, folder: str) -> files.Folder:
    return disk.read(root(repo), folder)


def _with(mine: files.Folder, added: Mapping[str, bytes], folder: str) -> files.Folder:
    fresh = [files.File(path, files.below(path, folder), data) for path, data in added.items()]
    kept = [file for file in mine.files if file.path not in added]
    return replace(mine, files=tuple(sorted([*kept, *fresh], key=lambda file: file.path)))


def _empty(folder: files.Folder, path: str) -> None:
    place = f"{shown(path or '.')} at {folder.revision[:12]}"
    hint = "manifests end in .yaml or .yml; nothing is ever taken for 'nothing is wanted'"
    raise ManifestsError(f"there is no manifest in {place}", folder.problems, hint)


def _platform_place(repo: Path, platform: str) -> tuple[Path, str]:
    """Where the platform is. Only what is written as a folder is one: a change may bring one named like a branch."""
    if not platform.startswith(("/", "./", "../", "~")) and platform not in (".", ".."):
        return repo, platform
    directory, at, revision = platform.rpartition("@")
    try:
        whole = Path(platform).expanduser()
        if at and not whole.is_dir():
            return Path(directory).expanduser(), revision
    except RuntimeError:
        raise SourceError(f"there is no home folder for {shown(platform)}", "write the folder out") from None
    return whole, "HEAD"


def _documents(folder: files.Folder, label: str = "") -> _Read:
    entries: list[AnyEntry] = []
    problems = list(folder.problems)
    unread: set[tuple[tuple[str, str], str]] = set()
    refused = {problem.path for problem in folder.problems}
    present = {file.path for file in folder.files}
    for file in folder.files:
        entry, faults = (None, ()) if file.path in refused else _document(file, label)
        problems.extend(faults)
        if entry is None:
            unread.add((_claimed(file, faults), file.below))
        else:
            entries.append(entry)
        if entry is not None and file.path.endswith(LOCK_SUFFIX) and _unknown(file.path)[1] != entry.name:
            unread.add((_unknown(file.path), file.below))  # whatever it says: its promotion is not an unlocked one
    for problem in folder.problems:
        if files.is_manifest(problem.path) and problem.path not in present:
            kind, name = _unknown(problem.path)
            unread.add(((kind or "Guardrails", name), files.below(problem.path, folder.path)))
    return _Read(tuple(entries), tuple(problems), frozenset(unread))


def _document(file: files.File, label: str) -> tuple[AnyEntry | None, Sequence[Problem]]:
    path = label + file.path
    try:
        document = strict.read(file.data)
    except strict.StrictError as error:
        return None, (
            Problem(path, error.line, error.column, "", error.message, "", error.hint, *_sniffed(file), "yaml"),
        )
    faults: Sequence[Problem] = schema.check(path, document)
    if not faults:
        faults = _misplaced(path, document)
    if faults:
        return None, faults
    body: dict[str, Any] = document.data
    kind, name = body["kind"], body["metadata"]["name"]
    spec = build(Lock if kind == "Lock" else KINDS[kind], body["spec"])
    line, column = document.at(("metadata", "name"))
    by = (file.author, file.commit)
    return Entry(path, file.below, kind, name, spec, line, column, *by, body, document.values, document.keys), ()


def _misplaced(path: str, document: strict.Document) -> Sequence[Problem]:
    """A lock elsewhere than in a lock file, or something else in one."""
    kind, name = document.data["kind"], document.data["metadata"]["name"]
    if (kind == "Lock") == path.endswith(LOCK_SUFFIX):
        return ()
    line, column = document.at(("kind",))
    expected = f"{name}{LOCK_SUFFIX} as the file's name" if kind == "Lock" else "a Lock in a file of this name"
    return (
        Problem(path, line, column, "kind", f"{kind} is not allowed in this file", expected, "", kind, name, "file"),
    )


def _sniffed(file: files.File) -> tuple[str, str]:
    """What a file that cannot be read says that it is; empty where it does not say."""
    kind, name = _KIND.search(file.data), _NAME.search(file.data)
    said = kind.group(1).decode("ascii") if kind else ""
    return (said if said in schema.DOCUMENT_KINDS else ""), (name.group(1).decode("ascii") if name else "")


def _claimed(file: files.File, faults: Sequence[Problem]) -> tuple[str, str]:
    """The (kind, name) that a wrong file stands for, so that whatever relies on it is not acted on."""
    unknown = _unknown(file.path)
    if unknown[0]:
        return unknown
    kind, name = (faults[0].kind, faults[0].name) if faults else _sniffed(file)
    return kind or _perhaps(file.data), name if _NAME_ONLY.fullmatch(name) else unknown[1]


def _perhaps(data: bytes) -> str:
    """What an unreadable file must be taken for: a rule that cannot be read is not one that is not there."""
    return "Guardrails" if b"guardrail" in data.replace(b"\0", b"").lower() else ""


def _unknown(path: str) -> tuple[str, str]:
    """As `_claimed`, by the file's name: a lock that cannot be read must not make its promotion an unlocked one."""
    base = path.rpartition("/")[2]
    if base.endswith(LOCK_SUFFIX):
        return "Lock", base.removesuffix(LOCK_SUFFIX)
    return "", base.rpartition(".")[0]


def _joined(team: _Read, platform: _Read) -> _Read:
    """Team kinds of one, platform kinds of the other; of a file that does not say its kind, the fault of either."""
    entries = [entry for entry in team.entries if entry.kind not in PLATFORM_KINDS]
    entries += [entry for entry in platform.entries if entry.kind in PLATFORM_KINDS]
    problems = [problem for problem in team.problems if problem.kind not in PLATFORM_KINDS]
    problems += [problem for problem in platform.problems if problem.kind not in (*TEAM_KINDS, "Lock")]
    unread = {claim for claim in team.unread if claim[0][0] not in PLATFORM_KINDS}
    unread |= {claim for claim in platform.unread if claim[0][0] in PLATFORM_KINDS}
    return _Read(tuple(entries), tuple(problems), frozenset(unread))


@cache
def _zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _checked(
    folder: files.Folder, read: _Read, platform_revision: str | None = None, *, apart: bool = False
) -> Manifests:
    elsewhere = platform_revision is not None
    freezes = any(entry.kind == "Guardrails" and entry.spec.freezes for entry in read.entries)
    zones = _zones() if freezes else frozenset()
    book = check(read.entries, version=__version__, unread=read.unread, zones=zones, elsewhere=elsewhere, apart=apart)
    problems = files.sorted_problems([*read.problems, *book.problems])
    fleets = book.of("Fleet")
    if not fleets:
        _no_fleet(book, problems)
    named: dict[str, dict[str, AnyEntry]] = {
        kind: {entry.name: entry for entry in book.of(kind)} for kind in (*KINDS, "Lock")
    }
    return Manifests(
        folder.revision,
        fleets[0],
        hubs=named["Hub"],
        spokes=named["Spoke"],
        guardrails=named["Guardrails"],
        waivers=named["Waiver"],
        groups=named["ModelGroup"],
        promotions=named["Promotion"],
        subscriptions=named["Subscription"],
        locks=named["Lock"],
        problems=problems,
        invalid=frozenset(book.invalid),
        files=len(folder.files),
        shallow=folder.shallow,
        platform_revision=platform_revision,
    )


def _no_fleet(book: Book, problems: Sequence[Problem]) -> None:
    wrong = [problem for problem in problems if problem.kind == "Fleet"]
    if wrong:
        raise ManifestsError(f"the Fleet is not valid: {wrong[0]}", problems, "everything else depends on it")
    hint = "one document of kind Fleet names the whole; see docs/manifests.md"
    raise ManifestsError(f"there is no Fleet among {len(book.entries)} manifests", problems, hint)
