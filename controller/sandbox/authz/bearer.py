"""Principals with what they bring along: their policies, and their part of a request's context."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from controller.sandbox.authz.ask import Keys
from controller.sandbox.authz.decide import Named, Policies, Principal
from controller.sandbox.authz.documents import read_policy
from controller.sandbox.iam.state import Iam, Identity
from controller.sandbox.principals import Caller
from controller.sandbox.query import stamp
from controller.sandbox.world import ORGANIZATION, Session, World

ALL = read_policy(
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}', "identity"
)


def session_of(world: World, caller: Caller) -> Session | None:
    """The session behind a caller, None for a user."""
    return world.sessions.get(caller.key)


def _identity(world: World, caller: Caller, session: Session | None) -> Identity | None:
    iam = world.iam_of(caller.account)
    return iam.role_by_arn(session.role) if session else iam.users.get(caller.arn.rsplit("/", 1)[-1])


def _managed(iam: Iam, arns: list[str]) -> list[Named]:
    """Customer-managed policies; of AWS's own only AdministratorAccess is known."""
    found = []
    for arn in arns:
        if arn in iam.policies:
            found.append(Named(f"policy {arn}", read_policy(iam.policies[arn].text, "identity")))
        elif arn.endswith(":iam::aws:policy/AdministratorAccess"):
            found.append(Named(f"policy {arn}", ALL))
    return found


def policies_of(world: World, caller: Caller) -> Policies:
    """The policies that a caller brings along. One whose user or role is gone has none, and so may nothing."""
    session = session_of(world, caller)
    identity = _identity(world, caller, session)
    if identity is None:
        return Policies()
    iam = world.iam_of(caller.account)
    held = policies_held(iam, identity, "role" if session else "user")
    if session and (session.policies or session.policy_arns):
        texts = [
            Named(f"session {number}", read_policy(text, "identity")) for number, text in enumerate(session.policies)
        ]
        return replace(held, session=(*texts, *_managed(iam, list(session.policy_arns))))
    return held


def policies_held(iam: Iam, identity: Identity, kind: str) -> Policies:
    """The policies and the boundary of a role or a user (`kind`), without any session."""
    inline = [
        Named(f"{kind} {iam.account}/{identity.name}/{name}", read_policy(text, "identity"))
        for name, text in identity.inline.items()
    ]
    boundary = _managed(iam, [identity.boundary]) if identity.boundary else []
    if identity.boundary and not boundary:
        boundary = [Named("boundary", read_policy('{"Version": "2012-10-17", "Statement": []}', "identity"))]
    return Policies((*inline, *_managed(iam, identity.attached)), boundary[0] if boundary else None)


def principal_of(world: World, caller: Caller) -> Principal:
    """Who a caller is, to a policy."""
    session = session_of(world, caller)
    if session:
        return Principal("session", caller.account, caller.arn, caller.id, session.role)
    return Principal("user", caller.account, caller.arn, caller.id)


def own_context(world: World, caller: Caller) -> Keys:
    """The context that a caller brings along."""
    session = session_of(world, caller)
    identity = _identity(world, caller, session)
    now = world.clock.now()
    found: Keys = {
        "aws:principalarn": (session.role if session else caller.arn,),
        "aws:principalaccount": (caller.account,),
        "aws:principalorgid": (ORGANIZATION,),
        "aws:principaltype": ("AssumedRole" if session else "User",),
        "aws:userid": (caller.id,),
        "aws:requestedregion": (caller.region,),
        "aws:securetransport": ("true",),
        "aws:sourceip": ("127.0.0.1",),
        "aws:viaawsservice": ("false",),
        "aws:principalisawsservice": ("false",),
        "aws:epochtime": (str(int(now)),),
        "aws:currenttime": (datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),),
    }
    if session is None:
        found["aws:username"] = (caller.arn.rsplit("/", 1)[-1],)
    else:
        found["aws:tokenissuetime"] = (stamp(session.begun),)
        if session.source_identity:
            found["aws:sourceidentity"] = (session.source_identity,)
        if session.provider:
            found["aws:federatedprovider"] = (session.provider,)
    tags = dict(identity.tags) if identity else {}
    tags |= dict(session.tags) if session else {}
    return found | {f"aws:principaltag/{name.lower()}": (value,) for name, value in tags.items()}
