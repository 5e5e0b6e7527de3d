"""What a tester found with nothing but manifests, commands and their outputs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from controller.cli.settings import Settings
from controller.core.report import Report
from controller.render.document import document
from controller.render.text import text
from controller.sandbox.faults import Fault
from tests.bed import CHURN, HUB, PLATFORM, REGION, bucket, fresh, lock, manifests, promotion, simple, standing

VERSIONS = ("churn-1", "churn-2", "churn-3")


def shown(report: Report) -> list[str]:
    return text(report, color=False).splitlines()


def test_a_promotion_that_cannot_be_matched_is_still_a_promotion(tmp_path: Path) -> None:
    """`promotions` of the JSON is every promotion in scope, by name; the headline counts them."""
    bed = fresh()
    simple(bed)
    broken: dict[str, Any] = lock(bed, manifests(tmp_path, promotion()), "churn-1")
    broken["spec"]["release"] = "nonsense"
    report = bed.plan(manifests(tmp_path, promotion(), broken))
    data = document(report)
    assert (standing(report), report.exit_code(), data["findings"]) == ("invalid", 5, [])
    (row,) = data["promotions"]
    assert (row["source"], row["group"], row["wish"]) == ("churn-lab/churn-experiments/1", "churn", "Approved")
    assert (row["why"], row["hints"]) == (["its lock is invalid"], ["run: hubwright lock churn-1"])
    assert shown(report)[0].endswith("1 promotion: 1 invalid.")


def test_what_is_said_of_many_is_said_once_with_what_can_be_done(tmp_path: Path) -> None:
    bed = fresh()
    simple(bed)
    bed.world.faults.append(
        Fault(account=CHURN, code="AccessDenied", status=403, message="no", times=10_000),
    )
    asked = [promotion(name, version=number) for number, name in enumerate(VERSIONS, start=1)]
    report = bed.plan(manifests(tmp_path, *asked))
    held = [line for line in shown(report) if "unknown" in line and "could not be read" in line]
    assert len(held) == 1
    assert held[0].startswith("  unknown churn-1, churn-2 and churn-3  the spoke churn-lab could not be read: ")
    assert all(row.hints for row in report.rows)
    assert not report.plan.complete


def test_a_plan_that_could_not_list_the_versions_is_not_complete(tmp_path: Path) -> None:
    bed = fresh()
    simple(bed)
    denied = Fault(operation="ListModelPackages", code="AccessDeniedException", status=400, message="no", times=10_000)
    bed.world.faults.append(denied)
    report = bed.plan(manifests(tmp_path, promotion()))
    assert (standing(report), report.plan.complete) == ("unknown", False)
    assert "the role lacks sagemaker:ListModelPackages" in report.rows[0].why[0]


def test_two_hubs_are_told_apart(tmp_path: Path) -> None:
    bed = fresh()
    simple(bed)
    bucket(bed, HUB, "second-store")
    platform = copy.deepcopy(PLATFORM)
    second = copy.deepcopy(PLATFORM["central"])
    second["metadata"]["name"] = "second"
    second["spec"] |= {"region": "eu-central-1", "stores": [{"name": "main", "bucket": "second-store"}]}
    platform["second"] = second
    platform["churn"]["spec"]["hub"] = "central"
    platform["churn-too"] = {
        "kind": "ModelGroup",
        "metadata": {"name": "churn-too"},
        "spec": {"hub": "second", "group": "churn"},
    }
    lines = shown(bed.plan(manifests(tmp_path, platform=platform)))
    assert f"  + group churn in {HUB}/{REGION}  for manifests/platform/churn.yaml" in lines
    assert f"  + group churn in {HUB}/eu-central-1  for manifests/platform/churn-too.yaml" in lines


def test_the_hint_after_a_saved_plan_says_all_that_was_read() -> None:
    given = Settings(
        repo="../models", ref="main", platform="./platform@base", scope=("promotion=churn-1", "spoke=churn-lab")
    )
    expected = (
        " --scope promotion=churn-1 --scope spoke=churn-lab --repo ../models --ref main --platform ./platform@base"
    )
    assert given.again() == expected
    assert Settings(worktree=True, path="a b").again() == " --path 'a b' --worktree"
    assert Settings().again() == ""
