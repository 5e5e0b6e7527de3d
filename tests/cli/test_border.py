"""The border of the command line: help, usage, faults, exit codes. Nothing here needs an account."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest

from controller import cli
from controller.cli import commands, overview, term
from controller.core.errors import AccountError, HeldError
from tests.cli.conftest import Command, Repo

TOP = Path(__file__).parents[2]
HEAVY = {"boto3", "botocore", "yaml", "git", "jsonschema", "deepdiff", "moto", "urllib3", "flask", "werkzeug"}


def hubwright_process(*arguments: str, **more: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | more
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=TOP,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("name", ["", *sorted(commands.hubwright.commands)])
def test_help_imports_nothing_heavy_and_has_an_example(name: str) -> None:
    said = hubwright_process("-X", "importtime", "-m", "controller", *name.split(), "--help")
    out, err = said.communicate()
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in err.splitlines()}
    assert (said.returncode, imported & HEAVY) == (0, set())
    assert "click" in imported
    assert re.search(r"Example(, in .*)?:\s.*?hubwright ", out, re.DOTALL) or not name


def imported(*arguments: str) -> tuple[int, set[str]]:
    """What a command comes to, and the modules that it has read in."""
    said = hubwright_process("-X", "importtime", "-m", "controller", *arguments)
    _, err = said.communicate()
    return said.returncode, {line.rpartition("|")[2].strip() for line in err.splitlines() if line.count("|") == 2}


def test_help_is_quick() -> None:
    """Nearly all that it takes is reading modules in: less than 0.1 s for these, three times as long for 300."""
    code, modules = imported("--help")
    assert (code, len(modules) < 180) == (0, True), sorted(modules)


@pytest.mark.parametrize("arguments", [["validate"], ["plan", "--offline", "--since", "HEAD"]])
def test_without_a_call_there_is_no_need_of_the_aws_sdk(repo: Repo, arguments: list[str]) -> None:
    code, modules = imported(*arguments, "--repo", str(repo.top))
    assert (code, {name.partition(".")[0] for name in modules} & {"boto3", "botocore", "urllib3"}) == (0, set())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["plan", "--unknown"],
        ["plan", "--format", "html"],
        ["plan", "--workers", "0"],
        ["plan", "--scope", "model=x"],
        ["plan", "--path", "../outside"],
        ["plan", "--out", "/"],
        ["reconcile", "--plan", "/nowhere/plan.json"],
        ["promote", "churn-lab/churn-experiments/8"],
        ["promote", "churn-lab/8", "--to", "churn"],
        ["promote", "churn-lab/churn-experiments/eight", "--to", "churn"],
        ["promote", "churn-lab/churn-experiments/8", "--to", "chrun"],
        ["lock", "churn-9"],
        ["sandbox", "--port", "70000"],
    ],
)
def test_a_wrong_command_line_exits_64(
    arguments: list[str], repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo.top)
    assert cli.execute(arguments) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err


@pytest.mark.parametrize("text", ["{", "[]", '{"host": 1}', '{"host": "file:///x"}', "[" * 5000])
def test_registries_must_be_an_object_of_urls(text: str, hubwright: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBWRIGHT_REGISTRIES", text)
    said = hubwright("plan")
    assert (said.code, said.err.splitlines()[0]) == (
        64,
        "error: HUBWRIGHT_REGISTRIES is not a JSON object from registry host to base URL",
    )


@pytest.mark.parametrize("text", ["0", "-1", "5GB", "٣"])
def test_the_copy_limit_must_be_a_number(text: str, hubwright: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBWRIGHT_COPY_LIMIT", text)
    assert hubwright("reconcile").code == 64


def test_without_credentials_all_is_unknown(hubwright: Command) -> None:
    said = hubwright("plan", "--format", "json")
    assert (said.code, {row["standing"] for row in said.json["promotions"]}) == (5, {"unknown"})
    assert said.json["complete"] is False


def test_what_is_not_a_repository_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.execute(["plan", "--repo", str(tmp_path / "empty")]) == 1
    assert "is not in a Git repository" in capsys.readouterr().err


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def raising(*_: Any, **__: Any) -> int:
        raise error

    monkeypatch.setattr(commands.hubwright, "main", raising)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (AccountError("not of 1", "look"), 1, "error: not of 1\nhint: look\n"),
        (HeldError("held"), 7, "error: held\n"),
        (KeyboardInterrupt(), 130, "error: interrupted; nothing was changed\n"),
        (AccountError("a\x1b[2Jb\u202ec"), 1, "error: a\\x1b[2Jb\\u202ec\n"),
        (
            ZeroDivisionError("by\nzero"),
            1,
            "error: a fault of Hubwright itself: ZeroDivisionError: by\\x0azero\nhint: run it with --debug to see where\n",
        ),
    ],
)
def test_errors_become_lines_and_codes(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails(monkeypatch, error)
    assert cli.execute(["plan"]) == code
    assert capsys.readouterr() == ("", said)


def test_only_debug_shows_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fails(monkeypatch, ZeroDivisionError())
    assert cli.execute(["plan", "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_fault(repo: Repo) -> None:
    process = hubwright_process("-m", "controller", "validate", "--repo", str(repo.top))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (0, "")
    process.stderr.close()


def test_validate_as_json(hubwright: Command, repo: Repo) -> None:
    repo.edit("teams/vision/ocr.yaml", "hub: central", "hub: centrall")
    said = hubwright("validate", "--format", "json")
    assert said.code == 1
    assert [(item["path"], item["line"], item["rule"]) for item in said.json["problems"]] == [
        ("manifests/teams/vision/ocr-1.yaml", 9, "depends"),
        ("manifests/teams/vision/ocr.yaml", 7, "unknown-name"),
    ]
    assert said.json["valid"]["promotions"] == 3


def test_an_invalid_fleet_shows_all_that_is_wrong(hubwright: Command, repo: Repo) -> None:
    repo.edit("platform/fleet.yaml", "name: growth", "name: Growth!")
    repo.edit("teams/growth/churn-1.yaml", "version: 1", "version: one")
    said = hubwright("validate")
    assert said.code == 1
    assert {"manifests/platform/fleet.yaml", "manifests/teams/growth/churn-1.yaml"} <= {
        line.partition(":")[0] for line in said.out.splitlines()
    }
    assert hubwright("validate", "--format", "json").json["valid"] == {}
    assert hubwright("plan").code == 1


def test_progress_is_quiet_on_a_pipe_and_json_in_a_log(hubwright: Command) -> None:
    assert hubwright("plan").err == ""
    lines = hubwright("plan", "--log", "json").err.splitlines()
    assert '"event": "step", "text": "reading the hub"' in lines[0]


def test_all_of_a_json_log_is_json(live: Command, tmp_path: Path) -> None:
    live("plan", "--out", tmp_path / "plan.json", "--log", "json")
    lines = live("reconcile", "--log", "json", "--debug").err.splitlines()
    found = [json.loads(line) for line in lines]
    calls = [line for line in found if "operation" in line]
    assert {line["event"] for line in found if line not in calls} == {"step", "begin", "end", "copy"}
    writes = [line["operation"] for line in calls if line["mutating"] and line["service"] == "sagemaker"]
    assert (writes.count("CreateModelPackage"), writes.count("UpdateModelPackage")) == (4, 4)


def test_debug_shows_that_a_plan_only_reads(live: Command) -> None:
    calls = [json.loads(line) for line in live("plan", "--debug").err.splitlines()]
    assert len(calls) > 10
    assert not [call for call in calls if call["mutating"]]


def test_progress_is_a_line_that_comes_late_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    class Copies:
        def lines(self) -> list[tuple[str, str]]:
            return [
                ("image " + "x" * 200, "41.9 MB of 536.9 MB, 65.5 MB/s, 7 s left"),
                *[("image b", "1 B of 2 B")] * 9,
            ]

        def beat(self) -> None:
            raise AssertionError("there is no log")

    monkeypatch.setattr(term, "_PATIENCE", 0.05)
    monkeypatch.setattr(term, "_TICK", 0.01)
    stream = Terminal()
    with term.Progress("auto", stream) as progress:
        progress.step("copying \x1b[2J")
        time.sleep(0.15)
        progress.note("one more thing")
    said = stream.getvalue()
    assert said.startswith("\r\x1b[Jcopying \\x1b[2J (0 s)")
    assert "\r\x1b[Jone more thing\n" in said
    copying = Terminal()
    with term.Progress("auto", copying) as progress:
        progress.step("1 of 2 done")
        progress.watch(Copies())
        time.sleep(0.05)
    first = copying.getvalue().partition("\x1b[7A")[0]
    assert first.startswith("\r\x1b[J1 of 2 done")
    assert [len(line) <= 79 for line in first.split("\r\n")[1:]] == [True] * 7
    assert "  and 4 more" in first
    assert f"  image {'x' * 28}…: 41.9 MB of 536.9 MB, 65.5 MB/s, 7 s left" in first
    assert "  image b: 1 B of 2 B" in first
    assert copying.getvalue().endswith("\x1b[7A\r\x1b[J")
    quick = Terminal()
    with term.Progress("auto", quick) as progress:
        progress.step("done at once")
    assert quick.getvalue() == ""


def test_a_revision_and_the_files_as_they_are_are_not_asked_for_at_once(live: Command) -> None:
    for name in ("validate", "plan"):
        said = live(name, "--ref", "HEAD", "--worktree")
        assert (said.code, said.out) == (64, "")
        assert "--ref and --worktree" in said.err


def test_a_closed_stdout_ends_without_a_traceback() -> None:
    """`>&-` gives Python no stream at all."""
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m controller validate --repo {TOP} >&-"],
        cwd=TOP,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_a_full_disk_is_no_fault_of_ours() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "controller", "validate", "--repo", str(TOP)],
            cwd=TOP,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    wanted = (
        "error: the result could not be written to stdout: No space left on device\n"
        "hint: what was done before is done\n"
    )
    assert (done.returncode, done.stderr) == (1, wanted)


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "--\x1b[2J\u202e"],
        ["validate", "extra \x1b[2J\u202e"],
        ["plan", "--format", "\x1b[2J\u202e"],
        ["\x1b[2J\u202e"],
    ],
)
def test_words_on_the_command_line_stay_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(arguments) == cli.USAGE
    said = capsys.readouterr().err
    assert said.replace("\n", "").isprintable(), said
    assert "\\u202e" in said


def test_every_command_has_its_place_and_its_whole_line_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    named = [name for names in overview.PARTS.values() for name in names]
    assert sorted(named) == sorted(commands.hubwright.commands)
    assert cli.execute(["--help"]) == 0
    said = capsys.readouterr().out
    assert said.count("...") == 1  # of ARGS
    assert "More:" not in said
    assert re.findall(r"^([A-Z][\w ]+):$", said, re.MULTILINE) == ["Options", *overview.PARTS]


def test_every_option_says_what_it_is_for() -> None:
    found = [(command.name, option.name) for command in every(commands.hubwright) for option in silent(command)]
    assert found == []


def every(group: click.Group) -> list[click.Command]:
    return [
        one for item in group.commands.values() for one in (every(item) if isinstance(item, click.Group) else [item])
    ]


def silent(command: click.Command) -> list[click.Option]:
    return [item for item in command.params if isinstance(item, click.Option) and not item.help and not item.hidden]
