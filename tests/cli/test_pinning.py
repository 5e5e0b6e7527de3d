"""`promote` and `lock`: what they write, and that they write all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.source import strict
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import CHURN, VISION, Hand

Hands = Callable[[str], Hand]
TEAM = "manifests/teams/growth"


def files(repo: Repo) -> dict[str, bytes]:
    """Every file of the manifests folder with its content."""
    return {
        str(path.relative_to(repo.top)): path.read_bytes()
        for path in sorted(repo.top.glob("manifests/**/*"))
        if path.is_file()
    }


def test_promote_writes_a_promotion_and_its_lock(live: Command, repo: Repo) -> None:
    before = files(repo)
    said = live(
        "promote",
        "churn-lab/churn-experiments/3",
        "--to",
        "churn",
        "--approval",
        "Approved",
        "--reason",
        "Better: by 2 %",
    )
    assert (said.code, said.out) == (0, f"written: {TEAM}/churn-3.yaml\nwritten: {TEAM}/churn-3.lock.yaml\n")
    after = files(repo)
    assert {name for name in after if name not in before} == {f"{TEAM}/churn-3.yaml", f"{TEAM}/churn-3.lock.yaml"}
    assert {name: after[name] for name in before} == before
    assert after[f"{TEAM}/churn-3.yaml"].decode() == (
        "apiVersion: hubwright.io/v1beta1\n"
        "kind: Promotion\n"
        "metadata:\n"
        "  name: churn-3\n"
        "spec:\n"
        "  from:\n"
        "    spoke: churn-lab\n"
        "    group: churn-experiments\n"
        "    version: 3\n"
        "  to:\n"
        "    group: churn\n"
        "  approval: Approved\n"
        '  reason: "Better: by 2 %"\n'
    )
    lock = strict.read(after[f"{TEAM}/churn-3.lock.yaml"]).data["spec"]
    assert lock["source"]["arn"] == f"arn:aws:sagemaker:eu-west-1:{CHURN}:model-package/churn-experiments/3"
    assert [item["uri"] for item in lock["objects"]] == [
        "s3://churn-lab-models/runs/3/evaluation.json",
        "s3://churn-lab-models/runs/3/model.tar.gz",
    ]
    assert lock["recorded"]["approval"] == "Approved"
    repo.commit()
    done = live("reconcile", "--scope", "promotion=churn-3", "--format", "json")
    (row,) = done.json["promotions"]
    assert (done.code, row["standing"], row["isNow"], row["locked"]) == (0, "converged", "Approved", True)


def test_promote_never_overwrites(live: Command, repo: Repo) -> None:
    before = files(repo)
    said = live("promote", "churn-lab/churn-experiments/1", "--to", "churn")
    assert (said.code, said.err.splitlines()[0]) == (
        64,
        f'error: there is a promotion "churn-1" already in {TEAM}/churn-1.yaml',
    )
    taken = repo.top / TEAM / "churn-3.lock.yaml"
    (repo.top / TEAM / "churn-3.yaml.orig").write_text("not a manifest")
    taken.write_text("somebody's")
    taken.rename(repo.top / TEAM / "churn-3.lock.yaml.orig")
    (repo.top / TEAM / "churn-3.lock.yaml").mkdir()
    assert live("promote", "churn-lab/churn-experiments/3", "--to", "churn").code == 64
    (repo.top / TEAM / "churn-3.lock.yaml").rmdir()
    assert {name: data for name, data in files(repo).items() if not name.endswith(".orig")} == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["churn-lab/churn-experiments/9", "--to", "churn"], 5, "model-package/churn-experiments/9 does not exist"),
        (["churn-lab/secret/5", "--to", "churn"], 64, "churn-*"),
        (["vision-lab/ocr-experiments/1", "--to", "churn"], 64, ""),
        (["churn-lab/churn-experiments/3", "--to", "churn", "--name", "Not A Name"], 64, "1 to 63 lower-case letters"),
        (["churn-lab/churn-experiments/3", "--to", "churn", "--reason", "two\nlines"], 64, ""),
        (["churn-lab/churn-experiments/3", "--to", "churn", "--name", "../../out"], 64, ""),
        (["churn-lb/churn-experiments/3", "--to", "churn"], 64, 'did you mean "churn-lab"?'),
        (["churn-lab/churn-experiments/3", "--to", "churn", "--reason", "bell \x07"], 64, "a control character"),
    ],
)
def test_promote_writes_nothing_that_is_wrong(
    arguments: list[str], code: int, said: str, live: Command, repo: Repo
) -> None:
    before = {path: path.stat().st_mtime_ns for path in repo.top.rglob("*")}
    found = live("promote", *arguments)
    assert found.code == code
    assert said in found.out + found.err
    assert "Traceback" not in found.err
    assert {path: path.stat().st_mtime_ns for path in repo.top.rglob("*")} == before


def test_promote_without_a_lock_reads_no_source(hubwright: Command, repo: Repo) -> None:
    said = hubwright("promote", "churn-lab/churn-experiments/7", "--to", "churn", "--no-lock", "--name", "next")
    assert (said.code, said.out) == (0, f"written: {TEAM}/next.yaml\n")


def test_lock_writes_once_and_keeps_what_is_right(live: Command, repo: Repo, hand: Hands) -> None:
    first = live("lock")
    assert first.code == 0
    assert [line.split(",")[0] for line in first.out.splitlines()] == [
        f"churn-1: locked in {TEAM}/churn-1.lock.yaml",
        f"churn-2: locked in {TEAM}/churn-2.lock.yaml",
        "defects-1: locked in manifests/teams/vision/defects-1.lock.yaml",
        "ocr-1: locked in manifests/teams/vision/ocr-1.lock.yaml",
    ]
    written = {path: path.stat().st_mtime_ns for path in repo.top.glob("manifests/**/*.lock.yaml")}
    (repo.top.parent / "new").touch()
    usual = (repo.top.parent / "new").stat().st_mode  # whatever the mask of who runs the tests
    assert [path.stat().st_mode for path in written] == [usual] * 4
    source = f"arn:aws:sagemaker:eu-west-1:{CHURN}:model-package/churn-experiments/1"
    hand(CHURN)("sagemaker").update_model_package(ModelPackageArn=source, ModelApprovalStatus="Rejected")
    assert [line.split(",")[0] for line in live("lock").out.splitlines()] == [
        "churn-1: unchanged",
        "churn-2: unchanged",
        "defects-1: unchanged",
        "ocr-1: unchanged",
    ]
    assert {path: path.stat().st_mtime_ns for path in written} == written
    repo.commit()
    assert live("plan", "--format", "json").json["summary"]["promotions"] == {"pending": 4}


def test_a_moved_source_is_named_and_locked_again(live: Command, repo: Repo, hand: Hands) -> None:
    live("lock", "ocr-1")
    path = repo.top / "manifests/teams/vision/ocr-1.lock.yaml"
    before = path.read_text()
    hand(VISION).put("vision-lab-models", "ocr/1/weights/a.bin", b"moved")
    checked = live("lock", "--check")
    assert (checked.code, path.read_text()) == (5, before)
    lines = checked.out.splitlines()
    assert [line.split(",")[0] for line in lines if not line.startswith(" ")] == [
        "churn-1: it has no lock",
        "churn-2: it has no lock",
        "defects-1: it has no lock",
        "ocr-1: the source is not what its lock names",
    ]
    assert [line.partition(":")[0] for line in lines if line.startswith(" ")] == ["    object s3"]
    again = live("lock", "ocr-1")
    assert (again.code, again.out.split(",")[0]) == (0, "ocr-1: locked again in manifests/teams/vision/ocr-1.lock.yaml")
    assert path.read_text() != before
    assert live("lock", "--check", "ocr-1").code == 0


def test_a_lock_that_cannot_be_read_is_replaced(live: Command, repo: Repo) -> None:
    (repo.top / TEAM / "churn-1.lock.yaml").write_text("release: nonsense\n")
    repo.commit()
    assert live("plan", "--scope", "promotion=churn-1").code == 5
    assert live("lock", "churn-1").code == 0
    repo.commit()
    assert live("plan", "--scope", "promotion=churn-1").code == 0


def test_one_source_that_cannot_be_locked_stops_only_itself(live: Command, repo: Repo, hand: Hands) -> None:
    hand(VISION)("s3").delete_object(Bucket="vision-lab-models", Key="defects/detect.tar.gz")
    said = live("lock")
    assert said.code == 5
    assert (
        "defects-1: refused: InferenceSpecification.Containers.1.ModelDataUrl names s3://vision-lab-models/defects/detect.tar.gz, which does not exist"
        in said.out
    )
    assert sorted(path.name for path in Path(repo.top).glob("manifests/**/*.lock.yaml")) == [
        "churn-1.lock.yaml",
        "churn-2.lock.yaml",
        "ocr-1.lock.yaml",
    ]


def test_a_fleet_without_promotions_has_nothing_to_lock(live: Command, repo: Repo) -> None:
    for path in repo.top.glob("manifests/teams/*/*-[0-9].yaml"):
        path.unlink()
    assert (live("lock").code, live("lock").out) == (0, "there is no promotion to lock\n")
