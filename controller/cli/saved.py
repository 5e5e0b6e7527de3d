"""Plans kept in files between a review and its run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from controller.core.errors import UsageError
from controller.render.document import FORMATS, self_hash

_LIMIT = 256 << 20
_AGAIN = "make it again: hubwright plan --out FILE"


def saved_ids(files: Iterable[Path], form: str = FORMATS["plan"], again: str = _AGAIN) -> frozenset[str]:
    """The ids of all actions in these plans; `UsageError` for a file that is not a whole plan of the format `form`.

    Nothing else in the files is believed: what an action does is planned anew.
    """
    return frozenset(name for file in files for name in _ids(file, form, again))


def saved_plan(file: Path, form: str = FORMATS["plan"], again: str = _AGAIN) -> Mapping[str, Any]:
    """A saved plan as data, whole; `UsageError` for a file that is none of the format `form`."""
    data = _read(file, again)
    if not isinstance(data, dict) or data.get("format") != form:
        raise UsageError(f"{file} is not a plan ({form})", again)
    if data.get("digest") != _hashed(data):
        raise UsageError(f"{file} is damaged: its digest is not that of its content", again)
    return data


def _ids(file: Path, form: str, again: str) -> list[str]:
    data = saved_plan(file, form, again)
    try:
        return [str(action["id"]) for action in data["actions"]]
    except (KeyError, TypeError) as error:
        raise UsageError(f"{file} is not a plan: its actions cannot be read", again) from error


def _hashed(data: Mapping[str, Any]) -> str:
    try:
        return self_hash(data)
    except (ValueError, RecursionError):  # such as NaN, which Python's reader takes for JSON
        return "none"


def _read(file: Path, again: str) -> Any:
    try:
        with file.open("rb") as stream:
            text = stream.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    if len(text) > _LIMIT:
        raise UsageError(f"{file} is too large for a plan")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is damaged: it is not JSON", again) from error
