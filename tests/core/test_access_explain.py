"""Refusals in AWS's words, and what would have granted what they refuse."""

from __future__ import annotations

import pytest

from controller.core.access.derive import derive
from controller.core.access.explain import Lack, advice, granting, lacks
from tests import bed as beds
from tests.admins import full
from tests.core.test_access_many import PUSHES, account, fleet, labs

REGISTER = "arn:aws:sts::111111111111:assumed-role/hubwright-register/hubwright-1"
READ = "arn:aws:sts::111111111111:assumed-role/hubwright-read/hubwright-1"
CASES = {
    "identity": (
        (f"User: {READ} is not authorized to perform: sagemaker:Search on resource: * because no identity-based policy "
        "allows the sagemaker:Search action"),
        Lack("sagemaker:Search", READ, "*", "identity"),
        "granted by the role policy of hubwright-read in 111111111111 (hubwright access apply --account 111111111111)",
    ),
    "resource": (
        (f'User: {REGISTER} is not authorized to perform: s3:GetObjectVersion on resource: "arn:aws:s3:::churn-lab-models/v1/m"'
        " because no resource-based policy allows the s3:GetObjectVersion action"),
        Lack("s3:GetObjectVersion", REGISTER, "arn:aws:s3:::churn-lab-models/v1/m", "resource"),
        "granted by the bucket policy of churn-lab-models in 222222222222 (hubwright access apply --account 222222222222)",
    ),
    "trust": (
        ("sts:AssumeRole in 222222222222/eu-west-1 failed: AccessDenied: User: arn:aws:iam::111111111111:user/controller is "
        "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/platform/hubwright-read"),
        Lack("sts:AssumeRole", "arn:aws:iam::111111111111:user/controller", "arn:aws:iam::222222222222:role/platform/hubwright-read"),
        "the role of hubwright-read in 222222222222 (hubwright access apply --account 222222222222)",
    ),
    "owned by others": (
        (f'User: {REGISTER} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::edge-lab-models/x" '
        "because no resource-based policy allows the s3:GetObject action"),
        Lack("s3:GetObject", REGISTER, "arn:aws:s3:::edge-lab-models/x", "resource"),
        "its owner applies what hubwright access render --account 444444444444 writes",
    ),
    "a HEAD has no body": (
        "s3:HeadObject in 222222222222/eu-west-1 failed: 403: Forbidden",
        Lack("s3:GetObject"),
        "the role lacks s3:GetObject: it is granted by",
    ),
    "a store": (
        "the bucket acme-model-store of the store main is not readable, or not owned by 111111111111",
        Lack("s3:GetBucketVersioning", resource=":::acme-model-store"),
        "the role policy of hubwright-read in 111111111111",
    ),
    "nothing": (
        (f"User: {READ} is not authorized to perform: s3:DeleteObject on resource: arn:aws:s3:::x/y because no "
        "identity-based policy allows the s3:DeleteObject action"),
        Lack("s3:DeleteObject", READ, "arn:aws:s3:::x/y", "identity"),
        "nothing that this fleet's manifests ask for grants it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_names_what_would_grant_it(name):
    text, lack, says = CASES[name]
    assert lacks(text) == [lack]
    assert says in advice(lack, derive(full()))


def test_other_errors_are_no_refusals():
    assert lacks("s3:GetObject in 111111111111/eu-west-1 failed: NoSuchKey: gone") == []


def test_where_many_sources_are_granted_by_account_only_what_is_of_those_accounts_counts(tmp_path):
    documents = derive(fleet(tmp_path, labs(60) | labs(40, 1, 60, **PUSHES)))
    lab, pushing = account(7), account(77)
    places = {
        "arn:aws:s3:::lab-07-models-0/v1/m": (READ, True),
        f"arn:aws:ecr:eu-west-1:{lab}:repository/lab-07/serve": (READ, True),
        "arn:aws:ecr:eu-west-1:999999999999:repository/lab-07/serve": (READ, False),
        "arn:aws:s3:::lab-77-models-0/v1/m": (REGISTER, True),
        "arn:aws:s3:::nobodys-models/v1/m": (REGISTER, False),
        f"arn:aws:s3:::{beds.STORE}/models/{pushing}/churn/x": (REGISTER, True),
    }
    for resource, (who, granted) in places.items():
        action = "ecr:BatchGetImage" if ":ecr:" in resource else "s3:GetObject"
        found = granting(Lack(action, who, resource, "identity"), documents)
        role = who.split("/")[1]
        assert [(item.key.kind, item.key.name) for item in found] == [("role_policy", role)] * granted, resource
