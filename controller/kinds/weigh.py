"""How many bytes an image's blobs have, from the manifests that ECR hands out: said beforehand, never relied on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.core.errors import RegistryError
from controller.kinds.base import Client
from controller.oci.manifest import Manifest, read_manifest

_DEEPEST = 4
_MOST = 1024
_AT_ONCE = 100


def weigh(client: Client, account: str, repository: str, given: Mapping[str, Any]) -> int | None:
    """Bytes of all blobs of an image that BatchGetImage gave, each digest once; None where a manifest does not say.

    An image costs no call, an index one for each level and hundred of its children.
    """
    blobs: dict[str, int] = {}
    seen: set[str] = set()
    level: list[Mapping[str, Any]] = [given]
    for _ in range(_DEEPEST + 1):
        try:
            manifests = [_read(item) for item in level]
        except (RegistryError, KeyError):
            return None
        blobs |= {blob.digest: blob.size for manifest in manifests for blob in manifest.blobs}
        children = [child.digest for manifest in manifests for child in manifest.children]
        wanted = [digest for digest in dict.fromkeys(children) if digest not in seen]
        seen.update(wanted)
        if not wanted:
            return sum(blobs.values())
        level = [*_asked(client, account, repository, wanted)] if len(seen) <= _MOST else []
        if len(level) < len(wanted):
            return None
    return None


def _read(item: Mapping[str, Any]) -> Manifest:
    return read_manifest(item["imageManifest"].encode(), item["imageManifestMediaType"])


def _asked(client: Client, account: str, repository: str, digests: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(digests), _AT_ONCE):
        ids = [{"imageDigest": digest} for digest in digests[start : start + _AT_ONCE]]
        answer = client.call("BatchGetImage", registryId=account, repositoryName=repository, imageIds=ids)
        yield from answer.get("images", [])
