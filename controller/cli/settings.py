"""What the common options say."""

from __future__ import annotations

from dataclasses import dataclass

from controller.cli.term import Log


@dataclass(frozen=True, slots=True)
class Settings:
    """The common options of a command; without them, the defaults of the command line."""

    repo: str = "."
    ref: str = "HEAD"
    worktree: bool = False
    path: str = "manifests"
    platform: str | None = None
    scope: tuple[str, ...] = ()
    workers: int = 16
    debug: bool = False
    log: Log = "auto"
    allow_network: tuple[str, ...] = ()
    proxy: str | None = None
    ca_bundle: str | None = None
    streams: int = 6
