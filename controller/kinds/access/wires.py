"""What events go through: buses, queues and rules with their one target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.access.document import Document
from controller.core.canonical import canonical
from controller.core.errors import CloudError
from controller.core.marks import PREFIX
from controller.core.model import Action, Key
from controller.kinds.access.base import Facts, World, absent, reader, writer
from controller.kinds.access.policies import queue_url
from controller.kinds.base import Client, Cloud

TARGET = "hubwright"


class _Bus:
    NAME = "bus"

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        try:
            reader(cloud, wished.key, "events").call("DescribeEventBus", Name=wished.key.name)
        except CloudError as error:
            if error.missing:
                return None
            raise
        return {}

    def create(self, world: World, action: Action) -> Facts:
        tags = _tags(action)
        try:
            writer(world, action, "events").call("CreateEventBus", Name=action.key.name, Tags=tags)
        except CloudError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
        return {}

    def update(self, world: World, action: Action) -> Facts:
        return {}


@dataclass(frozen=True, slots=True)
class _Queue:
    """A queue; one that takes what another could not deal with is a kind of its own, because it comes first."""

    NAME: str

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        client = reader(cloud, wished.key, "sqs")
        try:
            found = _attributes(client, wished.key)
        except CloudError as error:
            if absent(error):
                return None
            raise
        encrypted = found.get("SqsManagedSseEnabled") == "true" or bool(found.get("KmsMasterKeyId"))
        spec: dict[str, Any] = {"retention": found["MessageRetentionPeriod"], "encrypted": encrypted}
        if "redrive" in wished.spec:
            spec["redrive"] = _redrive(found.get("RedrivePolicy", "{}"))
        return spec

    def create(self, world: World, action: Action) -> Facts:
        tags = {item["Key"]: item["Value"] for item in _tags(action)}
        client = writer(world, action, "sqs")
        client.call("CreateQueue", QueueName=action.key.name, Attributes=_wanted(action.after), tags=tags)
        return {}

    def update(self, world: World, action: Action) -> Facts:
        client = writer(world, action, "sqs")
        client.call("SetQueueAttributes", QueueUrl=queue_url(client, action.key), Attributes=_wanted(action.after))
        return {}


def _attributes(client: Client, key: Key) -> dict[str, str]:
    answer = client.call("GetQueueAttributes", QueueUrl=queue_url(client, key), AttributeNames=["All"])
    found: dict[str, str] = answer.get("Attributes", {})
    return found


def _redrive(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return {**found, "maxReceiveCount": int(found["maxReceiveCount"])} if "maxReceiveCount" in found else found


def _wanted(spec: Mapping[str, Any]) -> dict[str, str]:
    wanted = {"MessageRetentionPeriod": spec["retention"], "SqsManagedSseEnabled": "true"}
    return wanted | ({"RedrivePolicy": canonical(spec["redrive"])} if "redrive" in spec else {})


class _Rule:
    """A rule and its target."""

    NAME = "rule"

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        client = reader(cloud, wished.key, "events")
        named = {"EventBusName": wished.spec["bus"]}
        try:
            found = client.call("DescribeRule", Name=wished.key.name, **named)
            targets = client.call("ListTargetsByRule", Rule=wished.key.name, **named).get("Targets", [])
        except CloudError as error:
            if error.missing:
                return None
            raise
        ours = next((item for item in targets if item["Id"] == TARGET), None)
        spec = {"bus": wished.spec["bus"], "pattern": json.loads(found.get("EventPattern") or "{}")}
        if found.get("State") != "ENABLED":
            spec["state"] = found.get("State")
        return {**spec, "target": _of(ours) if ours else None}

    def create(self, world: World, action: Action) -> Facts:
        return self.update(world, action)

    def update(self, world: World, action: Action) -> Facts:
        client, spec, name = writer(world, action, "events"), action.after, action.key.name
        named = {"EventBusName": spec["bus"]}
        tags = {"Tags": _tags(action)} if action.verb == "create" else {}
        client.call("PutRule", Name=name, **named, EventPattern=canonical(spec["pattern"]), State="ENABLED", **tags)
        answer = client.call("PutTargets", Rule=name, **named, Targets=[target_of(spec["target"])])
        if answer.get("FailedEntryCount"):
            failed = answer["FailedEntries"][0]
            code, said = failed.get("ErrorCode", ""), failed.get("ErrorMessage", "")
            raise CloudError("events:PutTargets", code, said, status=200)
        return {}


def target_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A target as EventBridge takes it."""
    wanted: dict[str, Any] = {"Id": TARGET, "Arn": spec["arn"], "RetryPolicy": dict(spec["retry"])}
    if "role" in spec:
        wanted["RoleArn"] = spec["role"]
    if "dead" in spec:
        wanted["DeadLetterConfig"] = {"Arn": spec["dead"]}
    return wanted


def _of(found: Mapping[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"arn": found["Arn"], "retry": dict(found.get("RetryPolicy") or {})}
    if found.get("RoleArn"):
        spec["role"] = found["RoleArn"]
    if found.get("DeadLetterConfig"):
        spec["dead"] = found["DeadLetterConfig"]["Arn"]
    return spec


def _tags(action: Action) -> list[dict[str, str]]:
    return [{"Key": PREFIX + "fleet", "Value": action.facts["fleet"]}]


BUS, RULE = _Bus(), _Rule()
DEAD_QUEUE, QUEUE = _Queue("dead_queue"), _Queue("queue")
