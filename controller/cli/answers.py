"""The commands that answer for what is there: drift, history, and the changes that mend or take back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller.cli.options import ALSO, FOLDER, NETWORK, REVISION, RUNNING, SCOPE, formats, settings, taking
from controller.cli.people import hubwright

__all__ = ["hubwright"]
_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@hubwright.command()
@click.option("--deep", is_flag=True, help="Read all bytes again: objects against the record, images by their digests.")
@click.option("--out", type=_FILE, metavar="FILE", help="Also save the report, as JSON.")
@click.option("--since", type=_FILE, metavar="FILE", help="An earlier report: says when each finding was first seen.")
@formats("text", "json", "markdown")
@taking(ALSO[1:], SCOPE, FOLDER, REVISION, RUNNING, NETWORK)
def drift(form: str, **values: Any) -> int:
    """Show what differs from Git because somebody changed it, or lost it. Reads only; exit 3 on drift.

    \b
    Example: hubwright drift --deep --since drift.json --out drift.json
    """
    from controller.cli.drift import drift as run

    return run(settings(values), form, **values)


@hubwright.command("import")
@click.option("--hub", metavar="NAME", help="Take in what is in this hub.")
@click.option("--spoke", metavar="NAME", help="Take in what was promoted from this spoke, into whichever hub.")
@click.option("--group", metavar="GROUP", help="Only this package group of the hub.")
@click.option("--locks", is_flag=True, help="Also write locks, from the records: one more call for each version.")
@click.option("--prove", is_flag=True, help="Prove all bytes now, not by ETags: two more calls for each object.")
@click.option("--out", metavar="DIR", help="Where to write, from the repository's root; by default where it belongs.")
@taking(FOLDER, RUNNING)
def take_in(**values: Any) -> int:
    """Write manifests for what is in a hub and in no manifest, so that the next plan is empty.

    A version that Hubwright did not register is adopted only where its bytes are a spoke's; reconcile proves them.

    \b
    Example: hubwright import --hub central --group churn
    """
    from controller.cli.takein import take_in as run

    return run(settings(values, worktree=True), **values)


@hubwright.command()
@click.argument("group", required=False, metavar="[GROUP]")
@click.option("--as-of", metavar="TIME|REV", help="A time with its zone, or a revision; by default --ref.")
@click.option("--runs", "recorded", is_flag=True, help="Also what runs did, from the hubs' audit records.")
@click.option("--out", type=_FILE, metavar="FILE", help="Also save it, as JSON.")
@formats("text", "json", "markdown")
@taking(FOLDER, REVISION, RUNNING)
def history(form: str, **values: Any) -> int:
    """Show which version was to be approved when, and by which commit and pull request. Reads only.

    \b
    Example: hubwright history churn --as-of 2026-11-20T09:00Z
    """
    from controller.cli.past import history as run

    return run(settings(values), form, **values)


@hubwright.command()
@click.argument("group", metavar="GROUP")
@click.option("--as-of", required=True, metavar="TIME|REV", help="A time with its zone, or a revision.")
@click.option("--out", required=True, type=_FOLDER, metavar="DIR", help="A new folder.")
@taking(FOLDER, REVISION, RUNNING)
def evidence(group: str, **values: Any) -> int:
    """Gather in one folder what an auditor asks for about a group. Reads only.

    \b
    Example: hubwright evidence churn --as-of 2026-11-20T09:00Z --out evidence-churn
    """
    from controller.cli.evidence import evidence as run

    return run(settings(values), group, **values)


@hubwright.command()
@click.argument("group", metavar="GROUP")
@click.option("--reason", metavar="TEXT", help="One line: why the version that stands now is held.")
@taking(FOLDER)
def rollback(group: str, reason: str | None, **values: Any) -> int:
    """Write the change that returns a group to its previously approved version. Writes manifests only.

    \b
    Example: hubwright rollback churn --reason "INC-1204: wrong scores for new customers"
    """
    from controller.cli.past import rollback as run

    return run(settings(values, worktree=True), group, reason)


@hubwright.command()
@click.argument("digest", metavar="DIGEST")
@click.option("--reason", required=True, metavar="TEXT", help="One line: why.")
@taking(FOLDER, RUNNING)
def revoke(digest: str, reason: str, **values: Any) -> int:
    """Write the change that rejects a release, image or object wherever it was promoted, and keeps it out.

    \b
    Example: hubwright revoke sha256:3f1c… --reason "CVE-2026-1234 in the serving image"
    """
    from controller.cli.past import revoke as run

    return run(settings(values, worktree=True), digest, reason)


@hubwright.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@taking(FOLDER)
def retry(names: tuple[str, ...], **values: Any) -> int:
    """Raise the `attempt` of promotions, so that each is registered anew from its source. Writes manifests only.

    \b
    Example: hubwright retry churn-8
    """
    from controller.cli.amend import retry as run

    return run(settings(values, worktree=True), names)


@hubwright.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@taking(FOLDER, RUNNING)
def accept(names: tuple[str, ...], **values: Any) -> int:
    """Take over into Git what somebody changed in the hub: approval, reason, stage, metadata. Writes manifests only.

    \b
    Example: hubwright accept churn-8
    """
    from controller.cli.amend import accept as run

    return run(settings(values, worktree=True), names)
