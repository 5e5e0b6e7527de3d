"""Whether a rule may hand an event over: by its target's role, or by what the bus or the queue lets in."""

from __future__ import annotations

from typing import Any

from controller.sandbox.authz.ask import Ask, Keys
from controller.sandbox.authz.bearer import ALL
from controller.sandbox.authz.decide import Named, Policies, Principal
from controller.sandbox.authz.documents import read_policy
from controller.sandbox.authz.guard import judge
from controller.sandbox.events.state import Rule
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import ORGANIZATION, World

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
        who, policies, context = _as_role(world, account, str(role), source)
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


def _as_role(world: World, account: str, arn: str, source: Keys) -> tuple[Principal, Policies, Keys]:
    """EventBridge as the target's role, when that role trusts it."""
    role = world.iam_of(account).role_by_arn(arn)
    if role is None:
        raise ServiceError("NO_PERMISSIONS", f"The role {arn} does not exist.")
    trust = Ask("sts:AssumeRole", arn, account, {}, (f"trust {account}/{role.name}", role.trust), "trust")
    if not judge(world, Principal("service", "", _SERVICE), Policies(), source, trust).allowed:
        raise ServiceError("NO_PERMISSIONS", f"The role {arn} does not let {_SERVICE} assume it.")
    who = Principal("session", account, f"arn:aws:sts::{account}:assumed-role/{role.name}/events", role.id, arn)
    inline = [
        Named(f"role {account}/{role.name}/{name}", read_policy(text, "identity")) for name, text in role.inline.items()
    ]
    iam = world.iam_of(account)
    managed = [
        Named(f"policy {item}", read_policy(iam.policies[item].text, "identity"))
        for item in role.attached
        if item in iam.policies
    ]
    context: Keys = {
        "aws:principalarn": (arn,),
        "aws:principalaccount": (account,),
        "aws:principalorgid": (ORGANIZATION,),
    }
    return who, Policies((*inline, *managed)), context
