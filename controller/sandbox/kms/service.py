"""KMS's operations, by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from controller.core.arn import partition_of
from controller.sandbox.authz.documents import PolicyError, read_policy
from controller.sandbox.iam.common import check_principals
from controller.sandbox.kms import signing
from controller.sandbox.kms.state import MANAGED, Key, managed_arn
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

Document = dict[str, Any]
Operation = Callable[[World, Caller, Document], Document]
_POLICY_LIMIT = 32_768


def named_key(world: World, account: str, region: str, text: str) -> Key | None:
    """A key by id, ARN or alias, as seen from an account and region; None when there is none."""
    parts = text.split(":", 5)
    if len(parts) == 6:
        region, account, text = parts[3], parts[4], parts[5].removeprefix("key/")
    for key in world.keys.values():
        if (key.account, key.region) == (account, region) and (text == key.id or text in key.aliases):
            return key
    return _managed(account, region) if text in (MANAGED, "alias/aws/s3") else None


def _managed(account: str, region: str) -> Key:
    partition = partition_of(region)
    policy = _policy_for(partition, account, "Allow direct access to key metadata", "kms:Describe*")
    return Key(MANAGED, managed_arn(partition, account, region), account, region, 0.0, policy, manager="AWS")


def find_key(world: World, caller: Caller, text: str) -> Key:
    """A key; NotFoundException."""
    key = named_key(world, caller.account, caller.region, text)
    if key is None:
        raise ServiceError("NotFoundException", f"Key '{text}' does not exist")
    return key


def _check_policy(world: World, text: str) -> str:
    if len(text) > _POLICY_LIMIT:
        raise ServiceError("LimitExceededException", "The key policy is longer than 32768 bytes")
    try:
        check_principals(world, read_policy(text, "resource"), "MalformedPolicyDocumentException")
    except PolicyError as fault:
        raise ServiceError("MalformedPolicyDocumentException", f"The new key policy is not valid: {fault}") from fault
    return text


def _default_policy(caller: Caller) -> str:
    return _policy_for(caller.partition, caller.account, "Enable IAM User Permissions", "kms:*")


def _policy_for(partition: str, account: str, name: str, action: str) -> str:
    """One statement that leaves an action to the account's own policies."""
    statement = {
        "Sid": name,
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
        "Action": action,
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})


def _described(key: Key) -> Document:
    spec = signing.SPEC if key.private else "SYMMETRIC_DEFAULT"
    return {
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": key.state == "Enabled",
        "Description": key.description,
        "KeyUsage": "SIGN_VERIFY" if key.private else "ENCRYPT_DECRYPT",
        "KeyState": key.state,
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": spec,
        "KeySpec": spec,
        **({} if key.private else {"EncryptionAlgorithms": [spec]}),
        "MultiRegion": False,
    }


def create_key(world: World, caller: Caller, document: Document) -> Document:
    """Creates a key, with the usual policy unless another is given."""
    text = hashlib.sha256(f"key {world.next_serial()}".encode()).hexdigest()
    name = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"
    arn = f"arn:{partition_of(caller.region)}:kms:{caller.region}:{caller.account}:key/{name}"
    policy = _check_policy(world, document.get("Policy") or _default_policy(caller))
    key = Key(name, arn, caller.account, caller.region, world.clock.now(), policy, document.get("Description") or "")
    key.private = signing.fresh() if document.get("KeySpec") == signing.SPEC else b""
    key.tags = {row["TagKey"]: row["TagValue"] for row in document.get("Tags") or ()}
    world.keys[arn] = key
    return {"KeyMetadata": _described(key)}


def describe_key(world: World, caller: Caller, document: Document) -> Document:
    """One key."""
    return {"KeyMetadata": _described(find_key(world, caller, document["KeyId"]))}


def list_keys(world: World, caller: Caller, _document: Document) -> Document:
    """The keys of the account and region."""
    mine = [key for key in world.keys.values() if (key.account, key.region) == (caller.account, caller.region)]
    return {"Keys": [{"KeyId": key.id, "KeyArn": key.arn} for key in mine], "Truncated": False}


def get_key_policy(world: World, caller: Caller, document: Document) -> Document:
    """The policy's text."""
    return {"Policy": find_key(world, caller, document["KeyId"]).policy, "PolicyName": "default"}


