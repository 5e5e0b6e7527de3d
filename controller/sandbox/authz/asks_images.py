"""ECR's calls and the requests of its distribution endpoint as actions on repositories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.sandbox.authz.ask import Ask, Keys, alias_keys, rows, tag_keys
from controller.sandbox.ecr.oci import Asked
from controller.sandbox.ecr.repositories import arn_of
from controller.sandbox.ecr.state import Registry
from controller.sandbox.kms.service import named_key
from controller.sandbox.principals import Caller
from controller.sandbox.wire import Request
from controller.sandbox.world import World

Document = dict[str, Any]


def on_repository(registry: Registry, action: str, name: str, context: Keys | None = None) -> Ask:
    """One action on a repository, under its policy."""
    repository = registry.repositories.get(name)
    policy = repository.policy if repository else None
    source = (f"repository {registry.account}/{name}", policy) if policy else None
    tags = repository.tags_on_it if repository else {}
    known = {f"aws:resourcetag/{key.lower()}": (value,) for key, value in tags.items()}
    known |= {f"ecr:resourcetag/{key.lower()}": (value,) for key, value in tags.items()}
    return Ask(f"ecr:{action}", arn_of(registry, name), registry.account, known | (context or {}), source)


def _created(world: World, registry: Registry, caller: Caller, document: Document) -> Iterable[Ask]:
    name, tags = str(document.get("repositoryName")), rows(document.get("tags"))
    yield on_repository(registry, "CreateRepository", name, tag_keys(tags))
    if tags:
        yield on_repository(registry, "TagResource", name, tag_keys(tags))
    encryption = document.get("encryptionConfiguration") or {}
    key = named_key(world, caller.account, caller.region, str(encryption.get("kmsKey") or ""))
    if key is None:
        return
    via = {"kms:viaservice": (f"ecr.{caller.region}.amazonaws.com",), "kms:calleraccount": (caller.account,)}
    for action in ("kms:CreateGrant", "kms:DescribeKey"):
        context = via | alias_keys(key.aliases)
        yield Ask(action, key.arn, key.account, context, (f"key {key.id}", key.policy), "key")


def asks(world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """What a call of ECR's API asks leave for."""
    account = document.get("registryId") or caller.account
    registry = world.registry_of(str(account), caller.region)
    if operation == "CreateRepository":
        yield from _created(world, registry, caller, document)
    elif document.get("repositoryName"):
        yield on_repository(registry, operation, str(document["repositoryName"]))
    elif document.get("resourceArn"):
        parts = str(document["resourceArn"]).split(":", 5)
        tags = rows(document.get("tags"))
        where = world.registry_of(parts[4], parts[3]) if len(parts) == 6 else registry
        yield on_repository(where, operation, parts[-1].removeprefix("repository/"), tag_keys(tags))
    elif operation == "DescribeRepositories":
        names = document.get("repositoryNames") or ["*"]
        for name in names:
            yield on_repository(registry, operation, str(name))
    else:
        yield Ask(f"ecr:{operation}", "*", registry.account)


def registry_asks(registry: Registry, request: Request, asked: Asked) -> Iterable[Ask]:
    """What a request to /v2/ asks leave for; signing in to the base address asks for none."""
    method, kind = request.method, asked.kind
    if kind == "manifests":
        yield on_repository(registry, "PutImage" if method == "PUT" else "BatchGetImage", asked.name)
    elif kind == "blobs":
        yield on_repository(
            registry, "BatchCheckLayerAvailability" if method == "HEAD" else "GetDownloadUrlForLayer", asked.name
        )
    elif kind == "tags":
        yield on_repository(registry, "ListImages", asked.name)
    elif kind == "referrers":
        yield on_repository(registry, "BatchGetImage", asked.name)
    elif kind == "blobs/uploads":
        yield from _upload_asks(registry, request, asked)


def _upload_asks(registry: Registry, request: Request, asked: Asked) -> Iterable[Ask]:
    if request.method == "POST":
        yield on_repository(registry, "InitiateLayerUpload", asked.name)
        if request.query.get("mount") and request.query.get("from"):
            yield on_repository(registry, "GetDownloadUrlForLayer", request.query["from"])
    elif request.method == "PUT":
        if int(request.headers.get("content-length") or 0):
            yield on_repository(registry, "UploadLayerPart", asked.name)
        yield on_repository(registry, "CompleteLayerUpload", asked.name)
    else:
        yield on_repository(registry, "UploadLayerPart", asked.name)
