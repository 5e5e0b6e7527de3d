"""Roles: their being there with path and boundary, whom they trust, and the one policy in them that is ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from controller.core.access.document import Document
from controller.core.access.splice import merged, present
from controller.core.access.statement import is_ours, mark, meaning, policy_text
from controller.core.arn import partition_of
from controller.core.errors import CloudError, PreconditionError
from controller.core.marks import PREFIX
from controller.core.model import Action, Key
from controller.kinds.access.base import Facts, World, absent, reader, writer
from controller.kinds.base import Client, Cloud


class _Role:
    """A role. Statements of others in its trust policy stay; a boundary is set only where the manifests name one."""

    NAME = "role"

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        found = _get(reader(cloud, wished.key, "iam"), wished.key)
        if found is None:
            return None
        spec = {"arn": found["Arn"], "path": found["Path"]}
        if "boundary" in wished.spec:
            spec["boundary"] = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
        ours, partition = partial(is_ours, fleet=fleet), partition_of(wished.key.target.region)
        return {**spec, "statements": present(_trust(found), wished.statements, ours, partition)}

    def create(self, world: World, action: Action) -> Facts:
        wished = action.after
        more = {"PermissionsBoundary": wished["boundary"]} if "boundary" in wished else {}
        try:
            writer(world, action, "iam").call(
                "CreateRole",
                RoleName=action.key.name,
                Path=wished["path"],
                AssumeRolePolicyDocument=policy_text(wished["statements"]),
                Description=f"Made by Hubwright for the fleet {action.facts['fleet']}",
                Tags=[{"Key": PREFIX + "fleet", "Value": action.facts["fleet"]}],
                **more,
            )
        except CloudError as error:
            if error.code not in ("EntityAlreadyExists", "EntityAlreadyExistsException"):
                raise
            return self.update(world, action)
        return {}

    def update(self, world: World, action: Action) -> Facts:
        client, wished, fleet = writer(world, action, "iam"), action.after, action.facts["fleet"]
        found = _get(client, action.key)
        if found is None or found["Arn"] != wished["arn"]:
            there = found["Arn"] if found else "no role"
            raise PreconditionError(f"{wished['arn']} was expected, there is {there}", "name the role as it is called")
        text = _trust(found)
        partition = partition_of(action.key.target.region)
        wanted = merged(text, wished["statements"], partial(is_ours, fleet=fleet), partition)
        if wanted != text and wanted is not None:
            client.call("UpdateAssumeRolePolicy", RoleName=action.key.name, PolicyDocument=wanted)
        boundary = wished.get("boundary")
        if boundary and found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") != boundary:
            client.call("PutRolePermissionsBoundary", RoleName=action.key.name, PermissionsBoundary=boundary)
        return {}


def _get(client: Client, key: Key) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.call("GetRole", RoleName=key.name)["Role"]
    except CloudError as error:
        if absent(error):
            return None
        raise
    return found


def _trust(found: Mapping[str, Any]) -> str:
    """The trust policy as text; botocore gives it parsed."""
    document = found.get("AssumeRolePolicyDocument") or {"Version": "2012-10-17", "Statement": []}
    return document if isinstance(document, str) else json.dumps(document)


class _RolePolicy:
    """The inline policy of a role that carries the fleet's name: all of it is ours."""

    NAME = "role_policy"

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        try:
            answer = reader(cloud, wished.key, "iam").call(
                "GetRolePolicy", RoleName=wished.key.name, PolicyName=policy_name(fleet)
            )
        except CloudError as error:
            if absent(error):
                return None if wished.statements else {"statements": {}}
            raise
        document = answer["PolicyDocument"]
        found = json.loads(document) if isinstance(document, str) else document
        items = found["Statement"] if isinstance(found["Statement"], list) else [found["Statement"]]
        partition = partition_of(wished.key.target.region)
        return {"statements": {item.get("Sid", ""): meaning(item, partition) for item in items}}

    def create(self, world: World, action: Action) -> Facts:
        return self.update(world, action)

    def update(self, world: World, action: Action) -> Facts:
        client, name = writer(world, action, "iam"), policy_name(action.facts["fleet"])
        if action.after["statements"]:
            text = policy_text(action.after["statements"])
            client.call("PutRolePolicy", RoleName=action.key.name, PolicyName=name, PolicyDocument=text)
        else:
            client.call("DeleteRolePolicy", RoleName=action.key.name, PolicyName=name)
        return {}


def policy_name(fleet: str) -> str:
    """What the fleet's inline policy is called; two fleets may share a role."""
    return f"hubwright-{fleet}-{mark(fleet)}"


ROLE = _Role()
ROLE_POLICY = _RolePolicy()
