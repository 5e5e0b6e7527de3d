"""The role of what works on a hub's events: a Lambda function, or a task that runs `watch`."""

from __future__ import annotations

from controller.core.access import actions as may
from controller.core.access.ci import roles_assumed
from controller.core.access.facts import WORKER, HubSide
from controller.core.access.hub_roles import inline, role_of
from controller.core.access.pen import Pen
from controller.core.access.statement import statement
from controller.core.model import Key


def write_worker(pen: Pen, hub: HubSide) -> None:
    """It takes messages from the hub's queue, and enters everything else by the roles that the manifests name."""
    if hub.hub.events is None:
        return
    role = role_of(pen, hub, hub.role(WORKER), "the role that works on events")
    services = {"Service": ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"]}
    pen.say(role, ("TrustsWorker",), statement(may.ASSUME, principal=services), hub.path)
    policy = inline(pen, hub, role)
    _takes(pen, hub, policy)
    reads, writes = roles_assumed(pen.facts)
    if reads or writes:
        pen.say(policy, ("Assumes",), statement(may.ASSUME, sorted({*reads, *writes})), hub.path)


def _takes(pen: Pen, hub: HubSide, policy: Key) -> None:
    assert hub.hub.events is not None  # noqa: S101  (asked by the caller)
    queue = hub.arn("sqs", hub.hub.events.queue)
    pen.say(policy, ("Takes",), statement(may.TAKE, [queue]), hub.path)
