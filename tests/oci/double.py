"""A registry in memory behind the transport seam: checks digests, can demand logins, redirect, refuse and fail."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from controller.oci.auth import Login
from controller.oci.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest, read_manifest
from controller.oci.registry import Registry
from controller.oci.transport import Response, TransientError

Answer = tuple[int, dict[str, str], bytes]
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Seen:
    method: str
    url: str
    headers: dict[str, str]


class Stream(io.BytesIO):
    """A body that may break off after some bytes."""

    def __init__(self, data: bytes, breaks: int | None = None) -> None:
        super().__init__(data)
        self.breaks = breaks

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        if self.breaks is not None and self.tell() >= self.breaks:
            raise TransientError("broken off", code="IncompleteRead")
        room = len(buffer) if self.breaks is None else min(len(buffer), self.breaks - self.tell())
        return super().readinto(memoryview(buffer)[:room])


@dataclass
class Memory:
    """Implements `Transport` for one registry and whatever it redirects to."""

    base: str = "https://registry.test"
    login: Login | None = None
    bearer: bool = False
    realm: str = ""
    redirect: str = ""
    location: str = "relative"
    single_put: bool = True
    immutable: bool = True
    mounts: bool = False
    lists: bool = False
    ranges: bool = True
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    fails: Callable[[str, str, int], Answer | Exception | None] = lambda method, path, number: None
    breaks: int | None = None
    seen: list[Seen] = field(default_factory=list)

    def registry(self, login: Login | None = None) -> Registry:
        credentials = None if login is None else (lambda fresh: login)
        return Registry(self.base, self, credentials, pause=lambda seconds: None)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> Response:
        self.seen.append(Seen(method, url, dict(headers)))
        path = urlsplit(url).path
        fault = self.fails(method, path, len(self.seen))
        if isinstance(fault, Exception):
            raise fault
        status, answer, data = fault or self.answer(method, url, headers, body)
        answer = {"content-length": str(len(data)), **answer}
        shown = b"" if method == "HEAD" else data
        breaks, self.breaks = (self.breaks, None) if method == "GET" and "/blobs/" in path else (None, self.breaks)
        return Response(status, answer, Stream(shown, breaks))

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: object) -> Answer:
        parts = urlsplit(url)
        if not url.startswith(self.base + "/"):
            assert "Authorization" not in headers, "a login went to another host"
            return self.elsewhere(parts.path)
        if parts.path == "/token":
            return self.token(headers)
        if not self.allowed(headers):
            realm = self.realm or f"{self.base}/token"
            challenge = f'Bearer realm="{realm}",service="test"' if self.bearer else 'Basic realm="x"'
            return 401, {"www-authenticate": challenge}, b""
        repository, _, rest = parts.path.removeprefix("/v2/").partition("/manifests/")
        if rest:
            return self.manifest(method, repository, rest, headers, body)
        repository, _, rest = parts.path.removeprefix("/v2/").partition("/referrers/")
        if _:
            return self.referrers(repository, rest)
        repository, _, rest = parts.path.removeprefix("/v2/").partition("/blobs/uploads/")
        if _:
            return self.upload(method, repository, rest, parts.query, headers, body)
        repository, _, digest = parts.path.removeprefix("/v2/").partition("/blobs/")
        if (repository, digest) not in self.blobs:
            return 404, {}, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"no"}]}'
        if self.redirect and method == "GET":
            return 307, {"location": self.redirect.format(repository=repository, digest=digest)}, b""
        return self.part(self.blobs[repository, digest], headers.get("Range", "") if method == "GET" else "")

    def part(self, data: bytes, wanted: str) -> Answer:
        if not wanted or not self.ranges:
            return 200, {}, data
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        return 206, {"content-range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:]

    def referrers(self, repository: str, digest: str) -> Answer:
        if not self.lists:
            return 404, {}, b""
        found = {
            name: data
            for (place, name), (_, data) in self.manifests.items()
            if place == repository and ":" in name and (json.loads(data).get("subject") or {}).get("digest") == digest
        }
        kinds = {name: self.manifests[repository, name][0] for name in found}
        rows = [described(Descriptor(kinds[name], name, len(data))) for name, data in found.items()]
        return 200, {"content-type": OCI_INDEX}, json.dumps({"schemaVersion": 2, "manifests": rows}).encode()

    def elsewhere(self, path: str) -> Answer:
        digest = path.rpartition("/")[2]
        found = [data for (_, name), data in self.blobs.items() if name == digest]
        if path.startswith("/again"):
            return 307, {"location": f"https://bucket.test/again/{digest}"}, b""
        return (200, {}, found[0]) if found else (404, {}, b"")

    def token(self, headers: Mapping[str, str]) -> Answer:
        if not self.right(headers):
            return 401, {}, b""
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return 200, {}, json.dumps({"token": token}).encode()

    def right(self, headers: Mapping[str, str]) -> bool:
        assert self.login is not None
        pair = base64.b64encode(f"{self.login.username}:{self.login.password}".encode()).decode()
        return headers.get("Authorization") == f"Basic {pair}"

    def allowed(self, headers: Mapping[str, str]) -> bool:
        if self.login is None:
            return True
        if self.bearer:
            return headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
        return self.right(headers)

    def manifest(self, method: str, repository: str, name: str, headers: Mapping[str, str], body: object) -> Answer:
        key = (repository, name)
        if method in {"GET", "HEAD"}:
            if key not in self.manifests:
                return 404, {}, b""
            kind, data = self.manifests[key]
            return 200, {"content-type": kind, "docker-content-digest": sha(data)}, data
        assert isinstance(body, bytes)
        moves = name.startswith("sha256-")  # the specification's own tag, which is written anew
        if ":" not in name and key in self.manifests and self.immutable and not moves:
            return 400, {}, b'{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}'
        manifest = read_manifest(body, headers["Content-Type"])
        missing = [part.digest for part in manifest.blobs if (repository, part.digest) not in self.blobs]
        missing += [part.digest for part in manifest.children if (repository, part.digest) not in self.manifests]
        if missing:
            return 404, {}, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"missing"}]}'
        for reference in (name, manifest.digest):
            self.manifests[repository, reference] = (headers["Content-Type"], body)
        return 201, {"docker-content-digest": manifest.digest}, b""

    def upload(
        self,
        method: str,
        repository: str,
        name: str,
        query: str,
        headers: Mapping[str, str],
        body: object,
    ) -> Answer:
        if method == "POST":
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            if self.mounts and (asked.get("from", ""), asked.get("mount", "")) in self.blobs:
                self.blobs[repository, asked["mount"]] = self.blobs[asked["from"], asked["mount"]]
                return 201, {}, b""
            name = f"u{len(self.uploads)}"
            self.uploads[name] = b""
            return 202, {"location": self.place(repository, name)}, b""
        if method == "DELETE":
            self.cancelled.append(name)
            return 204, {}, b""
        if method == "PUT" and not self.single_put and headers["Content-Length"] != "0":
            return 405, {}, b""
        data = b"".join(bytes(piece) for piece in body) if not isinstance(body, bytes) else body  # type: ignore[attr-defined]
        assert len(data) == int(headers["Content-Length"])
        self.uploads[name] += data
        if method == "PATCH":
            return 202, {"location": self.place(repository, name)}, b""
        digest = parse_qs(query)["digest"][0]
        if sha(self.uploads[name]) != digest:
            return 400, {}, b'{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}'
        self.blobs[repository, digest] = self.uploads[name]
        return 201, {"docker-content-digest": digest}, b""

    def place(self, repository: str, name: str) -> str:
        path = f"/v2/{repository}/blobs/uploads/{name}?state=1"
        if self.location == "relative":
            return path
        return (self.base if self.location == "absolute" else self.location) + path


def described(part: Descriptor) -> dict[str, object]:
    return {"mediaType": part.media_type, "digest": part.digest, "size": part.size}


def image(memory: Memory, repository: str, *layers: bytes, config: bytes = b"{}", docker: bool = False) -> Manifest:
    """Puts an image into the registry behind its back."""
    types = (DOCKER_CONFIG, DOCKER_LAYER) if docker else (CONFIG, LAYER)
    parts = [Descriptor(types[0], sha(config), len(config))]
    parts += [Descriptor(types[1], sha(one), len(one)) for one in layers]
    for data in (config, *layers):
        memory.blobs[repository, sha(data)] = data
    kind = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": described(parts[0]),
        "layers": [described(part) for part in parts[1:]],
    }
    return stored(memory, repository, document, kind)


def index(memory: Memory, repository: str, *children: Manifest) -> Manifest:
    entries = [described(Descriptor(one.media_type, one.digest, len(one.body))) for one in children]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return stored(memory, repository, document, OCI_INDEX)


def stored(memory: Memory, repository: str, document: object, kind: str) -> Manifest:
    body = json.dumps(document, indent=3).encode()
    memory.manifests[repository, sha(body)] = (kind, body)
    return read_manifest(body, kind)
