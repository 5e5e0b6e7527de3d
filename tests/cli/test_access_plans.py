"""`hubwright access`: its documents are as published, and a saved plan is done to the letter or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.cli import execute
from controller.core.model import Action, Key, Target
from controller.core.plan import Plan, only
from controller.sandbox.server import Serving
from tests.cli.conftest import EXAMPLE, Repo

HUB, CHURN = "111111111111", "222222222222"
Access = Callable[..., tuple[int, Any, str]]


def valid(data: Any) -> Any:
    """A document that is as its schema says."""
    name, _, version = data["format"].removeprefix("hubwright.io/").partition("/")
    schema = json.loads((EXAMPLE.parent / "schemas" / f"{name}.{version}.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"https://hubwright.io/schemas/{name}.{version}.json"
    Draft202012Validator(schema).validate(data)
    assert not Draft202012Validator(schema).is_valid({**data, "more": 1})
    return data


@pytest.fixture
def access(repo: Repo, serving: Serving, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Access:
    """Runs `hubwright access` as the hub's administrator: (exit code, document, stderr)."""
    ready = serving.ready()
    for name, value in {**ready["env"], **ready["accounts"][HUB]["env"]}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> tuple[int, Any, str]:
        code = execute(["access", *map(str, arguments), "--repo", str(repo.top), "--format", "json"])
        out, err = capfd.readouterr()
        return code, json.loads(out) if out.startswith("{") else out, err

    return run


def test_a_saved_plan_is_done_to_the_letter(access: Access, tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    code, planned, said = access("plan", "--out", file, "--detailed-exitcode")
    assert (code, json.loads(file.read_text())) == (2, valid(planned))
    assert f"hubwright access apply --plan {file}" in said
    code, done, _ = access("apply", "--plan", file)
    assert (code, [item["status"] for item in valid(done)["outcomes"]]) == (0, ["done"] * len(planned["actions"]))
    code, again, _ = access("apply", "--plan", file)
    assert (code, again["actions"], again["kept"]) == (0, [], planned["kept"] + len(planned["actions"]))


def test_what_a_saved_plan_does_not_have_is_stale(access: Access, repo: Repo, tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    _, planned, _ = access("plan", "--out", file)
    data = json.loads(file.read_text())
    role = next(item for item in data["actions"] if item["key"].endswith("/role/hubwright"))
    repo.edit("platform/hub-central.yaml", "  access:\n", "  access:\n    externalId: another-one\n")
    code, done, _ = access("apply", "--plan", file)
    stale = {item["about"] for item in valid(done)["findings"] if item["standing"] == "stale"}
    assert (code, role["key"] in stale) == (6, True)
    assert {item["id"] for item in done["actions"]} < {item["id"] for item in planned["actions"]}
    assert all(item["status"] == "done" for item in done["outcomes"])


def test_what_is_no_saved_access_plan_is_refused(access: Access, tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    access("plan", "--out", file)
    whole = file.read_text()
    for text, says in (
        (whole.replace("access-plan/v1", "plan/v1"), "is not a plan (hubwright.io/access-plan/v1)"),
        (whole.replace(HUB, "999999999999", 1), "is damaged: its digest"),
        (whole[:100], "is damaged: it is not JSON"),
    ):
        file.write_text(text)
        code, _, said = access("apply", "--plan", file)
        assert (code, says in said, "hubwright access plan --out FILE" in said) == (64, True, True), said


def test_rendered_documents_are_as_published(access: Access) -> None:
    code, files, _ = access("render", "--account", HUB)
    assert code == 0
    assert valid(files)["account"] == HUB


def test_only_what_was_saved_and_nothing_that_needs_anything_else() -> None:
    def action(name: str, *needs: str) -> Action:
        return Action(name, "create", Key(Target(HUB, "eu-west-1"), "role", name), None, {}, needs)

    whole = Plan("r", (action("a"), action("b", "a"), action("c", "x"), action("x"), action("d")), ())
    found = only(whole, {"a", "b", "c", "gone"})
    assert [item.id for item in found.actions] == ["a", "b"]
    assert [(item.about.rpartition("/")[2], item.standing) for item in found.findings] == [
        (name, "stale") for name in "cdx"
    ]


def test_with_credentials_of_another_account_nothing_is_said_to_be_done(
    access: Access, repo: Repo, capfd: pytest.CaptureFixture[str]
) -> None:
    code = execute(["access", "plan", "--account", "222222222222", "--repo", str(repo.top)])
    first, *_, last = capfd.readouterr().out.splitlines()
    assert (code, first.partition(": ")[2]) == (
        5,
        "nothing that can be done while not everything can be read; 0 documents as needed.",
    )
    assert last.endswith("(use credentials of 222222222222, or name its role in `access`)")


def test_what_stays_in_a_retired_spokes_account_is_said_and_nobody_asks_there(
    access: Access, repo: Repo, serving: Serving, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    repo.edit("platform/spoke-churn-lab.yaml", "spec:\n", "spec:\n  state: Retired\n")
    serving.world.calls.clear()
    code, planned, _ = access("plan")
    (said,) = [item["why"] for item in planned["findings"] if item["about"] == CHURN]
    stays = "the spoke churn-lab is Retired and not looked at; what access made there stays: "
    assert (code, said.startswith(stays), "the policy of the bucket churn-lab-models" in said) == (0, True, True)
    assert {call.account for call in serving.world.calls} == {HUB}
    code, _, err = access("apply", "--account", CHURN)
    assert (code, f"{CHURN} is the account of the spoke churn-lab, which is Retired" in err) == (64, True)
    code = execute(["access", "render", "--repo", str(repo.top), "--out", str(tmp_path / "out")])
    out, err = capfd.readouterr()
    assert (code, [line for line in err.splitlines() if line.startswith(f"{CHURN}: {stays}")] != []) == (0, True)
    assert CHURN not in out
