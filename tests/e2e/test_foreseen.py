"""What the roles that write lack is said before anything is done, and what is sure to be refused is not begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.preflight import Foresight
from tests.bed import CHURN, HUB, REGION, STORE, manifests, promotion, standing, why
from tests.granted import PLATFORM, Granted, role, spoke
from tests.pace import sampled

PULL = PLATFORM | {"churn-lab": spoke("churn-lab", CHURN, access=role(CHURN))}
POLICY = "hubwright-growth-b49831"


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Granted:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    found = furnished(tmp_path_factory.mktemp("fleet"), PULL)
    patch.undo()
    return found


@pytest.fixture
def made(first):
    """Access is granted and nothing promoted yet; each test has a copy of that world."""
    with first.tried() as found:
        yield found


def wish(approval: str = "Approved") -> dict[str, Any]:
    return promotion("churn-lab-1", spoke="churn-lab", source="churn-lab-experiments", approval=approval)


def furnished(folder: Path, platform: Any) -> Granted:
    found = Granted(folder, (wish(),), platform)
    found.admins.bucket(HUB, STORE)
    found.source("churn-lab", CHURN)
    found.apply(HUB, CHURN)
    return found


def take_away(world: Granted, name: str, *actions: str) -> None:
    """Takes actions out of the policy of one of the hub's roles."""
    inline = world.admins.world.iam_of(HUB).roles[name].inline
    document = json.loads(inline[POLICY])
    for said in document["Statement"]:
        said["Action"] = [action for action in said["Action"] if action not in actions] or ["none:None"]
    inline[POLICY] = json.dumps(document)


def written(world: Granted, before: int) -> int:
    return len(world.admins.world.mutations()) - before


