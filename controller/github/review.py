"""The review of a pull request, as `--review` reads it: who approved it, at which commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from controller.core.errors import UsageError
from controller.github.api import Api, GitHubError

_FORMAT = "hubwright.io/review/v1"
_PUSHES = frozenset({"push", "force_push", "branch_creation"})
_OURS = "web-flow"  # who GitHub says committed what somebody clicked together
_COUNTED = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})  # a comment changes nothing


def review_of_pull(api: Api, number: int, teams: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The review of a pull request; `teams` says who is in which team, by login in lower case.

    Of each person only the last word counts, and only if it was said of the pull request's last commit. Who wrote or
    pushed a commit of it is named as far as GitHub says.
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
    commits = _commits(api, pull)
    pushers = _pushers(api, pull["head"])
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
        "authors": _authors(commits, pushers),
        "pushedBy": pushers.get(head),
        "approvers": [{"login": name, "teams": sorted(teams.get(name.casefold(), ()))} for name in approved],
        "mergedBy": str((pull.get("merged_by") or {}).get("login") or ""),
    }


def _commits(api: Api, pull: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Its commits. GitHub lists 250 at most: of more it is not known who wrote them, and an incomplete list would let
    them approve."""
    rows = list(api.all(f"pulls/{int(pull['number'])}/commits"))
    if int(pull.get("commits") or 0) > len(rows):
        said = f"pull request {int(pull['number'])} has {int(pull['commits'])} commits, and GitHub lists {len(rows)}"
        raise GitHubError(f"{said}: who wrote it is not known", 0, "split it, or squash its commits")
    return rows


def _authors(commits: Iterable[Mapping[str, Any]], pushers: Mapping[str, str]) -> list[str]:
    """Who wrote, committed or pushed any of its commits, by login.

    A commit's mail address is what its author says it is, and may be nobody's: who pushed it is what GitHub says.
    """
    found = {str(person["login"]) for row in commits for who in ("author", "committer") if (person := row.get(who))}
    found |= {pushers[sha] for row in commits if (sha := str(row.get("sha"))) in pushers}
    return sorted(found - {_OURS})


def _pushers(api: Api, head: Mapping[str, Any]) -> dict[str, str]:
    """Who pushed what was then the branch's last commit, by that commit, as far as the branch's last 100 changes say;
    nothing where GitHub does not say, as of a fork or of a server without this question."""
    ref = str(head.get("ref") or "")
    if not ref or str((head.get("repo") or {}).get("full_name", "")).casefold() != api.repository.casefold():
        return {}
    try:
        rows = api.get(f"activity?ref={quote(f'refs/heads/{ref}', safe='')}&per_page=100")
    except GitHubError as error:
        if error.status in (403, 404):
            return {}
        raise
    found: dict[str, str] = {}
    for row in rows:  # the newest first
        if row.get("activity_type") in _PUSHES and row.get("actor"):
            found.setdefault(str(row["after"]), str(row["actor"]["login"]))
    return found
