"""What was approved when, and the changes that take it back, from a real Git history and on the sandbox."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from controller.sandbox.server import Serving
from controller.source.load import load
from tests.cli.conftest import EXAMPLE, Command, Repo
from tests.cli.spokes import HUB, REGION, Hand

APPROVALS = ("Approved", "PendingManualApproval", "Rejected")


def written(name: str, number: int, approval: str) -> str:
    return (
        "apiVersion: hubwright.io/v1beta1\nkind: Promotion\n"
        f"metadata: {{name: {name}}}\nspec:\n  from: {{spoke: churn-lab, group: churn-experiments, version: {number}}}\n"
        f"  to: {{group: churn}}\n  approval: {approval}\n"
    )


def headed(current: str) -> str:
    said = f"spec: {{hub: central, current: {current}}}" if current else "spec: {hub: central}"
    return f"apiVersion: hubwright.io/v1beta1\nkind: ModelGroup\nmetadata: {{name: churn}}\n{said}\n"


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_as_of_any_commit_it_says_what_replaying_says(hubwright: Command, repo: Repo, count: int) -> None:
    """Random commits: promotions come, change, move, break and go. The reference loads every commit whole."""
    chance = random.Random(7)
    schema = Draft202012Validator(json.loads((EXAMPLE.parent / "schemas" / "history.v1.json").read_text()))
    team = repo.top / "manifests" / "teams" / "growth"
    commits: list[tuple[str, str]] = []
    for number in range(count):
        version = chance.randint(1, 12)
        path = team / f"churn-{version}.yaml"
        moved = team / "old" / f"churn-{version}.yaml"
        deed = chance.random()
        at = next((place for place in (path, moved) if place.exists()), path)
        if deed < 0.15 and at.exists():
            at.unlink()
        elif deed < 0.25 and at.exists():
            other = moved if at == path else path
            other.parent.mkdir(exist_ok=True)
            at.rename(other)
        elif deed < 0.32:
            at.write_text("kind: Promotion\n: broken")
        elif deed < 0.5:
            (team / "churn.yaml").write_text(headed(chance.choice(["", f"churn-{chance.randint(1, 12)}"])))
        else:
            at.write_text(written(f"churn-{version}", version, chance.choice(APPROVALS)))
        stamp = f"2026-03-01T00:{number // 60:02}:{number % 60:02}+02:00"
        repo.git("add", "-A")
        subject = f"Change {number} (#{number})" if number % 3 else f"Merge pull request #{number} from a/b"
        repo.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", f"--date={stamp}", "-m", subject)
        commits.append((repo.git("rev-parse", "HEAD"), repo.git("log", "-1", "--format=%cI")))
    for commit, _ in chance.sample(commits, count // 5):
        reference = load(repo.top, ref=commit, attribution=False)
        expected = sorted(
            (entry.spec.to.group, name)
            for name, entry in reference.promotions.items()
            if entry.spec.approval == "Approved" and reference.groups[entry.spec.to.group].spec.current in (None, name)
        )
        said = hubwright("history", "--as-of", commit, "--format", "json")
        assert said.code == 0
        data = json.loads(said.out)
        schema.validate(data)
        assert [(one["group"], one["promotion"]) for one in data["approved"]] == expected
        for one in data["approved"]:
            assert one["since"]["after"] == "Approved"
    commit, when = commits[count * 3 // 4]
    by_time = json.loads(hubwright("history", "churn", "--as-of", when, "--format", "json").out)
    last = [one for one, said in commits if said <= when][-1]
    assert by_time["revision"] == last
    assert commit in [one for one, _ in commits]


def test_pull_requests_are_named(hubwright: Command, repo: Repo) -> None:
    path = repo.top / "manifests" / "teams" / "growth" / "churn-3.yaml"
    path.write_text(written("churn-3", 3, "Approved"))
    repo.git("add", "-A")
    repo.git("commit", "-qm", "Promote 3 (#77)")
    said = hubwright("history", "churn")
    assert "churn: churn-3, from churn-lab/churn-experiments/3" in said.out
    assert "(pull request #77), Ada <ada@example.com>" in said.out
    assert "Approved in the registry is not the same as live on an endpoint" in said.out
    assert hubwright("history", "chrun").code == 64


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("yesterday", "is neither a time nor a revision"),
        ("2026-13-01T00:00Z", "is neither a time nor a revision"),
        ("2026-01-01T00:00 Europe/Berlin", "is neither a time nor a revision"),
        ("--format", "is neither a time nor a revision"),
        ("", "is neither a time nor a revision"),
        ("2026-01-01T00:00", "names no time zone"),
        ("2026-01-01", "names no time zone"),
        ("9999-12-31T23:59-23:00", "is in the future"),
        ("2100-01-01T00:00Z", "is in the future"),
        ("0001-01-01T00:00+23:00", "there is no commit as old as"),
        ("1999-01-01T00:00Z", "there is no commit as old as"),
    ],
)
def test_a_time_that_cannot_be_meant_is_told(hubwright: Command, tmp_path: Path, when: str, said: str) -> None:
    for command in (["history"], ["evidence", "churn", "--out", str(tmp_path / "out")]):
        found = hubwright(*command, f"--as-of={when}")
        assert (found.code, found.out, said in found.err) == (64, "", True), found
        assert "hint: " in found.err
    assert not (tmp_path / "out").exists()


def test_a_revision_that_looks_like_a_date_is_a_revision(hubwright: Command, repo: Repo) -> None:
    repo.git("tag", "20260101")
    found = json.loads(hubwright("history", "--as-of", "20260101", "--format", "json").out)
    assert found["revision"] == repo.git("rev-parse", "HEAD")


def follow(repo: Repo, *current: str) -> None:
    """A commit for each: the group's `current` is that promotion."""
    for name in current:
        (repo.top / "manifests/teams/growth/churn.yaml").write_text(headed(name))
        repo.commit()