LACKING = {
    "the store": ("register", "s3:PutObject", f"arn:aws:s3:::{STORE}/models/{CHURN}/churn/"),
    "images": ("register", "ecr:PutImage", f"arn:aws:ecr:{REGION}:{HUB}:repository/models/{CHURN}/churn-lab/serve"),
    "repositories": ("register", "ecr:CreateRepository", f"arn:aws:ecr:{REGION}:{HUB}:repository/models/{CHURN}/"),
    "registering": ("register", "sagemaker:CreateModelPackage", f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/churn/1"),
    "groups": ("register", "sagemaker:AddTags", f"arn:aws:sagemaker:{REGION}:{HUB}:model-package-group/churn"),
    "approving": ("approve", "sagemaker:UpdateModelPackage", f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/churn/1"),
}  # fmt: skip


@pytest.mark.parametrize("name", sampled([*LACKING], str))
def test_a_write_that_would_be_refused_is_named_before_anything_is_copied(made, name):
    purpose, action, resource = LACKING[name]
    take_away(made, f"hubwright-{purpose}", action)
    found = made.foreseen()
    who = f"arn:aws:iam::{HUB}:role/hubwright-{purpose}"
    (said,) = found.findings
    assert (said.about, said.standing) == (f"{HUB}/{REGION}/hubwright-{purpose}", "refused")
    assert f"{who} lacks {action} on {resource}" in said.why
    granted = f"it is granted by the role policy of hubwright-{purpose} in {HUB}"
    assert said.hint == f"{granted} (hubwright access apply --account {HUB})"
    before = len(made.admins.world.mutations())
    report = made.run()
    assert (standing(report, "churn-lab-1"), report.exit_code()) == ("refused", 5)
    assert why(report, "churn-lab-1")[0].startswith("nothing was begun: ")
    assert written(made, before) == (0 if name == "groups" else 1), "only the group, which no promotion is about"
    made.apply(HUB)
    assert standing(made.run(), "churn-lab-1") == "converged"


def test_a_bucket_that_cannot_be_copied_from_is_named_with_its_policy(made):
    made.admins.call(CHURN, "s3", "DeleteBucketPolicy", Bucket="churn-lab-models")
    (said,) = made.foreseen().findings
    assert (said.about, said.standing) == ("s3://churn-lab-models", "refused")
    assert (
        "assumed-role/hubwright-register/hubwright-test lacks s3:GetObjectVersion on arn:aws:s3:::churn-lab-models/"
        in said.hint
    )
    assert said.hint.endswith(
        f"the bucket policy of churn-lab-models in {CHURN} (hubwright access apply --account {CHURN})"
    )
    before = len(made.admins.world.mutations())
    assert (standing(made.run(), "churn-lab-1"), written(made, before)) == ("refused", 1)


def test_whoever_may_not_ask_is_told_so_and_nothing_is_held_back(made):
    take_away(made, "hubwright-read", "iam:SimulatePrincipalPolicy")
    found = made.foreseen()
    assert [item.standing for item in found.findings] == ["deferred", "deferred"]
    assert "not authorized to perform: iam:SimulatePrincipalPolicy" in found.findings[0].why
    assert found.refused == {}
    report = made.run()
    assert (standing(report, "churn-lab-1"), report.exit_code()) == ("converged", 0)


def test_what_others_bring_about_is_said_and_tried_all_the_same(made, tmp_path):
    """Where access is not ours, somebody may have granted it in a way that the simulation does not see."""
    hub = json.loads(json.dumps(PULL["central"]))
    hub["spec"]["manage"] = "observe"
    made.fleet = manifests(tmp_path, wish(), platform=PULL | {"central": hub})
    take_away(made, "hubwright-register", "sagemaker:CreateModelPackage")
    found = made.foreseen()
    assert ([item.standing for item in found.findings], found.refused) == (["deferred"], {})
    assert "its owner has to add it" in found.findings[0].hint
    report = made.run()
    assert standing(report, "churn-lab-1") == "failed", why(report, "churn-lab-1")


def test_an_explicit_denial_is_sure_whoever_brings_access_about(made):
    denial = {"Effect": "Deny", "Action": "ecr:PutImage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    made.admins.world.iam_of(HUB).roles["hubwright-register"].inline["guard"] = policy
    (said,) = made.foreseen().findings
    assert "ecr:PutImage" in said.why and "which is denied explicitly" in said.why
    assert standing(made.run(), "churn-lab-1") == "refused"


def test_nothing_is_asked_where_nothing_is_to_be_done(made):
    assert standing(made.run(), "churn-lab-1") == "converged"
    take_away(made, "hubwright-register", "s3:PutObject")
    made.plan()
    before = len(made.admins.world.calls)
    made.plan()
    alone = len(made.admins.world.calls) - before
    assert made.foreseen() == Foresight()
    assert len(made.admins.world.calls) - before == 2 * alone


def test_a_plan_with_something_to_do_asks_a_handful_of_calls(made):
    made.plan()
    before = len(made.admins.world.calls)
    made.plan()
    alone = len(made.admins.world.calls) - before
    before = len(made.admins.world.calls)
    assert made.foreseen() == Foresight()
    assert len(made.admins.world.calls) - before - alone <= 20


def test_revoking_is_never_asked_about(made, tmp_path):
    assert standing(made.run(), "churn-lab-1") == "converged"
    made.fleet = manifests(tmp_path, wish("Rejected"), platform=PULL)
    take_away(made, "hubwright-read", "iam:SimulatePrincipalPolicy")
    assert made.foreseen() == Foresight()
    assert standing(made.run(), "churn-lab-1") == "converged"


def test_a_denial_that_hangs_on_more_than_the_simulation_knows_holds_nothing_back(made):
    """A perimeter of networks: IAM denies what comes from nowhere, and a simulation comes from nowhere."""
    perimeter = {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8"]}}
    denial = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": perimeter}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    for name in ("register", "approve"):
        made.admins.world.iam_of(HUB).roles[f"hubwright-{name}"].inline["perimeter"] = policy
    found = made.foreseen()
    assert found.refused == {}
    assert {item.standing for item in found.findings} == {"deferred"}
    assert "which is denied unless aws:sourceip says otherwise, and the simulation does not know it" in (
        found.findings[0].why
    )
    report = made.run()
    assert (standing(report, "churn-lab-1"), report.exit_code()) == ("converged", 0)


def test_what_works_after_all_is_no_failure(made, tmp_path):
    """The store's own policy lets the role write, which the simulation does not see."""
    hub = json.loads(json.dumps(PULL["central"]))
    hub["spec"]["manage"] = "observe"
    made.fleet = manifests(tmp_path, wish(), platform=PULL | {"central": hub})
    take_away(made, "hubwright-register", "s3:PutObject")
    who = {"AWS": f"arn:aws:iam::{HUB}:role/hubwright-register"}
    lets = {"Effect": "Allow", "Principal": who, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{STORE}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [lets]})
    made.admins.call(HUB, "s3", "PutBucketPolicy", Bucket=STORE, Policy=policy)
    found = made.foreseen()
    assert ([item.standing for item in found.findings], found.refused) == (["deferred"], {})
    report = made.run()
    assert (standing(report, "churn-lab-1"), report.exit_code()) == ("converged", 0)


@pytest.mark.parametrize("lent", [1, 2])
def test_a_bucket_that_lends_a_part_holds_back_what_lies_elsewhere_alone(made, tmp_path, lent):
    made.source("churn-lab", CHURN, 2)
    second = promotion("churn-lab-2", spoke="churn-lab", source="churn-lab-experiments", version=2, approval="Approved")
    made.fleet = manifests(tmp_path, wish(), second, platform=PULL)
    policy = made.admins.call(CHURN, "s3", "GetBucketPolicy", Bucket="churn-lab-models")["Policy"]
    narrow = policy.replace("arn:aws:s3:::churn-lab-models/*", f"arn:aws:s3:::churn-lab-models/v{lent}/*")
    assert narrow != policy
    made.admins.call(CHURN, "s3", "PutBucketPolicy", Bucket="churn-lab-models", Policy=narrow)
    report = made.run()
    assert standing(report, f"churn-lab-{lent}") == "converged", why(report, f"churn-lab-{lent}")
    assert standing(report, f"churn-lab-{3 - lent}") in ("refused", "failed")


def test_a_byte_that_does_not_come_is_no_refusal(made, monkeypatch):
    from controller.aws.body import Body
    from controller.core.errors import CloudError

    def cut(_self: Body, _limit: int | None = None) -> bytes:
        raise CloudError("s3:GetObject", "ResponseStreamingError", "the connection was cut")

    with monkeypatch.context() as patch:
        patch.setattr(Body, "read", cut)
        assert made.foreseen() == Foresight()
