"""STS: AssumeRole and GetCallerIdentity. Trust policies are not asked yet; a role has to exist."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from controller.sandbox.principals import Caller, secret_of
from controller.sandbox.wire import Answer, ServiceError, xml_answer
from controller.sandbox.world import Session, World

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def _answer(operation: str, inner: str) -> Answer:
    meta = "<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>"
    return xml_answer(
        f"{operation}Response", f"<{operation}Result>{inner}</{operation}Result>{meta}", namespace=_NAMESPACE
    )


def get_caller_identity(_world: World, caller: Caller, _form: dict[str, str]) -> Answer:
    """Whose credentials these are."""
    return _answer(
        "GetCallerIdentity",
        f"<Arn>{escape(caller.arn)}</Arn><UserId>{escape(caller.id)}</UserId><Account>{caller.account}</Account>",
    )


def assume_role(world: World, caller: Caller, form: dict[str, str]) -> Answer:
    """A session of a role; 403 when there is no such role, 400 when a chained session asks for over an hour."""
    role, name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", name):
        raise ServiceError(
            "ValidationError", f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: pattern [\\w+=,.@-]*"
        )
    account = role.split(":")[4] if role.count(":") >= 5 else ""
    if account not in world.accounts or world.iam_of(account).role_by_arn(role) is None:
        raise ServiceError(
            "AccessDenied", f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role}", 403
        )
    seconds = int(form.get("DurationSeconds", "3600"))
    if not 900 <= seconds <= 43_200 or (caller.session and seconds > 3600):
        said = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise ServiceError("ValidationError", said)
    key = f"ASIAHW{account[:6]}{world.next_serial():08d}"
    ends = time.time() + seconds
    world.sessions[key] = Session(account, role, name, ends, form.get("ExternalId"), caller.arn)
    until = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    role_name = role.rsplit("/", 1)[-1]
    return _answer(
        "AssumeRole",
        f"<AssumedRoleUser><AssumedRoleId>AROA{account}HWRT:{escape(name)}</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/{role_name}/{escape(name)}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret_of(key)}</SecretAccessKey>"
        f"<SessionToken>{secret_of(key + 'token')}</SessionToken><Expiration>{until}</Expiration></Credentials>",
    )


OPERATIONS = {"GetCallerIdentity": get_caller_identity, "AssumeRole": assume_role}
