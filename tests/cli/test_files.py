"""Files that commands leave: whole or not at all, and nothing replaced that is no file."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from controller.cli.files import write_all, write_new, write_whole
from controller.core.errors import UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_a_link_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "plan.json")
    for text in ("first\n", "second\n"):
        write_whole(tmp_path / "link.json", text)
        assert (tmp_path / "link.json").is_symlink()
        assert (tmp_path / "real" / "plan.json").read_text() == text
    assert (names(tmp_path), names(tmp_path / "real")) == (["link.json", "real"], ["plan.json"])


def test_what_is_no_regular_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """As root, `--out /dev/null` would else put a file in place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "plan\n")
    reader.join(30)
    assert (read, stat.S_ISFIFO(pipe.stat().st_mode), names(tmp_path)) == (["plan\n"], True, ["pipe"])
    write_whole(Path(os.devnull), "plan\n")
    assert not Path(os.devnull).is_file()
    with pytest.raises(UsageError, match=r"cannot write .*: Is a directory"):
        write_whole(tmp_path, "plan\n")


def test_nothing_is_left_of_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("kept\n")
    with pytest.raises(UsageError, match=r"^cannot write \S*/absent/file: No such file or directory$"):
        write_all({tmp_path / "there": "new\n", tmp_path / "absent" / "file": "new\n"})
    with pytest.raises(UsageError, match="there: File exists"):
        write_new({tmp_path / "another": "new\n", tmp_path / "there": "new\n"})
    assert (names(tmp_path), (tmp_path / "there").read_text()) == (["there"], "kept\n")
