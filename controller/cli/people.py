"""The commands around the straight line: a repository's beginnings, a set-up's health, what the code host is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from controller.cli.commands import hubwright as hubwright
from controller.cli.options import FOLDER, REVISION, RUNNING, Command, formats, settings, taking
from controller.cli.overview import Overview

_FILE = click.Path(dir_okay=False, path_type=Path)
_REPOSITORY = click.option(
    "--repository", metavar="OWNER/NAME", help="On GitHub; by default GITHUB_REPOSITORY. The token is GITHUB_TOKEN."
)
_BODY = click.option("--body-file", "body", type=_FILE, required=True, metavar="FILE", help="Markdown.")
_LOGIN = click.option(
    "--login",
    default="github-actions[bot]",
    show_default=True,
    help="Whose posts are ours: the login that GITHUB_TOKEN writes as. Nobody else's are ever changed.",
)


def _topic(default: str) -> Callable[[Command], Command]:
    words = "Several comments may stand side by side, one of each topic."
    return click.option("--topic", default=default, show_default=True, help=words)


@hubwright.command()
@click.option("--pr", "pull", type=click.IntRange(1), required=True, metavar="N", help="The pull request.")
@_BODY
@_topic("plan")
@_REPOSITORY
@_LOGIN
def comment(pull: int, body: Path, topic: str, repository: str | None, login: str) -> int:
    """Put one comment up on a pull request, or bring it up to date in its place.

    \b
    Example: hubwright comment --pr 17 --body-file plan.md
    """
    from controller.cli.host import Post
    from controller.cli.host import comment as run

    return run(repository, pull, Post(body, topic, login))


@hubwright.command()
@click.option("--title", required=True, help="Of the issue.")
@click.option("--open/--close", "wanted", default=True, show_default=True, help="Close it when all is well again.")
@_BODY
@_topic("drift")
@_REPOSITORY
@_LOGIN
def issue(title: str, body: Path, topic: str, repository: str | None, login: str, **values: bool) -> int:
    """Open one issue, bring it up to date in its place, or close it.

    \b
    Example: hubwright issue --title "Models drifted" --body-file drift.md
    """
    from controller.cli.host import Post
    from controller.cli.host import issue as run

    return run(repository, title, Post(body, topic, login), **values)


@hubwright.command()
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to put them.",
)
@click.option("--last", type=click.IntRange(1, 200), default=20, show_default=True, help="Commits of the branch.")
@click.option("--repo", default=".", metavar="DIR", show_default=True, help="The Git repository.")
@click.option("--ref", default="HEAD", metavar="REV", show_default=True, help="The branch's newest commit.")
@_REPOSITORY
def plans(folder: Path, last: int, repo: str, ref: str, repository: str | None) -> int:
    """Fetch the plans that reviewers saw, of the pull requests merged last. Exit 1 when there is none.

    \b
    Example: hubwright plans --into plans
    """
    from controller.cli.host import plans as run

    return run(repository, repo, ref, last, folder)


@hubwright.command()
@click.option("--pr", "pull", type=click.IntRange(1), metavar="N", help="By default the one that --ref merged.")
@click.option("--team", "teams", multiple=True, metavar="TEAM=LOGIN,LOGIN", help="Who is in a team; repeatable.")
@click.option("--out", type=_FILE, required=True, metavar="FILE", help="Where to write it.")
@click.option("--repo", default=".", metavar="DIR", show_default=True, help="The Git repository.")
@click.option("--ref", default="HEAD", metavar="REV", show_default=True, help="The merge.")
@_REPOSITORY
def review(pull: int | None, teams: tuple[str, ...], out: Path, repo: str, ref: str, repository: str | None) -> int:
    """Fetch who approved a pull request, and at which commit, for guardrails that ask for approvals.

    \b
    Example: hubwright review --team model-risk=ada,grace --out review.json
    """
    from controller.cli.host import review as run

    return run(repository, pull, repo, ref, teams, out)


@hubwright.command("at-head")
@click.argument("branch")
@click.option("--repo", default=".", metavar="DIR", show_default=True, help="The Git repository.")
@click.option("--ref", default="HEAD", metavar="REV", show_default=True, help="The revision to look for.")
@_REPOSITORY
def at_head(branch: str, repo: str, ref: str, repository: str | None) -> int:
    """Ask whether a revision still is the newest of its branch on GitHub. Exit 6 when it is not.

    \b
    Example: hubwright at-head main
    """
    from controller.cli.host import at_head as run

    return run(repository, branch, repo, ref)


@hubwright.command("web-identity")
@click.option("--role", required=True, metavar="ARN", help="The role to assume with the job's identity.")
@click.option("--token-variable", "variable", metavar="NAME", help="Where the token is, if not asked for on GitHub.")
def web_identity(role: str, variable: str | None) -> int:
    """Turn a CI job's identity into AWS credentials, as `credential_process` of an AWS profile. They are renewed by it.

    \b
    Example, in an AWS configuration file:
      [default]
      credential_process = hubwright web-identity --role arn:aws:iam::111111111111:role/hubwright-plan
    """
    from controller.cli.host import web_identity as run

    return run(role, variable)


@hubwright.command()
@click.option("--fleet", default="models", show_default=True, metavar="NAME", help="The fleet's name.")
@click.option("--account", default="111111111111", show_default=True, metavar="ID", help="The hub's account.")
@click.option("--region", default="eu-west-1", show_default=True, help="The hub's region.")
@click.option("--bucket", default="acme-model-store", show_default=True, help="The hub's bucket for artifacts.")
@click.option("--team", default="churn", show_default=True, metavar="NAME", help="The first team.")
@click.option("--spoke", default="churn-lab", show_default=True, metavar="NAME", help="Its account's name.")
@click.option("--spoke-account", default="222222222222", show_default=True, metavar="ID", help="Its account.")
@click.option("--github", default="", metavar="OWNER/NAME", help="The repository whose jobs may assume the CI roles.")
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab", "none"]),
    default="github",
    show_default=True,
    help="Whose workflows to write.",
)
@taking(FOLDER[:2])
def init(**values: Any) -> int:
    """Write the layout of a repository: a fleet, a hub, a spoke, rules, a team, owners and workflows.

    \b
    Example: git init -b main && hubwright init --account 123456789012 --github acme/models
    """
    from controller.cli.layout import Beginning, begin

    common = settings(values, worktree=True)
    return begin(common, Beginning(**values))


@hubwright.group(cls=Overview)
def new() -> None:
    """Write the manifest of one more spoke or group.

    \b
    Example: hubwright new group churn --team growth
    """


@new.command("spoke")
@click.argument("name")
@click.option("--account", required=True, metavar="ID", help="Its account.")
@click.option("--team", required=True, metavar="NAME", help="Whose models it has.")
@taking(FOLDER[:2])
def new_spoke(name: str, account: str, team: str, **values: Any) -> int:
    """Write a spoke's manifest; region and role come from the fleet's defaults.

    \b
    Example: hubwright new spoke fraud-lab --account 444444444444 --team fraud
    """
    from controller.cli.layout import new_spoke as run

    return run(settings(values, worktree=True), name, account, team)


@new.command("group")
@click.argument("name")
@click.option("--team", required=True, metavar="NAME", help="The team whose folder it goes to.")
@click.option("--description", metavar="TEXT", help="For people who look at the hub.")
@taking(FOLDER[:2])
def new_group(name: str, team: str, description: str | None, **values: Any) -> int:
    """Write a group's manifest into its team's folder.

    \b
    Example: hubwright new group fraud-cards --team fraud
    """
    from controller.cli.layout import new_group as run

    return run(settings(values, worktree=True), name, team, description)


_KINDS = ["fleet", "hub", "spoke", "guardrails", "waiver", "modelgroup", "group", "promotion", "subscription", "lock"]


@hubwright.command()
@click.argument("kind", type=click.Choice(_KINDS, case_sensitive=False))
@click.argument("name")
@click.option("--resolved", is_flag=True, help="With the fleet's defaults, and everything that was left out.")
@formats("yaml", "json")
@taking(FOLDER, REVISION)
def show(kind: str, name: str, form: str, **values: Any) -> int:
    """Show one manifest. Values of environment variables are shown as digests.

    \b
    Example: hubwright show spoke churn-lab --resolved
    """
    from controller.cli.showing import show as run

    return run(settings(values), kind.lower(), name, form, **values)


@hubwright.command()
@formats("text", "json")
@taking(FOLDER, REVISION, RUNNING)
def doctor(form: str, **values: Any) -> int:
    """Look at the set-up: Git, credentials, roles, buckets, image tags, buses, the clock; and say what to do.

    \b
    Example: hubwright doctor
    """
    from controller.cli.health import doctor as run

    return run(settings(values), form)


@hubwright.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Write what makes a shell complete hubwright's commands and options.

    \b
    Example, in ~/.bashrc: eval "$(hubwright completion bash)"
    """
    from click.shell_completion import get_completion_class

    from controller.cli.output import write

    made = get_completion_class(shell)
    if made is not None:  # the shells are click's own
        write(made(hubwright, {}, "hubwright", "_HUBWRIGHT_COMPLETE").source())
    return 0
