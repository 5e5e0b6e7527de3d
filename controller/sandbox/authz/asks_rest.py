"""The calls of EventBridge, SQS, IAM, KMS and DynamoDB as actions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from controller.core.arn import partition_of
from controller.sandbox.authz.ask import Ask, Keys, alias_keys, rows, tag_keys
from controller.sandbox.events.buses import locate_bus
from controller.sandbox.kms.service import named_key
from controller.sandbox.principals import Caller
from controller.sandbox.world import World

Document = dict[str, Any]


def _bus(world: World, caller: Caller, action: str, text: str | None, context: Keys) -> Ask:
    buses, name = locate_bus(world, caller, text)
    bus = buses.buses.get(name)
    policy = (f"bus {buses.account}/{name}", bus.policy) if bus and bus.policy else None
    return Ask(action, buses.arn("event-bus", name), buses.account, context, policy)


def events_asks(world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """EventBridge. A role that is handed over needs iam:PassRole."""
    action = f"events:{operation}"
    tags = rows(document.get("Tags"))
    if operation == "PutEvents":
        for entry in document.get("Entries") or ():
            context: Keys = {"events:source": (str(entry.get("Source")),)}
            context["events:detail-type"] = (str(entry.get("DetailType")),)
            yield _bus(world, caller, action, entry.get("EventBusName"), context)
    elif document.get("ResourceARN"):
        yield Ask(action, str(document["ResourceARN"]), caller.account, tag_keys(tags))
    elif "Rule" in operation or "Target" in operation:
        buses, name = locate_bus(world, caller, document.get("EventBusName"))
        rule = str(document.get("Rule") or document.get("Name") or "*")
        arn = buses.arn("rule", rule if name == "default" else f"{name}/{rule}")
        yield Ask(action, arn, buses.account, tag_keys(tags))
        for role in {str(target["RoleArn"]) for target in document.get("Targets") or () if target.get("RoleArn")}:
            yield pass_role(role, caller, "events.amazonaws.com")
    elif operation in ("ListEventBuses", "TestEventPattern"):
        yield Ask(action, "*", caller.account)
    else:
        bus = document.get("EventBusName") or document.get("Name")
        yield _bus(world, caller, action, bus, tag_keys(tags))


def pass_role(role: str, caller: Caller, service: str) -> Ask:
    """Handing a role over to a service."""
    return Ask("iam:PassRole", role, caller.account, {"iam:passedtoservice": (service,)})


def sqs_asks(world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """SQS. Batches need the action of the single call."""
    action = f"sqs:{operation.removesuffix('Batch')}"
    if operation == "ListQueues":
        yield Ask(action, "*", caller.account)
        return
    found = re.fullmatch(r".*/(\d{12})/([^/]+)/?", str(document.get("QueueUrl") or ""))
    account = found[1] if found else str(document.get("QueueOwnerAWSAccountId") or caller.account)
    name = found[2] if found else str(document.get("QueueName"))
    queue = world.queues.get((account, caller.region, name))
    policy = queue.attributes.get("Policy") if queue else None
    arn = f"arn:{partition_of(caller.region)}:sqs:{caller.region}:{account}:{name}"
    tags = document.get("tags") or document.get("Tags") or {}
    yield Ask(action, arn, account, tag_keys(tags), (f"queue {name}", policy) if policy else None)
    if operation == "CreateQueue" and tags:
        yield Ask("sqs:TagQueue", arn, account, tag_keys(tags))


def kms_asks(world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """KMS: the key's own policy has the first word."""
    action = f"kms:{operation}"
    text = document.get("KeyId") or document.get("TargetKeyId")
    key = named_key(world, caller.account, caller.region, str(text)) if text else None
    if key is None:
        yield Ask(action, "*", caller.account, tag_keys(rows(document.get("Tags"), "TagKey", "TagValue")))
        return
    context: Keys = {"kms:calleraccount": (caller.account,), **alias_keys(key.aliases)}
    if document.get("Operations"):
        context["kms:grantoperations"] = tuple(document["Operations"])
    yield Ask(action, key.arn, key.account, context, (f"key {key.id}", key.policy), "key")


def _iam_place(caller: Caller, operation: str, document: Document) -> str:
    arn = document.get("PolicyArn") if "Role" not in operation else None
    arn = arn or document.get("PolicySourceArn")
    if arn or document.get("OpenIDConnectProviderArn"):
        return str(arn or document["OpenIDConnectProviderArn"])
    base = f"arn:{caller.partition}:iam::{caller.account}:"
    path = document.get("Path") or "/"
    if operation == "CreateOpenIDConnectProvider":
        return f"{base}oidc-provider/{str(document.get('Url')).removeprefix('https://').rstrip('/')}"
    for name, kind in (("RoleName", "role"), ("UserName", "user"), ("PolicyName", "policy")):
        if document.get(name):
            return f"{base}{kind}{path}{document[name]}"
    return "*"


def iam_asks(world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """IAM."""
    iam = world.iam_of(caller.account)
    known = iam.roles.get(str(document.get("RoleName"))) or iam.users.get(str(document.get("UserName")))
    made = operation in ("CreateRole", "CreateUser")
    arn = known.arn if known is not None and not made else _iam_place(caller, operation, document)
    tags = rows(document.get("Tags") if isinstance(document.get("Tags"), list) else [])
    context = tag_keys(tags)
    boundary = document.get("PermissionsBoundary") or (known.boundary if known else None)
    if boundary:
        context["iam:permissionsboundary"] = (str(boundary),)
    if operation.startswith(("Attach", "Detach")):
        context["iam:policyarn"] = (str(document.get("PolicyArn")),)
    yield Ask(f"iam:{operation}", arn, caller.account, context)
    kinds = {"CreateRole": "TagRole", "CreateUser": "TagUser", "CreatePolicy": "TagPolicy"}
    kinds["CreateOpenIDConnectProvider"] = "TagOpenIDConnectProvider"
    if tags and operation in kinds:
        yield Ask(f"iam:{kinds[operation]}", arn, caller.account, context)


def dynamodb_asks(_world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """DynamoDB: tables of one's own account only."""
    names = [str(document["TableName"])] if document.get("TableName") else list(document.get("RequestItems") or ["*"])
    for name in names:
        arn = f"arn:{partition_of(caller.region)}:dynamodb:{caller.region}:{caller.account}:table/{name}"
        yield Ask(f"dynamodb:{operation}", name if name.startswith("arn:") else arn, caller.account)
