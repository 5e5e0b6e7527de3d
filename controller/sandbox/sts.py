"""STS: sessions of roles, by other principals and by tokens of OpenID Connect providers, and who is calling."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from controller.sandbox.authz.ask import Ask, Keys, rows, tag_keys
from controller.sandbox.authz.decide import Policies, Principal
from controller.sandbox.authz.documents import PolicyError, read_policy
from controller.sandbox.authz.guard import judge
from controller.sandbox.iam.state import Identity
from controller.sandbox.principals import Caller, secret_of
from controller.sandbox.query import nest
from controller.sandbox.wire import Answer, ServiceError, xml_answer
from controller.sandbox.world import Session, World

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_NAME = re.compile(r"[\w+=,.@-]{2,64}")
Document = dict[str, Any]


def _answer(operation: str, inner: str) -> Answer:
    meta = "<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>"
    return xml_answer(
        f"{operation}Response", f"<{operation}Result>{inner}</{operation}Result>{meta}", namespace=_NAMESPACE
    )


def get_caller_identity(_world: World, caller: Caller, _form: dict[str, str]) -> Answer:
    """Whose credentials these are; nobody needs leave for it."""
    return _answer(
        "GetCallerIdentity",
        f"<Arn>{escape(caller.arn)}</Arn><UserId>{escape(caller.id)}</UserId><Account>{caller.account}</Account>",
    )


def find_role(world: World, arn: str) -> Identity | None:
    """A role by its ARN, in any account of the sandbox."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    return world.iam_of(account).role_by_arn(arn) if account in world.accounts else None


def _tags(world: World, caller: Caller | None, document: Document) -> tuple[dict[str, str], frozenset[str]]:
    """The session's tags, with those that its parent passes on, and which of them it passes on itself."""
    given = rows(document.get("Tags"))
    if len(given) > 50:
        raise ServiceError("ValidationError", "A session can have at most 50 tags")
    parent = world.sessions.get(caller.key) if caller else None
    inherited = {key: value for key, value in parent.tags if key in parent.transitive} if parent else {}
    if set(inherited) & set(given):
        raise ServiceError("InvalidParameterValue", "A transitive tag of the parent session cannot be given again")
    passed = frozenset(document.get("TransitiveTagKeys") or ()) | frozenset(inherited)
    return inherited | given, passed


def assume_asks(world: World, caller: Caller, form: dict[str, str]) -> Iterable[Ask]:
    """Assuming a role; tagging its session and naming its source are actions of their own."""
    document = nest(form)
    arn = str(document.get("RoleArn", ""))
    role = find_role(world, arn)
    account = arn.split(":")[4] if arn.count(":") >= 5 else caller.account
    context = tag_keys(rows(document.get("Tags")))
    for name in ("ExternalId", "RoleSessionName", "SourceIdentity"):
        if document.get(name):
            context[f"sts:{name.lower()}"] = (str(document[name]),)
    if document.get("TransitiveTagKeys"):
        context["sts:transitivetagkeys"] = tuple(document["TransitiveTagKeys"])
    context |= {f"iam:resourcetag/{key.lower()}": (value,) for key, value in (role.tags if role else {}).items()}
    policy = (f"trust {account}/{role.name}", role.trust) if role else None
    yield Ask("sts:AssumeRole", arn, account, context, policy, "trust")
    if document.get("Tags"):
        yield Ask("sts:TagSession", arn, account, context, policy, "trust")
    if document.get("SourceIdentity"):
        yield Ask("sts:SetSourceIdentity", arn, account, context, policy, "trust")


def _check_session(document: Document, role: Identity, *, chained: bool) -> int:
    """Its seconds; ValidationError for a name, a policy or a time that STS would not take."""
    name = str(document.get("RoleSessionName", ""))
    if not _NAME.fullmatch(name):
        raise ServiceError(
            "ValidationError", f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: pattern [\\w+=,.@-]*"
        )
    text = document.get("Policy")
    if text:
        if len(text) > 2048:
            raise ServiceError("PackedPolicyTooLarge", "The session policy is longer than 2048 characters")
        try:
            read_policy(text, "identity")
        except PolicyError as fault:
            raise ServiceError("MalformedPolicyDocument", str(fault)) from fault
    seconds = int(document.get("DurationSeconds", "3600"))
    if not 900 <= seconds <= 43_200 or (chained and seconds > 3600):
        said = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise ServiceError("ValidationError", said)
    if seconds > max(role.longest, 3600):
        raise ServiceError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return seconds


