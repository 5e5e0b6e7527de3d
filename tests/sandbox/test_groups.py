"""Package groups: creation, reading, deletion, policies, tags."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import CHURN, HUB, Bench
from tests.sandbox.test_packages import ADMIN, create

ARN = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package-group/churn"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": CHURN}, "Action": "sagemaker:DescribeModelPackage", "Resource": ARN}],
    }
)


def make(sm: Any, **more: Any) -> str:
    return str(sm.create_model_package_group(ModelPackageGroupName="churn", **more)["ModelPackageGroupArn"])


def test_a_group_is_described_by_name_and_arn(bench: Bench, sm: Any) -> None:
    """Model: DescribeModelPackageGroup takes a name or an ARN (aws.md 8.2 #11), also of another account."""
    assert make(sm, ModelPackageGroupDescription="customer churn") == ARN
    found = sm.describe_model_package_group(ModelPackageGroupName="churn")
    assert {name: found[name] for name in found if name not in ("ResponseMetadata", "CreationTime")} == {
        "ModelPackageGroupName": "churn",
        "ModelPackageGroupArn": ARN,
        "ModelPackageGroupDescription": "customer churn",
        "CreatedBy": ADMIN,
        "ModelPackageGroupStatus": "Completed",
    }
    other = bench.client("sagemaker", CHURN).describe_model_package_group(ModelPackageGroupName=ARN)
    assert other["CreationTime"] == found["CreationTime"]


def test_a_second_group_of_that_name_is_refused(sm: Any, refused: Any) -> None:
    """aws.md 8.2 #8; ValidationException, since the model has no ConflictException for this call. Assumed."""
    make(sm)
    with refused("ValidationException", 400, "already exists"):
        make(sm)
    with refused("ValidationException", 400, "already exists"):
        sm.create_model_package_group(ModelPackageGroupName="CHURN")


@pytest.mark.parametrize("name", ["-a", "a_b", "a" * 64, "a."])
def test_names_have_a_pattern(sm: Any, refused: Any, name: str) -> None:
    """Model: EntityName."""
    with refused("ValidationException"):
        sm.create_model_package_group(ModelPackageGroupName=name)


def test_an_arn_is_no_name_for_a_new_group(sm: Any, refused: Any) -> None:
    """aws.md 1.4 (python-sdk PR#3726)."""
    with refused("ValidationException"):
        sm.create_model_package_group(ModelPackageGroupName=ARN)


def test_an_absent_group(sm: Any, refused: Any) -> None:
    """aws.md 8.2 #12."""
    for call in (sm.describe_model_package_group, sm.delete_model_package_group, sm.get_model_package_group_policy):
        with refused("ValidationException", 400, "does not exist."):
            call(ModelPackageGroupName="absent")


def test_only_an_empty_group_is_deleted(bench: Bench, sm: Any, refused: Any) -> None:
    """Model: DeleteModelPackageGroup raises ConflictException."""
    bench.world.settings.status = {"*": ("Completed",)}
    make(sm)
    arn = create(sm)
    with refused("ConflictException"):
        sm.delete_model_package_group(ModelPackageGroupName="churn")
    sm.delete_model_package(ModelPackageName=arn)
    sm.delete_model_package_group(ModelPackageGroupName="churn")
    assert sm.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_policy_is_put_read_and_deleted(sm: Any, refused: Any) -> None:
    """Model: PolicyString is text of at most 20,480 characters; aws.md 1.1."""
    make(sm)
    assert sm.put_model_package_group_policy(ModelPackageGroupName="churn", ResourcePolicy=POLICY)["ModelPackageGroupArn"] == ARN
    assert sm.get_model_package_group_policy(ModelPackageGroupName="churn")["ResourcePolicy"] == POLICY
    sm.delete_model_package_group_policy(ModelPackageGroupName="churn")
    with refused("ValidationException"):
        sm.get_model_package_group_policy(ModelPackageGroupName="churn")


@pytest.mark.parametrize("text", ["{", "[]", '{"Statement": [{"Effect": "Allow"}]}', " " * 20_481])
def test_policy_must_be_one(sm: Any, refused: Any, text: str) -> None:
    """Model: PolicyString; that documents are checked is assumed."""
    make(sm)
    with refused("ValidationException"):
        sm.put_model_package_group_policy(ModelPackageGroupName="churn", ResourcePolicy=text)


def test_policy_calls_take_a_name_only(sm: Any, refused: Any) -> None:
    """Model: their ModelPackageGroupName is an EntityName; aws.md 1.1."""
    make(sm)
    with refused("ValidationException"):
        sm.put_model_package_group_policy(ModelPackageGroupName=ARN, ResourcePolicy=POLICY)


def test_tags_live_on_the_group(sm: Any, refused: Any) -> None:
    """aws.md 1.2; model: TagList of at most 50."""
    make(sm, Tags=[{"Key": "team", "Value": "growth"}])
    sm.add_tags(ResourceArn=ARN, Tags=[{"Key": "team", "Value": "risk"}, {"Key": "b", "Value": ""}])
    assert sm.list_tags(ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "risk"}, {"Key": "b", "Value": ""}]
    sm.delete_tags(ResourceArn=ARN, TagKeys=["b", "absent"])
    assert sm.list_tags(ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "risk"}]
    with refused("ValidationException"):
        sm.add_tags(ResourceArn=ARN, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])
    with refused("ValidationException"):
        sm.add_tags(ResourceArn=ARN, Tags=[{"Key": "aws:x", "Value": ""}])
