"""Unpacking what was promoted: files below the folder, on every Python, and nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from controller.core.errors import PreconditionError
from controller.sandbox.demo.endpoint import _extract
from controller.sandbox.demo.pack import model_archive


def test_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)  # as in Debian 12's Python 3.11.2
    monkeypatch.delattr(tarfile.TarFile, "extractall")
    _extract(model_archive({"weights.json": b"[1]", "code/inference.py": b"pass"}), tmp_path / "model")
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"model/weights.json": b"[1]", "model/code/inference.py": b"pass"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../out", tarfile.REGTYPE), ("/out", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("pipe", tarfile.FIFOTYPE)],
)
def test_all_else_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.type = kind
        member.linkname = "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(PreconditionError, match="no file below it"):
        _extract(buffer.getvalue(), tmp_path / "model")
    assert list(tmp_path.rglob("*")) == [tmp_path / "model"]
