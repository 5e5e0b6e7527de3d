"""What is said to, and asked of, the code host: `comment`, `issue`, `plans`, `review`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.aws.webidentity import exchanged
from controller.cli.files import write_whole
from controller.cli.output import write
from controller.cli.term import complain
from controller.core.errors import UsageError
from controller.github.api import Api
from controller.github.oidc import identity_token
from controller.github.plans import merged_plans, newest_commit
from controller.github.posts import comment as put_comment
from controller.github.posts import issue as put_issue
from controller.github.review import review_of_commit, review_of_pull
from controller.render.document import to_json
from controller.render.escape import terminal
from controller.source.base import first_parents, head

_LIMIT = 4 << 20
_AUDIENCE = "sts.amazonaws.com"
PUBLIC = "https://api.github.com"


@dataclass(frozen=True, slots=True)
class Post:
    """What to put up: the Markdown file, on which topic, and whose login it is put up with."""

    body: Path
    topic: str
    login: str


def api_of(environment: Mapping[str, str], repository: str | None) -> Api:
    """The API that a workflow's environment names; `UsageError` for what is missing."""
    name = repository or environment.get("GITHUB_REPOSITORY", "")
    return Api(environment.get("GITHUB_API_URL") or PUBLIC, name, environment.get("GITHUB_TOKEN", ""))


def comment(repository: str | None, pull: int, post: Post) -> int:
    """Puts the comment up, or brings it up to date, and writes its address."""
    body = _body(post.body)
    return _said(put_comment(api_of(os.environ, repository), pull, body, post.topic, post.login))


def issue(repository: str | None, title: str, post: Post, *, wanted: bool) -> int:
    """Opens the issue, brings it up to date or closes it, and writes its address."""
    body = _body(post.body)
    return _said(put_issue(api_of(os.environ, repository), title, body, post.topic, post.login, wanted=wanted))


def plans(repository: str | None, repo: str, ref: str, last: int, folder: Path) -> int:
    """Writes the plans of the pull requests merged by the last commits into a folder; 1 when there is none."""
    commits = first_parents(Path(repo), ref, last)
    found = list(merged_plans(api_of(os.environ, repository), commits, "hubwright-plan"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in found:
        path = folder / f"plan-{number}.json"
        try:
            write_whole(path, data.decode())
        except UnicodeDecodeError as error:
            raise UsageError(f"the plan of pull request {number} is not text") from error
        write(f"{path}\n")
    if not found:
        sys.stderr.write("no pull request of these commits has a saved plan\n")
    return 0 if found else 1


def review(repository: str | None, which: int | None, repo: str, ref: str, teams: Iterable[str], out: Path) -> int:
    """Writes the review of a pull request, or of the one that the revision merged."""
    api, members = api_of(os.environ, repository), _teams(teams)
    found = review_of_pull(api, which, members) if which else review_of_commit(api, head(Path(repo), ref), members)
    write_whole(out, to_json(found))
    return 0


def at_head(repository: str | None, branch: str, repo: str, ref: str) -> int:
    """0 when the revision is the newest commit of the branch on the code host, else 6."""
    newest = newest_commit(api_of(os.environ, repository), branch)
    mine = head(Path(repo), ref)
    if newest == mine:
        return 0
    complain(f"{mine[:12]} is not the newest commit of {branch}: that is {newest[:12]}", "its own run does the rest")
    return 6


def web_identity(role: str, variable: str | None) -> int:
    """Writes keys for a role as `credential_process` must: for a job's identity on GitHub, or a token in a variable."""
    if variable is None:
        token = identity_token(os.environ, _AUDIENCE)
    else:
        token = os.environ.get(variable, "")
        if not token:
            raise UsageError(f"the variable {variable} is empty", "the job needs `id_tokens` with this name")
    run = os.environ.get("GITHUB_RUN_ID") or os.environ.get("CI_PIPELINE_ID") or "ci"
    write(json.dumps(exchanged(role, token, run)) + "\n")
    return 0


def _teams(given: Iterable[str]) -> dict[str, list[str]]:
    """Teams by the login of their members, from `TEAM=LOGIN,LOGIN`."""
    found: dict[str, list[str]] = {}
    for item in given:
        team, equals, members = item.partition("=")
        if not equals or not team or not members:
            raise UsageError("--team is written TEAM=LOGIN,LOGIN", "such as model-risk=ada,grace")
        for login in members.split(","):
            found.setdefault(login.strip().casefold(), []).append(team)
    return found


def _body(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
        text = data.decode()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text") from error
    if len(data) > _LIMIT:
        raise UsageError(f"{path} is too large for a comment")
    return text


def _said(address: str) -> int:
    write(f"{terminal(address)}\n" if address else "")
    return 0
