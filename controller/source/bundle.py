"""A revision's manifests in one file, for places without Git, with what Git says of who changed them.

The same revision gives the same bytes from every clone that has its whole history.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from controller.core.canonical import digest
from controller.core.errors import SourceError
from controller.core.manifests import Commit, Manifests
from controller.core.problems import Problem
from controller.source import files
from controller.source.load import Gathered, manifests_of

FORMAT = "hubwright.io/bundle/v1"
_MOST = 256 << 20
_AGAIN = "write it again: hubwright bundle --out FILE"


def bundle(found: Gathered) -> str:
    """The files as text: JSON with sorted keys, and a digest over all of it."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "mine": _folder(found.mine),
        "platform": _folder(found.platform) if found.platform else None,
        "label": found.label,
        "apart": found.apart,
        "commit": asdict(found.commit) if found.commit else None,
    }
    return json.dumps(body | {"digest": digest(body)}, indent=1, sort_keys=True) + "\n"


def _folder(folder: files.Folder) -> dict[str, Any]:
    return {
        "revision": folder.revision,
        "path": folder.path,
        "shallow": folder.shallow,
        "problems": [asdict(problem) for problem in folder.problems],
        "files": [
            {
                "path": file.path,
                "data": base64.b64encode(file.data).decode("ascii"),
                "author": file.author,
                "commit": file.commit,
            }
            for file in folder.files
        ],
    }


def load_bundle(path: Path) -> Manifests:
    """The manifests in a bundle, checked as `load` does. `SourceError` where it is none, or not whole."""
    try:
        if path.stat().st_size > _MOST:
            raise SourceError(f"{path} has more than {_MOST >> 20} MiB", _AGAIN)
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"the bundle {path} cannot be read: {error.strerror}", _AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not a bundle: it is not JSON", _AGAIN) from error
    return manifests_of(_gathered(path, data))


def _gathered(path: Path, data: Any) -> Gathered:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SourceError(f"{path} is not a bundle of the form {FORMAT}", _AGAIN)
    said = data.pop("digest", None)
    try:
        if said != digest(data):
            raise SourceError(f"the bundle {path} is not whole: its digest is another", _AGAIN)
        other = data["platform"]
        platform = _read(other) if other is not None else None
        return Gathered(_read(data["mine"]), platform, data["label"], data["apart"], _commit(data.get("commit")))
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise SourceError(f"{path} is not a bundle: {type(error).__name__}: {error}", _AGAIN) from error


def _commit(data: Mapping[str, str] | None) -> Commit | None:
    """What the bundle says of its revision's commit; older ones say nothing."""
    return Commit(**data) if data is not None else None


def _read(data: Mapping[str, Any]) -> files.Folder:
    folder = data["path"]
    found = tuple(
        files.File(
            item["path"],
            files.below(item["path"], folder),
            base64.b64decode(item["data"], validate=True),
            item["author"],
            item["commit"],
        )
        for item in data["files"]
    )
    files.check_room(len(found), sum(len(file.data) for file in found))
    problems = tuple(Problem(**item) for item in data["problems"])
    return files.Folder(data["revision"], found, problems, data["shallow"], folder)
