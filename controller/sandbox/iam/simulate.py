"""IAM's policy simulator: what the policies of a user or a role say of actions that nobody takes."""

from __future__ import annotations

from dataclasses import replace

from controller.sandbox.authz.bearer import policies_held
from controller.sandbox.authz.decide import Asked, Decision, Policies, Principal, applies, decide
from controller.sandbox.authz.match import Context
from controller.sandbox.iam.common import Document, invalid, missing
from controller.sandbox.iam.state import Identity
from controller.sandbox.principals import Caller
from controller.sandbox.world import ORGANIZATION, World


def simulate_principal_policy(world: World, caller: Caller, document: Document) -> Document:
    """The decision on each action and resource by the principal's own policies and its boundary, in the given context.

    As IAM's, it knows no trust, no session, no resource's own policy.
    """
    arn = str(document.get("PolicySourceArn"))
    identity, kind = _found(world, caller, arn)
    actions = document.get("ActionNames") or []
    if not actions:
        raise invalid("ActionNames must have at least one member")
    held = policies_held(world.iam_of(caller.account), identity, kind)
    who = Principal("session" if kind == "role" else "user", caller.account, arn, identity.id, arn)
    context = _context(caller, arn, document)
    resources = [str(item) for item in document.get("ResourceArns") or ["*"]]
    rows = [
        (str(action), [_said(Asked(who, str(action), place, caller.account, context), held) for place in resources])
        for action in actions
    ]
    return {"EvaluationResults": [_row(action, found) for action, found in rows], "IsTruncated": False}


def _found(world: World, caller: Caller, arn: str) -> tuple[Identity, str]:
    iam = world.iam_of(caller.account)
    role = iam.role_by_arn(arn)
    if role is not None:
        return role, "role"
    for user in iam.users.values():
        if user.arn == arn:
            return user, "user"
    raise missing(f"The principal with ARN {arn} cannot be found.")


def _context(caller: Caller, arn: str, document: Document) -> Context:
    given = {
        str(entry["ContextKeyName"]).lower(): tuple(map(str, entry.get("ContextKeyValues") or ()))
        for entry in document.get("ContextEntries") or []
    }
    own = {"aws:principalarn": (arn,), "aws:principalaccount": (caller.account,), "aws:principalorgid": (ORGANIZATION,)}
    return own | given


_Said = tuple[str, str, list[str]]
"""A resource, the decision on it, and the keys of conditions that nothing was given for."""


def _said(asked: Asked, held: Policies) -> _Said:
    named = (*held.identity, *([held.boundary] if held.boundary is not None else []))
    keys = {
        condition.key
        for item in named
        for statement in item.policy.statements
        if applies(replace(statement, conditions=()), asked, variables=item.policy.variables)
        for condition in statement.conditions
    }
    return asked.resource, _word(decide(asked, held)), sorted(keys - asked.context.keys())


def _row(action: str, found: list[_Said]) -> Document:
    """One action: with several resources, each has a decision of its own, and the worst is that of all."""
    decisions = [word for _, word, _ in found]
    row: Document = {
        "EvalActionName": action,
        "EvalResourceName": found[0][0] if len(found) == 1 else "*",
        "EvalDecision": next((word for word in ("explicitDeny", "implicitDeny") if word in decisions), "allowed"),
        "MatchedStatements": [],
        "MissingContextValues": found[0][2] if len(found) == 1 else [],
    }
    if len(found) > 1:
        row["ResourceSpecificResults"] = [
            {
                "EvalResourceName": place,
                "EvalResourceDecision": word,
                "MatchedStatements": [],
                "MissingContextValues": unknown,
            }
            for place, word, unknown in found
        ]
    return row


def _word(decision: Decision) -> str:
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if decision.reason.startswith("an explicit deny") else "implicitDeny"
