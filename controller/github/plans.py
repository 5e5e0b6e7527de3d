"""Plans that reviewers saw: the artifacts of the plan runs of the pull requests that were merged."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from controller.github.api import Api, GitHubError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = "plan.json"
_LIMIT = 256 << 20


def merged_plans(api: Api, commits: Iterable[str], artifact: str) -> Iterator[tuple[int, bytes]]:
    """The saved plan of every pull request that one of these commits merged: its number and the plan's bytes.

    Of each pull request only the newest artifact of its very last commit counts: what was pushed after a plan was made
    has no plan. Plans are not believed: `reconcile --plan` plans anew, and does what has the same ids.
    """
    seen: set[int] = set()
    for commit in commits:
        if not _COMMIT.fullmatch(commit):
            continue
        for pull in api.get(f"commits/{commit}/pulls"):
            number = int(pull["number"])
            if number in seen or not pull.get("merged_at") or pull.get("merge_commit_sha") != commit:
                continue
            seen.add(number)
            found = _newest(api, pull, artifact)
            if found is not None:
                yield number, unpacked(api.download(found))


def newest_commit(api: Api, branch: str) -> str:
    """The newest commit of a branch, in full."""
    found = str(api.get(f"commits/heads/{quote(branch)}")["sha"])
    if not _COMMIT.fullmatch(found):
        raise GitHubError("GitHub's answer names no commit")
    return found


def _newest(api: Api, pull: Mapping[str, Any], artifact: str) -> str | None:
    """Where the newest artifact of the pull request's last commit is, if its repository is this one."""
    head = pull["head"]
    if (head.get("repo") or {}).get("full_name") != api.repository or not _COMMIT.fullmatch(str(head["sha"])):
        return None
    name = quote(f"{artifact}-{head['sha']}", safe="")
    found = [
        item
        for item in api.all(f"actions/artifacts?name={name}", "artifacts")
        if not item["expired"] and (item.get("workflow_run") or {}).get("head_sha") == head["sha"]
    ]
    newest = max(found, key=lambda item: int(item["id"]), default=None)
    return str(newest["archive_download_url"]) if newest else None


def unpacked(data: bytes) -> bytes:
    """The plan in an artifact's archive; `GitHubError` for anything else. Nothing is written to a path it names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo(_NAME)
            if info.file_size > _LIMIT:
                raise GitHubError("a saved plan is too large")
            with archive.open(info) as file:
                plan = file.read(_LIMIT + 1)
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise GitHubError(f"an artifact is not the archive of a {_NAME}") from error
    if len(plan) > _LIMIT:
        raise GitHubError("a saved plan is too large")
    return plan
