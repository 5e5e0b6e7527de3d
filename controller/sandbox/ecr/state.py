"""What the image registry of one account and region keeps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes by their sha256, in the pieces in which they came."""

    digest: str
    pieces: tuple[bytes, ...]
    size: int


@dataclass(slots=True)
class Upload:
    """A layer on its way."""

    id: str
    repository: str
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class Image:
    """One manifest, kept byte for byte. `size` adds up its config and layers, `subject` is what it refers to."""

    digest: str
    media_type: str
    manifest: bytes
    pushed: float
    size: int
    blobs: frozenset[str]
    children: frozenset[str]
    artifact_type: str | None = None
    subject: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    pulled: float | None = None


@dataclass(slots=True)
class Repository:
    """Images by digest, tags to digests, and the digests of the layers that were pushed or mounted here."""

    name: str
    created: float
    mutability: str = "MUTABLE"
    scan_on_push: bool = False
    encryption: dict[str, str] = field(default_factory=lambda: {"encryptionType": "AES256"})
    tags_on_it: dict[str, str] = field(default_factory=dict)
    policy: str | None = None
    lifecycle: str | None = None
    exclusions: list[dict[str, str]] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    layers: set[str] = field(default_factory=set)

    def tags_of(self, digest: str) -> list[str]:
        """The tags of an image, in the order in which they were given."""
        return [tag for tag, target in self.tags.items() if target == digest]


@dataclass(slots=True)
class Registry:
    """Repositories by name, one store of blobs, and uploads under way."""

    account: str
    region: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The registry's name in image references."""
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"{self.account}.dkr.ecr.{self.region}.{suffix}"


@dataclass(frozen=True, slots=True)
class Login:
    """A password of GetAuthorizationToken: whose it is (by access key), and until when (wall clock)."""

    account: str
    principal: str
    ends: float
    key: str = ""
