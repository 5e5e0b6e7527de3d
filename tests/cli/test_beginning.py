"""A repository's first hour: init, new, show, doctor, completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli import execute
from controller.doctor import clock
from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import HUB
from tests.cli.test_flow import Hands


@pytest.fixture
def empty(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "empty")
    made.top.mkdir()
    made.git("init", "-q", "--template=", "-b", "main")
    return made


def files(repo: Repo) -> list[str]:
    return sorted(
        str(path.relative_to(repo.top)) for path in repo.top.rglob("*") if path.is_file() and ".git/" not in str(path)
    )


def run(repo: Repo, *arguments: str) -> int:
    return execute([*arguments, "--repo", str(repo.top)])


def test_init_writes_a_repository_that_is_valid(empty: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(empty, "init", "--github", "acme/models", "--account", "123456789012") == 0
    assert files(empty) == [
        ".github/CODEOWNERS",
        ".github/workflows/hubwright-drift.yaml",
        ".github/workflows/hubwright-plan.yaml",
        ".github/workflows/hubwright-reconcile.yaml",
        ".github/workflows/hubwright-validate.yaml",
        ".github/workflows/hubwright.yaml",
        "manifests/platform/fleet.yaml",
        "manifests/platform/guardrails-production.yaml",
        "manifests/platform/hub-central.yaml",
        "manifests/platform/spoke-churn-lab.yaml",
        "manifests/teams/churn/churn.yaml",
    ]
    capsys.readouterr()
    assert run(empty, "validate", "--worktree") == 0
    assert capsys.readouterr().out == "Valid: 1 fleet, 1 hub, 1 spoke, 1 guardrail and 1 group.\n"
    owners = (empty.top / ".github/CODEOWNERS").read_text()
    caller = (empty.top / ".github/workflows/hubwright.yaml").read_text()
    assert "@acme/platform" in owners
    assert "arn:aws:iam::123456789012:role/hubwright-ci-plan" in caller
    for path in empty.top.rglob("*"):
        if path.is_file() and ".git/" not in str(path):
            assert "_ROLE@" not in path.read_text()
            assert "@REGION@" not in path.read_text()


def test_init_takes_nothing_away(empty: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    (empty.top / ".github").mkdir()
    (empty.top / ".github/CODEOWNERS").write_text("* @ada\n")
    assert run(empty, "init") == 64
    assert "CODEOWNERS is there already" in capsys.readouterr().err
    assert files(empty) == [".github/CODEOWNERS"]
    assert run(empty, "init", "--ci", "none") == 0
    assert run(empty, "init", "--ci", "none") == 64


def test_init_writes_through_no_link(empty: Repo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (empty.top / "manifests").symlink_to(tmp_path / "elsewhere")
    assert run(empty, "init", "--ci", "none") == 64
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--account", "12"),
        ("--spoke", "../x"),
        ("--team", "A"),
        ("--region", "x;y"),
        ("--github", "a"),
        ("--fleet", ""),
    ],
)
def test_init_refuses_what_no_manifest_could_say(empty: Repo, option: str, value: str) -> None:
    assert run(empty, "init", option, value) == 64
    assert files(empty) == []


def test_init_for_gitlab(empty: Repo) -> None:
    assert run(empty, "init", "--ci", "gitlab", "--region", "eu-central-1") == 0
    assert {"CODEOWNERS", ".gitlab-ci.yml"} < set(files(empty))
    assert "region = eu-central-1" in (empty.top / ".gitlab-ci.yml").read_text()


def test_init_needs_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["init", "--repo", str(tmp_path)]) == 1
    assert "git init" in capsys.readouterr().err


def test_from_nothing_to_a_promoted_model(
    empty: Repo, serving: Serving, hand: Hands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in serving.ready()["env"].items():
        monkeypatch.setenv(name, value)
    assert run(empty, "init", "--ci", "none") == 0
    for path in (empty.top / "manifests/platform").iterdir():  # the sandbox has one role for everything
        path.write_text(re.sub("hubwright-(read|register|approve)", "hubwright", path.read_text()))
    assert run(empty, "promote", "churn-lab/churn-experiments/1", "--to", "churn", "--approval", "Approved") == 0
    empty.commit()
    assert run(empty, "doctor") == 0
    assert run(empty, "validate") == 0
    assert run(empty, "reconcile") == 0
    assert [*hand(HUB)("sagemaker").list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"]]


def test_new_adds_one_manifest(hubwright: Command, repo: Repo) -> None:
    spoke = ("new", "spoke", "fraud-lab", "--account", "444444444444", "--team", "fraud")
    assert run(repo, *spoke) == 0
    assert run(repo, "new", "group", "churn-cards", "--team", "growth", "--description", "Cards: who leaves?") == 0
    repo.commit()
    assert hubwright("validate").out.endswith(
        "Valid: 1 fleet, 1 hub, 3 spokes, 1 guardrail, 4 groups and 4 promotions.\n"
    )
    assert run(repo, *spoke) == 64
    assert run(repo, "new", "group", "fraud-cards", "--team", "fraud") == 64  # nobody owns that folder yet
    assert not (repo.top / "manifests/teams/fraud").exists()


def test_show_says_what_defaults_come_to(hubwright: Command, repo: Repo) -> None:
    written = hubwright("show", "spoke", "churn-lab").out
    resolved = hubwright("show", "Spoke", "churn-lab", "--resolved").out
    assert "region:" not in written
    assert "region: eu-west-1" in resolved
    assert 'read: "arn:aws:iam::222222222222:role/hubwright"' in resolved
    data = json.loads(hubwright("show", "promotion", "churn-1", "--resolved", "--format", "json").out)
    assert data["spec"]["artifacts"] == "copy"
    assert data["spec"]["from"] == {"spoke": "churn-lab", "group": "churn-experiments", "version": 1}
    assert hubwright("show", "promotion", "churn-11").err == (
        'error: there is no promotion "churn-11"\nhint: did you mean "churn-1"?\n'
    )


def test_show_keeps_values_of_the_environment_to_itself(hubwright: Command, repo: Repo) -> None:
    repo.edit(
        "teams/growth/churn-1.yaml",
        "  approval: Approved",
        "  approval: Approved\n  inference: {environment: {set: {PASSWORD: canary-environment}}}",
    )
    for form in ("yaml", "json"):
        for more in ([], ["--resolved"]):
            said = hubwright("show", "promotion", "churn-1", "--format", form, *more)
            assert "PASSWORD" in said.out
            assert "canary" not in said.out + said.err


def test_doctor_finds_a_set_up_well(live: Command) -> None:
    said = live("doctor", "--format", "json")
    found = json.loads(said.out)
    assert (said.code, found["exit"]) == (0, 0)
    assert [(item["area"], item["status"]) for item in found["checks"]] == [
        ("git", "ok"),
        ("manifests", "ok"),
        ("clock", "ok"),
        *[("role", "ok")] * 3,
        ("store", "ok"),
        ("images", "ok"),
        *[("role", "ok")] * 2,
    ]


def test_doctor_says_what_is_not_well(live: Command, repo: Repo, hand: Hands) -> None:
    hand(HUB)("s3").put_bucket_versioning(Bucket="acme-model-store", VersioningConfiguration={"Status": "Suspended"})
    hand(HUB)("ecr").create_repository(repositoryName="models/222222222222/loose")
    repo.edit("platform/spoke-churn-lab.yaml", "spec:", "spec:\n  access: {roleName: nobody}")
    said = live("doctor")
    assert said.code == 1
    bad = [line for line in said.out.splitlines() if line.startswith("FAIL")]
    assert [line.split(": ")[0] for line in bad] == ["FAIL  store", "FAIL  images", "FAIL  role"]
    assert "acme-model-store" in bad[0]
    assert "models/222222222222/loose" in bad[1]
    assert "churn-lab" in bad[2]
    hints = [line.strip() for line in said.out.splitlines() if line.startswith("      hint: ")]
    assert hints == [
        "hint: aws s3api put-bucket-versioning --bucket acme-model-store --versioning-configuration Status=Enabled",
        (
            "hint: nothing else must write there: aws ecr put-image-tag-mutability --image-tag-mutability IMMUTABLE "
            "--repository-name models/222222222222/loose"
        ),
        (
            "hint: check the account and the role's name: the role must exist there, trust the caller, and expect the same "
            "external id; the caller needs sts:AssumeRole"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "region: eu-west-1",
            "region: eu-north-1",
            (
                "WARN  store: acme-model-store: is in eu-west-1, and the hub in eu-north-1\n      hint: is "
                "`region: eu-north-1` of the Hub right? A store elsewhere works; what leaves a region costs\n"
            ),
        ),
        (
            "region: eu-west-1",
            "region: eu-wst-1",
            "WARN  region: hub central: eu-wst-1 is no region that boto3 knows\n      hint: did you mean ",
        ),
        (
            "bucket: acme-model-store",
            "bucket: acme-model-stor",
            (
                "FAIL  store: acme-model-stor: the bucket acme-model-stor of the store main does not exist\n      hint: make it "
                "in the hub's account and region, then: aws s3api put-bucket-versioning --bucket acme-model-stor "
                "--versioning-configuration Status=Enabled; or mend its name in the Hub\n"
            ),
        ),
        (
            'account: "111111111111"',
            "account: 111111111111",
            "FAIL  manifests: growth: have 1 fault, first manifests/platform/hub-central.yaml:8:12: spec.account: 111111111111 is not text; expected 12 digits",
        ),
    ],
)
def test_doctor_knows_a_slip_in_the_hub(live: Command, repo: Repo, old: str, new: str, says: str) -> None:
    repo.edit("platform/hub-central.yaml", old, new)
    said = live("doctor").out
    assert says in said, said


def test_doctor_without_credentials_or_a_repository(hubwright: Command, tmp_path: Path) -> None:
    said = hubwright("doctor")
    assert said.code == 1
    assert [line[:16] for line in said.out.splitlines() if line.startswith("FAIL")] == [
        "FAIL  AWS: this ",
        "FAIL  accounts: ",
    ]
    assert execute(["doctor", "--repo", str(tmp_path)]) == 1


@pytest.mark.parametrize(("off", "status"), [(0.0, "ok"), (59.0, "ok"), (61.0, "fail"), (-400.0, "fail")])
def test_a_clock_may_be_a_minute_off(off: float, status: str) -> None:
    assert clock(off).status == status


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["completion", shell]) == 0
    assert "_HUBWRIGHT_COMPLETE" in capsys.readouterr().out


def test_completion_completes() -> None:
    environment = {
        **os.environ,
        "_HUBWRIGHT_COMPLETE": "bash_complete",
        "COMP_WORDS": "hubwright pl",
        "COMP_CWORD": "1",
    }
    command = [sys.executable, "-c", "from controller.cli import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["plain,plan", "plain,plans"]
