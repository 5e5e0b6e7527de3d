"""Registries that are nobody's double: the sandbox's, and Debian's docker-registry; and a proxy that spoils answers."""

from __future__ import annotations

import base64
import contextlib
import io
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.oci.auth import Login
from controller.oci.http import HttpTransport
from controller.oci.network import home
from controller.oci.registry import Registry
from controller.oci.transport import Response
from controller.oci.wire import Pace
from controller.sandbox.server import serve
from controller.sandbox.world import World

HUB, SPOKE = "111111111111", "222222222222"
REGION = "eu-west-1"
LOGIN = Login("AWS", "ecrtoken")
HASH = "$2b$05$abcdefghijklmnopqrstuuZIQKs0G967UnZv6PEyzPwcOQtQcxBHy"
CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, cache: {{blobdescriptor: inmemory}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: test, path: {users}}}}}
validation: {{manifests: {{urls: {{allow: ["^https?://"]}}}}}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Place:
    """One registry: where it is, who may enter, and how a repository is made, where it has to be."""

    base: str
    login: Login
    make: Callable[[str], None] = lambda name: None
    opened: list[HttpTransport] = field(default_factory=list)

    def registry(self, base: str = "", seen: list[str] | None = None, pace: Pace | None = None) -> Registry:
        note = None if seen is None else (lambda method, url, status: seen.append(f"{method} {status}"))
        self.opened.append(HttpTransport(home(base or self.base), seen=note, pace=pace))
        return Registry(base or self.base, self.opened[-1], lambda fresh: self.login, pause=lambda seconds: None)

    def close(self) -> None:
        for transport in self.opened:
            transport.close()
        self.opened.clear()


@dataclass
class Rig:
    """A spoke's registry and the hub's."""

    source: Place
    hub: Place
    immutable: bool

    @contextlib.contextmanager
    def tidy(self) -> Iterator[Rig]:
        try:
            yield self
        finally:
            self.source.close()
            self.hub.close()


@contextlib.contextmanager
def sandbox() -> Iterator[Rig]:
    """ECR as the sandbox has it: repositories are made first, tags immutable, blobs redirected."""
    from botocore.session import Session

    world = World()
    world.settings.redirect = True
    serving = serve(world)

    def place(account: str) -> Place:
        environment = serving.environment(account)
        ecr: Any = Session().create_client(
            "ecr",
            region_name=REGION,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        name, _, password = base64.b64decode(token).decode().partition(":")
        made: set[str] = set()

        def make(repository: str) -> None:
            if repository not in made:
                made.add(repository)
                ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")

        base = serving.registries[f"{account}.dkr.ecr.{REGION}.amazonaws.com"]
        return Place(base, Login(name, password), make)

    try:
        with Rig(place(SPOKE), place(HUB), immutable=True).tidy() as rig:
            yield rig
    finally:
        serving.close()


@contextlib.contextmanager
def debian(folder: Path) -> Iterator[Rig]:
    """Two of Debian's docker-registry."""
    (folder / "users").write_text(f"AWS:{HASH}\n")
    ports, processes = (free_port(), free_port()), []
    for port in ports:
        file = folder / f"{port}.yml"
        file.write_text(CONFIGURATION.format(root=folder / str(port), port=port, users=folder / "users"))
        processes.append(subprocess.Popen(["docker-registry", "serve", file], stderr=subprocess.DEVNULL))
    try:
        for _ in range(400):
            if all(listening(port) for port in ports):
                break
            time.sleep(0.05)
        source, hub = (Place(f"http://127.0.0.1:{port}", LOGIN) for port in ports)
        with Rig(source, hub, immutable=False).tidy() as rig:
            yield rig
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def installed() -> bool:
    return shutil.which("docker-registry") is not None and shutil.which("skopeo") is not None


def skopeo_takes(place: Place, name: str, folder: Path) -> str:
    """What skopeo says against an image when it reads all of it; it checks every digest. Empty: nothing."""
    words = [
        "copy",
        "-q",
        "--all",
        "--src-tls-verify=false",
        f"--src-creds={place.login.username}:{place.login.password}",
    ]
    words += [f"docker://{urlsplit(place.base).netloc}/{name}", f"dir:{folder}"]
    done = subprocess.run(["skopeo", "--insecure-policy", *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@dataclass
class Upstream:
    """Hands requests on to a real registry: the `memory` of a `servers.Host` that becomes a proxy by it."""

    to: str
    base: str = ""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        parts = urlsplit(url)
        connection = HTTPConnection(urlsplit(self.to).netloc, timeout=20)
        try:
            given = {name: value for name, value in headers.items() if name.lower() != "connection"}
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body or None, given)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() != "transfer-encoding"}
        length = kept.get("content-length") if method == "HEAD" else str(len(data))
        return Response(answer.status, kept | {"content-length": length or "0"}, _Whole(data))


class _Whole(io.BytesIO):
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return super().readinto(buffer)
