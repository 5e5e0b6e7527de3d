"""Buses and their permissions."""

from __future__ import annotations

import json
import re
from typing import Any

from controller.sandbox.authz.documents import PolicyError, read_policy
from controller.sandbox.events.state import Bus, Buses, Document
from controller.sandbox.iam.common import check_principals
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_POLICY_LIMIT = 10_240


def locate_bus(world: World, caller: Caller, text: str | None) -> tuple[Buses, str]:
    """The buses and the name that a name or an ARN means; a name means the caller's own."""
    found = re.fullmatch(r"arn:aws[a-z-]*:events:([a-z0-9-]+):(\d{12}):event-bus/(.+)", text or "default")
    if found is None:
        return world.buses_of(caller.account, caller.region), text or "default"
    return world.buses_of(found[2], found[1]), found[3]


def find_bus(world: World, caller: Caller, text: str | None) -> Bus:
    """A bus by name or ARN; ResourceNotFoundException."""
    buses, name = locate_bus(world, caller, text)
    bus = buses.buses.get(name)
    if bus is None:
        raise ServiceError("ResourceNotFoundException", f"Event bus {name} does not exist.")
    return bus


def _tags(document: Document) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in document.get("Tags") or ()}


def create_event_bus(world: World, caller: Caller, document: Document) -> Document:
    """Creates a bus; ResourceAlreadyExistsException."""
    buses, name = world.buses_of(caller.account, caller.region), document["Name"]
    if not re.fullmatch(r"[/\.\-_A-Za-z0-9]{1,256}", name):
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [/\\.\\-_A-Za-z0-9]+",
        )
    if name in buses.buses:
        raise ServiceError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
    bus = Bus(name, buses.arn("event-bus", name), world.clock.now(), description=document.get("Description") or "")
    bus.tags = _tags(document)
    buses.buses[name] = bus
    return {"EventBusArn": bus.arn} | ({"Description": bus.description} if bus.description else {})


def _described(bus: Bus) -> Document:
    found: Document = {"Name": bus.name, "Arn": bus.arn, "CreationTime": bus.created, "LastModifiedTime": bus.created}
    found |= {"Description": bus.description} if bus.description else {}
    return found | ({"Policy": bus.policy} if bus.policy else {})


def describe_event_bus(world: World, caller: Caller, document: Document) -> Document:
    """A bus with its policy."""
    return _described(find_bus(world, caller, document.get("Name")))


def update_event_bus(world: World, caller: Caller, document: Document) -> Document:
    """Changes the description."""
    bus = find_bus(world, caller, document.get("Name"))
    bus.description = document.get("Description", bus.description)
    return {"Name": bus.name, "Arn": bus.arn, "Description": bus.description}


def list_event_buses(world: World, caller: Caller, document: Document) -> Document:
    """Buses by name."""
    prefix = document.get("NamePrefix") or ""
    buses = world.buses_of(caller.account, caller.region).buses
    return {"EventBuses": [_described(buses[name]) for name in sorted(buses) if name.startswith(prefix)]}


def delete_event_bus(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a bus without rules; the default bus stays. One that is not there is no error."""
    buses, name = locate_bus(world, caller, document["Name"])
    bus = buses.buses.get(name)
    if name == "default":
        raise ServiceError("ValidationException", "Cannot delete event bus default.")
    if bus is not None and bus.rules:
        raise ServiceError("ValidationException", "Rules exist on this event bus. Please remove rules before deleting.")
    buses.buses.pop(name, None)
    return {}


def _statements(bus: Bus) -> list[Document]:
    found: Any = json.loads(bus.policy)["Statement"] if bus.policy else []
    return found if isinstance(found, list) else [found]


def _store(world: World, bus: Bus, text: str) -> None:
    if len(text) > _POLICY_LIMIT:
        raise ServiceError("PolicyLengthExceededException", "The event bus policy is too long.")
    try:
        policy = read_policy(text, "resource")
    except PolicyError as fault:
        raise ServiceError("ValidationException", f"EventBus policy is not valid: {fault}") from fault
    for item in policy.statements:
        if item.resources is None and item.not_resources is None:
            raise ServiceError("ValidationException", "EventBus policy is not valid: Missing required field Resource")
    check_principals(world, policy, "ValidationException")
    bus.policy = text


def put_permission(world: World, caller: Caller, document: Document) -> Document:
    """Sets the whole policy, or adds one statement for an account or an organization."""
    bus = find_bus(world, caller, document.get("EventBusName"))
    if document.get("Policy"):
        _store(world, bus, document["Policy"])
        return {}
    principal, sid = document["Principal"], document["StatementId"]
    root = {"AWS": f"arn:{caller.partition}:iam::{principal}:root"}
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else root,
        "Action": document["Action"],
        "Resource": bus.arn,
    }
    condition = document.get("Condition")
    if condition:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    kept = [item for item in _statements(bus) if item.get("Sid") != sid]
    _store(world, bus, json.dumps({"Version": "2012-10-17", "Statement": [*kept, statement]}))
    return {}


def remove_permission(world: World, caller: Caller, document: Document) -> Document:
    """Removes one statement or all; ResourceNotFoundException when there is none of that id."""
    bus = find_bus(world, caller, document.get("EventBusName"))
    kept = [item for item in _statements(bus) if item.get("Sid") != document.get("StatementId")]
    if document.get("RemoveAllPermissions"):
        kept = []
    elif len(kept) == len(_statements(bus)):
        raise ServiceError("ResourceNotFoundException", "Statement with the provided id does not exist.")
    bus.policy = json.dumps({"Version": "2012-10-17", "Statement": kept}) if kept else None
    return {}
