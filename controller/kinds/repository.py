"""Repositories in the hub's image registry, created with immutable tags. Nothing deletes or changes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.errors import CloudError, SafetyError
from controller.core.marks import PREFIX
from controller.core.model import Action, Key, Resource, Target
from controller.core.view import View
from controller.core.wish import Wish, Wishes
from controller.kinds.base import Client, Facts, World

NAME = "repository"


def key(target: Target, name: str) -> Key:
    return Key(target, NAME, name)


def names(wish: Wish) -> tuple[str, ...]:
    """The hub repositories whose images a wish needs."""
    return tuple(sorted({copy.repository for copy in wish.images}))


def desire(wishes: Wishes) -> Iterator[Resource]:
    for wish in wishes.promotions:
        target = wish.subject.place.target
        key_arn = wish.store.kms_key_arn
        facts = {"fleet": wish.subject.place.fleet, "kms": key_arn or "", "lost": wish.draft is None}
        for name in names(wish):
            yield Resource(key(target, name), {}, origins=(wish.subject.name,), facts=facts)


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    wished = {(wish.subject.place.target, name) for wish in wishes.promotions for name in names(wish)}
    for target, name in sorted(wished):
        if name in views[target].repositories:
            yield Resource(key(target, name), {})


def reason(before: Any, after: Any) -> str:
    return "absent"


def read(client: Client, account: str, prefix: str) -> frozenset[str]:
    """Names of the account's repositories below the prefix."""
    found = client.pages("DescribeRepositories", "repositories", registryId=account, maxResults=1000)
    return frozenset(item["repositoryName"] for item in found if item["repositoryName"].startswith(prefix + "/"))


def create(world: World, action: Action) -> Facts:
    client = world.cloud.client(action.key.target, "ecr", "register")
    encryption = {"encryptionType": "AES256"}
    if action.facts["kms"]:
        encryption = {"encryptionType": "KMS", "kmsKey": action.facts["kms"]}
    try:
        client.call(
            "CreateRepository",
            repositoryName=action.key.name,
            imageTagMutability="IMMUTABLE",
            encryptionConfiguration=encryption,
            tags=[{"Key": PREFIX + "fleet", "Value": action.facts["fleet"]}],
        )
    except CloudError as error:
        if error.code != "RepositoryAlreadyExistsException":
            raise
    return {}


def update(world: World, action: Action) -> Facts:
    raise SafetyError(f"repositories are never changed: {action.key}")


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"repositories are never deleted: {action.key}")
