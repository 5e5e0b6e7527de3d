"""Where the story plays: a sandbox in this process, a new Git repository, and the real commands as child processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import controller
from controller.core.errors import HubwrightError
from controller.sandbox.demo.accounts import Team, enter
from controller.sandbox.demo.step import Record, Step, StepError
from controller.sandbox.demo.voice import Voice
from controller.sandbox.server import HUB, serve
from controller.sandbox.world import World

_PATIENCE = 120
_GRACE = 2
_PLAN = "plan.json"
_STRANGE = ("AWS_", "HUBWRIGHT_", "GIT_")
_AUTHOR = {"NAME": "Ada Example", "EMAIL": "ada@acme.example"}


@dataclass
class Stage:
    """The props of one telling. A step that ends otherwise than expected raises `StepError`."""

    world: World
    folder: Path
    environment: Mapping[str, str]
    voice: Voice
    record: Record

    @cached_property
    def hub(self) -> Team:
        """The hub's administrator."""
        return enter(self.world, HUB)

    def begin(self, title: str, words: str, command: str) -> Step:
        """Announces a step."""
        step = Step(title, command)
        self.record.steps.append(step)
        self.voice.heading(len(self.record.steps), title, words)
        self.voice.command(command)
        return step

    def deed(self, title: str, words: str, command: str, act: Callable[[Step], str]) -> Step:
        """A step done by this process; `act` gives what to show."""
        step = self.begin(title, words, command)
        started = time.monotonic()
        try:
            step.output = act(step)
        except HubwrightError as error:
            step.exit, step.output = 1, str(error)
            raise StepError(str(error), error.hint) from error
        finally:
            step.seconds = time.monotonic() - started
            self.voice.output(step.output)
        return step

    def git(self, title: str, words: str, *commands: tuple[str, ...]) -> Step:
        """A step of Git commands; the last one's output is shown."""
        shown = "\n".join(shlex.join(("git", *command)) for command in commands)
        return self._run(title, words, shown, [["git", *command] for command in commands])

    def hubwright(self, title: str, words: str, *arguments: str, expect: int = 0, most: int = 60) -> Step:
        """A step of one `hubwright` command, in the repository, against the sandbox. With `--out`, the plan is kept.

        `most` is how many lines of its output are shown; the record has them all.
        """
        command = [sys.executable, "-P", "-m", "controller", *arguments]
        step = self._run(title, words, shlex.join(("hubwright", *arguments)), [command], expect=expect, most=most)
        if "--out" in arguments:
            step.plan = json.loads((self.folder / arguments[arguments.index("--out") + 1]).read_text("utf-8"))
        return step

    def _run(
        self, title: str, words: str, shown: str, commands: list[list[str]], *, expect: int = 0, most: int = 60
    ) -> Step:
        step = self.begin(title, words, shown)
        started = time.monotonic()
        for command in commands:
            step.exit, step.output = self._child(command)
            if step.exit != expect:
                break
        step.seconds = time.monotonic() - started
        self.voice.output(step.output, most if step.exit == expect else 60)
        if step.exit != expect:
            raise StepError(f"it ended with exit code {step.exit}, and {expect} was expected")
        return step

    def _child(self, command: list[str]) -> tuple[int, str]:
        try:
            process = subprocess.Popen(  # noqa: S603  (our own commands, written here)
                command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError as error:
            raise StepError(f"{command[0]} is not installed") from error
        with process:
            try:
                output, _ = process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise StepError(f"it did not end within {_PATIENCE} seconds") from error
            except BaseException:
                _end(process)
                raise
        return process.returncode, output


def _end(process: subprocess.Popen[str]) -> None:
    """Lets a child end in good order: a Ctrl-C at the terminal reached it, too. Else it is told, then made to."""
    nudges: tuple[Callable[[], object], ...] = (process.poll, process.terminate, process.kill)
    for nudge in nudges:
        nudge()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_GRACE)
            return


@contextmanager
def stage(keep: Path | None, voice: Voice, record: Record) -> Iterator[Stage]:
    """A stage that leaves nothing behind but `keep`, which is made and must not hold anything yet."""
    with ExitStack() as after:
        if keep is None:
            folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="hubwright-demo-")))
        else:
            folder = _made(keep)
        world = World()
        world.settings.authorize = True
        serving = serve(world)
        after.callback(serving.close)
        shutil.copytree(example_fleet(), folder / "manifests", ignore=shutil.ignore_patterns("*.lock.yaml"))
        (folder / ".gitignore").write_text(f"{_PLAN}\n", encoding="utf-8")
        yield Stage(world, folder, _environment(serving.environment(HUB, "CO")), voice, record)


def example_fleet() -> Path:
    """The example manifests: in the package once it is installed, beside it in a checkout."""
    package = Path(controller.__file__).parent
    for place in (package / "sandbox" / "manifests", package.parent / "manifests"):
        if (place / "platform").is_dir():
            return place
    raise HubwrightError("the example manifests are missing", "install Hubwright anew, with its extra [sandbox]")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise HubwrightError(f"{folder} cannot be made or read: {error.strerror}") from error
    if taken:
        raise HubwrightError(f"{folder} is not empty", "--keep takes a new folder")
    return folder.resolve()


def _environment(sandbox: Mapping[str, str]) -> dict[str, str]:
    """The sandbox's environment, with nothing of the person's own AWS or Git settings in it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE)}
    code = str(Path(controller.__file__).parent.parent)
    people = {f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in _AUTHOR.items()}
    return {
        **own,
        **people,
        **sandbox,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": os.pathsep.join(filter(None, (code, own.get("PYTHONPATH", "")))),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "100",
    }


def actions(step: Step) -> list[dict[str, Any]]:
    """The actions of a step's plan."""
    return list(step.plan["actions"])