def asked_for(repo: Repo, *numbers: int, approval: str = "Approved") -> None:
    for number in numbers:
        path = repo.top / f"manifests/teams/growth/churn-{number}.yaml"
        path.write_text(written(f"churn-{number}", number, approval))
    repo.commit()


def test_what_the_group_calls_current_is_what_was_approved(hubwright: Command, repo: Repo) -> None:
    asked_for(repo, 1, 2, 3)
    follow(repo, "churn-1", "churn-2", "churn-1")
    data = json.loads(hubwright("history", "churn", "--format", "json").out)
    assert [(one["promotion"], one["since"]["commit"]) for one in data["approved"]] == [
        ("churn-1", repo.git("rev-parse", "HEAD"))
    ]
    assert [(one["promotion"], one["before"], one["after"]) for one in data["events"][-6:]] == [
        ("churn-2", "Approved", "PendingManualApproval"),
        ("churn-3", "Approved", "PendingManualApproval"),
        ("churn-1", "Approved", "PendingManualApproval"),
        ("churn-2", "PendingManualApproval", "Approved"),
        ("churn-1", "PendingManualApproval", "Approved"),
        ("churn-2", "Approved", "PendingManualApproval"),
    ]


def test_a_rollback_never_goes_to_what_only_stood_by(hubwright: Command, repo: Repo) -> None:
    """`churn-2` says Approved all the time, and was never the group's current one."""
    asked_for(repo, 1)
    follow(repo, "churn-1")
    asked_for(repo, 2, 3)
    follow(repo, "churn-3")
    assert hubwright("rollback", "churn").out.splitlines()[0] == "churn: back from churn-3 to churn-1"


def test_a_rollback_passes_by_what_is_rejected_now(hubwright: Command, repo: Repo) -> None:
    asked_for(repo, 1, 2, 3)
    follow(repo, "churn-1", "churn-2", "churn-3")
    asked_for(repo, 2, approval="Rejected")
    assert hubwright("rollback", "churn").out.splitlines()[0] == "churn: back from churn-3 to churn-1"
    repo.commit()
    asked_for(repo, 3, approval="Rejected")
    said = hubwright("rollback", "churn")
    assert (said.code, "nothing to go back to in churn" in said.err) == (64, True)


def test_a_second_rollback_goes_further_back_and_never_to_what_was_just_left(hubwright: Command, repo: Repo) -> None:
    asked_for(repo, 1, 2, 3)
    follow(repo, "churn-1", "churn-2", "churn-3")
    for expected in ("back from churn-3 to churn-2", "back from churn-2 to churn-1"):
        assert hubwright("rollback", "churn").out.splitlines()[0] == f"churn: {expected}"
        repo.commit()
    said = hubwright("rollback", "churn")
    assert (said.code, said.out) == (64, "")
    assert "nothing before churn-1 was approved" in said.err
    assert "what was left since (churn-2, churn-3) is approved again by hand" in said.err
    follow(repo, "churn-3")  # by hand: mended, it is the newest again
    assert hubwright("rollback", "churn").out.splitlines()[0] == "churn: back from churn-3 to churn-1"


