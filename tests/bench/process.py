"""One command in a process of its own: seconds, processor time, memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.page import Row

_LOOKS = 0.02


def ran(
    words: Sequence[str], served: Callable[[], float], environment: Mapping[str, str] | None = None, *, ends: int = 0
) -> tuple[Row, str]:
    """A whole command, which has to end with this code, and what it printed. `served` gives the servers' CPU seconds.

    Its memory is looked at fifty times a second: what the kernel sums up begins with what this process has.
    """
    before, began, peak = served(), time.monotonic(), 0.0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(words, env=environment, stdout=out, stderr=subprocess.STDOUT)
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _memory(process.pid, words[-1]))
            time.sleep(_LOOKS)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        out.seek(0)
        said = out.read().decode(errors="replace")
    assert process.returncode == ends, f"{' '.join(words)}: {process.returncode} {said[-2000:]}"
    return Row(wall, used.ru_utime + used.ru_stime, peak, served() - before), said


def _memory(pid: int, last: str) -> float:
    """Its peak so far in MiB; 0 before it has become the program with this last argument."""
    with contextlib.suppress(OSError, KeyError):
        if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2:-1] == [last.encode()]:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            return int(status["VmHWM"].split()[0]) / 1024
    return 0.0


def processor(*pids: int) -> float:
    """CPU seconds of processes so far."""
    ticks = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")
