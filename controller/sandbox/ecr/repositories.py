"""ECR's repositories: create, describe, delete, policy, lifecycle, tags, mutability."""

from __future__ import annotations

import json
import re
from typing import Any

from controller.core.arn import partition_of
from controller.sandbox.ecr.pages import page
from controller.sandbox.ecr.state import Registry, Repository
from controller.sandbox.ecr.store import find_repository, within
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

Document = dict[str, Any]
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_MUTABILITY = ("MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")


def registry_of(world: World, caller: Caller, document: Document) -> Registry:
    """The registry that a request means: that of `registryId`, by default the caller's own."""
    account = document.get("registryId") or caller.account
    if account not in world.accounts:
        raise ServiceError(
            "AccessDeniedException", f"User: {caller.arn} is not authorized to use the registry of {account}"
        )
    return world.registry_of(account, caller.region)


def arn_of(registry: Registry, name: str) -> str:
    """A repository's ARN."""
    return f"arn:{partition_of(registry.region)}:ecr:{registry.region}:{registry.account}:repository/{name}"


def _described(registry: Registry, repository: Repository) -> Document:
    found: Document = {
        "repositoryArn": arn_of(registry, repository.name),
        "registryId": registry.account,
        "repositoryName": repository.name,
        "repositoryUri": f"{registry.host}/{repository.name}",
        "createdAt": repository.created,
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": repository.encryption,
    }
    return found | ({"imageTagMutabilityExclusionFilters": repository.exclusions} if repository.exclusions else {})


def _check_tags(tags: list[dict[str, str]]) -> dict[str, str]:
    if len(tags) > 50:
        raise ServiceError("TooManyTagsException", "The list of tags on the repository is over the limit: 50")
    kept = {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(kept) != len(tags) or any(not 1 <= len(key) <= 128 or len(text) > 256 for key, text in kept.items()):
        raise ServiceError(
            "InvalidTagParameterException",
            "A tag's key must have 1 to 128 characters, its value up to 256, and no key twice",
        )
    return kept


def _check_mutability(value: str) -> str:
    if value not in _MUTABILITY:
        raise ServiceError("InvalidParameterException", f"Invalid parameter at 'imageTagMutability': {value}")
    return value


def create_repository(world: World, caller: Caller, document: Document) -> Document:
    """Creates a repository; RepositoryAlreadyExistsException."""
    registry, name = registry_of(world, caller, document), document["repositoryName"]
    if not _NAME.fullmatch(name) or not 2 <= len(name) <= 256:
        raise ServiceError(
            "InvalidParameterException",
            f"Invalid parameter at 'repositoryName' failed to satisfy constraint: '{_NAME.pattern}'",
        )
    if name in registry.repositories:
        raise ServiceError(
            "RepositoryAlreadyExistsException",
            f"The repository with name '{name}' already exists in the registry with id '{registry.account}'",
        )
    scanning = document.get("imageScanningConfiguration") or {}
    fresh = Repository(name, world.clock.now(), _check_mutability(document.get("imageTagMutability") or "MUTABLE"))
    fresh.tags_on_it, fresh.scan_on_push = _check_tags(document.get("tags") or []), bool(scanning.get("scanOnPush"))
    fresh.encryption = document.get("encryptionConfiguration") or fresh.encryption
    fresh.exclusions = document.get("imageTagMutabilityExclusionFilters") or []
    registry.repositories[name] = fresh
    return {"repository": _described(registry, fresh)}


def describe_repositories(world: World, caller: Caller, document: Document) -> Document:
    """Repositories by name, up to 1,000 a page; a named one that is missing is RepositoryNotFoundException."""
    registry = registry_of(world, caller, document)
    named = document.get("repositoryNames")
    rows = (
        [find_repository(registry, name) for name in named]
        if named
        else [registry.repositories[name] for name in sorted(registry.repositories)]
    )
    found, more = page(rows, document)
    return {"repositories": [_described(registry, item) for item in found], **more}


def delete_repository(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a repository, with images only when forced."""
    registry = registry_of(world, caller, document)
    repository = find_repository(registry, document["repositoryName"])
    if repository.images and not document.get("force"):
        said = f"{within(registry, repository)} cannot be deleted because it still contains images"
        raise ServiceError("RepositoryNotEmptyException", said)
    del registry.repositories[repository.name]
    return {"repository": _described(registry, repository)}


def put_image_tag_mutability(world: World, caller: Caller, document: Document) -> Document:
    """Changes whether tags may move."""
    registry = registry_of(world, caller, document)
    repository = find_repository(registry, document["repositoryName"])
    repository.mutability = _check_mutability(document["imageTagMutability"])
    return {
        "registryId": registry.account,
        "repositoryName": repository.name,
        "imageTagMutability": repository.mutability,
    }


def repository_policy(world: World, caller: Caller, document: Document, deed: str) -> Document:
    """Sets, gets or deletes the resource policy; RepositoryPolicyNotFoundException when there is none."""
    registry = registry_of(world, caller, document)
    repository = find_repository(registry, document["repositoryName"])
    if deed == "set":
        try:
            json.loads(document["policyText"])["Statement"]
        except (ValueError, KeyError, TypeError) as fault:
            raise ServiceError(
                "InvalidParameterException",
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
            ) from fault
        repository.policy = document["policyText"]
    text = repository.policy
    if text is None:
        said = f"Repository policy does not exist for {within(registry, repository)}"
        raise ServiceError("RepositoryPolicyNotFoundException", said)
    if deed == "delete":
        repository.policy = None
    return {"registryId": registry.account, "repositoryName": repository.name, "policyText": text}


def lifecycle_policy(world: World, caller: Caller, document: Document, deed: str) -> Document:
    """Puts, gets or deletes the lifecycle policy, which is kept and never carried out."""
    registry = registry_of(world, caller, document)
    repository = find_repository(registry, document["repositoryName"])
    if deed == "put":
        repository.lifecycle = document["lifecyclePolicyText"]
    text = repository.lifecycle
    if text is None:
        raise ServiceError(
            "LifecyclePolicyNotFoundException",
            f"Lifecycle policy does not exist for the repository with name '{repository.name}'",
        )
    if deed == "delete":
        repository.lifecycle = None
    return {"registryId": registry.account, "repositoryName": repository.name, "lifecyclePolicyText": text}


def _by_arn(world: World, arn: str) -> Repository:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "ecr" or parts[4] not in world.accounts:
        raise ServiceError("InvalidParameterException", f"Invalid parameter at 'resourceArn': {arn}")
    return find_repository(world.registry_of(parts[4], parts[3]), parts[5].removeprefix("repository/"))


def repository_tags(world: World, _caller: Caller, document: Document, deed: str) -> Document:
    """Lists, adds or removes a repository's tags."""
    tags = _by_arn(world, document["resourceArn"]).tags_on_it
    if deed == "tag":
        tags.update(_check_tags(document["tags"]))
    for key in document["tagKeys"] if deed == "untag" else ():
        tags.pop(key, None)
    return {"tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if deed == "list" else {}
