"""Managed policies, and what they are attached to."""

from __future__ import annotations

from controller.sandbox.iam.common import (
    Document,
    check_document,
    check_path,
    check_size,
    find_policy,
    find_role,
    missing,
    new_id,
    read_tags,
    show_tags,
    shown,
)
from controller.sandbox.iam.state import Managed
from controller.sandbox.principals import Caller
from controller.sandbox.query import stamp
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_LIMIT = 6144
_KEPT = 5


def _attachments(world: World, caller: Caller, policy: Managed) -> int:
    iam = world.iam_of(caller.account)
    return sum(policy.arn in identity.attached for identity in (*iam.roles.values(), *iam.users.values()))


def _described(world: World, caller: Caller, policy: Managed) -> Document:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default,
        "AttachmentCount": _attachments(world, caller, policy),
        "IsAttachable": True,
        "Description": policy.description or None,
        "CreateDate": stamp(policy.created),
        "UpdateDate": stamp(policy.versions[policy.default][1]),
        "Tags": show_tags(policy.tags) or None,
    }


def _checked(text: str) -> str:
    check_document(text, "identity")
    check_size({"": text}, _LIMIT, "managed policy")
    return text


def create_policy(world: World, caller: Caller, document: Document) -> Document:
    """Creates a managed policy with version v1."""
    name, path = document["PolicyName"], check_path(document.get("Path") or "/")
    arn = f"arn:{caller.partition}:iam::{caller.account}:policy{path}{name}"
    policies = world.iam_of(caller.account).policies
    if any(item.name == name for item in policies.values()):
        raise ServiceError(
            "EntityAlreadyExists", f"A policy called {name} already exists. Duplicate names are not allowed.", 409
        )
    now = world.clock.now()
    policy = Managed(name, path, arn, new_id(world, "ANPA"), now, document.get("Description") or "")
    policy.versions["v1"] = (_checked(document["PolicyDocument"]), now)
    policy.tags = read_tags(document.get("Tags"))
    policies[arn] = policy
    return {"Policy": _described(world, caller, policy)}


def get_policy(world: World, caller: Caller, document: Document) -> Document:
    """One managed policy."""
    return {"Policy": _described(world, caller, find_policy(world, caller, document["PolicyArn"]))}


def list_policies(world: World, caller: Caller, document: Document) -> Document:
    """The account's own policies below a path."""
    prefix = document.get("PathPrefix") or "/"
    rows = [item for item in world.iam_of(caller.account).policies.values() if item.path.startswith(prefix)]
    return {"Policies": [_described(world, caller, item) for item in rows], "IsTruncated": False}


def _version(policy: Managed, name: str) -> Document:
    if name not in policy.versions:
        raise missing(f"Policy {policy.arn} version {name} does not exist or is not attachable.")
    text, made = policy.versions[name]
    return {
        "Document": shown(text),
        "VersionId": name,
        "IsDefaultVersion": name == policy.default,
        "CreateDate": stamp(made),
    }


def get_policy_version(world: World, caller: Caller, document: Document) -> Document:
    """One version with its document."""
    return {"PolicyVersion": _version(find_policy(world, caller, document["PolicyArn"]), document["VersionId"])}


def list_policy_versions(world: World, caller: Caller, document: Document) -> Document:
    """All versions, the newest first, without their documents."""
    policy = find_policy(world, caller, document["PolicyArn"])
    rows = [_version(policy, name) for name in reversed(policy.versions)]
    return {"Versions": [row | {"Document": None} for row in rows], "IsTruncated": False}


def create_policy_version(world: World, caller: Caller, document: Document) -> Document:
    """Adds a version; 409 LimitExceeded above five."""
    policy = find_policy(world, caller, document["PolicyArn"])
    if len(policy.versions) >= _KEPT:
        raise ServiceError("LimitExceeded", "A managed policy can have up to 5 versions.", 409)
    policy.last += 1
    name = f"v{policy.last}"
    policy.versions[name] = (_checked(document["PolicyDocument"]), world.clock.now())
    if document.get("SetAsDefault") == "true":
        policy.default = name
    return {"PolicyVersion": _version(policy, name) | {"Document": None}}


def set_default_policy_version(world: World, caller: Caller, document: Document) -> Document:
    """Says which version counts."""
    policy = find_policy(world, caller, document["PolicyArn"])
    _version(policy, document["VersionId"])
    policy.default = document["VersionId"]
    return {}


def delete_policy_version(world: World, caller: Caller, document: Document) -> Document:
    """Removes a version that does not count."""
    policy, name = find_policy(world, caller, document["PolicyArn"]), document["VersionId"]
    _version(policy, name)
    if name == policy.default:
        raise ServiceError("DeleteConflict", "Cannot delete the default version of a policy.", 409)
    del policy.versions[name]
    return {}


def delete_policy(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a policy that is attached nowhere and has one version."""
    policy = find_policy(world, caller, document["PolicyArn"])
    if _attachments(world, caller, policy):
        raise ServiceError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(policy.versions) > 1:
        raise ServiceError("DeleteConflict", "This policy has more than one version.", 409)
    del world.iam_of(caller.account).policies[policy.arn]
    return {}


def attach_role_policy(world: World, caller: Caller, document: Document) -> Document:
    """Attaches a managed policy to a role; again is no error."""
    role, policy = find_role(world, caller, document), find_policy(world, caller, document["PolicyArn"])
    if policy.arn not in role.attached:
        role.attached.append(policy.arn)
    return {}


def detach_role_policy(world: World, caller: Caller, document: Document) -> Document:
    """Detaches; 404 when it was not attached."""
    role, arn = find_role(world, caller, document), document["PolicyArn"]
    if arn not in role.attached:
        raise missing(f"Policy {arn} was not found.")
    role.attached.remove(arn)
    return {}


def list_attached_role_policies(world: World, caller: Caller, document: Document) -> Document:
    """The managed policies of a role."""
    rows = [
        {"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in find_role(world, caller, document).attached
    ]
    return {"AttachedPolicies": rows, "IsTruncated": False}