def put_key_policy(world: World, caller: Caller, document: Document) -> Document:
    """Replaces the policy."""
    find_key(world, caller, document["KeyId"]).policy = _check_policy(world, document["Policy"])
    return {}


def schedule_key_deletion(world: World, caller: Caller, document: Document) -> Document:
    """From now on the key is of no use."""
    key = find_key(world, caller, document["KeyId"])
    key.state = "PendingDeletion"
    return {"KeyId": key.arn, "KeyState": key.state, "PendingWindowInDays": document.get("PendingWindowInDays") or 30}


def create_alias(world: World, caller: Caller, document: Document) -> Document:
    """Another name for a key."""
    name = document["AliasName"]
    if named_key(world, caller.account, caller.region, name):
        raise ServiceError("AlreadyExistsException", f"An alias with the name {name} already exists")
    find_key(world, caller, document["TargetKeyId"]).aliases.append(name)
    return {}


def list_aliases(world: World, caller: Caller, document: Document) -> Document:
    """Names of the account's keys, or of one key."""
    wanted = find_key(world, caller, document["KeyId"]).arn if document.get("KeyId") else None
    rows = [
        {"AliasName": name, "AliasArn": key.arn.rsplit(":", 1)[0] + f":{name}", "TargetKeyId": key.id}
        for key in world.keys.values()
        if (key.account, key.region) == (caller.account, caller.region) and wanted in (None, key.arn)
        for name in key.aliases
    ]
    return {"Aliases": rows, "Truncated": False}


def list_resource_tags(world: World, caller: Caller, document: Document) -> Document:
    """All tags."""
    tags = find_key(world, caller, document["KeyId"]).tags
    return {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags.items()], "Truncated": False}


def tag_resource(world: World, caller: Caller, document: Document) -> Document:
    """Sets tags."""
    tags = {row["TagKey"]: row["TagValue"] for row in document["Tags"]}
    find_key(world, caller, document["KeyId"]).tags.update(tags)
    return {}


def create_grant(world: World, caller: Caller, document: Document) -> Document:
    """Lets a principal do some operations with a key; there is no eventual consistency here."""
    key = find_key(world, caller, document["KeyId"])
    name = hashlib.sha256(f"grant {world.next_serial()}".encode()).hexdigest()
    kept = ("GranteePrincipal", "RetiringPrincipal", "Operations", "Constraints", "Name")
    key.grants[name] = {item: document[item] for item in kept if item in document} | {
        "KeyId": key.arn,
        "GrantId": name,
        "CreationDate": world.clock.now(),
        "IssuingAccount": f"arn:{caller.partition}:iam::{caller.account}:root",
    }
    return {"GrantId": name, "GrantToken": name}


def list_grants(world: World, caller: Caller, document: Document) -> Document:
    """All grants of a key."""
    grants = find_key(world, caller, document["KeyId"]).grants
    return {"Grants": list(grants.values()), "Truncated": False}


def revoke_grant(world: World, caller: Caller, document: Document) -> Document:
    """Takes a grant away; NotFoundException."""
    grants = find_key(world, caller, document["KeyId"]).grants
    if grants.pop(document["GrantId"], None) is None:
        raise ServiceError("NotFoundException", f"Grant ID {document['GrantId']} not found")
    return {}


def sign(world: World, caller: Caller, document: Document) -> Document:
    """Signs a digest."""
    return signing.signature(find_key(world, caller, document["KeyId"]), document)


def get_public_key(world: World, caller: Caller, document: Document) -> Document:
    """The public half of a key that signs."""
    return signing.public(find_key(world, caller, document["KeyId"]))


OPERATIONS: dict[str, Operation] = {
    "CreateKey": create_key,
    "DescribeKey": describe_key,
    "ListKeys": list_keys,
    "GetKeyPolicy": get_key_policy,
    "PutKeyPolicy": put_key_policy,
    "ScheduleKeyDeletion": schedule_key_deletion,
    "CreateAlias": create_alias,
    "ListAliases": list_aliases,
    "ListResourceTags": list_resource_tags,
    "TagResource": tag_resource,
    "CreateGrant": create_grant,
    "ListGrants": list_grants,
    "RevokeGrant": revoke_grant,
    "Sign": sign,
    "GetPublicKey": get_public_key,
}
