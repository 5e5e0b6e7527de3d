"""What the common options say."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

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
    acting: str | None = None
    review: Path | None = None

    def again(self) -> str:
        """The options that say what is read, as they are typed, with a space before each; empty for the defaults."""
        words = [f"--scope {shlex.quote(item)}" for item in self.scope]
        for name in ("repo", "ref", "path", "platform"):
            value = getattr(self, name)
            if value != getattr(_DEFAULTS, name):
                words.append(f"--{name} {shlex.quote(value)}")
        if self.acting:
            words.append(f"--as {shlex.quote(self.acting)}")
        words += [f"--review {shlex.quote(str(self.review))}"] * (self.review is not None)
        return "".join(f" {word}" for word in [*words, *["--worktree"] * self.worktree])


_DEFAULTS = Settings()
