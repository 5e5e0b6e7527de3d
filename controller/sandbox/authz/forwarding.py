"""Whether a rule may hand an event over: by its target's role, or by what the bus or the queue lets in."""

from __future__ import annotations

from typing import Any

from controller.sandbox.authz.ask import Ask, Keys
from controller.sandbox.authz.bearer import ALL
from controller.sandbox.authz.decide import Named, Policies, Principal
from controller.sandbox.authz.guard import judge
from controller.sandbox.authz.taken import taken_on
from controller.sandbox.events.state import Rule
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_SERVICE = "events.amazonaws.com"


def check_rule(world: World, rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    """Refuses with NO_PERMISSIONS. Events within one account, from bus to bus, need no leave without a role."""
    if not world.settings.authorize:
        return
    account = rule.arn.split(":")[4]
    source: Keys = {"aws:sourcearn": (rule.arn,), "aws:sourceaccount": (account,)}
    ask = _ask(world, str(target["Arn"]), event)
    role = target.get("RoleArn")
    if role:
        taken = taken_on(world, str(role), _SERVICE, source)
        if isinstance(taken, str):
            raise ServiceError("NO_PERMISSIONS", taken)
        who, policies, context = taken.who, taken.policies, taken.context
    elif ask.action == "sqs:SendMessage":
        who, policies, context = Principal("service", "", _SERVICE), Policies(), source
    elif ask.owner == account:
        return
    else:
        who, policies = Principal("user", account, f"arn:aws:iam::{account}:root"), Policies((Named("account", ALL),))
        context = {"aws:principalaccount": (account,), **source}
    decision = judge(world, who, policies, context, ask)
    if not decision.allowed:
        raise ServiceError("NO_PERMISSIONS", f"{who.arn} may not {ask.action} on {ask.resource}: {decision.reason}")


def _ask(world: World, arn: str, event: dict[str, Any]) -> Ask:
    service, region, owner, name = arn.split(":", 5)[2:]
    if service == "sqs":
        queue = world.queues.get((owner, region, name))
        text = queue.attributes.get("Policy") if queue else None
        return Ask("sqs:SendMessage", arn, owner, {}, (f"queue {name}", text) if text else None)
    bus = world.buses_of(owner, region).buses.get(name.removeprefix("event-bus/"))
    policy = (f"bus {owner}/{bus.name}", bus.policy) if bus and bus.policy else None
    context: Keys = {"events:source": (event["source"],), "events:detail-type": (event["detail-type"],)}
    return Ask("events:PutEvents", arn, owner, context, policy)
