"""`sandbox` and `demo`: what comes with the extra `[sandbox]`."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from controller.core.errors import HubwrightError, UsageError
from controller.core.problems import shown

_EXTRA = "pip install 'hubwright[sandbox]'"


def sandbox(seed: str, ready_file: Path | None, port: int, *, authorize: bool, command: Sequence[str] = ()) -> int:
    """Serves until it is told to stop, or as long as the command runs."""
    server = _module("controller.sandbox.server")
    if command and shutil.which(command[0]) is None:
        raise UsageError(f"there is no program {shown(command[0])}", "such as: hubwright sandbox -- bash")
    try:
        return int(server.run(seed, ready_file, port, authorize=authorize, command=command))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        hint = "another program has this --port: give another, or none for any free one" if taken else ""
        raise HubwrightError(f"the sandbox cannot start: {error}", hint) from error


def demo(record: Path | None, keep: Path | None) -> int:
    """Tells the story."""
    return int(_module("controller.sandbox.demo").run(record, keep))


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("controller."):
            raise
        raise HubwrightError(f"the sandbox needs {error.name}, which is not installed", _EXTRA) from error
