"""A release: what a source version consists of. Its digest, the digests of what a promotion adds, and the ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.core.arn import Version, partition_of
from controller.core.canonical import digest, stable_id
from controller.core.fields import comparable, outline
from controller.core.manifest import Promotion
from controller.core.model import Target


@dataclass(frozen=True, slots=True, order=True)
class Object:
    """One S3 object as it was resolved; `version` is its VersionId, None in a bucket without versioning."""

    uri: str
    size: int
    etag: str
    version: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Image:
    """One image: the URI as the source spells it, and the digest of the manifest it named.

    `size` is what its blobs weigh, in bytes, or None where nobody said; it is shown and in no digest.
    """

    uri: str
    digest: str
    size: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Held:
    """Where a hub holds its copy of an object: bucket, key, VersionId, ETag, and the bucket's account."""

    bucket: str
    key: str
    version: str | None
    etag: str
    account: str

    def to_json(self) -> list[str | None]:
        return [self.bucket, self.key, self.version, self.etag, self.account]


@dataclass(frozen=True, slots=True)
class Release:
    """A source version with everything it names.

    `body` holds the carried fields as the source has them, `prefixes` those of its URIs that stand for every object
    below them; `checksums` (by URI) and `noted` (approval, times) are evidence and in no digest; `moved` says of which
    images the tag no longer names what it named when the version was registered. A release that comes from another hub
    names the version there (`via`, an ARN), where its objects are `held` (by URI) and its images `kept`
    (`host/repository` by URI); `reader` is that hub's account and region.
    """

    source: Version
    body: Mapping[str, Any]
    objects: tuple[Object, ...]
    images: tuple[Image, ...]
    prefixes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    via: str = ""
    held: Mapping[str, Held] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    reader: tuple[str, str] | None = None

    @property
    def digest(self) -> str:
        """`v1:sha256:…` over every carried field, object and image; no times, no approval, no checksums."""
        return "v1:" + digest(
            {
                "body": self.body,
                "metadata": self.metadata,
                "objects": sorted([item.uri, item.size, item.version, item.etag] for item in self.objects),
                "images": sorted([item.uri, item.digest] for item in self.images),
            }
        )

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(item.size for item in self.objects)

    def fields(self) -> dict[str, str]:
        """Digests of the carried fields by dotted path, to name what differs without showing it."""
        flat = outline({**self.body, "CustomerMetadataProperties": dict(self.metadata)})
        return {path: digest(value) for path, value in sorted(flat.items())}

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source.arn,
            "body": self.body,
            "metadata": self.metadata,
            "objects": [[item.uri, item.size, item.etag, item.version] for item in self.objects],
            "images": [[item.uri, item.digest, *_known(item.size)] for item in self.images],
            "prefixes": list(self.prefixes),
        }


def release_from_json(source: Version, data: Mapping[str, Any]) -> Release:
    """The inverse of `Release.to_json`."""
    return Release(
        source=source,
        body=data["body"],
        metadata=data["metadata"],
        objects=tuple(Object(uri, size, etag, version) for uri, size, etag, version in data["objects"]),
        images=tuple(_image(*row) for row in data["images"]),
        prefixes=tuple(data["prefixes"]),
    )


def _known(size: int | None) -> list[int]:
    return [] if size is None else [size]


def _image(uri: str, found: str, size: int | None = None) -> Image:
    return Image(uri, found, None if size is None else int(size))


def inputs_digest(promotion: Promotion) -> str:
    """Covers what a promotion changes about the release: `inference`, `artifacts`, `images`, `attempt`."""
    inference = promotion.inference
    return digest(
        {
            "artifacts": promotion.artifacts,
            "images": promotion.images,
            "attempt": promotion.attempt,
            "inference": {
                "contentTypes": list(inference.content_types),
                "responseTypes": list(inference.response_types),
                "set": dict(inference.environment.set),
                "drop": sorted(inference.environment.drop),
            },
        }
    )


def spec_digest(body: Mapping[str, Any]) -> str:
    """Covers a create body, or a described package, without approval, stage, metadata and token."""
    return digest(comparable(body))


def promotion_id(source: Version, hub: Target, group: str, release: str, inputs: str) -> str:
    """36 characters, the same wherever and whenever it is computed; also the `ClientToken`."""
    return stable_id([source.identity, [partition_of(hub.region), hub.region, hub.account, group], release, inputs])
