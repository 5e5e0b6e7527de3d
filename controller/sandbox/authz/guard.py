"""The guard at the door: decides what a call asks for, keeps a record, and refuses in AWS's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from controller.sandbox.authz import asks_images, asks_models, asks_rest
from controller.sandbox.authz.ask import Ask
from controller.sandbox.authz.bearer import own_context, policies_of, principal_of
from controller.sandbox.authz.decide import Asked, Decision, Named, Policies, Principal, decide
from controller.sandbox.authz.documents import Use, read_policy
from controller.sandbox.authz.match import Context
from controller.sandbox.authz.record import Record
from controller.sandbox.iam.standing import STANDING_GRANT, stands
from controller.sandbox.kms.state import MANAGED
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import ORGANIZATION, World

Asks = Callable[[World, Caller, str, dict[str, Any]], Iterable[Ask]]
_STANDING = Named("standing", read_policy(STANDING_GRANT, "resource"))
JSON_ASKS: dict[str, Asks] = {
    "sagemaker": asks_models.asks,
    "ecr": asks_images.asks,
    "events": asks_rest.events_asks,
    "sqs": asks_rest.sqs_asks,
    "kms": asks_rest.kms_asks,
    "dynamodb": asks_rest.dynamodb_asks,
    "iam": asks_rest.iam_asks,
}


def refusal(caller: Caller, ask: Ask, decision: Decision) -> ServiceError:
    """The error of a denied action, as the service words it that was called: it may ask for another's action."""
    service = caller.service
    shown = f'"{ask.resource}"' if ask.action.startswith("s3:") else ask.resource
    said = f"User: {caller.arn} is not authorized to perform: {ask.action} on resource: {shown}"
    if decision.reason.startswith("an explicit deny"):
        said += f" with {decision.reason}"
    elif not (ask.mode == "trust" and "resource-based" in decision.reason):  # STS does not tell what trust lacks
        said += f" because {decision.reason} the {ask.action} action"
    if service in ("s3", "sts", "iam"):
        return ServiceError("AccessDenied", said, 403)
    fault = ServiceError("AccessDeniedException", said)
    if service == "sqs":
        fault.headers["x-amzn-query-error"] = "AccessDenied;Sender"
    return fault


def judge(world: World, principal: Principal, policies: Policies, context: Context, ask: Ask) -> Decision:
    """Decides one action and keeps the record."""
    resource: tuple[Named, ...] = ()
    if ask.policy:
        use: Use = "trust" if ask.mode == "trust" else "resource"
        resource = (Named(ask.policy[0], read_policy(ask.policy[1], use)),)
    managed = ask.resource.endswith(f":key/{MANAGED}") and principal.account != ask.owner
    if not world.bare and ask.mode != "trust" and not managed and stands(principal.role or principal.arn):
        resource += (_STANDING,)
    here = {**context, "aws:resourceaccount": (ask.owner,), "aws:resourceorgid": (ORGANIZATION,), **ask.context}
    asked = Asked(principal, ask.action, ask.resource, ask.owner, here)
    decision = decide(asked, replace(policies, resource=resource, mode=ask.mode))
    world.decisions.append(Record(world.count, principal.arn, ask.action, ask.resource, decision))
    return decision


def _granted(world: World, caller: Caller, ask: Ask) -> bool:
    """Whether a grant of a key lets the caller do it."""
    key = world.keys.get(ask.resource) if ask.mode == "key" else None
    session = world.sessions.get(caller.key)
    names = {caller.arn, session.role if session else caller.arn}
    deed = ask.action.removeprefix("kms:")
    grants = key.grants.values() if key else ()
    return any(grant["GranteePrincipal"] in names and deed in grant["Operations"] for grant in grants)


def check(world: World, caller: Caller, asks: Iterable[Ask]) -> None:
    """Refuses a call when any of what it asks for is denied."""
    if not world.settings.authorize:
        return
    principal, policies, context = principal_of(world, caller), policies_of(world, caller), own_context(world, caller)
    for ask in asks:
        decision = judge(world, principal, policies, context, ask)
        denied = not decision.allowed and not decision.reason.startswith("an explicit")
        if denied and ask.mode == "key" and _granted(world, caller, ask):
            continue
        if not decision.allowed:
            raise refusal(caller, ask, decision)


def may(world: World, caller: Caller, ask: Ask) -> bool:
    """Whether one action is allowed; always, when nothing is authorised."""
    try:
        check(world, caller, [ask])
    except ServiceError:
        return False
    return True