def test_a_second_rollback_without_current(hubwright: Command, repo: Repo) -> None:
    """Each replaced the one before it, as people write it who name no `current`."""
    asked_for(repo, 1)
    for number in (2, 3):
        path = repo.top / f"manifests/teams/growth/churn-{number - 1}.yaml"
        path.write_text(written(f"churn-{number - 1}", number - 1, "PendingManualApproval"))
        asked_for(repo, number)
    for expected in ("back from churn-3 to churn-2", "back from churn-2 to churn-1"):
        assert hubwright("rollback", "churn").out.splitlines()[0] == f"churn: {expected}"
        repo.commit()
    assert hubwright("rollback", "churn").code == 64


def test_what_stands_beside_is_not_left_by_one_that_is_held_and_let_go(hubwright: Command, repo: Repo) -> None:
    asked_for(repo, 1, 2)
    asked_for(repo, 3)
    asked_for(repo, 2, approval="PendingManualApproval")
    asked_for(repo, 2)  # while churn-3 stays Approved
    assert hubwright("rollback", "churn").out.splitlines()[0] == "churn: back from churn-2 to churn-3"


def test_what_a_rollback_left_is_not_gone_back_to_from_what_came_after(hubwright: Command, repo: Repo) -> None:
    """They stand beside each other: a rollback holds one and lets nothing new rise."""
    asked_for(repo, 1)
    asked_for(repo, 2)
    assert hubwright("rollback", "churn").out.splitlines()[0] == "churn: back from churn-2 to churn-1"
    repo.commit()
    asked_for(repo, 3)
    assert hubwright("rollback", "churn").out.splitlines()[0] == "churn: back from churn-3 to churn-1"


def test_a_rollback_where_nothing_is_approved_now(hubwright: Command, repo: Repo) -> None:
    asked_for(repo, 1, 2)
    asked_for(repo, 1, 2, approval="PendingManualApproval")
    said = hubwright("rollback", "churn")
    assert (said.code, said.out.splitlines()[0]) == (0, "churn: back to churn-2"), said
    assert "approval: Approved" in (repo.top / "manifests/teams/growth/churn-2.yaml").read_text()


def stands(serving: Serving) -> dict[str, str]:
    packages = serving.world.models_of(HUB, REGION).packages
    return {name: item.body["ModelApprovalStatus"] for name, item in packages.items() if item.body}


def test_a_rollback_ends_without_drift(live: Command, repo: Repo, serving: Serving) -> None:
    assert live("reconcile", "--workers", "1").code == 0
    repo.edit("teams/growth/churn-2.yaml", "approval: PendingManualApproval", "approval: Approved")
    repo.edit("teams/growth/churn-1.yaml", "approval: Approved", "approval: PendingManualApproval")
    assert live("reconcile").code == 0
    assert (stands(serving)["churn/1"], stands(serving)["churn/2"]) == ("PendingManualApproval", "Approved")
    changed = len(serving.world.mutations())
    said = live("rollback", "churn", "--reason", "INC-1: wrong scores")
    assert (said.code, said.out.splitlines()[0]) == (0, "churn: back from churn-2 to churn-1")
    assert said.out.splitlines()[2].startswith("churn-1 names no stage: if it was superseded, its version keeps")
    assert len(serving.world.mutations()) == changed
    assert "# In production." in (repo.top / "manifests/teams/growth/churn-1.yaml").read_text()
    repo.commit()
    assert live("reconcile").code == 0
    assert (stands(serving)["churn/1"], stands(serving)["churn/2"]) == ("Approved", "PendingManualApproval")
    assert live("drift").code == 0


def test_a_rollback_brings_back_what_was_deleted(live: Command, repo: Repo, serving: Serving) -> None:
    assert live("reconcile", "--workers", "1").code == 0
    assert live("lock", "churn-1").code == 0
    repo.edit("teams/growth/churn-2.yaml", "approval: PendingManualApproval", "approval: Approved")
    (repo.top / "manifests/teams/growth/churn-1.yaml").unlink()
    (repo.top / "manifests/teams/growth/churn-1.lock.yaml").unlink()
    repo.commit()
    assert live("reconcile").code == 0
    said = live("rollback", "churn")
    assert said.code == 0, said
    repo.commit()
    assert live("reconcile").code == 0
    assert (stands(serving)["churn/1"], stands(serving)["churn/2"]) == ("Approved", "PendingManualApproval")
    assert (live("drift").code, live("lock", "--check").code) == (0, 0)
    assert live("rollback", "ocr").code == 64


