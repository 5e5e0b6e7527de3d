"""`bundle`: a revision's manifests in one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from controller.cli.files import write_whole
from controller.cli.output import write
from controller.cli.settings import Settings
from controller.render.escape import terminal
from controller.source.bundle import bundle as packed
from controller.source.changed import commit_of
from controller.source.load import gathered, manifests_of


def bundle(settings: Settings, out: Path) -> int:
    """Writes the bundle; 1 where the manifests have faults, which it then has too."""
    found = gathered(
        Path(settings.repo),
        ref=settings.ref,
        worktree=settings.worktree,
        path=settings.path,
        platform=settings.platform,
    )
    found = replace(found, commit=commit_of(Path(settings.repo), found.mine.revision))
    manifests = manifests_of(found)
    write_whole(out, packed(found))
    write(f"{terminal(str(out))}: {manifests.files} manifests of {manifests.revision[:12]}.\n")
    for problem in manifests.problems:
        write(f"{terminal(str(problem))}\n")
    return 1 if manifests.problems else 0
