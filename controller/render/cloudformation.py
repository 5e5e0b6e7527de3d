"""Access as a CloudFormation template. What CloudFormation can only make whole, never add to, is told as metadata."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.core.access.document import Document
from controller.core.access.statement import policy
from controller.core.marks import PREFIX
from controller.core.model import Key
from controller.kinds.access.roles import policy_name
from controller.kinds.access.wires import target_of

_OWNED = {
    "repository_policy": "RepositoryPolicyText of its AWS::ECR::Repository",
    "group_policy": "ModelPackageGroupPolicy of its AWS::SageMaker::ModelPackageGroup",
    "key_policy": "KeyPolicy of its AWS::KMS::Key",
}
Resource = dict[str, Any]


def template(fleet: str, account: str, documents: Iterable[Document]) -> dict[str, Any]:
    """One template. It names everything itself, so that it can be a StackSet's, and needs CAPABILITY_NAMED_IAM."""
    items = {item.key: item for item in documents}
    resources: dict[str, Resource] = {}
    for item in items.values():
        for name, resource in _resources(fleet, item, items).items():
            said = {logical(need) for need in item.needs if need in items and need.kind != "role_policy"}
            needs = sorted(said - {ref["Ref"] for ref in resource["Properties"].get("Queues", ())})
            resources[name] = resource | ({"DependsOn": needs} if needs else {})
    made = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Access of the Hubwright fleet {fleet} in account {account}",
        "Resources": resources,
    }
    owned = [_owned(item) for item in items.values() if item.key.kind in _OWNED]
    return made | ({"Metadata": {"Hubwright": {"AddToTheirOwners": owned}}} if owned else {})


def logical(key: Key) -> str:
    """A resource's name in a template: letters and digits."""
    return "".join(re.sub(r"[^A-Za-z0-9]", "", word).capitalize() for word in re.split(r"[^A-Za-z0-9]", str(key)[13:]))


def _owned(item: Document) -> dict[str, Any]:
    return {"name": item.key.name, "where": _OWNED[item.key.kind], "policy": policy(item.statements), "why": item.why}


def _resources(fleet: str, item: Document, items: Mapping[Key, Document]) -> dict[str, Resource]:
    name = logical(item.key)
    if item.key.kind == "bus_policy":
        return {
            f"{name}{sid}": _resource("AWS::Events::EventBusPolicy", {
                "EventBusName": item.key.name, "StatementId": sid, "Statement": dict(said),
            })
            for sid, said in sorted(item.statements.items())
        }  # fmt: skip
    make = _MAKERS.get(item.key.kind)
    return {name: make(fleet, item, items)} if make else {}


def _resource(kind: str, properties: Mapping[str, Any]) -> Resource:
    return {"Type": kind, "Properties": dict(properties)}


def _role(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:
    own = items.get(Key(item.key.target, "role_policy", item.key.name))
    properties: dict[str, Any] = {
        "RoleName": item.key.name,
        "Path": item.spec["path"],
        "Description": item.why,
        "AssumeRolePolicyDocument": policy(item.statements),
        "Tags": _tags(fleet),
    }
    if own is not None and own.statements:
        properties["Policies"] = [{"PolicyName": policy_name(fleet), "PolicyDocument": policy(own.statements)}]
    if "boundary" in item.spec:
        properties["PermissionsBoundary"] = item.spec["boundary"]
    return _resource("AWS::IAM::Role", properties)


def _bucket_policy(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:  # noqa: ARG001
    return _resource("AWS::S3::BucketPolicy", {"Bucket": item.key.name, "PolicyDocument": policy(item.statements)})


def _bus(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:  # noqa: ARG001
    return _resource("AWS::Events::EventBus", {"Name": item.key.name, "Tags": _tags(fleet)})


def _queue(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:  # noqa: ARG001
    properties: dict[str, Any] = {
        "QueueName": item.key.name,
        "MessageRetentionPeriod": int(item.spec["retention"]),
        "SqsManagedSseEnabled": True,
        "Tags": _tags(fleet),
    }
    if "redrive" in item.spec:
        properties["RedrivePolicy"] = item.spec["redrive"]
    made = _resource("AWS::SQS::Queue", properties)
    return made | {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}


def _queue_policy(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:  # noqa: ARG001
    kinds = (Key(item.key.target, kind, item.key.name) for kind in ("queue", "dead_queue"))
    queue = logical(next(key for key in kinds if key in items))
    return _resource("AWS::SQS::QueuePolicy", {"Queues": [{"Ref": queue}], "PolicyDocument": policy(item.statements)})


def _rule(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:  # noqa: ARG001
    spec = item.spec
    return _resource(
        "AWS::Events::Rule",
        {
            "Name": item.key.name,
            "Description": item.why,
            "EventBusName": spec["bus"],
            "EventPattern": spec["pattern"],
            "State": "ENABLED",
            "Targets": [target_of(spec["target"])],
        },
    )


def _provider(fleet: str, item: Document, items: Mapping[Key, Document]) -> Resource:  # noqa: ARG001
    properties = {"Url": item.spec["url"], "ClientIdList": item.spec["audiences"], "Tags": _tags(fleet)}
    return _resource("AWS::IAM::OIDCProvider", properties)


def _tags(fleet: str) -> list[dict[str, str]]:
    return [{"Key": PREFIX + "fleet", "Value": fleet}]


_MAKERS: Mapping[str, Callable[[str, Document, Mapping[Key, Document]], Resource]] = {
    "role": _role,
    "bucket_policy": _bucket_policy,
    "bus": _bus,
    "queue": _queue,
    "dead_queue": _queue,
    "queue_policy": _queue_policy,
    "rule": _rule,
    "oidc_provider": _provider,
}
