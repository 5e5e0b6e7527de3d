"""Files that commands leave behind: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controller.core.errors import UsageError


def write_whole(path: Path, text: str) -> None:
    """Writes a file in one step, in place of what may be there. `UsageError` where that cannot be.

    A link is followed, and what is no regular file (`/dev/stdout`, a pipe) is written to and never replaced.
    """
    place = path.resolve()
    if place.is_file() or not place.exists():
        write_all({place: text})
        return
    try:
        with place.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def write_all(texts: Mapping[Path, str]) -> None:
    """Writes several files, in place of what may be there; when one cannot be made ready, none is put in its place."""
    with _ready(texts) as ready:
        for path, name in ready.items():
            name.replace(path)


def write_new(texts: Mapping[Path, str]) -> None:
    """Writes several files that must not be there yet: all of them or none."""
    put: list[Path] = []
    with _ready(texts) as ready:
        try:
            for path, name in ready.items():
                path.hardlink_to(name)
                put.append(path)
        except OSError:
            for path in put:
                path.unlink()
            raise


@contextmanager
def _ready(texts: Mapping[Path, str]) -> Iterator[dict[Path, Path]]:
    """The texts in files of other names, by where they belong; `UsageError` when something cannot be written."""
    ready: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            ready[path] = _made_ready(path, text)
        yield ready
    except OSError as error:
        place = error.filename2 or error.filename
        raise UsageError(f"cannot write {place}: {error.strerror}") from error
    finally:
        for name in ready.values():
            name.unlink(missing_ok=True)


def _made_ready(path: Path, text: str) -> Path:
    try:
        return _beside(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error  # not the other name, which nobody gave


def _beside(path: Path, text: str) -> Path:
    """The text in a file of another name in the same folder, with the mode that a new file would have."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(stream.fileno(), 0o666 & ~mask)
            stream.write(text)
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)
