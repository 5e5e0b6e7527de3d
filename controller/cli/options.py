"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from controller.cli.settings import Settings
from controller.core.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = (
    click.option("--repo", default=".", metavar="DIR", show_default=True, help="The Git repository."),
    click.option("--path", default="manifests", show_default=True, help="The manifests folder in it."),
    click.option("--platform", metavar="REV|DIR[@REV]", help="Where the platform kinds are read instead."),
)
REVISION = (
    click.option("--ref", default="HEAD", metavar="REV", show_default=True, help="The revision to read."),
    click.option("--worktree", is_flag=True, help="Read the files as they are, committed or not."),
)
RUNNING = (
    click.option("--workers", type=click.IntRange(1, 64), default=16, show_default=True, help="Calls at a time."),
    click.option(
        "--log",
        type=click.Choice(["auto", "json", "none"]),
        default="auto",
        show_default=True,
        help="Progress on stderr: auto is a live line on a terminal, json one event a line.",
    ),
    click.option("--debug", is_flag=True, help="Write every AWS call to stderr, as lines of JSON."),
)
NETWORK = (
    click.option(
        "--allow-network",
        multiple=True,
        metavar="CIDR",
        help="A private network that image registries and their storage may be in; repeatable.",
    ),
    click.option("--proxy", metavar="URL", help="An http proxy for images: http://HOST:PORT. None by default."),
    click.option(
        "--ca-bundle",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Roots to trust for images, PEM.",
    ),
    click.option("--streams", type=click.IntRange(1, 64), default=6, show_default=True, help="Image blobs at a time."),
)
REVIEW = (
    click.option(
        "--review",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Who approved the pull request: JSON as in schemas/review.v1.json.",
    ),
)
SCOPE = (
    click.option(
        "--scope", multiple=True, metavar="KIND=NAME", help="Only promotion=NAME, group=NAME or spoke=NAME; repeatable."
    ),
)
PINNING = (
    click.option(
        "--as",
        "acting",
        metavar="spoke=NAME",
        help="With the credentials of a spoke whose pattern is push: nobody else reads what it has.",
    ),
)
ACTING = (
    click.option(
        "--as",
        "acting",
        metavar="spoke=NAME",
        help="Push: with the credentials of a spoke whose pattern is push, through the hub's register role. "
        "Only what comes from that spoke; approvals are left to the hub's own run.",
    ),
)


ALSO = (
    click.option("--also", multiple=True, metavar="FORM=FILE", help="Write it in a further form, too; repeatable."),
    click.option(
        "--html",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write it as a page for a browser, too.",
    ),
)


def formats(*names: str) -> Callable[[Command], Command]:
    """The option `--format`."""
    help_text = "How the result is written to stdout."
    return click.option(
        "--format", "form", type=click.Choice(names), default=names[0], show_default=True, help=help_text
    )


def taking(*groups: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """All options of these groups, in their order, on one command."""

    def added(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return added


def settings(values: dict[str, Any], *, worktree: bool = False) -> Settings:
    """Takes the common options out of a command's values; `UsageError` for those that contradict each other."""
    context = click.get_current_context(silent=True)
    if values.get("worktree") and context and context.get_parameter_source("ref") is ParameterSource.COMMANDLINE:
        raise UsageError("--ref and --worktree name two states of the manifests", "give one of them")
    known = {name: values.pop(name) for name in Settings.__slots__ if name in values}
    return Settings(**({"worktree": True} if worktree else {}) | known)
