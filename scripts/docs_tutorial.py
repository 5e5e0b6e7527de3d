"""Runs the pages to be walked through and writes what their commands said back; `--check` only says if they still do.

A page is its own source. Blocks marked `console` hold commands after `$ `, all run by one bash in a new folder; below
each stands its output, which is replaced. Blocks with `title=PATH` are written to that file first. Nothing else is
touched. A check looks past what differs from run to run: ports, commit ids, times and process ids. Where a
page has the comment `<!-- ran in N s -->`, it says how long the commands took.
"""

from __future__ import annotations

import difflib
import functools
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("docs/quickstart.md", "docs/tutorial.md")
_BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "\x1eend of output\x1e"
_PASSING = (
    (re.compile(r"(127\.0\.0\.1|localhost):[0-9]+"), r"\1:PORT"),
    (re.compile(r"(?<![0-9a-f:@-])[0-9a-f]{7,40}(?![0-9a-f-])"), "COMMIT"),
    (re.compile(r"copied in [0-9.]+ s"), "copied in TIME"),
    (re.compile(r"ran in [0-9]+ s"), "ran in TIME"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|\+00:00)"), "TIME"),
)


class Shell:
    """A bash whose state lasts from command to command, in a new folder, without the person's own settings."""

    def __init__(self, folder: Path) -> None:
        programs = folder / "programs"
        programs.mkdir()
        for name, words in {"hubwright": ["-P", "-m", "controller"], "python3": []}.items():
            line = shlex.join(["exec", sys.executable, *words])
            (programs / name).write_text(f'#!/bin/sh\n{line} "$@"\n')
            (programs / name).chmod(0o755)
        self.home = folder / "home"
        self.home.mkdir()
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self.home,
            env=_environment(programs, self.home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate("kill $(jobs -p) 2>/dev/null; wait\n", timeout=30)

    @property
    def folder(self) -> Path:
        """Where it is now."""
        return Path(self.run("pwd").strip())

    def run(self, command: str) -> str:
        """Runs a command; what it wrote."""
        write, read = self._process.stdin, self._process.stdout
        if write is None or read is None:
            raise SystemExit("bash has no pipes")
        write.write(f"{command}\nprintf '%s\\n' {shlex.quote(_END)}\n")
        write.flush()
        lines = []
        for line in read:
            before, end, _ = line.partition(_END)
            lines.append(before)
            if end:
                return "".join(lines)
        raise SystemExit(f"the shell ended during: {command}\n{''.join(lines)}")


def _environment(programs: Path, home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    people = {f"GIT_{who}_{what}": "Ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return (
        kept
        | people
        | {
            "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "COLUMNS": "100",
        }
    )


def commands(body: str) -> Iterator[str]:
    """The commands of a console block."""
    for line in body.splitlines():
        if line.startswith("$ "):
            yield line[2:]


def told(body: str, shell: Shell) -> str:
    """A console block with what its commands say now."""
    said = []
    for command in commands(body):
        output = shell.run(command)
        said.append(f"$ {command}\n{output}" + ("\n" if output and not output.endswith("\n") else ""))
    return "".join(line.rstrip() + "\n" for line in "".join(said).splitlines())


def rewritten(page: str) -> str:
    """The page after a run."""
    with tempfile.TemporaryDirectory(prefix="hubwright-tutorial-") as name, Shell(Path(name)) as shell:

        def block(found: re.Match[str]) -> str:
            info, body = found["info"], found["body"]
            title = re.search(r"title=(\S+)", info)
            if title:
                file = shell.folder / title[1]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(body, encoding="utf-8")
            return f"```{info}\n{told(body, shell) if info == 'console' else body}```"

        began = time.monotonic()
        page = _BLOCK.sub(block, page)
        return re.sub(r"ran in [0-9]+ s", f"ran in {math.ceil(time.monotonic() - began)} s", page)


@functools.cache
def ran(name: str) -> str:
    """A page after a run, which is made once: it takes most of a minute."""
    return rewritten((ROOT / name).read_text(encoding="utf-8"))


def lasting(text: str) -> list[str]:
    """The page's lines without what differs from run to run."""
    for pattern, instead in _PASSING:
        text = pattern.sub(instead, text)
    return text.splitlines()


def checked(name: str, *, write: bool) -> bool:
    """Whether a page is what a run says; written, it is."""
    page = ROOT / name
    before = page.read_text(encoding="utf-8")
    after = ran(name)
    if write:
        page.write_text(after, encoding="utf-8")
        return True
    differences = list(difflib.unified_diff(lasting(before), lasting(after), name, "a run now", lineterm=""))
    if differences:
        print("\n".join(differences))
        print(f"{name} is not what a run says: python scripts/docs_tutorial.py writes it again")
    return not differences


def main() -> int:
    """Writes the pages, or with `--check` gives 1 and the differences if a run says something else."""
    write = "--check" not in sys.argv[1:]
    held = {name: checked(name, write=write) for name in PAGES}
    return int(not all(held.values()))


if __name__ == "__main__":
    sys.exit(main())
