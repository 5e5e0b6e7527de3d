"""The commands around events: `bundle` and `watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller.cli.options import FOLDER, NETWORK, REVISION, RUNNING, settings, taking

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--out", type=_FILE, metavar="FILE", required=True, help="Where the bundle goes.")
@taking(FOLDER, REVISION)
def bundle(out: Path, **values: Any) -> int:
    """Write a revision's manifests into one file, for functions without Git. Equal revisions give equal bytes.

    \b
    Example: hubwright bundle --out bundle.json
    """
    from controller.cli.exporting import bundle as run

    return run(settings(values), out)


@click.command()
@click.option("--queue", "url", required=True, metavar="URL", help="The SQS queue that the hub's rule fills.")
@click.option("--every", default="15m", show_default=True, metavar="TIME", help="A full run so often; 0s: never.")
@click.option("--health", type=_FILE, metavar="FILE", help="Written all the time: how the worker stands, as JSON.")
@click.option("--metrics", type=_FILE, metavar="FILE", help="Written all the time: counts, for Prometheus.")
@click.option("--max", "most", type=click.IntRange(1), metavar="N", help="End after so many messages.")
@click.option("--once", is_flag=True, help="End when the queue was found empty.")
@taking(FOLDER, REVISION, RUNNING, NETWORK)
def watch(url: str, every: str, most: int | None, **values: Any) -> int:
    """Bring about what events hint at, for as long as it runs. SIGTERM and SIGINT end it in good order.

    \b
    Example: hubwright watch --queue https://sqs.eu-west-1.amazonaws.com/111111111111/hubwright --health health.json
    """
    from controller.cli.watching import watch as run

    once = values.pop("once")
    files = {"health": values.pop("health"), "metrics": values.pop("metrics")}
    return run(settings(values), url, every, most=0 if once else most, **files)