def test_what_is_revoked_stays_out(live: Command, repo: Repo, serving: Serving, hand: Callable[[str], Hand]) -> None:
    assert live("reconcile", "--workers", "1").code == 0
    found = hand(HUB)("sagemaker").describe_model_package(
        ModelPackageName=f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/churn/1"
    )
    image = found["InferenceSpecification"]["Containers"][0]["Image"].partition("@")[2]
    changed = len(serving.world.mutations())
    said = live("revoke", image, "--reason", "CVE-2026-1 in the serving image")
    assert (said.code, said.out.splitlines()[:2]) == (
        0,
        ["churn-1: Rejected, it consists of this digest", "churn-2: Rejected, it consists of this digest"],
    )
    assert len(serving.world.mutations()) == changed
    repo.commit()
    assert live("reconcile").code == 0
    assert stands(serving) == {
        "churn/1": "Rejected",
        "churn/2": "Rejected",
        "defects/1": "Approved",
        "ocr/1": "Approved",
    }
    assert live("drift").code == 0
    repo.edit("teams/growth/churn-1.yaml", "approval: Rejected", "approval: Approved")
    path = repo.top / "manifests" / "teams" / "growth" / "churn-3.yaml"
    path.write_text(written("churn-3", 3, "PendingManualApproval"))
    repo.commit()
    blocked = live("reconcile")
    assert (blocked.code, "CVE-2026-1 in the serving image" in blocked.out) == (4, True)
    assert stands(serving)["churn/1"] == "Rejected"
    assert len(stands(serving)) == 4
    assert live("revoke", "sha256:nonsense", "--reason", "x").code == 64


def test_a_model_is_revoked_by_its_bytes_and_what_nobody_names_is_said(
    live: Command, repo: Repo, serving: Serving
) -> None:
    assert live("reconcile", "--workers", "1").code == 0
    lock = live("lock", "ocr-1")
    assert lock.code == 0
    release = next(
        line.split()[1]
        for line in (repo.top / "manifests/teams/vision/ocr-1.lock.yaml").read_text().splitlines()
        if line.startswith("  release:")
    )
    repo.commit()
    (repo.top / "manifests/teams/vision/ocr-1.yaml").unlink()
    (repo.top / "manifests/teams/vision/ocr-1.lock.yaml").unlink()
    repo.commit()
    said = live("revoke", release, "--reason", "trained on the wrong data")
    assert said.code == 5
    assert "model-package/ocr/1 consists of it and is in no manifest" in said.out


def test_a_record_that_cannot_be_read_is_not_taken_for_one_without_the_digest(live: Command, serving: Serving) -> None:
    assert live("reconcile", "--workers", "1").code == 0
    serving.world.fault(
        service="s3", operation="GetObject", do="fail", code="AccessDenied", status=403, message="no", times=0
    )
    said = live("revoke", "sha256:" + "0" * 64, "--reason", "found elsewhere")
    assert said.code == 5
    assert "what arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1 consists of is not known" in said.out


def test_evidence_is_one_folder(live: Command, repo: Repo, hand: Callable[[str], Hand], tmp_path: Path) -> None:
    hand(HUB).bucket("acme-audit")
    repo.edit("platform/hub-central.yaml", "  images:", "  audit: {bucket: acme-audit}\n  images:")
    assert live("reconcile").code == 0
    said = live("evidence", "ocr", "--as-of", "HEAD", "--out", tmp_path / "out")
    assert said.code == 0, said
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    records = [name for name in names if name.startswith("records/")]
    assert len(records) == 2
    assert [name for name in names if name not in records] == [
        "README.md",
        "history.json",
        "history.md",
        "manifests/platform/guardrails-production.yaml",
        "manifests/teams/vision/ocr-1.yaml",
        "manifests/teams/vision/ocr.yaml",
    ]
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "Approved in the registry is not the same as live on an endpoint" in readme
    runs = json.loads((tmp_path / "out" / "history.json").read_text())["runs"]
    assert [(one["promotion"], one["after"], one["status"]) for one in runs] == [("ocr-1", "Approved", "done")]
    assert live("evidence", "ocr", "--as-of", "HEAD", "--out", tmp_path / "out").code == 64
