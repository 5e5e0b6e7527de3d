"""The decision: pure, from a request and the policies that bear on it, by AWS's published evaluation logic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from controller.sandbox.authz.conditions import holds
from controller.sandbox.authz.documents import Policy, Statement
from controller.sandbox.authz.match import Context, glob, meets, meets_arn

Kind = Literal["user", "session", "service", "federated", "anonymous"]
Mode = Literal["plain", "key", "trust"]
Strength = Literal["own", "role", "account", "any"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. A session has its role's ARN, a user and a session a unique id; a service's ARN is its name."""

    kind: Kind
    account: str
    arn: str
    id: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A policy and where it stands: `inline:read`, `bucket acme`, `boundary edge`."""

    source: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies that bear on a request. None of `boundary`, `session`: there is none of that kind.

    `mode`: a key's and a role's own policy has to allow in any case; without `key` and `trust` it may be absent.
    """

    identity: tuple[Named, ...] = ()
    boundary: Named | None = None
    session: tuple[Named, ...] | None = None
    resource: tuple[Named, ...] = ()
    mode: Mode = "plain"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: an action like `s3:GetObject` on a resource of an account, in a context."""

    principal: Principal
    action: str
    resource: str
    owner: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matched:
    """A statement that applied: where it stands, its Sid or its place in the document, and its effect."""

    source: str
    sid: str
    effect: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is empty when allowed, else in AWS's words: `no identity-based policy allows`, `an explicit deny in`…"""

    allowed: bool
    reason: str = ""
    matched: tuple[Matched, ...] = ()


def _names(values: tuple[tuple[str, str], ...], who: Principal) -> Strength | None:
    """How a list of principals names somebody, None when it does not: the strongest way counts."""
    found: set[Strength] = set()
    for kind, value in values:
        if kind == "AWS":
            found |= _names_aws(value, who)
        elif (kind, who.kind) in (("Service", "service"), ("Federated", "federated")) and value in (who.arn, "*"):
            found.add("own")
    order: tuple[Strength, ...] = ("own", "role", "any", "account")
    return next((strength for strength in order if strength in found), None)


def _names_aws(value: str, who: Principal) -> set[Strength]:
    if value == "*":
        return {"any"}
    if who.kind in ("service", "anonymous", "federated"):
        return set()
    if value == who.account or (value.startswith("arn:") and value.endswith(f":iam::{who.account}:root")):
        return {"account"}
    if value == who.arn or (who.kind == "user" and value == who.id):
        return {"own"}
    if who.kind == "session" and value in (who.role, who.id.partition(":")[0]):
        return {"role"}
    return set()


def _spares(values: tuple[tuple[str, str], ...], who: Principal) -> bool:
    """Whether NotPrincipal leaves somebody out: all of account, role and session, or account and user, are listed."""
    own = [who.arn] if who.kind in ("service", "federated", "user") else [who.arn, who.role]
    texts = {value for _, value in values}
    if who.kind in ("service", "federated"):
        return who.arn in texts
    account = who.account in texts or any(text.endswith(f":iam::{who.account}:root") for text in texts)
    return "*" in texts or (account and all(arn in texts for arn in own))


def _principal(statement: Statement, who: Principal) -> Strength | None:
    if statement.principals is not None:
        return _names(statement.principals, who)
    if statement.not_principals is not None:
        return None if _spares(statement.not_principals, who) else "any"
    return "own"  # an identity policy: it is the principal's own


def _acts(patterns: Iterable[str], action: str) -> bool:
    return any(glob(pattern.lower(), action) for pattern in patterns)


def _on(patterns: Iterable[str], asked: Asked, *, variables: bool) -> bool:
    if asked.resource == "*":
        return any(meets(pattern, "*", asked.context, variables=variables) for pattern in patterns)
    return any(meets_arn(pattern, asked.resource, asked.context, variables=variables) for pattern in patterns)


def applies(statement: Statement, asked: Asked, *, variables: bool) -> Strength | None:
    """How a statement applies to what is asked, None when it does not."""
    action = asked.action.lower()
    if statement.actions is not None and not _acts(statement.actions, action):
        return None
    if statement.not_actions is not None and _acts(statement.not_actions, action):
        return None
    strength = _principal(statement, asked.principal)
    if strength is None:
        return None
    if statement.resources is not None and not _on(statement.resources, asked, variables=variables):
        return None
    if statement.not_resources is not None and _on(statement.not_resources, asked, variables=variables):
        return None
    if not all(holds(item, asked.context, variables=variables) for item in statement.conditions):
        return None
    return strength


@dataclass(slots=True)
class _Tally:
    """What one kind of policy says: whether it denies, and in which ways it allows."""

    denies: bool = False
    allows: set[Strength] = field(default_factory=set)


def _count(named: Iterable[Named], asked: Asked, matched: list[Matched]) -> _Tally:
    tally = _Tally()
    for item in named:
        for index, statement in enumerate(item.policy.statements):
            strength = applies(statement, asked, variables=item.policy.variables)
            if strength is None:
                continue
            matched.append(Matched(item.source, statement.sid or f"#{index}", "Allow" if statement.allow else "Deny"))
            if statement.allow:
                tally.allows.add(strength)
            else:
                tally.denies = True
    return tally


def _direct(who: Principal, allows: set[Strength], *, bounded: bool) -> bool:
    """Whether a resource's policy alone is enough for somebody of its own account.

    A user or a session that it names is not limited by boundary or session policies; a role that it names is.
    """
    if who.kind == "session":
        return "own" in allows or (bool({"role", "any"} & allows) and bounded)
    return bool({"own", "any"} & allows)


def _missing(identity: _Tally, boundary: _Tally | None, session: _Tally | None) -> str:
    if not identity.allows:
        return "no identity-based policy allows"
    if boundary is not None and not boundary.allows:
        return "no permissions boundary allows"
    return "no session policy allows" if session is not None and not session.allows else ""


def decide(asked: Asked, policies: Policies) -> Decision:
    """Explicit denials first; then, in one account, either side is enough, and across accounts both are needed."""
    matched: list[Matched] = []
    identity = _count(policies.identity, asked, matched)
    boundary = _count([policies.boundary], asked, matched) if policies.boundary else None
    session = _count(policies.session, asked, matched) if policies.session is not None else None
    resource = _count(policies.resource, asked, matched)
    for tally, name in (
        (identity, "an identity-based policy"),
        (boundary, "a permissions boundary"),
        (session, "a session policy"),
        (resource, "a resource-based policy"),
    ):
        if tally is not None and tally.denies:
            return Decision(allowed=False, reason=f"an explicit deny in {name}", matched=tuple(matched))
    reason = _refusal(asked, policies.mode, identity, boundary, session, resource)
    return Decision(allowed=not reason, reason=reason, matched=tuple(matched))


def _refusal(
    asked: Asked, mode: Mode, identity: _Tally, boundary: _Tally | None, session: _Tally | None, resource: _Tally
) -> str:
    """Why nothing allows it, empty when something does."""
    who = asked.principal
    none = "no resource-based policy allows"
    if who.kind in ("service", "federated", "anonymous"):
        return "" if resource.allows else none
    bounded = all(tally is None or tally.allows for tally in (boundary, session))
    own = _missing(identity, boundary, session)
    if who.account != asked.owner:
        return own or ("" if resource.allows else none)
    if _direct(who, resource.allows, bounded=bounded):
        return ""
    if mode != "plain" and not resource.allows:
        return none
    return own
