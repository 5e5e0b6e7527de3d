"""What SageMaker fills in: image digests from ECR and ETags from S3, where the sandbox has the image or the object."""

from __future__ import annotations

import re
from typing import Any

from controller.sandbox.ecr.state import Registry
from controller.sandbox.world import World

_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_OBJECT = re.compile(r"s3://([^/]+)/(.+)")


def image_place(world: World, image: str) -> tuple[Registry, str] | None:
    """The registry and the repository's name that an image reference means; None when it is no registry of ours."""
    found = _IMAGE.fullmatch(image)
    if found is None or found["account"] not in world.accounts:
        return None
    return world.registry_of(found["account"], found["region"]), found["name"]


def image_digest(world: World, image: str) -> str | None:
    """The manifest digest that an image reference means now, None when it is in none of our registries."""
    found = _IMAGE.fullmatch(image)
    registry = world.registries.get((found["account"], found["region"])) if found else None
    repository = registry.repositories.get(found["name"]) if registry and found else None
    if found is None or repository is None:
        return None
    digest = found["digest"] or repository.tags.get(found["tag"] or "latest")
    return digest if digest in repository.images else None


def object_etag(world: World, uri: str) -> str | None:
    """The ETag of an object now, None when there is no such object."""
    found = _OBJECT.fullmatch(uri)
    bucket = world.buckets.get(found[1]) if found else None
    stored = bucket.current(found[2]) if bucket and found else None
    return stored.etag if stored else None


def _fill_container(world: World, container: dict[str, Any]) -> dict[str, Any]:
    filled = dict(container)
    digest = image_digest(world, container.get("Image", ""))
    if digest and not container.get("ImageDigest"):
        filled["ImageDigest"] = digest
    etag = object_etag(world, container.get("ModelDataUrl", ""))
    if etag and "ModelDataETag" not in container:
        filled["ModelDataETag"] = etag
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source and source.get("S3DataType") == "S3Object" and "ETag" not in source:
        etag = object_etag(world, source.get("S3Uri", ""))
        filled["ModelDataSource"] = {"S3DataSource": source | ({"ETag": etag} if etag else {})}
    return filled


def fill(world: World, specification: dict[str, Any]) -> dict[str, Any]:
    """An inference specification with every container filled in; the given one stays as it is."""
    containers = [_fill_container(world, container) for container in specification.get("Containers", [])]
    return specification | ({"Containers": containers} if containers else {})
