"""The commands: their options and help. What they do is imported when one of them runs, so that help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller import __version__
from controller.cli.access import access
from controller.cli.events import bundle, watch
from controller.cli.options import (
    ACTING,
    ALSO,
    FOLDER,
    NETWORK,
    PINNING,
    REVIEW,
    REVISION,
    RUNNING,
    SCOPE,
    formats,
    settings,
    taking,
)
from controller.cli.overview import Overview

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(cls=Overview, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hubwright")
def hubwright() -> None:
    """Keeps Amazon SageMaker model registries in the state that Git declares.

    \b
    Exit codes: 0 done or nothing to do · 1 error · 2 changes pending (--detailed-exitcode)
    3 drift (drift) · 4 blocked · 5 partial: failed, unknown, conflict, mismatch, invalid · 6 stale plan
    7 held by another run · 64 usage
    """


@hubwright.command()
@taking(FOLDER, REVISION)
@formats("text", "json", "sarif", "junit", "github")
def validate(form: str, **values: Any) -> int:
    """Check the manifests, offline: every fault with file, line and column.

    \b
    Example: hubwright validate --worktree
    """
    from controller.cli.check import validate as run

    return run(settings(values), form)


@hubwright.command()
@click.argument("source", metavar="SPOKE/GROUP/VERSION")
@click.option("--to", "group", required=True, metavar="GROUP", help="The ModelGroup to promote into.")
@click.option(
    "--approval",
    type=click.Choice(["Approved", "PendingManualApproval", "Rejected"]),
    default="PendingManualApproval",
    show_default=True,
    help="The status it is to have in the hub.",
)
@click.option("--reason", metavar="TEXT", help="One line for reviewers and for the hub's registry.")
@click.option("--name", metavar="NAME", help="The promotion's name; GROUP-VERSION by default.")
@click.option("--lock/--no-lock", "locked", default=True, show_default=True, help="Read the source and pin it.")
@taking(PINNING, FOLDER, RUNNING)
def promote(source: str, group: str, **values: Any) -> int:
    """Write the manifest of a promotion, and its lock, beside the group's manifest.

    \b
    Example: hubwright promote churn-lab/churn-experiments/8 --to churn --approval Approved
    """
    from controller.cli.pinning import promote as run

    return run(settings(values, worktree=True), source, group, **values)


@hubwright.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", is_flag=True, help="Write nothing; exit 5 when a source is not what its lock names.")
@taking(PINNING, FOLDER, RUNNING)
def lock(names: tuple[str, ...], **values: Any) -> int:
    """Pin the sources of promotions (by default of all) into NAME.lock.yaml.

    \b
    Example: hubwright lock churn-8
    """
    from controller.cli.pinning import lock as run

    return run(settings(values, worktree=True), names, **values)


@hubwright.command()
@click.option("--out", type=_FILE, metavar="FILE", help="Save the plan for reconcile --plan.")
@click.option("--detailed-exitcode", "detailed", is_flag=True, help="Exit 2 when there is something to do.")
@click.option("--since", metavar="REV", help="Tell what the branch brings, since it left REV, from what was so before.")
@click.option("--offline", is_flag=True, help="By the manifests alone, against --since: no credentials, no call.")
@click.option(
    "--before", type=_FILE, metavar="FILE", help="An earlier plan (--out): --html says what is otherwise now."
)
@formats("text", "json", "markdown", "sarif", "junit", "github")
@taking(ALSO, SCOPE, ACTING, FOLDER, REVISION, REVIEW, RUNNING)
def plan(out: Path | None, form: str, *, offline: bool, **values: Any) -> int:
    """Show what reconcile would do. Reads only.

    \b
    Example: hubwright plan --out plan.json --format markdown
    """
    if offline:
        from controller.cli.offline import offline as told

        return told(settings(values), form, {"out": out, **values})
    from controller.cli.line import plan as run

    return run(settings(values), form, out, **values)


@hubwright.command()
@click.option(
    "--plan", "plans", type=_FILE, multiple=True, metavar="FILE...", help="Do only what these saved plans have."
)
@click.argument("more", nargs=-1, type=_FILE, metavar="")
@formats("text", "json", "markdown", "sarif", "junit", "github")
@taking(ALSO, SCOPE, ACTING, FOLDER, REVISION, REVIEW, RUNNING, NETWORK)
def reconcile(plans: tuple[Path, ...], more: tuple[Path, ...], form: str, **values: Any) -> int:
    """Plan, and bring it about.

    \b
    Example: hubwright reconcile --plan plan.json
              hubwright reconcile --as spoke=churn-lab
    """
    from controller.cli.line import reconcile as run

    if more and not plans:
        raise click.UsageError(f"Got unexpected extra argument ({more[0]})")
    return run(settings(values), form, (*plans, *more), **values)


@hubwright.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@taking(FOLDER, REVISION, RUNNING, NETWORK)
def prefetch(names: tuple[str, ...], **values: Any) -> int:
    """Copy artifacts and images of locked promotions (by default of all) ahead; register and approve nothing.

    \b
    Example: hubwright prefetch churn-8 --ref my-branch
    """
    from controller.cli.ahead import prefetch as run

    return run(settings(values), names)


@hubwright.command()
@click.argument("what", metavar="ARN|URI|DIGEST|ID")
@formats("text", "json", "mermaid")
@taking(FOLDER, REVISION, RUNNING)
def trace(what: str, form: str, **values: Any) -> int:
    """Trace hub versions back to training job, data and commit, and forward to their readers.

    \b
    Of a version by its ARN (in a hub or a spoke), by an s3:// URI, an image or other digest, or a promotion's id.
    Example: hubwright trace arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/8
    """
    from controller.cli.tracing import trace as run

    return run(settings(values), what, form)


@hubwright.command()
@click.argument("arn")
@click.option("--key", required=True, metavar="FILE|ARN", help="A private key, PEM, or a KMS key that signs.")
@click.option("--summary", is_flag=True, help="A SLSA verification summary instead of a promotion statement.")
@click.option("--out", type=_FILE, metavar="FILE", help="Write it there instead of to stdout.")
@taking(FOLDER, REVISION, RUNNING)
def attest(arn: str, key: str, summary: bool, out: Path | None, **values: Any) -> int:  # noqa: FBT001  (click's flags)
    """Sign an in-toto statement that names every byte of a hub version.

    \b
    Example: hubwright attest arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/8 --key key.pem
    """
    from controller.cli.attesting import attest as run

    return run(settings(values), arn, key=key, summary=summary, out=out)


@hubwright.command()
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option("--key", required=True, metavar="FILE|ARN", help="The public key, PEM, or the KMS key that signed.")
@taking(FOLDER, REVISION, RUNNING)
def verify(files: tuple[Path, ...], key: str, **values: Any) -> int:
    """Check signed statements against what is live; exit 5 when one does not hold.

    \b
    Example: hubwright verify churn-8.dsse.json --key key.pub
    """
    from controller.cli.attesting import verify as run

    return run(settings(values), files, key=key)


@hubwright.command()
@click.argument("group", metavar="GROUP")
@click.option("--until", metavar="TIME", help="When it ends: a time with its zone, or a duration such as 8h.")
@click.option("--reason", metavar="TEXT", help="Why; shown by every plan.")
@click.option("--release", is_flag=True, help="End the hold.")
@taking(FOLDER, REVISION, RUNNING)
def hold(group: str, until: str | None, reason: str | None, *, release: bool, **values: Any) -> int:
    """Keep runs from changing a group, such as after a change by hand; rejecting is always possible.

    \b
    Example: hubwright hold churn --until 8h --reason "INC-991: rolled back by hand"
    """
    from controller.cli.holding import hold as run

    return run(settings(values), group, until, reason, release=release)


@hubwright.command()
@click.argument("group", metavar="GROUP")
@formats("text", "json")
@taking(FOLDER, REVISION, RUNNING)
def current(group: str, form: str, **values: Any) -> int:
    """Tell deployers which version of a group is Approved now: ARN, digest, promotion. Reads only.

    \b
    Example: hubwright current churn --format json
    """
    from controller.cli.deployed import current as run

    return run(settings(values), group, form)


@hubwright.command()
@click.option(
    "--seed",
    type=click.Choice(["demo", "empty", "bare"]),
    default="demo",
    show_default=True,
    help="What it starts with; bare: the demo's data with nothing granted to anybody.",
)
@click.option("--ready-file", type=_FILE, metavar="FILE", help="Written, as JSON, once it serves.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the AWS endpoint; any free one by default.")
@click.option("--authorize/--no-authorize", default=True, show_default=True, help="Whether policies are asked.")
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
def sandbox(seed: str, ready_file: Path | None, port: int, command: tuple[str, ...], *, authorize: bool) -> int:
    """Serve an embedded hub and two spokes on loopback until Ctrl-C.

    With a COMMAND, such as a shell: as long as that runs, with the sandbox as all the AWS that it knows.

    \b
    Example: hubwright sandbox -- bash
    Example: hubwright sandbox --seed empty --ready-file ready.json
    """
    from controller.cli.embedded import sandbox as run

    return run(seed, ready_file, port, authorize=authorize, command=command)


@hubwright.command()
@click.option("--json", "record", type=_FILE, metavar="FILE", help="Record every step.")
@click.option("--keep", type=_FOLDER, metavar="DIR", help="Keep the repository and the plans there.")
def demo(record: Path | None, keep: Path | None) -> int:
    """Tell the whole story on the sandbox: train, promote, prove, repair.

    \b
    Example: hubwright demo --keep ./story
    """
    from controller.cli.embedded import demo as run

    return run(record, keep)


hubwright.add_command(access)
hubwright.add_command(bundle)
hubwright.add_command(watch)
