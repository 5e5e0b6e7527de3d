"""The review of a pull request, as `--review` reads it: who approved it, at which commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.core.errors import UsageError
from controller.github.api import Api

_FORMAT = "hubwright.io/review/v1"
_COUNTED = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})  # a comment changes nothing


def review_of_pull(api: Api, number: int, teams: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The review of a pull request; `teams` says who is in which team, by login in lower case.

    Of each person only the last word counts, and only if it was said of the pull request's last commit.
    """
    pull = api.get(f"pulls/{number}")
    return _review(api, pull, teams)


def review_of_commit(api: Api, commit: str, teams: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The review of the pull request that this commit merged; `UsageError` where there is none."""
    for pull in api.get(f"commits/{commit}/pulls"):
        if pull.get("merged_at") and pull.get("merge_commit_sha") == commit:
            return _review(api, api.get(f"pulls/{int(pull['number'])}"), teams)
    raise UsageError(f"no pull request was merged as {commit}", "changes that must be approved come by a pull request")


def _review(api: Api, pull: Mapping[str, Any], teams: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    head = str(pull["head"]["sha"])
    last: dict[str, Mapping[str, Any]] = {}
    for item in api.all(f"pulls/{int(pull['number'])}/reviews"):
        if item.get("user") and item["state"] in _COUNTED:
            last[str(item["user"]["login"])] = item
    approved = sorted(
        name for name, item in last.items() if item["state"] == "APPROVED" and item.get("commit_id") == head
    )
    return {
        "format": _FORMAT,
        "pr": str(pull["number"]),
        "head": head,
        "base": str(pull["base"]["sha"]),
        "author": str((pull.get("user") or {}).get("login") or "ghost"),
        "approvers": [{"login": name, "teams": sorted(teams.get(name.casefold(), ()))} for name in approved],
        "mergedBy": str((pull.get("merged_by") or {}).get("login") or ""),
    }
