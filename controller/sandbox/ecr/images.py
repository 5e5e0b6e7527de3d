"""ECR's images: put, get, describe, list, delete."""

from __future__ import annotations

from typing import Any

from controller.sandbox.ecr.pages import page
from controller.sandbox.ecr.repositories import registry_of
from controller.sandbox.ecr.state import Image, Registry, Repository
from controller.sandbox.ecr.store import DIGEST, find_image, find_repository, parents_of, put_manifest, within
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

Document = dict[str, Any]


def _where(world: World, caller: Caller, document: Document) -> tuple[Registry, Repository]:
    registry = registry_of(world, caller, document)
    return registry, find_repository(registry, document["repositoryName"])


def _image(registry: Registry, repository: Repository, image: Image, tag: str | None) -> Document:
    name = {"imageDigest": image.digest} | ({"imageTag": tag} if tag else {})
    return {
        "registryId": registry.account,
        "repositoryName": repository.name,
        "imageId": name,
        "imageManifest": image.manifest.decode(),
        "imageManifestMediaType": image.media_type,
    }


def put_image(world: World, caller: Caller, document: Document) -> Document:
    """Stores a manifest whose layers, or children, are here."""
    registry, repository = _where(world, caller, document)
    tag = document.get("imageTag")
    manifest = document["imageManifest"].encode()
    image = put_manifest(
        world,
        registry,
        repository,
        manifest,
        document.get("imageManifestMediaType") or "",
        tag,
        document.get("imageDigest"),
    )
    return {"image": _image(registry, repository, image, tag)}


def _failure(image_id: Document, code: str, reason: str) -> Document:
    return {"imageId": image_id, "failureCode": code, "failureReason": reason}


def _lookup(repository: Repository, image_id: Document) -> Image | Document:
    """The image of an id, or what BatchGetImage and BatchDeleteImage say of it."""
    tag, digest = image_id.get("imageTag"), image_id.get("imageDigest")
    if tag is None and digest is None:
        return _failure(
            image_id, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
        )
    if digest is not None and not DIGEST.fullmatch(digest):
        return _failure(
            image_id,
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        )
    image = find_image(repository, tag, digest)
    if image is not None:
        return image
    if tag in repository.tags and digest in repository.images:
        return _failure(
            image_id, "ImageTagDoesNotMatchDigest", f"Requested image tag {tag} does not match the digest {digest}"
        )
    return _failure(image_id, "ImageNotFound", "Requested image not found")


def batch_get_image(world: World, caller: Caller, document: Document) -> Document:
    """Manifests byte for byte, up to 100; what is not there stands among the failures of a 200."""
    registry, repository = _where(world, caller, document)
    images, failures = [], []
    for image_id in document["imageIds"]:
        found = _lookup(repository, image_id)
        if isinstance(found, Image):
            found.pulled = world.clock.now()
            images.append(_image(registry, repository, found, image_id.get("imageTag")))
        else:
            failures.append(found)
    return {"images": images, "failures": failures}


def batch_delete_image(world: World, caller: Caller, document: Document) -> Document:
    """By tag: takes the tag away, and the image with its last one; by digest: the image with all tags."""
    _, repository = _where(world, caller, document)
    gone, failures = [], []
    for image_id in document["imageIds"]:
        found = _lookup(repository, image_id)
        if not isinstance(found, Image):
            failures.append(found)
            continue
        tag = image_id.get("imageTag")
        last = repository.tags_of(found.digest) in ([], [tag])
        if (tag is None or last) and parents_of(repository, found.digest):
            said = f"Requested image referenced by manifest list: [{', '.join(parents_of(repository, found.digest))}]"
            failures.append(_failure(image_id, "ImageReferencedByManifestList", said))
            continue
        gone += _delete(repository, found, tag)
    return {"imageIds": gone, "failures": failures}


def _delete(repository: Repository, image: Image, tag: str | None) -> list[Document]:
    tags = [tag] if tag is not None else repository.tags_of(image.digest)
    for name in tags:
        del repository.tags[name]
    if not repository.tags_of(image.digest):
        del repository.images[image.digest]
    return [{"imageDigest": image.digest, "imageTag": name} for name in tags] or [{"imageDigest": image.digest}]


def _detail(registry: Registry, repository: Repository, image: Image) -> Document:
    found: Document = {
        "registryId": registry.account,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed,
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    }
    if tags := repository.tags_of(image.digest):
        found["imageTags"] = tags
    if image.artifact_type:
        found["artifactMediaType"] = image.artifact_type
    if image.subject:
        found["subjectManifestDigest"] = image.subject
    return found | ({"lastRecordedPullTime": image.pulled} if image.pulled else {})


def _tagged(repository: Repository, image: Image, document: Document) -> bool:
    status = (document.get("filter") or {}).get("tagStatus", "ANY")
    return bool(status == "ANY" or (status == "TAGGED") is bool(repository.tags_of(image.digest)))


def describe_images(world: World, caller: Caller, document: Document) -> Document:
    """Details of images, up to 1,000 a page; a named one that is missing is ImageNotFoundException."""
    registry, repository = _where(world, caller, document)
    rows = [image for image in repository.images.values() if _tagged(repository, image, document)]
    if document.get("imageIds"):
        rows = []
        for image_id in document["imageIds"]:
            image = find_image(repository, image_id.get("imageTag"), image_id.get("imageDigest"))
            if image is None:
                said = f"The image with imageId {image_id} does not exist within {within(registry, repository)}"
                raise ServiceError("ImageNotFoundException", said)
            rows.append(image)
    found, more = page(rows, document)
    return {"imageDetails": [_detail(registry, repository, image) for image in found], **more}


def list_images(world: World, caller: Caller, document: Document) -> Document:
    """Ids of images, one for each tag."""
    _, repository = _where(world, caller, document)
    rows: list[Document] = []
    for image in repository.images.values():
        if _tagged(repository, image, document):
            tags = repository.tags_of(image.digest)
            rows += [{"imageDigest": image.digest, "imageTag": tag} for tag in tags] or [{"imageDigest": image.digest}]
    found, more = page(rows, document)
    return {"imageIds": found, **more}


def list_image_referrers(world: World, caller: Caller, document: Document) -> Document:
    """The images whose subject is the given one."""
    _, repository = _where(world, caller, document)
    subject = document["subjectId"]["imageDigest"]
    rows = [
        {
            "digest": image.digest,
            "mediaType": image.media_type,
            "artifactType": image.artifact_type or "",
            "size": len(image.manifest),
            "annotations": image.annotations,
            "artifactStatus": "ACTIVE",
        }
        for image in repository.images.values()
        if image.subject == subject
    ]
    found, more = page(rows, document)
    return {"referrers": found, **more}
