"""Delivery: due events meet the rules of their bus and go to targets, or to a dead-letter queue."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from typing import Any

from controller.sandbox.authz.forwarding import check_rule
from controller.sandbox.events.pattern import matches, read_pattern
from controller.sandbox.events.state import Delivery, Document, Pending, Rule
from controller.sandbox.sqs.queues import by_arn, enqueue
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_PATH = re.compile(r"\$(?:\.[A-Za-z0-9_-]+)*")
_ATTEMPTS = 3  # of an asynchronous invocation of a function that fails


def drain(world: World) -> int:
    """Delivers what is due, and what that brings about, until nothing more is; how many events met their bus."""
    done = 0
    while batch := _due(world):
        for pending in batch:
            for _ in range(world.settings.events.deliveries):
                _meet(world, pending)
        done += len(batch)
    return done


def _due(world: World) -> list[Pending]:
    with world.lock:
        now = world.clock.now()
        due = [item for item in world.outbox if item.due <= now]
        world.outbox[:] = [item for item in world.outbox if item.due > now]
        if world.settings.events.shuffle:
            random.Random(world.next_serial()).shuffle(due)  # noqa: S311
        return due


def _meet(world: World, pending: Pending) -> None:
    with world.lock:
        bus = world.buses_of(pending.account, pending.region).buses.get(pending.bus)
        rules = [rule for rule in bus.rules.values() if rule.enabled and rule.pattern] if bus else []
        work = [
            (rule, target)
            for rule in rules
            if matches(read_pattern(rule.pattern or "{}"), pending.event)
            for target in rule.targets.values()
        ]
    for rule, target in work:
        _send(world, pending, rule, target)


def _send(world: World, pending: Pending, rule: Rule, target: Document) -> None:
    service = str(target["Arn"]).split(":")[2]
    error = reason = ""
    try:
        if service == "lambda":
            _invoke(world, target["Arn"], _shape(pending.event, target))
        else:
            with world.lock:
                _hand_over(world, pending, rule, target, service)
    except ServiceError as fault:
        error, reason = fault.code, fault.message
        with world.lock:
            _bury(world, pending, rule, target, fault)
    with world.lock:
        world.deliveries.append(Delivery(pending.event["id"], rule.arn, target["Arn"], error, reason))


def _hand_over(world: World, pending: Pending, rule: Rule, target: Document, service: str) -> None:
    """To another bus or to a queue, when the rule may."""
    arn = target["Arn"]
    check_rule(world, rule, target, pending.event)
    if service == "sqs":
        queue = by_arn(world, arn)
        if queue is None:
            raise ServiceError("RESOURCE_NOT_FOUND", f"The queue {arn} does not exist.")
        body = json.dumps(_shape(pending.event, target), ensure_ascii=False)
        enqueue(world, queue, body, {}, group=(target.get("SqsParameters") or {}).get("MessageGroupId"))
        return
    found = re.fullmatch(r"arn:aws[a-z-]*:events:([a-z0-9-]+):(\d{12}):event-bus/(.+)", arn)
    if found is None:
        raise ServiceError("UNSUPPORTED_TARGET", f"The sandbox does not deliver to {arn}.")
    region, account, name = found[1], found[2], found[3]
    crosses = account != pending.account
    if pending.crossed and crosses:
        raise ServiceError("NOT_FORWARDED", "An event of another account is not sent on to a third.")
    if name not in world.buses_of(account, region).buses:
        raise ServiceError("RESOURCE_NOT_FOUND", f"Event bus {name} does not exist.")
    world.outbox.append(Pending(pending.due, account, region, name, pending.event, pending.crossed or crosses))


def _invoke(world: World, arn: str, event: Any) -> None:
    """Calls a function outside the lock, as Lambda does asynchronously: up to three times while it raises."""
    function = world.functions.get(arn)
    if function is None:
        raise ServiceError("RESOURCE_NOT_FOUND", f"Function not found: {arn}")
    for attempt in range(_ATTEMPTS):
        try:
            function(event, None)
            return
        except Exception as fault:
            if attempt == _ATTEMPTS - 1:
                raise ServiceError("FUNCTION_ERROR", f"{type(fault).__name__}: {fault}") from fault


def _at(event: Any, path: str) -> Any:
    for name in path.split(".")[1:]:
        event = event.get(name) if isinstance(event, Mapping) else None
    return event


def _shape(event: Document, target: Document) -> Any:
    """What a target gets: the event, a part of it, a constant, or a template filled in."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        return _at(event, target["InputPath"])
    transformer = target.get("InputTransformer")
    if not transformer:
        return event
    text = str(transformer["InputTemplate"])
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        value = _at(event, path)
        plain = f'"<{name}>"'
        shown = json.dumps(value, ensure_ascii=False)
        text = text.replace(plain, shown if isinstance(value, str) else plain)
        text = text.replace(f"<{name}>", shown)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _bury(world: World, pending: Pending, rule: Rule, target: Document, fault: ServiceError) -> None:
    """Into the target's dead-letter queue, when it has one that lets the rule."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = by_arn(world, arn) if arn else None
    if queue is None or fault.code == "NOT_FORWARDED":
        return
    try:
        check_rule(world, rule, {"Arn": arn}, pending.event)
    except ServiceError:
        return
    attributes = {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": fault.code,
        "ERROR_MESSAGE": fault.message,
        "RETRY_ATTEMPTS": "0",
    }
    texts = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    enqueue(world, queue, json.dumps(pending.event, ensure_ascii=False), texts)
