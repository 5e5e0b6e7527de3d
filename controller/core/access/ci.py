"""Roles for continuous integration: jobs of GitHub or GitLab become them by their token, without any stored key."""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.access import actions as may
from controller.core.access.facts import PLAN, PUSH, RECONCILE, Facts, HubSide, Side, SpokeSide
from controller.core.access.hub_roles import inline, role_of
from controller.core.access.pen import Pen
from controller.core.access.settings import HubCi, SpokeCi
from controller.core.access.sources import reads_itself
from controller.core.access.statement import statement
from controller.core.model import Key


def write_hub_ci(pen: Pen, hub: HubSide) -> None:
    """In the hub: a role that plans and one that reconciles; each may only assume the roles that its work takes."""
    ci = hub.hub.ci
    if ci is None:
        return
    reads, writes = roles_assumed(pen.facts)
    if ci.subjects.plan:
        _role(pen, hub, ci, PLAN, ci.subjects.plan, reads)
    if ci.subjects.reconcile:
        _role(pen, hub, ci, RECONCILE, ci.subjects.reconcile, sorted({*reads, *writes}))


def roles_assumed(facts: Facts) -> tuple[list[str], list[str]]:
    """The roles that a run of the hubs enters: those that read, and those that write."""
    spokes = [spoke.access.read for spoke in facts.spokes if spoke.access.read and not spoke.pushes]
    reads = {arn for arn in (*(hub.access.read for hub in facts.hubs), *spokes) if arn}
    writes = {arn for hub in facts.hubs for arn in (hub.access.register, hub.access.approve) if arn}
    return sorted(reads), sorted(writes)


def write_spoke_ci(pen: Pen, spoke: SpokeSide) -> None:
    """In a push spoke: a role that reads what is pushed, and may become the hub's register role."""
    ci = spoke.spoke.ci
    if ci is None or not ci.subjects.push or not spoke.pushes:
        return
    registers = sorted({hub.access.register for hub in pen.facts.hubs if hub.access.register})
    may_do = _role(pen, spoke, ci, PUSH, ci.subjects.push, registers)
    if registers:
        pen.say(may_do, ("MarksSession",), statement(may.TAG_SESSION, registers), spoke.path)
    reads_itself(pen, spoke, may_do)


def _role(pen: Pen, side: Side, ci: HubCi | SpokeCi, name: str, subjects: Sequence[str], roles: list[str]) -> Key:
    provider = _provider(pen, side, ci)
    role = role_of(pen, side, side.role(name), f"the CI role {name}", provider)
    issuer = ci.issuer.removeprefix("https://")
    conditions = {
        "StringEquals": {f"{issuer}:aud": [ci.audience]},
        "StringLike": {f"{issuer}:sub": list(subjects)},
    }
    federated = {"Federated": [f"arn:{side.partition}:iam::{side.account}:oidc-provider/{issuer}"]}
    wished = statement(may.ASSUME_WEB, principal=federated, conditions=conditions)
    pen.say(role, ("TrustsJobs",), wished, side.path)
    policy = inline(pen, side, role)
    if roles:
        pen.say(policy, ("Assumes",), statement(may.ASSUME, roles), side.path)
    return policy


def _provider(pen: Pen, side: Side, ci: HubCi | SpokeCi) -> Key:
    spec = {"audiences": [ci.audience], "url": ci.issuer}
    name = ci.issuer.removeprefix("https://")
    return pen.thing(side, "oidc_provider", name, f"believes tokens of {ci.issuer}", side.path, spec)
