"""The commands around events: `bundle` and `watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from controller.cli.options import FOLDER, REVISION, settings, taking

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
