"""What S3 keeps. Bucket names are global; a bucket knows its owner."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.sandbox.s3.holes import Piece


@dataclass(slots=True)
class Stored:
    """One version of an object, or a delete marker. `pieces` are its bytes; `etag` is without quotes."""

    key: str
    version: str  # "null" when the bucket had no versioning
    time: float
    pieces: tuple[Piece, ...] = ()
    size: int = 0
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # content-type and the like
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)  # algorithm in lower case -> base64
    checksum_type: str = "FULL_OBJECT"
    parts: int = 0
    deleted: bool = False


@dataclass(slots=True)
class Part:
    """One part of a multipart upload."""

    number: int
    pieces: tuple[Piece, ...]
    size: int
    etag: str
    checksums: dict[str, str]
    time: float


@dataclass(slots=True)
class Multipart:
    """An unfinished upload; the template carries what the finished object will."""

    id: str
    key: str
    time: float
    initiator: str
    template: Stored
    algorithm: str
    checksum_type: str
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """`objects`: versions of each key, the newest last. `settings`: documents of sub-resources, kept verbatim."""

    name: str
    owner: str
    region: str
    created: float
    versioning: str = ""  # "", "Enabled" or "Suspended"
    objects: dict[str, list[Stored]] = field(default_factory=dict)
    uploads: dict[str, Multipart] = field(default_factory=dict)
    settings: dict[str, bytes] = field(default_factory=dict)

    def current(self, key: str) -> Stored | None:
        """The newest version, None when there is none or it is a delete marker."""
        versions = self.objects.get(key)
        return versions[-1] if versions and not versions[-1].deleted else None
