"""`hubwright demo`, told once as a person would, and as it goes when something is in its way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from controller.core.errors import HubwrightError
from controller.sandbox.demo import run, story
from controller.sandbox.demo.stage import Stage, example_fleet

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-P", "-m", "controller", "demo"]


def environment(scratch: Path) -> dict[str, str]:
    scratch.mkdir()
    foreign = {"AWS_PROFILE": "production", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "GIT_DIR": "/nonexistent"}
    return {**os.environ, **foreign, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}


class Told(NamedTuple):
    done: subprocess.CompletedProcess[str]
    record: dict[str, Any]
    kept: Path
    scratch: Path

    def step(self, title: str) -> dict[str, Any]:
        return next(step for step in self.record["steps"] if step["title"] == title)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("demo")
    words = ["--json", str(folder / "record.json"), "--keep", str(folder / "kept")]
    done = subprocess.run(
        DEMO + words, cwd=folder, env=environment(folder / "tmp"), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Told(done, json.loads((folder / "record.json").read_text()), folder / "kept", folder / "tmp")


def test_every_step_ends_as_it_should(told: Told) -> None:
    assert (told.record["format"], told.record["ok"]) == ("hubwright.io/demo/v1", True)
    assert [(step["title"], step["exit"]) for step in told.record["steps"]] == [
        ("Two teams train models", 0),
        ("The wishes go into Git", 0),
        ("Are they right?", 0),
        ("Which bytes exactly?", 0),
        ("The locks belong to the change", 0),
        ("What would be done?", 2),
        ("Then do exactly that", 0),
        ("And again?", 0),
        ("Somebody clicks in the console", 0),
        ("It does not go unseen", 3),
        ("What would mend it?", 2),
        ("And it does not stay", 0),
        ("A second look", 0),
        ("Where does it come from?", 0),
        ("Do they still think the same?", 0),
    ]
    assert all(step["command"] for step in told.record["steps"])
    assert told.done.stderr == ""
    assert "\x1b" not in told.done.stdout


def test_the_first_plan_has_everything_and_the_later_ones_what_was_disturbed(told: Told) -> None:
    def verbs(title: str) -> list[tuple[str, str]]:
        actions = told.step(title)["plan"]["actions"]
        return sorted((action["verb"], action["key"].split("/")[2]) for action in actions)

    assert verbs("What would be done?") == sorted(
        [("create", "group")] * 3
        + [("create", "repository")] * 3
        + [("create", "image")] * 5
        + [("create", "artifact")] * 4
        + [("create", "package")] * 4
        + [("update", "approval")] * 4
    )
    assert verbs("What would mend it?") == [("update", "approval")] * 2
    assert verbs("And again?") == verbs("A second look") == []


def test_the_copies_say_what_the_originals_say(told: Told) -> None:
    facts = told.step("Do they still think the same?")["facts"]
    answers = {arn.partition("/")[2]: (said["spoke"], said["hub"]) for arn, said in facts.items()}
    churn, defects = answers.pop("churn-experiments/1"), answers.pop("defects-pipeline/1")
    assert answers == {"ocr-experiments/1": ("40817", "40817")}
    assert churn[0] == churn[1]
    assert [float(number) > 0.5 for number in churn[0].split()] == [False, False, True]
    assert defects[0] == defects[1]
    assert [float(number) > 0.5 for number in defects[0].split()] == [False, True]


def test_the_second_churn_model_is_better_than_the_first(told: Told) -> None:
    qualities = {
        arn.partition("/")[2]: float(value) for arn, value in told.step("Two teams train models")["facts"].items()
    }
    assert qualities["churn-experiments/2"] > qualities["churn-experiments/1"] + 0.05 > 0.75
    assert qualities["defects-pipeline/1"] > 0.9
    assert qualities["ocr-experiments/1"] > 0.9


def test_the_repository_is_kept_with_its_locks_and_nothing_else_is_left(told: Told) -> None:
    git = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=told.kept, capture_output=True, text=True, env=git, check=True
    )
    assert status.stdout == ""
    locks = sorted(file.name for file in told.kept.rglob("*.lock.yaml"))
    assert locks == ["churn-1.lock.yaml", "churn-2.lock.yaml", "defects-1.lock.yaml", "ocr-1.lock.yaml"]
    assert list(told.scratch.iterdir()) == []


def alive(group: int) -> list[str]:
    """The processes of a group, without those that only wait for somebody to take note of their end."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            state, _, of = rest.split()[:3]
            found += [name] if int(of) == group and state != "Z" else []
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    with subprocess.Popen(
        DEMO,
        env=environment(scratch),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert any("hubwright validate" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert list(scratch.iterdir()) == []
    assert alive(process.pid) == []


def test_a_step_that_ends_otherwise_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(where: Stage) -> None:
        where.git("A beginning", "Nothing special.", ("init", "--quiet"))
        where.hubwright("A question", "With an answer.", "validate", "--worktree", expect=3)

    monkeypatch.setattr(story, "tell", tell)
    assert run(tmp_path / "record.json", None) == 1
    failure = "step 2, A question: it ended with exit code 0, and 3 was expected"
    record = json.loads((tmp_path / "record.json").read_text())
    assert (record["ok"], record["failure"], len(record["steps"])) == (False, failure, 2)
    assert f"went astray in {failure}" in " ".join(capsys.readouterr().out.split())


def test_a_folder_with_something_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("dear to me")
    with pytest.raises(HubwrightError, match="is not empty"):
        run(None, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_the_manifests_are_found_in_a_checkout() -> None:
    assert example_fleet() == ROOT / "manifests"
