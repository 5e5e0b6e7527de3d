"""The push handler: the article's parameters, checked against the fleet, promoted by the same core."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.events import push_handler
from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import CHURN, HUB, Hand

CASES = json.loads((Path(__file__).parents[1] / "cases" / "push_events" / "events.json").read_text())
ARTICLE = CASES[0]["event"]
Hands = Callable[[str], Hand]


def versions(hand: Hands) -> dict[str, tuple[str, str]]:
    """Approval and artifact of every version in the hub's group churn."""
    hub = hand(HUB)("sagemaker")
    try:
        listed = hub.list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"]
    except hub.exceptions.ClientError:
        return {}
    arns = [item["ModelPackageArn"] for item in listed]
    bodies = {arn: hub.describe_model_package(ModelPackageName=arn) for arn in arns}
    return {
        arn: (item["ModelApprovalStatus"], item["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
        for arn, item in bodies.items()
    }


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_case_file(in_spoke: Serving, hand: Hands, case: dict[str, Any]) -> None:
    answer = push_handler(case["event"], None)
    assert answer["statusCode"] == case["statusCode"], answer
    there = versions(hand)
    if case["statusCode"] == "200":
        assert (set(answer), list(there)) == ({"statusCode", "model_arn"}, [answer["model_arn"]])
        assert {approval for approval, _ in there.values()} == {"PendingManualApproval"}
        assert next(iter(there.values()))[1].startswith(f"s3://acme-model-store/models/{CHURN}/churn/")
        assert push_handler(case["event"], None) == answer
    else:
        assert (set(answer), case["says"] in answer["error"], there) == ({"statusCode", "error"}, True, {}), answer
        assert not [call for call in in_spoke.world.mutations() if call.operation != "CreateModelPackageGroup"]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 25


def test_equal_pushes_are_one_version_and_new_bytes_another(in_spoke: Serving, hand: Hands) -> None:
    first = push_handler(ARTICLE, None)
    by_digest = hand(CHURN)("ecr").describe_images(repositoryName="churn/serve")["imageDetails"][0]["imageDigest"]
    image = ARTICLE["image_uri"].rpartition(":")[0]
    before = len(in_spoke.world.mutations())
    assert push_handler({**ARTICLE, "image_uri": f"{image}@{by_digest}"}, None) == first
    assert push_handler(ARTICLE, None) == first
    assert len(in_spoke.world.mutations()) == before
    hand(CHURN).put("churn-lab-models", ARTICLE["model_path"], b"trained anew")
    second = push_handler(ARTICLE, None)
    assert (second["statusCode"], second["model_arn"] != first["model_arn"]) == ("200", True)
    assert push_handler(ARTICLE, None) == second


def test_what_was_pushed_is_nobodys_orphan_and_peoples_to_approve(
    in_spoke: Serving, hubwright: Command, hand: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = push_handler(ARTICLE, None)["model_arn"]
    for name, value in in_spoke.ready()["env"].items():
        monkeypatch.setenv(name, value)
    hand(HUB)("sagemaker").update_model_package(ModelPackageArn=pushed, ModelApprovalStatus="Approved")
    said = hubwright("reconcile", "--format", "json")
    assert (said.code, said.json["findings"]) == (0, [])
    assert versions(hand)[pushed][0] == "Approved"


def test_the_promotions_version_is_approved_by_the_hubs_own_run(
    in_spoke: Serving, hubwright: Command, hand: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**ARTICLE, "model_path": "runs/1/model.tar.gz", "approval_status": "Approved"}
    pushed = push_handler(asked, None)["model_arn"]
    assert versions(hand)[pushed][0] == "PendingManualApproval"
    for name, value in in_spoke.ready()["env"].items():
        monkeypatch.setenv(name, value)
    assert hubwright("reconcile", "--scope", "promotion=churn-1").code == 0
    assert versions(hand)[pushed][0] == "Approved"


def test_a_declared_guard_stands_for_what_is_pushed_too(in_spoke: Serving, repo: Repo) -> None:
    repo.edit("platform/guardrails-production.yaml", "requireLock: false", "requireLock: true ")
    answer = push_handler(ARTICLE, None)
    assert (answer["statusCode"], "production/requireLock" in answer["error"]) == ("403", True)


@pytest.mark.parametrize(
    ("old", "new", "status", "says"),
    [
        ("pattern: push", "pattern: pull", "403", "does not push"),
        ("pattern: push", "pattern: push\n  state: Frozen", "403", "is Frozen"),
        ('account: "222222222222"', 'account: "444444444444"', "403", "is not a spoke of this fleet"),
    ],
)
def test_who_is_no_active_spoke_that_pushes_is_refused(
    in_spoke: Serving, repo: Repo, old: str, new: str, status: str, says: str
) -> None:
    repo.edit("platform/spoke-churn-lab.yaml", old, new)
    answer = push_handler(ARTICLE, None)
    assert (answer["statusCode"], says in answer["error"]) == (status, True), answer


def test_a_failing_hub_is_a_server_error(in_spoke: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    in_spoke.world.fault(operation="CreateModelPackage", do="fail", status=400, code="AccessDeniedException", times=9)
    answer = push_handler(ARTICLE, None)
    assert (answer["statusCode"], "AccessDeniedException" in answer["error"]) == ("502", True)
    monkeypatch.delenv("HUBWRIGHT_REPO")
    assert push_handler(ARTICLE, None)["statusCode"] == "500"
