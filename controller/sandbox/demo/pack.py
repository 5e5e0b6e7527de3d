"""Archives whose bytes depend on nothing but what is in them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_MADE = 1_761_955_200
"""Time of every member, in seconds: 2025-11-01, midnight UTC."""


def tar(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed archive of files by name, all made at one moment by nobody in particular."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), _MADE, 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def squeeze(data: bytes) -> bytes:
    """gzip without a name and a time of its own, and with the header that every Python writes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packed:
        packed.write(data)
    return buffer.getvalue()


def model_archive(files: Mapping[str, bytes]) -> bytes:
    """A `model.tar.gz`."""
    return squeeze(tar(files))


def document(value: Any) -> bytes:
    """JSON for people."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


@cache
def code(name: str) -> bytes:
    """A module of `serving/` as it stands."""
    return (Path(__file__).parent / "serving" / f"{name}.py").read_bytes()
