"""Roles: create, read, change, delete; inline policies; boundaries; tags."""

from __future__ import annotations

from controller.sandbox.iam.common import (
    Document,
    check_document,
    check_name,
    check_path,
    check_principals,
    check_size,
    find_policy,
    find_role,
    invalid,
    missing,
    new_id,
    read_tags,
    show_tags,
    shown,
)
from controller.sandbox.iam.state import Identity
from controller.sandbox.principals import Caller
from controller.sandbox.query import stamp
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World


def _described(role: Identity, *, full: bool) -> Document:
    found: Document = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": stamp(role.created),
        "AssumeRolePolicyDocument": shown(role.trust),
        "Description": role.description or None,
        "MaxSessionDuration": role.longest,
    }
    if full:
        boundary = role.boundary
        kind = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
        found |= {"PermissionsBoundary": kind if boundary else None, "Tags": show_tags(role.tags) or None}
        found["RoleLastUsed"] = {}
    return found


def _trust(world: World, text: str) -> str:
    policy = check_document(text, "trust")
    check_size({"": text}, 2048, "role trust policy")
    check_principals(world, policy, "MalformedPolicyDocument")
    return text


def _longest(document: Document) -> int:
    seconds = int(document.get("MaxSessionDuration") or 3600)
    if not 3600 <= seconds <= 43_200:
        raise invalid("MaxSessionDuration must be between 3600 and 43200")
    return seconds


def _boundary(world: World, caller: Caller, document: Document) -> str | None:
    arn = document.get("PermissionsBoundary")
    return find_policy(world, caller, arn).arn if arn and ":aws:policy/" not in arn else arn


def create_role(world: World, caller: Caller, document: Document) -> Document:
    """Creates a role; 409 EntityAlreadyExists, 400 MalformedPolicyDocument for its trust policy."""
    name, path = check_name(document["RoleName"], "roleName"), check_path(document.get("Path") or "/")
    iam = world.iam_of(caller.account)
    if name in iam.roles:
        raise ServiceError("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
    role = Identity(
        name,
        path,
        f"arn:{caller.partition}:iam::{caller.account}:role{path}{name}",
        new_id(world, "AROA"),
        world.clock.now(),
        _trust(world, document["AssumeRolePolicyDocument"]),
        document.get("Description") or "",
        _longest(document),
        boundary=_boundary(world, caller, document),
        tags=read_tags(document.get("Tags")),
    )
    iam.roles[name] = role
    return {"Role": _described(role, full=True)}


def get_role(world: World, caller: Caller, document: Document) -> Document:
    """One role with its tags and boundary."""
    return {"Role": _described(find_role(world, caller, document), full=True)}


def list_roles(world: World, caller: Caller, document: Document) -> Document:
    """Roles below a path, by name; all in one page."""
    prefix = document.get("PathPrefix") or "/"
    roles = sorted(world.iam_of(caller.account).roles.values(), key=lambda role: role.name)
    rows = [_described(role, full=False) for role in roles if role.path.startswith(prefix)]
    return {"Roles": rows, "IsTruncated": False}


def update_role(world: World, caller: Caller, document: Document) -> Document:
    """Changes description and longest session."""
    role = find_role(world, caller, document)
    role.description = document.get("Description", role.description)
    if document.get("MaxSessionDuration"):
        role.longest = _longest(document)
    return {}


def update_assume_role_policy(world: World, caller: Caller, document: Document) -> Document:
    """Replaces the trust policy."""
    find_role(world, caller, document).trust = _trust(world, document["PolicyDocument"])
    return {}


def delete_role(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a role; 409 DeleteConflict while it has policies."""
    role = find_role(world, caller, document)
    for kept, what in ((role.inline, "delete policies"), (role.attached, "detach all policies")):
        if kept:
            raise ServiceError("DeleteConflict", f"Cannot delete entity, must {what} first.", 409)
    del world.iam_of(caller.account).roles[role.name]
    return {}


def put_role_policy(world: World, caller: Caller, document: Document) -> Document:
    """Sets an inline policy; all of a role's together have at most 10,240 characters."""
    role, name, text = find_role(world, caller, document), document["PolicyName"], document["PolicyDocument"]
    check_document(text, "identity")
    check_size(role.inline | {name: text}, 10_240, f"role {role.name}")
    role.inline[name] = text
    return {}


def _inline(role: Identity, name: str) -> str:
    text = role.inline.get(name)
    if text is None:
        raise missing(f"The role policy with name {name} cannot be found.")
    return text


def get_role_policy(world: World, caller: Caller, document: Document) -> Document:
    """An inline policy."""
    role, name = find_role(world, caller, document), document["PolicyName"]
    return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": shown(_inline(role, name))}


def delete_role_policy(world: World, caller: Caller, document: Document) -> Document:
    """Removes an inline policy."""
    role, name = find_role(world, caller, document), document["PolicyName"]
    _inline(role, name)
    del role.inline[name]
    return {}


def list_role_policies(world: World, caller: Caller, document: Document) -> Document:
    """Names of the inline policies."""
    return {"PolicyNames": sorted(find_role(world, caller, document).inline), "IsTruncated": False}


def put_role_permissions_boundary(world: World, caller: Caller, document: Document) -> Document:
    """Sets the boundary, a managed policy."""
    find_role(world, caller, document).boundary = _boundary(world, caller, document)
    return {}


def delete_role_permissions_boundary(world: World, caller: Caller, document: Document) -> Document:
    """Removes the boundary."""
    find_role(world, caller, document).boundary = None
    return {}


def tag_role(world: World, caller: Caller, document: Document) -> Document:
    """Sets tags."""
    role = find_role(world, caller, document)
    rows = show_tags(role.tags | read_tags(document["Tags"]))
    role.tags = read_tags(rows)
    return {}


def untag_role(world: World, caller: Caller, document: Document) -> Document:
    """Removes tags."""
    role = find_role(world, caller, document)
    for key in document["TagKeys"]:
        role.tags.pop(key, None)
    return {}


def list_role_tags(world: World, caller: Caller, document: Document) -> Document:
    """All tags."""
    return {"Tags": show_tags(find_role(world, caller, document).tags), "IsTruncated": False}
