"""Small real images, and requests to a registry's distribution endpoint without sockets."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.sandbox import local
from tests.sandbox.conftest import HUB, Bench

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def entry(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


@dataclass(frozen=True)
class Image:
    """A config, one layer, and the manifest that names them, spaced as nobody else would."""

    text: str = "one"

    @property
    def config(self) -> bytes:
        return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"text": self.text}}}).encode()

    @property
    def layer(self) -> bytes:
        return gzip.compress(self.text.encode() * 1000, mtime=0)

    @property
    def manifest(self) -> bytes:
        body = {"schemaVersion": 2, "mediaType": OCI, "config": entry(self.config, CONFIG), "layers": [entry(self.layer, LAYER)]}
        return json.dumps(body, indent=3).encode() + b"\n"

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


class Registry:
    """An account's registry, signed in with the token of GetAuthorizationToken."""

    def __init__(self, bench: Bench, account: str = HUB, credentials: str | None = None) -> None:
        self.world = bench.world
        self.base = f"https://{account}.dkr.ecr.eu-west-1.amazonaws.com"
        if credentials is None:
            data = bench.client("ecr", account).get_authorization_token()["authorizationData"]
            credentials = data[0]["authorizationToken"]
        self.headers = {"Authorization": f"Basic {credentials}"} if credentials else {}

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body; header names with `_` for `-`."""
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        status, answered, whole = local.send(self.world, method, self.base + path, given, body)
        return status, local.Headers(answered), whole

    def blob(self, name: str, data: bytes) -> int:
        """Uploads in one piece."""
        return self("POST", f"/v2/{name}/blobs/uploads/?digest={digest_of(data)}", data)[0]

    def manifest(self, name: str, reference: str, data: bytes, media_type: str = OCI) -> tuple[int, Mapping[str, str], bytes]:
        return self("PUT", f"/v2/{name}/manifests/{reference}", data, Content_Type=media_type)


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def push(bench: Bench, name: str, tag: str, text: str = "one", account: str = HUB) -> str:
    """Pushes an image into a repository, made when absent; gives its digest."""
    ecr = bench.client("ecr", account)
    if name not in [row["repositoryName"] for row in ecr.describe_repositories()["repositories"]]:
        ecr.create_repository(repositoryName=name)
    registry, image = Registry(bench, account), Image(text)
    assert [registry.blob(name, image.config), registry.blob(name, image.layer)] == [201, 201]
    assert registry.manifest(name, tag, image.manifest)[0] == 201
    return image.digest
