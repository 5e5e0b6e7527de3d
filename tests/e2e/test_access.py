"""Access against a sandbox in which nothing is there but administrators: planned, brought about, then left alone."""

from __future__ import annotations

import json

import pytest

from tests.admins import CHURN, HUB, VISION, Admins, full

BOUNDARY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
THEIRS = '{"Version": "2012-10-17",\n "Statement": [\n  {"Sid": "Theirs", "Effect":"Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::churn-lab-models"}\n ]\n}'


@pytest.fixture
def admins() -> Admins:
    return Admins()


@pytest.fixture
def fleet(admins):
    """The full fleet, and what its documents are put on."""
    keys = {account: admins.call(account, "kms", "CreateKey")["KeyMetadata"]["Arn"] for account in (HUB, CHURN)}
    for account in (HUB, CHURN, VISION):
        admins.call(account, "iam", "CreatePolicy", PolicyName="PlatformBoundary", PolicyDocument=json.dumps(BOUNDARY))
    for account, name in (
        (HUB, "acme-model-store"),
        (HUB, "acme-old-store"),
        (CHURN, "churn-lab-models"),
        (VISION, "vision-lab-models"),
    ):
        admins.bucket(account, name)
    admins.call(VISION, "ecr", "CreateRepository", repositoryName="vision/serve")
    for account, name in ((VISION, "defects-lab"), (HUB, "churn"), (HUB, "edge-models")):
        admins.call(account, "sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=name)
    return full(keys)


@pytest.mark.parametrize("account", [HUB, CHURN, VISION])
def test_access_is_brought_about_once_and_then_left_alone(admins, fleet, account):
    set_up = admins.mutations(account)
    first = admins.plan(account, fleet)
    assert (first.exit_code(detailed=True), first.others) == (2, ())
    assert admins.mutations(account) == set_up
    done = admins.apply(account, fleet)
    assert [(item.status, item.detail) for item in done.outcomes if item.status != "done"] == []
    assert (done.exit_code(), len(done.outcomes)) == (0, len(first.plan.actions))
    before = admins.mutations(account)
    again = admins.apply(account, fleet)
    assert (again.plan.actions, again.others, admins.mutations(account)) == ((), (), before)
    assert admins.plan(account, fleet).exit_code(detailed=True) == 0
