"""Who is calling: the one place where access keys become principals (and where authorisation will be asked)."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass

from controller.core.arn import partition_of
from controller.sandbox.wire import Request, ServiceError
from controller.sandbox.world import World

_SCOPE = re.compile(r"Credential=([A-Z0-9]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_KEY = re.compile(r"AKIAHW(\d{12})(AD|CO)")
USERS = {"AD": "administrator", "CO": "controller"}


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal: its account, ARN and unique id; `service` and `region` are those that the request was signed for.

    `key` is its access key.
    """

    account: str
    arn: str
    id: str
    region: str
    service: str
    session: bool = False
    key: str = ""

    @property
    def partition(self) -> str:
        """The partition of the called region."""
        return partition_of(self.region)


def user_keys(account: str, user: str = "AD") -> dict[str, str]:
    """The standing credentials of an account's administrator (AD) or controller (CO), as environment variables."""
    key = f"AKIAHW{account}{user}"
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret_of(key)}


def secret_of(key: str) -> str:
    """The secret of an access key. Signatures are not checked: secrets only have to be there."""
    return hashlib.sha256(f"sandbox {key}".encode()).hexdigest()[:40]


def _scope(request: Request) -> tuple[str, str, str] | None:
    """Access key, region and service of the signature, in the header or in a presigned address."""
    text = request.headers.get("authorization", "")
    if not text and "X-Amz-Credential" in request.query:
        text = "Credential=" + request.query["X-Amz-Credential"]
    found = _SCOPE.search(text)
    return (found[1], found[3], found[4]) if found else None


def signed_service(request: Request) -> str:
    """The service that the request was signed for; without a signature, a guess by its form."""
    scope = _scope(request)
    if scope:
        return scope[2]
    return "unsigned" if "x-amz-target" in request.headers else "s3"


def resolve(world: World, request: Request) -> Caller:
    """The caller of an AWS request; ServiceError as AWS refuses unknown, expired or missing credentials."""
    scope = _scope(request)
    if scope is None:
        raise ServiceError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    key, region, service = scope
    found = find_caller(world, key, region, service)
    session = world.sessions.get(key)
    if session and session.ends <= time.time():
        code, status = ("ExpiredToken", 400) if service == "s3" else ("ExpiredTokenException", 400)
        raise ServiceError(code, "The security token included in the request is expired", status)
    if found is None:
        code = {"s3": "InvalidAccessKeyId", "sts": "InvalidClientTokenId"}.get(service, "UnrecognizedClientException")
        raise ServiceError(code, "The security token included in the request is invalid.", 403)
    return found


def find_caller(world: World, key: str, region: str, service: str) -> Caller | None:
    """Whose an access key is, over or not; None when it is nobody's."""
    session = world.sessions.get(key)
    if session:
        arn = f"arn:aws:sts::{session.account}:assumed-role/{session.role.rsplit('/', 1)[-1]}/{session.name}"
        unique = f"{session.id}:{session.name}"
        return Caller(session.account, arn, unique, region, service, session=True, key=key)
    known = _KEY.fullmatch(key)
    if known and known[1] in world.accounts:
        arn = f"arn:aws:iam::{known[1]}:user/{USERS[known[2]]}"
        return Caller(known[1], arn, f"AIDA{known[1]}{known[2]}HW", region, service, key=key)
    for iam in world.iam.values():
        user = iam.users.get(iam.keys.get(key, ""))
        if user:
            return Caller(iam.account, user.arn, user.id, region, service, key=key)
    return None
