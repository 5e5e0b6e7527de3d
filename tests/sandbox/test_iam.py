"""IAM: roles, policies, boundaries and providers as AWS documents them (IAM API Reference)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import CHURN, HUB, Bench

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"}, "Action": "sts:AssumeRole"}
        ],
    }
)
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


@pytest.fixture
def iam(bench: Bench) -> Any:
    return bench.client("iam")


def test_a_role_with_path_tags_and_boundary(iam: Any, bench: Bench) -> None:
    """Documents come back as they were put, decoded by the client; accounts are apart."""
    boundary = iam.create_policy(PolicyName="edge", PolicyDocument=json.dumps(READ), Path="/team/")["Policy"]["Arn"]
    tags = [{"Key": "hubwright/fleet", "Value": "growth"}]
    made = iam.create_role(
        RoleName="pusher",
        Path="/team/",
        AssumeRolePolicyDocument=TRUST,
        PermissionsBoundary=boundary,
        Tags=tags,
        Description="pushes",
        MaxSessionDuration=7200,
    )["Role"]
    role = iam.get_role(RoleName="pusher")["Role"]
    assert role["Arn"] == made["Arn"] == f"arn:aws:iam::{HUB}:role/team/pusher"
    assert (role["AssumeRolePolicyDocument"], role["Tags"], role["MaxSessionDuration"]) == (
        json.loads(TRUST),
        tags,
        7200,
    )
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    assert "pusher" not in [item["RoleName"] for item in bench.client("iam", CHURN).list_roles()["Roles"]]


def test_inline_and_managed_policies(iam: Any, refused: Any) -> None:
    """A role with policies cannot be deleted; what is not there is NoSuchEntity 404."""
    iam.create_role(RoleName="pusher", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="pusher", PolicyName="read", PolicyDocument=json.dumps(READ))
    arn = iam.create_policy(PolicyName="more", PolicyDocument=json.dumps(READ))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="pusher", PolicyArn=arn)
    assert iam.list_role_policies(RoleName="pusher")["PolicyNames"] == ["read"]
    assert iam.get_role_policy(RoleName="pusher", PolicyName="read")["PolicyDocument"] == READ
    assert [item["PolicyArn"] for item in iam.list_attached_role_policies(RoleName="pusher")["AttachedPolicies"]] == [
        arn
    ]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(READ), SetAsDefault=True)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    with refused("DeleteConflict", 409):
        iam.delete_role(RoleName="pusher")
    with refused("NoSuchEntity", 404):
        iam.get_role_policy(RoleName="pusher", PolicyName="absent")
    with refused("NoSuchEntity", 404):
        iam.get_role(RoleName="absent")
    iam.delete_role_policy(RoleName="pusher", PolicyName="read")
    iam.detach_role_policy(RoleName="pusher", PolicyArn=arn)
    iam.delete_role(RoleName="pusher")


@pytest.mark.parametrize(
    "document",
    [
        "{“Version”: 1}",
        '{"Version": "2012-10-17″", "Statement": []}',
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}),
        TRUST.replace(f"{HUB}:root", f"{HUB}:role/absent"),
        TRUST.replace('"sts:AssumeRole"', '"AssumeRole"'),
        TRUST.replace('"Allow"', '"allow"'),
    ],
)
def test_trust_that_aws_would_not_take(iam: Any, refused: Any, document: str) -> None:
    """MalformedPolicyDocument, for principals that do not exist too."""
    with refused("MalformedPolicyDocument"):
        iam.create_role(RoleName="pusher", AssumeRolePolicyDocument=document)


def test_what_is_too_long(iam: Any, refused: Any) -> None:
    """Quotas: 10,240 characters of inline policies a role, 2,048 of trust."""
    iam.create_role(RoleName="pusher", AssumeRolePolicyDocument=TRUST)
    long = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::b/{n:0100d}" for n in range(100)]}
    with refused("LimitExceeded", 409):
        iam.put_role_policy(
            RoleName="pusher",
            PolicyName="long",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [long]}),
        )


def test_providers(iam: Any, refused: Any) -> None:
    """The ARN carries the address without its scheme."""
    arn = iam.create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{HUB}:oidc-provider/token.actions.githubusercontent.com"
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"] == ["sts.amazonaws.com"]
    with refused("EntityAlreadyExists", 409):
        iam.create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_the_simulator_answers_for_the_principals_own_policies(iam: Any, refused: Any) -> None:
    """By action, and with several resources by resource; in the given context; nothing is done (IAM API Reference)."""
    said = [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::store/models/*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::store/models/closed/*"},
        {
            "Effect": "Allow",
            "Action": "sagemaker:CreateModelPackage",
            "Resource": "*",
            "Condition": {"StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}},
        },
    ]
    arn = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": said})
    iam.put_role_policy(RoleName="writer", PolicyName="own", PolicyDocument=document)
    places = [f"arn:aws:s3:::store/{name}" for name in ("models/a", "models/closed/a", "other/a")]
    (row,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:PutObject"], ResourceArns=places)[
        "EvaluationResults"
    ]
    assert [item["EvalResourceDecision"] for item in row["ResourceSpecificResults"]] == [
        "allowed",
        "explicitDeny",
        "implicitDeny",
    ]
    for status, decision in (("PendingManualApproval", "allowed"), ("Approved", "implicitDeny")):
        context = {
            "ContextKeyName": "sagemaker:ModelApprovalStatus",
            "ContextKeyValues": [status],
            "ContextKeyType": "string",
        }
        asked = {"ActionNames": ["sagemaker:CreateModelPackage"], "ContextEntries": [context]}
        (row,) = iam.simulate_principal_policy(PolicySourceArn=arn, **asked)["EvaluationResults"]
        assert row["MissingContextValues"] == []
        assert (row["EvalActionName"], row["EvalResourceName"], row["EvalDecision"]) == (
            "sagemaker:CreateModelPackage",
            "*",
            decision,
        )
    (row,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["sagemaker:CreateModelPackage"])[
        "EvaluationResults"
    ]
    assert (row["EvalDecision"], row["MissingContextValues"]) == ("implicitDeny", ["sagemaker:modelapprovalstatus"])
    with refused("NoSuchEntity", 404):
        iam.simulate_principal_policy(PolicySourceArn=arn + "s", ActionNames=["s3:PutObject"])
