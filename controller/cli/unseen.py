"""Says which manifests a run at HEAD has not looked at: the commonest surprise is a change that is not committed."""

from __future__ import annotations

import sys
from pathlib import Path

from controller.cli.settings import Settings
from controller.core.errors import HubwrightError
from controller.render.escape import terminal
from controller.source.load import gathered


def remark_unseen(settings: Settings) -> None:
    """One line on a terminal's stderr; nothing elsewhere, as no pipeline has uncommitted changes of its own."""
    if settings.worktree or settings.ref != "HEAD" or settings.log != "auto" or not watched():
        return
    first, *more = unseen(Path(settings.repo), settings.path) or ("",)
    if first:
        others = f" and {len(more)} more" if more else ""
        sys.stderr.write(
            f"not committed, so not looked at: {terminal(first)}{others}; --worktree looks at files as they are\n"
        )


def watched() -> bool:
    """Whether a person sees what is said."""
    return sys.stderr.isatty()


def unseen(repo: Path, folder: str) -> tuple[str, ...]:
    """The manifest files that are new, gone or otherwise in the worktree, by path; none where that cannot be told."""
    try:
        files = {file.path: _lines(file.data) for file in gathered(repo, worktree=True, path=folder).mine.files}
        committed = gathered(repo, path=folder, attribution=False).mine.files
    except HubwrightError:
        return ()
    known = {file.path: _lines(file.data) for file in committed}
    return tuple(sorted(path for path in files.keys() | known.keys() if files.get(path) != known.get(path)))


def _lines(data: bytes) -> bytes:
    """As Git has it: some check files out with other ends of lines."""
    return data.replace(b"\r\n", b"\n")
