"""Events of the pull pattern: from a spoke's rule over the hub's bus into the hub's queue, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import Facts, Follow, HubSide, Side, SpokeSide
from controller.core.access.hub_roles import inline, role_of
from controller.core.access.pen import Pen
from controller.core.access.statement import statement
from controller.core.arn import service_principal
from controller.core.model import Key

SOURCE = "aws.sagemaker"
DETAIL = "SageMaker Model Package State Change"
FORWARD, RECEIVE = "hubwright-forward", "hubwright-receive"
_RETRY = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
_KEPT = "1209600"  # seconds: 14 days, the most that SQS keeps a message
_RECEIVES = 5


def write_events(pen: Pen, hub: HubSide) -> None:
    """Bus, rule and queue of a hub that has a bus, and a forwarding rule in every spoke that it follows."""
    if hub.hub.events is None:
        return
    followed = [(spoke, _follows(pen.facts, hub, spoke)) for spoke in pen.facts.spokes]
    followed = [(spoke, follows) for spoke, follows in followed if follows]
    origin = hub.path
    bus = pen.thing(hub, "bus", hub.hub.events.bus, "takes the spokes' events", origin, {})
    policy = pen.policy(hub, "bus_policy", hub.hub.events.bus, "lets followed spokes put SageMaker's events", bus)
    for spoke, follows in followed:
        _may_put(pen, hub, policy, spoke, follows)
        _forward(pen, hub, spoke, follows)
    _receive(pen, hub, bus, [spoke for spoke, _ in followed])


def _follows(facts: Facts, hub: HubSide, spoke: SpokeSide) -> list[Follow]:
    return [item for item in facts.follows if (item.hub, item.spoke) == (hub.name, spoke.name)]


def _bus(hub: HubSide) -> str:
    assert hub.hub.events is not None  # noqa: S101  (only hubs with a bus come here)
    return hub.arn("events", f"event-bus/{hub.hub.events.bus}")


def _may_put(pen: Pen, hub: HubSide, policy: Key, spoke: SpokeSide, follows: Iterable[Follow]) -> None:
    # A bus's policy holds 10,240 characters. All spokes' roles are called alike, so that one statement does for them.
    role = spoke.role(f"{FORWARD}-{hub.name}").replace(f"::{spoke.account}:", "::*:")
    conditions = {"StringEquals": {"events:source": [SOURCE]}, "ArnLike": {"aws:PrincipalArn": [role]}}
    wished = statement(
        may.PUT_EVENTS, [_bus(hub)], principal={"AWS": [spoke.root]}, conditions=pen.facts.organized(conditions)
    )
    for follow in follows:
        pen.say(policy, ("EventsOf",), wished, follow.path)


def _forward(pen: Pen, hub: HubSide, spoke: SpokeSide, follows: list[Follow]) -> None:
    """In the spoke: the rule, the role it forwards with, and the queue for what could not be delivered."""
    name = f"{FORWARD}-{hub.name}"
    rule = spoke.arn("events", f"rule/{name}")
    role = role_of(pen, spoke, spoke.role(name), f"forwards events of {spoke.name} to the hub {hub.name}")
    own = {"StringEquals": {"aws:SourceAccount": [spoke.account]}, "ArnEquals": {"aws:SourceArn": [rule]}}
    events = {"Service": [service_principal("events")]}
    sent = inline(pen, spoke, role)
    dead = _queue(pen, spoke, f"{name}-dead", "events that could not be forwarded", spoke.path)
    for follow in follows:
        pen.say(role, ("Forwards",), statement(may.ASSUME, principal=events, conditions=own), follow.path)
        pen.say(sent, ("Forwards",), statement(may.PUT_EVENTS, [_bus(hub)]), follow.path)
        _may_send(pen, spoke, dead, rule, follow.path)
        target = {
            "arn": _bus(hub), "role": spoke.role(name), "dead": spoke.arn("sqs", f"{name}-dead"), "retry": _RETRY,
        }  # fmt: skip
        spec = {"bus": "default", "pattern": _pattern(follows), "target": target}
        pen.thing(spoke, "rule", name, f"forwards events of {spoke.name}", follow.path, spec, role, sent, dead)


def _pattern(follows: list[Follow]) -> dict[str, Any]:
    """Which events matter. Which fields changed is not asked here: it is not said of every event."""
    detail: dict[str, list[str]] = {"ModelPackageGroupName": sorted({follow.group for follow in follows})}
    if all(follow.approvals for follow in follows):
        detail["ModelApprovalStatus"] = sorted({word for follow in follows for word in follow.approvals})
    return {"source": [SOURCE], "detail-type": [DETAIL], "detail": detail}


def _receive(pen: Pen, hub: HubSide, bus: Key, spokes: list[SpokeSide]) -> None:
    """In the hub: the rule on its bus, and the queue that handlers and `watch` read."""
    assert hub.hub.events is not None  # noqa: S101  (as above)
    name = f"{hub.hub.events.bus}/{RECEIVE}"
    rule = hub.arn("events", f"rule/{name}")
    dead = _queue(pen, hub, f"{hub.hub.events.queue}-dead", "events that no handler could deal with", hub.path)
    back = {"deadLetterTargetArn": hub.arn("sqs", dead.name), "maxReceiveCount": _RECEIVES}
    queue = _queue(pen, hub, hub.hub.events.queue, "events to be dealt with", hub.path, dead, redrive=back)
    sent = _may_send(pen, hub, queue, rule, hub.path)
    accounts = sorted({spoke.account for spoke in spokes})
    if accounts:
        pattern = {"source": [SOURCE], "detail-type": [DETAIL], "account": accounts}
        target = {"arn": hub.arn("sqs", queue.name), "retry": _RETRY}
        spec = {"bus": bus.name, "pattern": pattern, "target": target}
        pen.thing(hub, "rule", RECEIVE, "brings the spokes' events into the queue", hub.path, spec, bus, queue, sent)


def _queue(
    pen: Pen, side: Side, name: str, why: str, origin: str, *needs: Key, redrive: dict[str, Any] | None = None
) -> Key:
    """A queue; with `redrive` one that hands what fails too often to another."""
    spec: dict[str, Any] = {"retention": _KEPT, "encrypted": True}
    if redrive:
        spec["redrive"] = redrive
    return pen.thing(side, "queue" if redrive else "dead_queue", name, why, origin, spec, *needs)


def _may_send(pen: Pen, side: Side, queue: Key, rule: str, origin: str) -> Key:
    policy = pen.policy(side, "queue_policy", queue.name, f"lets the rule fill the queue {queue.name}", queue)
    service = {"Service": [service_principal("events")]}
    conditions = {"ArnEquals": {"aws:SourceArn": [rule]}}
    place = [side.arn("sqs", queue.name)]
    pen.say(policy, ("RuleSends",), statement(may.SEND, place, principal=service, conditions=conditions), origin)
    return policy