def _begin(
    world: World, caller: Caller | None, role: Identity, document: Document, operation: str, provider: str = ""
) -> Answer:
    seconds = _check_session(document, role, chained=caller is not None and caller.session)
    account, name = role.arn.split(":")[4], str(document["RoleSessionName"])
    tags, passed = _tags(world, caller, document)
    key, now = f"ASIAHW{account[:6]}{world.next_serial():08d}", time.time()
    parent = world.sessions.get(caller.key) if caller else None
    world.sessions[key] = Session(
        account,
        role.arn,
        name,
        now + seconds,
        document.get("ExternalId"),
        caller.arn if caller else provider,
        now,
        role.id,
        tuple(tags.items()),
        passed,
        (document["Policy"],) if document.get("Policy") else (),
        tuple(str(row["arn"]) for row in document.get("PolicyArns") or ()),
        str(document.get("SourceIdentity") or (parent.source_identity if parent else "")),
        provider,
    )
    until = datetime.fromtimestamp(now + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _answer(
        operation,
        f"<AssumedRoleUser><AssumedRoleId>{role.id}:{escape(name)}</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/{role.name}/{escape(name)}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret_of(key)}</SecretAccessKey>"
        f"<SessionToken>{secret_of(key + 'token')}</SessionToken><Expiration>{until}</Expiration></Credentials>",
    )


def assume_role(world: World, caller: Caller, form: dict[str, str]) -> Answer:
    """A session of a role; 403 when there is no such role, 400 when a chained session asks for over an hour."""
    document = nest(form)
    role = find_role(world, str(document.get("RoleArn", "")))
    if role is None:
        said = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {document.get('RoleArn')}"
        raise ServiceError("AccessDenied", said, 403)
    return _begin(world, caller, role, document, "AssumeRole")


def _claims(token: str) -> Document:
    """What a token claims. Its signature is not checked: the sandbox has nobody's keys."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError) as fault:
        raise ServiceError("InvalidIdentityToken", "The ID Token provided is not a valid JWT.") from fault
    if not isinstance(claims, dict) or not {"iss", "sub", "aud"} <= set(claims):
        raise ServiceError("InvalidIdentityToken", "Missing a required claim: iss, sub or aud")
    return claims


def assume_role_with_web_identity(world: World, _caller: Caller | None, form: dict[str, str]) -> Answer:
    """A session for a token of a provider that the role's account believes; needs no credentials."""
    document = nest(form)
    role, claims = (
        find_role(world, str(document.get("RoleArn", ""))),
        _claims(str(document.get("WebIdentityToken", ""))),
    )
    issuer = str(claims["iss"]).removeprefix("https://").rstrip("/")
    account = role.arn.split(":")[4] if role else ""
    provider = (
        next((item for item in world.iam_of(account).providers.values() if item.url == issuer), None) if role else None
    )
    if role is None or provider is None:
        raise ServiceError(
            "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + str(claims["iss"])
        )
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not set(audiences) & set(provider.audiences):
        raise ServiceError("InvalidIdentityToken", "Incorrect token audience")
    if float(claims.get("exp", time.time() + 1)) <= time.time():
        raise ServiceError(
            "ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"
        )
    if world.settings.authorize:
        context: Keys = {
            f"{issuer}:aud": tuple(map(str, audiences)),
            "sts:rolesessionname": (str(document.get("RoleSessionName")),),
        }
        context = {name.lower(): value for name, value in context.items()}
        for name, value in claims.items():
            if isinstance(value, str):
                context.setdefault(f"{issuer}:{name}".lower(), (value,))
        policy = (f"trust {account}/{role.name}", role.trust)
        ask = Ask("sts:AssumeRoleWithWebIdentity", role.arn, account, context, policy, "trust")
        decision = judge(world, Principal("federated", "", provider.arn), Policies(), {}, ask)
        if not decision.allowed:
            raise _denied(ask)
    return _begin(world, None, role, document, "AssumeRoleWithWebIdentity", provider.arn)


def _denied(ask: Ask) -> ServiceError:
    return ServiceError("AccessDenied", f"Not authorized to perform {ask.action}", 403)


Operation = Callable[[World, Caller, dict[str, str]], Answer]
OPERATIONS: dict[str, Operation] = {"GetCallerIdentity": get_caller_identity, "AssumeRole": assume_role}
UNSIGNED: dict[str, Callable[[World, Caller | None, dict[str, str]], Answer]] = {
    "AssumeRoleWithWebIdentity": assume_role_with_web_identity
}
