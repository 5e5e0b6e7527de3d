"""What IAM's operations share: looking things up, IAM's errors, checks of documents and tags."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from controller.sandbox.authz.documents import Policy, PolicyError, Use, read_policy
from controller.sandbox.iam.state import Iam, Identity, Managed
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

Document = dict[str, Any]
_PATH = re.compile(r"/|/[!-~]*/")
_NAME = re.compile(r"[\w+=,.@-]{1,64}")


def missing(what: str) -> ServiceError:
    """404 NoSuchEntity."""
    return ServiceError("NoSuchEntity", what, 404)


def invalid(said: str) -> ServiceError:
    """400 ValidationError."""
    return ServiceError("ValidationError", said)


def find_role(world: World, caller: Caller, document: Document) -> Identity:
    """A role of the caller's account."""
    name = document["RoleName"]
    role = world.iam_of(caller.account).roles.get(name)
    if role is None:
        raise missing(f"The role with name {name} cannot be found.")
    return role


def find_policy(world: World, caller: Caller, arn: str) -> Managed:
    """A managed policy of the caller's account."""
    policy = world.iam_of(caller.account).policies.get(arn)
    if policy is None:
        raise missing(f"Policy {arn} does not exist or is not attachable.")
    return policy


def check_name(name: str, what: str) -> str:
    """A name within IAM's limits."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"The specified value for {what} is invalid. It must contain only [\\w+=,.@-] and 1 to 64 of them"
        )
    return name


def check_path(path: str) -> str:
    """A path that begins and ends with a slash."""
    if not _PATH.fullmatch(path) or len(path) > 512:
        raise invalid("The specified value for path is invalid. It must begin and end with / and be printable")
    return path


def check_document(text: str, use: Use) -> Policy:
    """A policy document; 400 MalformedPolicyDocument."""
    try:
        return read_policy(text, use)
    except PolicyError as fault:
        raise ServiceError("MalformedPolicyDocument", str(fault)) from fault


def check_size(texts: Mapping[str, str], limit: int, what: str) -> None:
    """409 LimitExceeded when documents have more characters than IAM takes, white space not counted."""
    if sum(len(re.sub(r"\s", "", text)) for text in texts.values()) > limit:
        raise ServiceError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {what}", 409)


def read_tags(rows: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags as a dict; at most 50."""
    kept = {row["Key"]: row.get("Value", "") for row in rows or ()}
    if len(kept) > 50:
        raise ServiceError("LimitExceeded", "Cannot exceed quota for TagsPerResource: 50", 409)
    return kept


def show_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as IAM lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def shown(text: str) -> str:
    """A document as IAM gives it: percent-encoded."""
    return quote(text, safe="")


def new_id(world: World, prefix: str) -> str:
    """A unique id like IAM's."""
    return prefix + hashlib.sha256(f"{prefix} {world.next_serial()}".encode()).hexdigest()[:17].upper()


def check_principals(world: World, policy: Policy, code: str) -> None:
    """Users and roles that a document names as principals have to exist, in the accounts that the sandbox has."""
    for statement in policy.statements:
        for kind, value in (*(statement.principals or ()), *(statement.not_principals or ())):
            if kind == "AWS" and not _exists(world, value):
                raise ServiceError(code, f'Invalid principal in policy: "AWS":"{value}"')


def _exists(world: World, value: str) -> bool:
    found = re.fullmatch(r"arn:aws[a-z-]*:(iam|sts)::(\d{12}):(root|user/.+|role/.+|assumed-role/.+)", value)
    if found is None:
        return value == "*" or re.fullmatch(r"\d{12}|A(ROA|IDA)[A-Z0-9]+", value) is not None
    if found[2] not in world.accounts or found[3] == "root":
        return True
    iam: Iam = world.iam_of(found[2])
    if found[3].startswith("assumed-role/"):
        return found[3].split("/")[1] in iam.roles
    if found[3].startswith("user/"):
        return any(user.arn == value for user in iam.users.values())
    return iam.role_by_arn(value) is not None
