"""Package groups: create, describe, delete, their policy and their tags."""

from __future__ import annotations

import json
import re

from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import ENTITY, check, check_tags, invalid
from controller.sandbox.sagemaker.names import arn_of, find_group, find_package, user_context
from controller.sandbox.sagemaker.packages import conflict
from controller.sandbox.sagemaker.state import Document, Group
from controller.sandbox.world import World


def _own(world: World, caller: Caller, document: Document) -> Group:
    """A group by its name only, as the policy calls and the creation take it."""
    name = document["ModelPackageGroupName"]
    if not re.fullmatch(ENTITY, name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at 'modelPackageGroupName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {ENTITY}"
        )
    return find_group(world, caller, name)[1]


def create_model_package_group(world: World, caller: Caller, document: Document) -> Document:
    """Creates a group; ValidationException when one of that name is there."""
    check(document)
    name = document["ModelPackageGroupName"]
    if not re.fullmatch(ENTITY, name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at 'modelPackageGroupName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {ENTITY}"
        )
    models = world.models_of(caller.account, caller.region)
    arn = arn_of(models, "model-package-group", name)
    if name.lower() in models.groups:
        raise invalid(f"Model Package Group already exists: {arn}")
    now = world.clock.now()
    body = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        "CreationTime": now,
        "CreatedBy": user_context(caller),
        "ModelPackageGroupStatus": "Completed",
    }
    body |= {
        key: document[key] for key in ("ModelPackageGroupDescription", "ManagedConfiguration") if document.get(key)
    }
    models.groups[name.lower()] = Group(name, arn, body, check_tags(document.get("Tags") or []), world.count, now)
    return {"ModelPackageGroupArn": arn}


def describe_model_package_group(world: World, caller: Caller, document: Document) -> Document:
    """One group, by name or ARN."""
    check(document)
    return find_group(world, caller, document["ModelPackageGroupName"])[1].body


def delete_model_package_group(world: World, caller: Caller, document: Document) -> Document:
    """Deletes an empty group; ConflictException while it has versions."""
    check(document)
    models, group = find_group(world, caller, document["ModelPackageGroupName"])
    if any(package.group == group.name and package.body is not None for package in models.packages.values()):
        raise conflict(f"Model Package Group {group.arn} cannot be deleted: it still contains model packages.")
    for key in [key for key, package in models.packages.items() if package.group == group.name]:
        del models.packages[key]
    del models.groups[group.name.lower()]
    return {}


def put_model_package_group_policy(world: World, caller: Caller, document: Document) -> Document:
    """Sets the resource policy, a JSON object of at most 20,480 characters with statements that name principals."""
    check(document)
    group = _own(world, caller, document)
    try:
        policy = json.loads(document["ResourcePolicy"])
        statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        good = all({"Effect", "Principal", "Action"} <= set(statement) for statement in statements)
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise invalid("The resource policy is not a valid policy document.")
    group.policy = document["ResourcePolicy"]
    return {"ModelPackageGroupArn": group.arn}


def get_model_package_group_policy(world: World, caller: Caller, document: Document) -> Document:
    """The policy's text; ValidationException when there is none."""
    group = _own(world, caller, document)
    if group.policy is None:
        raise invalid(f"Cannot find resource policy for: {group.arn}: the policy does not exist.")
    return {"ResourcePolicy": group.policy}


def delete_model_package_group_policy(world: World, caller: Caller, document: Document) -> Document:
    """Removes the policy; ValidationException when there is none."""
    get_model_package_group_policy(world, caller, document)
    _own(world, caller, document).policy = None
    return {}


def owns_tags(arn: str) -> bool:
    """Whether the tags of this ARN are kept here and not by moto."""
    return re.search(r":model-package(-group)?/", arn) is not None


def _tags(world: World, caller: Caller, arn: str) -> dict[str, str]:
    """The tags of a group or an unversioned package; a version takes none."""
    if ":model-package-group/" in arn:
        return find_group(world, caller, arn)[1].tags
    package = find_package(world, caller, arn)[1]
    if package.version is not None:
        raise invalid(f"Tags are not supported on versioned model packages: {arn}")
    return package.tags


def add_tags(world: World, caller: Caller, document: Document) -> Document:
    """Sets tags; ValidationException beyond 50."""
    tags = _tags(world, caller, document["ResourceArn"])
    merged = tags | check_tags(document["Tags"])
    if len(merged) > 50:
        raise invalid("Too many tags: at most 50 are allowed.")
    tags.update(merged)
    return {"Tags": [{"Key": key, "Value": value} for key, value in merged.items()]}


def list_tags(world: World, caller: Caller, document: Document) -> Document:
    """All tags."""
    return {
        "Tags": [{"Key": key, "Value": value} for key, value in _tags(world, caller, document["ResourceArn"]).items()]
    }


def delete_tags(world: World, caller: Caller, document: Document) -> Document:
    """Removes tags; those that are not there are no error."""
    tags = _tags(world, caller, document["ResourceArn"])
    for key in document["TagKeys"]:
        tags.pop(key, None)
    return {}
