"""A review as a file: its form (`schemas/review.v1.json`), and what of a revision it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.core.errors import SourceError, UsageError
from controller.core.manifests import Manifests
from controller.core.problems import shown
from controller.core.review import Approver, Review
from controller.source import git

_LIMIT = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BACK = 1000  # commits that are looked through for the reviewed state
_FORM = "it must be as schemas/review.v1.json says"


def read_review(file: Path, repo: Path, manifests: Manifests) -> Review:
    """The review in a file, bound to what it reviewed. `UsageError` when the file is not a review."""
    data = _data(file)
    review, base = _built(file, data)
    if manifests.revision == "worktree":
        return replace(review, unbound="it is of a commit, and this is the worktree as it is")
    found = git.repository(repo)
    try:
        unbound = _unbound(found, review.head, manifests.revision)
        vouched = frozenset[str]() if unbound else _vouched(found, review.head, base, manifests)
    except SourceError:
        return replace(review, unbound=f"its commits ({review.head[:12]}) are not all in this clone: fetch them")
    return replace(review, unbound=unbound, vouched=vouched)


def _data(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            text = stream.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    if len(text) > _LIMIT:
        raise UsageError(f"{file} is too large for a review")
    try:
        data = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not a review: it is not JSON, or says something twice", _FORM) from error
    if not isinstance(data, dict):
        raise UsageError(f"{file} is not a review: it is not an object", _FORM)
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _built(file: Path, data: Mapping[str, Any]) -> tuple[Review, str]:
    def wrong(what: str, expected: str) -> UsageError:
        return UsageError(f"{file}: {what} is {shown(data.get(what))}, and {expected} is expected", _FORM)

    if data.get("format", "hubwright.io/review/v1") != "hubwright.io/review/v1":
        raise wrong("format", "hubwright.io/review/v1")
    number = data.get("pr")
    if isinstance(number, bool) or not isinstance(number, int | str) or number == "":
        raise wrong("pr", "a number or a name")
    for name in ("head", *(["base"] if "base" in data else [])):
        if not isinstance(data.get(name), str) or not _COMMIT.fullmatch(data[name]):
            raise wrong(name, "a full commit id")
    if not isinstance(data.get("author"), str) or not data["author"]:
        raise wrong("author", "a login")
    if "mergedBy" not in data or not isinstance(data["mergedBy"], str | None):
        raise wrong("mergedBy", "a login or null")
    pushed_by, authors = data.get("pushedBy"), data.get("authors", [])
    if not isinstance(pushed_by, str | None):
        raise wrong("pushedBy", "a login or null")
    if not isinstance(authors, list) or not all(isinstance(login, str) and login for login in authors):
        raise wrong("authors", "a list of logins")
    people = data.get("approvers")
    approvers = [_approver(item) for item in people] if isinstance(people, list) else [None]
    known = tuple(item for item in approvers if item is not None)
    if len(known) != len(approvers):
        raise wrong("approvers", "a list of objects with a login and teams")
    merged_by = data["mergedBy"] or ""
    hands = frozenset({*authors, *filter(None, [pushed_by])})
    review = Review(str(number), data["head"], data["author"], known, merged_by, hands=hands)
    return review, str(data.get("base", ""))


def _approver(item: Any) -> Approver | None:
    if not isinstance(item, dict) or not isinstance(item.get("login"), str) or not item["login"]:
        return None
    teams = item.get("teams", [])
    if not isinstance(teams, list) or not all(isinstance(team, str) for team in teams):
        return None
    return Approver(item["login"], tuple(teams))


def _unbound(repo: git.Repository, head: str, revision: str) -> str:
    """Why a review of `head` says nothing about `revision`: neither it nor what it grew from has the reviewed files."""
    commit = git.commit(repo, head)
    tree = repo.run("rev-parse", "--end-of-options", f"{commit}^{{tree}}").decode("ascii").split()[-1]
    told = repo.run("log", f"--max-count={_BACK}", "--format=%H %T", "--end-of-options", revision).decode("ascii")
    known = {name for line in told.splitlines() for name in line.split()}
    return "" if commit in known or tree in known else f"what it reviewed ({head[:12]}) never came into {revision[:12]}"


def _vouched(repo: git.Repository, head: str, base: str, manifests: Manifests) -> frozenset[str]:
    """The promotions whose files, their groups', and those of what they come from, locks included, are as at `head`."""
    files = {name: _files(name, manifests) for name in manifests.promotions}
    paths = sorted({path for found in files.values() for path in found})
    then, now = git.blobs(repo, head, paths), git.blobs(repo, manifests.revision, paths)
    before = git.blobs(repo, base, paths) if base else {}
    return frozenset(
        name
        for name, mine in files.items()
        if all(then.get(path) == now.get(path) for path in mine)
        and (not base or any(before.get(path) != then.get(path) for path in mine))
    )


def _files(name: str, manifests: Manifests) -> list[str]:
    group = manifests.groups.get(manifests.promotions[name].spec.to.group)
    found = [group.path] if group is not None else []
    for one in _chain(name, manifests):
        path = manifests.promotions[one].path
        found += [path, f"{path.rpartition('/')[0]}/{one}.lock.yaml".lstrip("/")]
    return found


def _chain(name: str, manifests: Manifests) -> list[str]:
    """A promotion and those that it comes from: they decide what it brings."""
    found: list[str] = []
    at: str | None = name
    while at is not None and at in manifests.promotions and at not in found:
        found.append(at)
        at = manifests.promotions[at].spec.source.promotion
    return found
