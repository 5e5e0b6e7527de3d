"""The rules of an image registry, shared by ECR's calls and the distribution endpoint: manifests, tags, layers."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from controller.sandbox.ecr.state import Blob, Image, Registry, Repository, Upload
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

MANIFEST_LIMIT = 4_194_304
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}")


def sha256(pieces: Iterable[bytes]) -> str:
    """The digest of bytes, as registries write it."""
    state = hashlib.sha256()
    for piece in pieces:
        state.update(piece)
    return f"sha256:{state.hexdigest()}"


def find_repository(registry: Registry, name: str) -> Repository:
    """A repository; RepositoryNotFoundException."""
    repository = registry.repositories.get(name)
    if repository is None:
        said = f"The repository with name '{name}' does not exist in the registry with id '{registry.account}'"
        raise ServiceError("RepositoryNotFoundException", said)
    return repository


def keep_blob(registry: Registry, repository: Repository, pieces: Iterable[bytes], digest: str) -> Blob:
    """Stores bytes under their digest in a repository."""
    kept = tuple(pieces)
    blob = registry.blobs.setdefault(digest, Blob(digest, kept, sum(map(len, kept))))
    repository.layers.add(digest)
    return blob


def begin_upload(world: World, registry: Registry, repository: Repository) -> Upload:
    """A new upload, by a name like ECR's."""
    text = hashlib.sha256(f"layer {world.next_serial()}".encode()).hexdigest()
    name = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"
    return registry.uploads.setdefault(name, Upload(name, repository.name))


def find_upload(registry: Registry, repository: Repository, name: str) -> Upload:
    """An upload under way in this repository; UploadNotFoundException."""
    upload = registry.uploads.get(name)
    if upload is None or upload.repository != repository.name:
        raise ServiceError(
            "UploadNotFoundException",
            f"The upload with id '{name}' does not exist in the repository '{repository.name}'",
        )
    return upload


def _parse(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as fault:
        raise ServiceError(
            "InvalidParameterException",
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
        ) from fault
    if not isinstance(document, dict):
        raise ServiceError("InvalidParameterException", "Invalid parameter at 'ImageManifest': not an object")
    return document


def _locked(repository: Repository, tag: str) -> bool:
    """Whether a tag, once given, stays."""
    excepted = any(fnmatch.fnmatchcase(tag, item.get("filter", "")) for item in repository.exclusions)
    return repository.mutability.startswith("IMMUTABLE") is not (
        excepted and repository.mutability.endswith("EXCLUSION")
    )


def within(registry: Registry, repository: Repository) -> str:
    """Where something is, as ECR's messages say it."""
    return f"the repository with name '{repository.name}' in the registry with id '{registry.account}'"


def _absent(code: str, digests: list[str], registry: Registry, repository: Repository) -> ServiceError:
    what = "Layers" if code.startswith("Layers") else "Images"
    where = within(registry, repository)
    return ServiceError(
        code, f"{what} with digests '[{', '.join(digests)}]' required for pushing image into {where} do not exist"
    )


_FOREIGN = ("foreign", "nondistributable")  # layers that registries only know by name


def _references(document: dict[str, Any]) -> tuple[frozenset[str], frozenset[str], int]:
    """Blobs and child manifests that a manifest needs, and how many bytes its config and layers say they have."""
    try:
        children = frozenset(str(item["digest"]) for item in document.get("manifests") or ())
        config = document.get("config")
        entries = [*([config] if config else []), *(document.get("layers") or ())]
        own = [item for item in entries if not any(word in item.get("mediaType", "") for word in _FOREIGN)]
        return (
            frozenset(str(item["digest"]) for item in own),
            children,
            sum(int(item.get("size", 0)) for item in entries),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        said = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid manifest'"
        raise ServiceError("InvalidParameterException", said) from fault


def _read_manifest(registry: Registry, repository: Repository, manifest: bytes, media_type: str, now: float) -> Image:
    """An image with all that it refers to present here, or LayersNotFound / ReferencedImagesNotFound."""
    document = _parse(manifest)
    inside = document.get("mediaType")
    usual = "" if "manifests" in document else "application/vnd.docker.distribution.manifest.v2+json"
    if inside and media_type and inside != media_type:
        raise ServiceError("InvalidParameterException", "The manifest's mediaType differs from the one it is put with")
    blobs, children, size = _references(document)
    if absent := sorted(blobs - repository.layers):
        raise _absent("LayersNotFoundException", absent, registry, repository)
    if absent := sorted(children - set(repository.images)):
        raise _absent("ReferencedImagesNotFoundException", absent, registry, repository)
    kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
    subject = (document.get("subject") or {}).get("digest")
    annotations = document.get("annotations") or {}
    media_type = media_type or inside or usual
    return Image(sha256([manifest]), media_type, manifest, now, size, blobs, children, kind, subject, annotations)


def put_manifest(
    world: World,
    registry: Registry,
    repository: Repository,
    manifest: bytes,
    media_type: str,
    tag: str | None,
    digest: str | None,
) -> Image:
    """Stores a manifest byte for byte and tags it, under ECR's rules for tags, layers, children and digests.

    The same manifest with the same tag again is ImageAlreadyExistsException: callers of /v2/ take it for success.
    """
    if len(manifest) > MANIFEST_LIMIT:
        raise ServiceError(
            "InvalidParameterException", "Invalid parameter at 'ImageManifest': longer than 4194304 bytes"
        )
    if tag is not None and not TAG.fullmatch(tag):
        raise ServiceError(
            "InvalidParameterException", f"Invalid parameter at 'ImageTag' failed to satisfy constraint: '{tag}'"
        )
    fresh = _read_manifest(registry, repository, manifest, media_type, world.clock.now())
    if digest is not None and digest != fresh.digest:
        raise ServiceError(
            "ImageDigestDoesNotMatchException",
            f"The specified image digest '{digest}' does not match the calculated digest '{fresh.digest}'",
        )
    known = repository.images.get(fresh.digest)
    held = repository.tags.get(tag) if tag is not None else None
    if known is not None and (tag is None or held == fresh.digest):
        said = f"Image with digest '{fresh.digest}' and tag '{tag}' already exists in {within(registry, repository)}"
        raise ServiceError("ImageAlreadyExistsException", said)
    if tag is not None and held is not None and _locked(repository, tag):
        said = (
            f"The image tag '{tag}' already exists in the '{repository.name}' repository "
            "and cannot be overwritten because the tag is immutable."
        )
        raise ServiceError("ImageTagAlreadyExistsException", said)
    image = repository.images.setdefault(fresh.digest, fresh)
    if tag is not None:
        repository.tags.pop(tag, None)
        repository.tags[tag] = image.digest
    return image


def find_image(repository: Repository, tag: str | None, digest: str | None) -> Image | None:
    """An image by tag, by digest, or by both when they agree."""
    named = repository.tags.get(tag) if tag is not None else digest
    if named is None or (digest is not None and named != digest):
        return None
    return repository.images.get(named)


def parents_of(repository: Repository, digest: str) -> list[str]:
    """The indexes in which an image stands."""
    return [image.digest for image in repository.images.values() if digest in image.children]
