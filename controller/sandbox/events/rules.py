"""Rules and their targets."""

from __future__ import annotations

import json
import re

from controller.sandbox.events.buses import find_bus
from controller.sandbox.events.pattern import PatternError, matches, read_pattern
from controller.sandbox.events.state import Bus, Document, Rule
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_TARGETS = 5


def find_rule(bus: Bus, name: str) -> Rule:
    """A rule of a bus; ResourceNotFoundException."""
    rule = bus.rules.get(name)
    if rule is None:
        raise ServiceError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus.name}.")
    return rule


def _described(rule: Rule) -> Document:
    found = {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "State": "ENABLED" if rule.enabled else "DISABLED",
        "Description": rule.description,
        "RoleArn": rule.role,
        "EventBusName": rule.bus,
    }
    return {name: value for name, value in found.items() if value}


def _pattern(text: str | None) -> str | None:
    if text:
        try:
            read_pattern(text)
        except PatternError as fault:
            raise ServiceError(
                "InvalidEventPatternException", f"Event pattern is not valid. Reason: {fault}"
            ) from fault
    return text


def put_rule(world: World, caller: Caller, document: Document) -> Document:
    """Creates or replaces a rule; its targets stay."""
    bus, name = find_bus(world, caller, document.get("EventBusName")), document["Name"]
    if not re.fullmatch(r"[\.\-_A-Za-z0-9]{1,64}", name):
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
        )
    pattern, schedule = _pattern(document.get("EventPattern")), document.get("ScheduleExpression")
    if not pattern and not schedule:
        raise ServiceError("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    place = name if bus.name == "default" else f"{bus.name}/{name}"
    arn = bus.arn.rsplit(":", 1)[0] + f":rule/{place}"
    enabled = document.get("State", "ENABLED") != "DISABLED"
    rule = Rule(name, arn, bus.name, pattern, schedule, enabled, caller.account)
    rule.description, rule.role = document.get("Description") or "", document.get("RoleArn") or ""
    kept = bus.rules.get(name)
    if kept is not None:
        rule.targets, rule.tags = kept.targets, kept.tags
    rule.tags |= {row["Key"]: row["Value"] for row in document.get("Tags") or ()}
    bus.rules[name] = rule
    return {"RuleArn": rule.arn}


def describe_rule(world: World, caller: Caller, document: Document) -> Document:
    """One rule."""
    rule = find_rule(find_bus(world, caller, document.get("EventBusName")), document["Name"])
    return _described(rule) | {"CreatedBy": rule.creator}


def list_rules(world: World, caller: Caller, document: Document) -> Document:
    """The rules of a bus, by name."""
    rules = find_bus(world, caller, document.get("EventBusName")).rules
    prefix = document.get("NamePrefix") or ""
    return {"Rules": [_described(rules[name]) for name in sorted(rules) if name.startswith(prefix)]}


def delete_rule(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a rule without targets; one that is not there is no error."""
    bus = find_bus(world, caller, document.get("EventBusName"))
    rule = bus.rules.get(document["Name"])
    if rule is not None and rule.targets:
        raise ServiceError("ValidationException", "Rule can't be deleted since it has targets.")
    bus.rules.pop(document["Name"], None)
    return {}


def switch_rule(world: World, caller: Caller, document: Document, *, on: bool) -> Document:
    """Enables or disables a rule."""
    find_rule(find_bus(world, caller, document.get("EventBusName")), document["Name"]).enabled = on
    return {}


def _check_target(target: Document) -> None:
    arn = target.get("Arn", "")
    parts = arn.split(":", 5)
    if len(parts) != 6:
        raise ServiceError("ValidationException", f"Provided Arn is not in correct format. Reason: {arn}")
    shaped = {"Input", "InputPath", "InputTransformer"} & set(target)
    if parts[2] == "events" and shaped:
        raise ServiceError("ValidationException", f"{', '.join(sorted(shaped))} not supported for event bus targets.")
    if len(shaped) > 1:
        raise ServiceError("ValidationException", "Only one of Input, InputPath, or InputTransformer must be provided.")
    policy = target.get("RetryPolicy") or {}
    if (
        not 0 <= policy.get("MaximumRetryAttempts", 185) <= 185
        or not 60 <= policy.get("MaximumEventAgeInSeconds", 86_400) <= 86_400
    ):
        raise ServiceError(
            "ValidationException", "RetryPolicy is out of bounds: 0 to 185 attempts, 60 to 86400 seconds."
        )


def put_targets(world: World, caller: Caller, document: Document) -> Document:
    """Adds or replaces targets by id; at most five a rule."""
    rule = find_rule(find_bus(world, caller, document.get("EventBusName")), document["Rule"])
    for target in document["Targets"]:
        _check_target(target)
    merged = rule.targets | {target["Id"]: target for target in document["Targets"]}
    if len(merged) > _TARGETS:
        raise ServiceError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    rule.targets = merged
    return {"FailedEntryCount": 0, "FailedEntries": []}


def list_targets_by_rule(world: World, caller: Caller, document: Document) -> Document:
    """The targets of a rule."""
    rule = find_rule(find_bus(world, caller, document.get("EventBusName")), document["Rule"])
    return {"Targets": list(rule.targets.values())}


def remove_targets(world: World, caller: Caller, document: Document) -> Document:
    """Removes targets by id."""
    rule = find_rule(find_bus(world, caller, document.get("EventBusName")), document["Rule"])
    failed = [name for name in document["Ids"] if rule.targets.pop(name, None) is None]
    rows = [
        {"TargetId": name, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": f"Target {name} does not exist."}
        for name in failed
    ]
    return {"FailedEntryCount": len(rows), "FailedEntries": rows}


def list_rule_names_by_target(world: World, caller: Caller, document: Document) -> Document:
    """The rules of a bus that have this target."""
    rules = find_bus(world, caller, document.get("EventBusName")).rules
    arn = document["TargetArn"]
    return {
        "RuleNames": [
            name for name in sorted(rules) if any(item["Arn"] == arn for item in rules[name].targets.values())
        ]
    }


def test_event_pattern(_world: World, _caller: Caller, document: Document) -> Document:
    """Whether an event meets a pattern."""
    pattern = _pattern(document["EventPattern"])
    return {"Result": matches(read_pattern(pattern or ""), json.loads(document["Event"]))}


def _tagged(world: World, caller: Caller, arn: str) -> dict[str, str]:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "event-bus":
        return find_bus(world, caller, arn).tags
    bus, _, rule = name.rpartition("/")
    return find_rule(find_bus(world, caller, bus or "default"), rule).tags


def tag_resource(world: World, caller: Caller, document: Document) -> Document:
    """Tags a bus or a rule."""
    _tagged(world, caller, document["ResourceARN"]).update({row["Key"]: row["Value"] for row in document["Tags"]})
    return {}


def untag_resource(world: World, caller: Caller, document: Document) -> Document:
    """Removes tags."""
    for key in document["TagKeys"]:
        _tagged(world, caller, document["ResourceARN"]).pop(key, None)
    return {}


def list_tags_for_resource(world: World, caller: Caller, document: Document) -> Document:
    """The tags of a bus or a rule."""
    tags = _tagged(world, caller, document["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
