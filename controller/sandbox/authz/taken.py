"""Roles that services take on for an account: whether they may, and what they may do then."""

from __future__ import annotations

from dataclasses import dataclass

from controller.sandbox.authz.ask import Ask, Keys
from controller.sandbox.authz.bearer import policies_held
from controller.sandbox.authz.decide import Decision, Policies, Principal
from controller.sandbox.authz.guard import judge
from controller.sandbox.world import ORGANIZATION, World


@dataclass(frozen=True, slots=True)
class Taken:
    """A service in a role: who it is then, with which policies, in which context."""

    who: Principal
    policies: Policies
    context: Keys

    def may(self, world: World, ask: Ask) -> Decision:
        """The decision on one action; a record of it is kept."""
        return judge(world, self.who, self.policies, self.context, ask)


def taken_on(world: World, arn: str, service: str, source: Keys) -> Taken | str:
    """The role as the service has it, or why it does not: there is none, or it does not trust the service.

    `source` is what the service says of itself: `aws:sourceaccount`, `aws:sourcearn`.
    """
    account = arn.split(":")[4]
    role = world.iam_of(account).role_by_arn(arn)
    if role is None:
        return f"The role {arn} does not exist."
    trust = Ask("sts:AssumeRole", arn, account, {}, (f"trust {account}/{role.name}", role.trust), "trust")
    if not judge(world, Principal("service", "", service), Policies(), source, trust).allowed:
        return f"The role {arn} does not let {service} assume it."
    word = service.partition(".")[0]
    who = Principal("session", account, f"arn:aws:sts::{account}:assumed-role/{role.name}/{word}", role.id, arn)
    context: Keys = {
        "aws:principalarn": (arn,),
        "aws:principalaccount": (account,),
        "aws:principalorgid": (ORGANIZATION,),
    }
    return Taken(who, policies_held(world.iam_of(account), role, "role"), context)
