"""The commands of `hubwright access`; what they do is imported when one of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller.cli.options import FOLDER, REVISION, RUNNING, formats, settings, taking
from controller.cli.overview import Overview

_FILE = click.Path(dir_okay=False, path_type=Path)
_WHERE = (
    click.option(
        "--account",
        "accounts",
        multiple=True,
        metavar="ID",
        help="Only this account, with its administrator's own credentials; repeatable with --role-name.",
    ),
    click.option("--role-name", metavar="NAME", help="A role to assume in every account, such as an organization's."),
)


@click.group(cls=Overview)
def access() -> None:
    """The policies, roles, buses and rules that the fleet needs: render, plan, apply.

    By default this is about the account of the credentials at hand.

    \b
    Example: hubwright access plan --account 222222222222
    """


@access.command()
@click.option("--out", type=_FILE, metavar="FILE", help="Save the plan for access apply --plan.")
@click.option("--detailed-exitcode", "detailed", is_flag=True, help="Exit 2 when there is something to do.")
@formats("text", "json", "markdown")
@taking(_WHERE, FOLDER, REVISION, RUNNING)
def plan(out: Path | None, form: str, **values: Any) -> int:
    """Show what access lacks. Reads only.

    \b
    Example: hubwright access plan --account 222222222222 --out access.json
    """
    from controller.cli.access_run import plan as run

    return run(settings(values), form, out, **values)


@access.command()
@click.option("--plan", "plans", type=_FILE, multiple=True, metavar="FILE", help="Do only what these saved plans have.")
@formats("text", "json", "markdown")
@taking(_WHERE, FOLDER, REVISION, RUNNING)
def apply(plans: tuple[Path, ...], form: str, **values: Any) -> int:
    """Bring access about; what others have put into the same policies stays as it is.

    \b
    Example: hubwright access apply --account 222222222222 --plan access.json
    """
    from controller.cli.access_run import apply as run

    return run(settings(values), form, plans, **values)


@access.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "cloudformation", "terraform"]),
    default="json",
    show_default=True,
    help="json: the documents; the others: one template per account.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write files there.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Only this account; repeatable.")
@taking(FOLDER, REVISION)
def render(form: str, out: Path | None, accounts: tuple[str, ...], **values: Any) -> int:
    """Write the documents for others to apply. Offline.

    \b
    Example: hubwright access render --format cloudformation --out templates
    """
    from controller.cli.access_run import render as run

    return run(settings(values), form, out, accounts)
