"""Image manifests and indexes, read from their exact bytes and never written anew: the bytes are the identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.errors import RegistryError
from controller.oci.reference import check_digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))

LARGEST = 4 * 1024 * 1024
"""Bytes of a manifest: the most that registries take."""
_MOST_PARTS = 4096
_LARGEST_BLOB = 1 << 50


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one of its parts. `size` (bytes) is a promise that is held to."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`body` verbatim. An index has `children` (manifests), an image or artifact has `blobs`, each digest once.

    `subject` is the digest of what it is about (a signature, an SBOM), or empty; that need not exist.
    """

    media_type: str
    digest: str
    body: bytes
    children: tuple[Descriptor, ...] = ()
    blobs: tuple[Descriptor, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A referrer as a list names it: what is checked of it, and the whole entry as it stands there."""

    part: Descriptor
    entry: Mapping[str, Any]


def digest_of(data: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_manifest(body: bytes, content_type: str) -> Manifest:
    """A manifest from its bytes and the Content-Type it came with.

    Refused with `RegistryError`: more than 4 MiB, other or contradicting media types, one body that could be read as
    both an image and an index, schema 1, duplicate keys, digests that are not sha256, impossible sizes.
    """
    digest = digest_of(body)
    if len(body) > LARGEST:
        raise _refused(digest, f"it has {len(body)} bytes, more than {LARGEST}")
    document = _document(body, digest)
    media_type = _media_type(document, content_type, digest)
    subject = _descriptor(document["subject"], digest).digest if document.get("subject") is not None else ""
    if media_type in INDEXES:
        return Manifest(media_type, digest, body, _children(document, digest), (), subject)
    config = document.get("config")
    blobs = _descriptors([config], digest) + _descriptors(document.get("layers"), digest)
    return Manifest(media_type, digest, body, (), _once(blobs, digest), subject)


def read_referrers(body: bytes) -> tuple[Listed, ...]:
    """The entries of a list of referrers, which is an index that no digest vouches for: each is verified when read."""
    digest = digest_of(body)
    document = _document(body, digest)
    if document.get("mediaType", OCI_INDEX) != OCI_INDEX:
        raise _refused(digest, "it is no list of referrers")
    parts = _descriptors(document.get("manifests"), digest)
    _check_types(parts, digest)
    entries = zip(parts, document["manifests"], strict=True)
    return tuple({part.digest: Listed(part, entry) for part, entry in entries}.values())


def _document(body: bytes, digest: str) -> Mapping[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise _refused(digest, "a key stands in it twice, so that two readers may see two images")
        return found

    def constant(name: str) -> None:
        raise ValueError(name)

    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise _refused(digest, "it is not JSON") from error
    if not isinstance(document, dict):
        raise _refused(digest, "it is not a JSON object")
    return document


def _media_type(document: Mapping[str, Any], content_type: str, digest: str) -> str:
    declared = content_type.partition(";")[0].strip().lower()
    if declared not in MANIFESTS | INDEXES:
        raise _refused(digest, f"its type {declared[:100]!r} is not an image, artifact or index of Docker v2 or OCI v1")
    inside = document.get("mediaType")
    if inside is None and declared in {DOCKER_MANIFEST, DOCKER_LIST}:
        raise _refused(digest, f"it came as {declared} but does not say so itself")
    if inside is not None and inside != declared:
        raise _refused(digest, f"it came as {declared} but calls itself {str(inside)[:100]!r}")
    if document.get("schemaVersion") != 2 or "fsLayers" in document:
        raise _refused(digest, "its schemaVersion is not 2")
    image, index = "config" in document or "layers" in document, "manifests" in document
    if (image and index) or index != (declared in INDEXES):
        raise _refused(digest, "it can be read both as an image and as an index")
    return declared


def _children(document: Mapping[str, Any], digest: str) -> tuple[Descriptor, ...]:
    children = _once(_descriptors(document.get("manifests"), digest), digest)
    _check_types(children, digest)
    return children


def _check_types(children: tuple[Descriptor, ...], digest: str) -> None:
    for child in children:
        if child.media_type not in MANIFESTS | INDEXES:
            raise _refused(digest, f"it lists {child.digest} of the unknown type {child.media_type[:100]!r}")
        if child.size > LARGEST:
            raise _refused(digest, f"it lists {child.digest} with {child.size} bytes, more than {LARGEST}")


def _descriptors(items: Any, digest: str) -> tuple[Descriptor, ...]:
    if not isinstance(items, list) or len(items) > _MOST_PARTS:
        raise _refused(digest, f"its parts are not a list of at most {_MOST_PARTS}")
    return tuple(_descriptor(item, digest) for item in items)


def _descriptor(item: Any, digest: str) -> Descriptor:
    """`urls` of foreign layers are not looked at: bytes come from the registry that was named, or not at all."""
    fields = item if isinstance(item, dict) else {}
    media_type, part, size = fields.get("mediaType"), fields.get("digest"), fields.get("size")
    if not isinstance(media_type, str) or not isinstance(part, str):
        raise _refused(digest, "one of its parts has no mediaType or digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST_BLOB:
        raise _refused(digest, "one of its parts has no proper size")
    return Descriptor(media_type, check_digest(part), size)


def _once(parts: tuple[Descriptor, ...], digest: str) -> tuple[Descriptor, ...]:
    """The parts without repetitions; one digest with two sizes is a lie."""
    found: dict[str, Descriptor] = {}
    for part in parts:
        if found.setdefault(part.digest, part).size != part.size:
            raise _refused(digest, f"it gives {part.digest} two sizes")
    return tuple(found.values())


def _refused(digest: str, why: str) -> RegistryError:
    return RegistryError(f"manifest {digest} is refused: {why}", code="MANIFEST_INVALID")
