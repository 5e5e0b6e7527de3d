"""Policies that others write too: of buckets, repositories, package groups, keys, buses and queues.

Ours are merged in and out by their Sids; what others say keeps its bytes. Each effect reads the policy again first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from controller.core.access.document import Document
from controller.core.access.splice import merged, present
from controller.core.access.statement import is_ours
from controller.core.arn import partition_of
from controller.core.errors import CloudError, PreconditionError, WaitingError
from controller.core.model import Action, Key
from controller.kinds.access.base import Facts, World, absent, reader, writer
from controller.kinds.base import Client, Cloud

Get = Callable[[Client, Key], str | None]
Put = Callable[[Client, Key, str | None], None]


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """A policy as text: how it is read, and written (None: removed). What it belongs to is made by somebody else."""

    NAME: str
    service: str
    get: Get
    put: Put

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        made_before = bool(wished.needs)  # what it belongs to is a document too, and comes first
        asked = {} if made_before else wished.statements
        text = self._text(reader(cloud, wished.key, self.service), wished.key, asked)
        found = _present(text, wished.key, wished.statements, fleet)
        return {"statements": found} if found or not wished.statements else None

    def create(self, world: World, action: Action) -> Facts:
        return self.update(world, action)

    def update(self, world: World, action: Action) -> Facts:
        client, key, fleet = writer(world, action, self.service), action.key, action.facts["fleet"]
        wished = action.after["statements"]
        text = self._text(client, key, wished)
        _present(text, key, wished, fleet)
        wanted = merged(text, wished, partial(is_ours, fleet=fleet), partition_of(key.target.region))
        if wanted != text:
            self.put(client, key, wanted)
        return {}

    def _text(self, client: Client, key: Key, wished: Mapping[str, Any]) -> str | None:
        try:
            return self.get(client, key)
        except CloudError as error:
            if absent(error) and error.code.endswith(("Policy", "PolicyNotFoundException")):
                return None
            if not (error.missing or absent(error)):
                raise
            if wished:
                raise WaitingError(f"there is no {self.NAME.removesuffix('_policy')} {key.name} yet") from error
            return None


def _present(text: str | None, key: Key, wished: Mapping[str, Any], fleet: str) -> dict[str, Any]:
    try:
        return present(text, wished, partial(is_ours, fleet=fleet), partition_of(key.target.region))
    except ValueError as error:
        raise PreconditionError(
            f"the policy of {key.name} is not understood: {error}", "it is left as it is: look at what stands there"
        ) from error


def _get_bucket(client: Client, key: Key) -> str | None:
    answer = client.call("GetBucketPolicy", Bucket=key.name, ExpectedBucketOwner=key.target.account)
    return str(answer["Policy"])


def _put_bucket(client: Client, key: Key, text: str | None) -> None:
    owner = {"Bucket": key.name, "ExpectedBucketOwner": key.target.account}
    if text is None:
        client.call("DeleteBucketPolicy", **owner)
    else:
        client.call("PutBucketPolicy", **owner, Policy=text)


def _get_repository(client: Client, key: Key) -> str | None:
    answer = client.call("GetRepositoryPolicy", registryId=key.target.account, repositoryName=key.name)
    return str(answer["policyText"])


def _put_repository(client: Client, key: Key, text: str | None) -> None:
    named = {"registryId": key.target.account, "repositoryName": key.name}
    if text is None:
        client.call("DeleteRepositoryPolicy", **named)
    else:
        client.call("SetRepositoryPolicy", **named, policyText=text)


def _get_group(client: Client, key: Key) -> str | None:
    try:
        return str(client.call("GetModelPackageGroupPolicy", ModelPackageGroupName=key.name)["ResourcePolicy"])
    except CloudError as error:
        if error.missing and "policy" in error.said.lower():
            return None
        raise


def _put_group(client: Client, key: Key, text: str | None) -> None:
    if text is None:
        client.call("DeleteModelPackageGroupPolicy", ModelPackageGroupName=key.name)
    else:
        client.call("PutModelPackageGroupPolicy", ModelPackageGroupName=key.name, ResourcePolicy=text)


def _key_id(client: Client, key: Key) -> str:
    """Policies are asked for by a key's own ARN, never by its alias."""
    if ":alias/" not in key.name:
        return key.name
    return str(client.call("DescribeKey", KeyId=key.name)["KeyMetadata"]["Arn"])


def _get_key(client: Client, key: Key) -> str | None:
    return str(client.call("GetKeyPolicy", KeyId=_key_id(client, key), PolicyName="default")["Policy"])


def _put_key(client: Client, key: Key, text: str | None) -> None:
    if text is None:
        raise PreconditionError(f"{key.name} would have no policy left", "a key without one is lost: give it one first")
    client.call("PutKeyPolicy", KeyId=_key_id(client, key), PolicyName="default", Policy=text)


def _get_bus(client: Client, key: Key) -> str | None:
    text: str | None = client.call("DescribeEventBus", Name=key.name).get("Policy")
    return text


def _put_bus(client: Client, key: Key, text: str | None) -> None:
    if text is None:
        client.call("RemovePermission", EventBusName=key.name, RemoveAllPermissions=True)
    else:
        client.call("PutPermission", EventBusName=key.name, Policy=text)


def queue_url(client: Client, key: Key) -> str:
    """A queue's address; `CloudError` when there is none."""
    answer = client.call("GetQueueUrl", QueueName=key.name, QueueOwnerAWSAccountId=key.target.account)
    return str(answer["QueueUrl"])


def _get_queue(client: Client, key: Key) -> str | None:
    answer = client.call("GetQueueAttributes", QueueUrl=queue_url(client, key), AttributeNames=["Policy"])
    text: str | None = answer.get("Attributes", {}).get("Policy")
    return text


def _put_queue(client: Client, key: Key, text: str | None) -> None:
    client.call("SetQueueAttributes", QueueUrl=queue_url(client, key), Attributes={"Policy": text or ""})


BUCKET_POLICY = PolicyKind("bucket_policy", "s3", _get_bucket, _put_bucket)
REPOSITORY_POLICY = PolicyKind("repository_policy", "ecr", _get_repository, _put_repository)
GROUP_POLICY = PolicyKind("group_policy", "sagemaker", _get_group, _put_group)
KEY_POLICY = PolicyKind("key_policy", "kms", _get_key, _put_key)
BUS_POLICY = PolicyKind("bus_policy", "events", _get_bus, _put_bus)
QUEUE_POLICY = PolicyKind("queue_policy", "sqs", _get_queue, _put_queue)
