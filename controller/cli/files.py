"""Files that commands leave behind: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from controller.core.errors import UsageError


def write_whole(path: Path, text: str) -> None:
    """Writes a file in one step, in place of what may be there. `UsageError` where that cannot be."""
    write_all({path: text})


def write_all(texts: Mapping[Path, str]) -> None:
    """Writes several files; when one cannot be written, none is put in its place."""
    ready: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            ready[path] = _beside(path, text)
        for path, name in ready.items():
            name.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename2 or error.filename}: {error.strerror}") from error
    finally:
        for name in ready.values():
            name.unlink(missing_ok=True)


def _beside(path: Path, text: str) -> Path:
    """The text in a file of another name in the same folder, with the mode that a new file would have."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(stream.fileno(), 0o666 & ~mask)
        stream.write(text)
    return Path(name)
