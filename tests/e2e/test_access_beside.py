"""Beside others in the same live policies: theirs keep every byte while ours are put in, changed and taken out."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from controller.aws.registries import EcrRegistries
from controller.core.access.derive import derive
from controller.core.model import Action
from controller.kinds.access import ACCESS_BY_NAME
from controller.kinds.base import World as Effects
from tests.admins import CHURN, HUB, REGION, Admins, full

SEED, ROUNDS = 20261128, 12
THEM = "arn:aws:iam::111111111111:root"


def theirs(action: str, resource: str | None) -> str:
    """Statements of somebody else, spaced and ordered as no program of ours would."""
    place = f', "Resource" : ["{resource}"]' if resource else ""
    deny = f'{{"Sid":"Theirs",  "Effect":"Deny","Principal":{{"AWS":"*"}},"Action":"{action}"{place},\n "Condition": {{"Bool":{{"aws:SecureTransport":"false"}}}} }}'
    allow = f'{{ "Effect": "Allow", "Principal": {{"AWS": ["{THEM}"]}}, "Action": ["{action}"]{place} }}'
    return f'{{"Version" : "2012-10-17",\n\t"Id":"kept", "Statement": [ {deny} ,\n\n  {allow}\n ] }}'


def administers(text: str) -> str:
    """A key's policy that does not lock its administrator out."""
    said = {"Effect": "Allow", "Principal": {"AWS": THEM}, "Action": "kms:*", "Resource": "*"}
    return text.replace("[ {", f"[ {json.dumps(said)} ,\n   {{", 1)


@pytest.fixture(scope="module")
def ground():
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    admins = Admins()
    keys = {account: admins.call(account, "kms", "CreateKey")["KeyMetadata"]["Arn"] for account in (HUB, CHURN)}
    admins.bucket(HUB, "acme-model-store")
    admins.call(HUB, "ecr", "CreateRepository", repositoryName="models/222222222222/churn/serve")
    admins.call(HUB, "sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    admins.call(HUB, "events", "CreateEventBus", Name="model-registry")
    admins.call(HUB, "sqs", "CreateQueue", QueueName="hubwright-events")
    names = {("repository", HUB, REGION): frozenset({"models/222222222222/churn/serve"})}
    documents = {
        item.key.kind: item for item in derive(full(keys), names) if item.statements and _wanted(item.key, keys)
    }
    yield admins, documents, keys[HUB]
    patch.undo()


def _wanted(key: Any, keys: dict[str, str]) -> bool:
    named = {"acme-model-store", "models/222222222222/churn/serve", "churn", "model-registry", "hubwright-events"}
    return key.target.account == HUB and key.kind.endswith("_policy") and key.name in {*named, keys[HUB]}


KINDS = {
    "bucket_policy": ("s3:GetBucketTagging", "arn:aws:s3:::acme-model-store"),
    "repository_policy": ("ecr:ListImages", None),
    "group_policy": ("sagemaker:ListModelPackages", f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/churn/*"),
    "key_policy": ("kms:ListGrants", "*"),
    "bus_policy": ("events:PutEvents", f"arn:aws:events:{REGION}:{HUB}:event-bus/model-registry"),
    "queue_policy": ("sqs:GetQueueUrl", f"arn:aws:sqs:{REGION}:{HUB}:hubwright-events"),
}


def stands(admins: Admins, kind: str, key: str) -> tuple[Any, Any]:
    """(read the live policy, write it), as its administrator."""
    queue = {"QueueUrl": f"https://sqs.{REGION}.amazonaws.com/{HUB}/hubwright-events"}
    bucket, repository = {"Bucket": "acme-model-store"}, {"repositoryName": "models/222222222222/churn/serve"}
    group, named, bus = {"ModelPackageGroupName": "churn"}, {"KeyId": key, "PolicyName": "default"}, "model-registry"
    call = admins.call
    return {
        "bucket_policy": (
            lambda: call(HUB, "s3", "GetBucketPolicy", **bucket)["Policy"],
            lambda text: call(HUB, "s3", "PutBucketPolicy", **bucket, Policy=text),
        ),
        "repository_policy": (
            lambda: call(HUB, "ecr", "GetRepositoryPolicy", **repository)["policyText"],
            lambda text: call(HUB, "ecr", "SetRepositoryPolicy", **repository, policyText=text),
        ),
        "group_policy": (
            lambda: call(HUB, "sagemaker", "GetModelPackageGroupPolicy", **group)["ResourcePolicy"],
            lambda text: call(HUB, "sagemaker", "PutModelPackageGroupPolicy", **group, ResourcePolicy=text),
        ),
        "key_policy": (
            lambda: call(HUB, "kms", "GetKeyPolicy", **named)["Policy"],
            lambda text: call(HUB, "kms", "PutKeyPolicy", **named, Policy=text),
        ),
        "bus_policy": (
            lambda: call(HUB, "events", "DescribeEventBus", Name=bus)["Policy"],
            lambda text: call(HUB, "events", "PutPermission", EventBusName=bus, Policy=text),
        ),
        "queue_policy": (
            lambda: call(HUB, "sqs", "GetQueueAttributes", **queue, AttributeNames=["Policy"])["Attributes"]["Policy"],
            lambda text: call(HUB, "sqs", "SetQueueAttributes", **queue, Attributes={"Policy": text}),
        ),
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_statements_of_others_keep_every_byte_in_a_live_policy(ground, kind):
    admins, documents, key = ground
    document = documents[kind]
    read, write = stands(admins, kind, key)
    text = theirs(*KINDS[kind])
    before = administers(text) if kind == "key_policy" else text
    write(before)
    others = before[before.index("[") + 1 : before.rindex("]")].rstrip()
    cloud = admins.cloud(HUB, writable=True)
    world = Effects(
        cloud, EcrRegistries(cloud, {}, writable=False, log=admins.logs[HUB]), {}, "r", pause=lambda _: None
    )
    chance = random.Random(f"{SEED} {kind}")
    ours = dict(document.statements)
    for _ in range(ROUNDS):
        some = {name: said for name, said in ours.items() if chance.random() < 0.6}
        brought(world, kind, document, some)
        live = read()
        assert others in live
        assert {said.get("Sid") for said in json.loads(live)["Statement"]} >= set(some)
        assert not ({*ours} - {*some}) & {said.get("Sid") for said in json.loads(live)["Statement"]}
    brought(world, kind, document, ours)
    brought(world, kind, document, {})
    assert read() == before


def brought(world: Effects, kind: str, document: Any, statements: dict[str, Any]) -> None:
    facts = {"fleet": "growth"}
    after = {**document.spec, "statements": statements}
    ACCESS_BY_NAME[kind].update(world, Action("x", "update", document.key, None, after, facts=facts))
