"""Registries that attack whoever asks them. Real servers; a second host writes down what reaches it."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator

import pytest

from controller.core.errors import HubwrightError
from controller.oci.auth import Login
from controller.oci.copy import Place, copy_image
from controller.oci.manifest import LARGEST, OCI_MANIFEST
from tests.oci.double import Memory, image, sha
from tests.oci.servers import Asked, Host, Reply, hosts, with_header, without

LOGIN = Login("AWS", "canary-secret")
ENCODED = base64.b64encode(f"{LOGIN.username}:{LOGIN.password}".encode()).decode()
LAYER = b"layer" * 5000
ON = {
    "manifest": lambda asked: asked.method == "GET" and "/manifests/sha256:" in asked.path,
    "blob": lambda asked: asked.method == "GET" and "/blobs/" in asked.path,
    "head": lambda asked: asked.method == "HEAD" and "/blobs/" in asked.path,
    "token": lambda asked: asked.path.startswith("/token"),
    "post": lambda asked: asked.method == "POST",
    "put": lambda asked: asked.method == "PUT" and "/uploads/" in asked.path,
    "tag": lambda asked: asked.method == "PUT" and "/manifests/" in asked.path,
    "list": lambda asked: "/referrers/" in asked.path,
    "any": lambda asked: True,
    "login": lambda asked: "Authorization" not in asked.headers or asked.headers["Authorization"].startswith("Basic"),
}

Change = Callable[[Asked, Reply, "Host"], Reply | None]


def header(name: str, value: str) -> Change:
    """`{other}` and `{here}` in the value become the hosts' addresses."""

    def change(asked: Asked, reply: Reply, other: Host) -> Reply:
        here = "http://" + asked.headers["Host"]
        names = {"other": other.base, "here": here, "port": other.base.rpartition(":")[2], "path": asked.path}
        return with_header(reply, name, value.format(**names))

    return change


def status(code: int, name: str = "X-None", value: str = "", body: bytes = b"") -> Change:
    def change(asked: Asked, reply: Reply, other: Host) -> Reply:
        changed = header(name, value)(asked, reply, other)
        rest = [*without(changed, "content-length"), ("content-length", str(len(body)))]
        return Reply(code, rest, b"" if asked.method == "HEAD" else body)

    return change


def body(data: bytes, *drop: str, **more: str) -> Change:
    def change(asked: Asked, reply: Reply, other: Host) -> Reply:
        kept = without(reply, "content-length", *drop)
        extra = [(name.replace("_", "-"), value) for name, value in more.items()]
        return Reply(reply.status, [*kept, ("content-length", str(len(data))), *extra], data)

    return change


def altered(change: Callable[[bytes], bytes]) -> Change:
    return lambda asked, reply, other: body(change(reply.body))(asked, reply, other)


def length(text: str) -> Change:
    return lambda asked, reply, other: with_header(reply, "content-length", text)


def raw(*pieces: bytes, forever: bytes = b"") -> Change:
    def stream() -> Iterator[bytes]:
        yield from pieces
        yield from itertools.repeat(forever) if forever else ()

    return lambda asked, reply, other: Reply(200, [], b"", stream())


def slow(piece: bytes, every: float) -> Change:
    def stream() -> Iterator[bytes]:
        while True:
            yield piece
            time.sleep(every)

    return lambda asked, reply, other: Reply(200, [], b"", stream())


def challenge(realm: str) -> Change:
    def change(asked: Asked, reply: Reply, other: Host) -> Reply:
        return header("WWW-Authenticate", f'Bearer realm="{realm}",service="x"')(asked, reply, other)

    return lambda asked, reply, other: change(asked, reply, other) if reply.status == 401 else reply


REALMS = [
    "{other}/token",
    "http://localhost:{port}/token",
    "http://127.0.0.1:{port}@127.0.0.1:{port}/token",
    "http://user:pass@127.0.0.1:{port}/token",
    "http://127.0.0.1.nip.test:{port}/token",
    "https://127.0.0.1:{port}/token",
    "http://2130706433:{port}/token",
    "http://127.1:{port}/token",
    "http://0x7f000001:{port}/token",
    "http://[::ffff:127.0.0.1]:{port}/token",
    "http://[::1]:{port}/token",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "//127.0.0.1:{port}/token",
    "/token",
    "",
    "ftp://127.0.0.1:{port}/token",
    "file:///etc/passwd",
    "{here}\\@127.0.0.1:{port}/token",
    "{here}.127.0.0.1:{port}/token",
    "{here}/token#@127.0.0.1:{port}/",
    "{here}:{port}/token",
    " {other}/token",
]
LOCATIONS = [
    "{other}{path}",
    "//127.0.0.1:{port}{path}",
    "http://localhost:{port}{path}",
    "https://127.0.0.1:{port}{path}",
    "http://user:pw@127.0.0.1:{port}{path}",
    "http://169.254.169.254/x",
    "http://[::1/x",
    "//[/x",
    "\\\\127.0.0.1:{port}/x",
    "http:\\\\127.0.0.1:{port}/x",
    "{here}@127.0.0.1:{port}/x",
    "http://127.0.0.1:99999/x",
    "ftp://127.0.0.1:{port}/x",
    "",
]
REDIRECTS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "https://169.254.170.2/v2/credentials",
    "https://10.0.0.1/x",
    "https://192.168.0.1/x",
    "https://100.100.100.200/latest",
    "https://[fd00:ec2::254]/",
    "https://[::]/x",
    "https://0.0.0.0/x",
    "http://example.test/x",
    "http://user:pw@127.0.0.1:{port}/x",
    "file:///etc/passwd",
    "http://[::1/x",
    "gopher://127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}/x y",
    "{here}{path}",
    "",
]
CASES: list[tuple[str, str, str, Change]] = [
    *[("source", "any", f"realm {realm}", challenge(realm)) for realm in REALMS],
    *[("hub", "post", f"location {place}", header("Location", place)) for place in LOCATIONS],
    *[("source", "blob", f"redirect {place}", status(307, "Location", place)) for place in REDIRECTS],
    ("source", "token", "the token is elsewhere", status(307, "Location", "{other}/token")),
    ("source", "token", "a token of a mebibyte", body(b'{"token":"' + b"x" * 1_000_000 + b'"}')),
    ("source", "token", "a token without end", raw(b"HTTP/1.1 200 X\r\n\r\n", forever=b"x" * 65536)),
    ("source", "token", "a token with a line in it", body(b'{"token":"a\\r\\nX-Evil: 1"}')),
    ("source", "token", "a token that is no text", body(b'{"token":{"a":1}}')),
    ("source", "token", "no token", body(b"[]")),
    ("source", "token", "a deep token", body(b"[" * 60000)),
    ("source", "token", "never a token", status(401, "WWW-Authenticate", 'Bearer realm="{other}"')),
    ("source", "manifest", "the manifest is elsewhere", status(302, "Location", "{other}/m")),
    ("source", "manifest", "more than 4 MiB", body(b" " * (LARGEST + 1))),
    ("source", "manifest", "a manifest without end", raw(b"HTTP/1.1 200 X\r\n\r\n", forever=b" " * 65536)),
    ("source", "manifest", "another manifest", altered(lambda data: data + b" ")),
    ("source", "manifest", "HTML", body(b"<html>", "content-type", content_type="text/html")),
    ("source", "manifest", "no type", lambda asked, reply, other: Reply(200, without(reply, "content-type"), reply.body)),
    ("source", "manifest", "another type", header("Content-Type", "application/vnd.oci.image.index.v1+json")),
    ("source", "manifest", "schema 1", header("Content-Type", "application/vnd.docker.distribution.manifest.v1+json")),
    ("source", "manifest", "two types", header("Content-Type", f"{OCI_MANIFEST}, text/html")),
    ("source", "manifest", "packed", body(b"\x1f\x8b", content_encoding="gzip")),
    ("source", "manifest", "too long a length", length("999999")),
    ("source", "manifest", "half of it", length("20")),
    ("source", "blob", "flipped", altered(lambda data: data[:-1] + bytes([data[-1] ^ 1]))),
    ("source", "blob", "one more", altered(lambda data: data + b"x")),
    ("source", "blob", "one less", altered(lambda data: data[:-1])),
    ("source", "blob", "nothing", body(b"")),
    ("source", "blob", "without end", raw(b"HTTP/1.1 200 X\r\n\r\n", forever=b"x" * 65536)),
    ("source", "blob", "a length that is none", length("-5")),
    ("source", "blob", "a huge length", length("9" * 30)),
    ("source", "blob", "partial unasked", status(206, "Content-Range", "bytes 0-3/4", b"abcd")),
    ("source", "blob", "endless chunks", raw(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", forever=b"1\r\nx\r\n")),
    ("source", "blob", "a chunk of no size", raw(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
    ("source", "blob", "forbidden", status(403, body=b'{"errors":[{"code":"DENIED","message":"\x1b[31m"}]}')),
    ("source", "blob", "an error without end", raw(b"HTTP/1.1 403 X\r\n\r\n", forever=b"x" * 65536)),
    ("source", "blob", "two lengths", lambda asked, reply, other: Reply(200, [*reply.headers, ("content-length", "3")], reply.body)),
    ("hub", "head", "the blob has another size", lambda asked, reply, other: Reply(200, [("content-length", "7")], b"")),
    ("hub", "tag", "another digest was stored", header("Docker-Content-Digest", "sha256:" + "0" * 64)),
    ("hub", "tag", "stored elsewhere", status(307, "Location", "{other}/v2/b/manifests/x")),
    ("hub", "post", "begun elsewhere", status(307, "Location", "{other}/v2/b/blobs/uploads/")),
    ("hub", "put", "sent elsewhere", status(307, "Location", "{other}/v2/b/blobs/uploads/u")),
    ("hub", "put", "never enough", status(429, "Retry-After", "99999999999999999999")),
    ("hub", "put", "a date to wait for", status(503, "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")),
    ("hub", "put", "no number to wait for", status(503, "Retry-After", "NaN")),
    ("source", "list", "a list elsewhere", status(302, "Location", "{other}/list")),
    ("source", "list", "a next page elsewhere", status(200, "Link", '<{other}/l>; rel="next"', b'{"manifests":[]}')),
    ("source", "list", "pages without end", status(200, "Link", '<{path}>; rel="next"', b'{"manifests":[]}')),
    ("source", "list", "no list", status(200, body=b'{"manifests":7}')),
    ("source", "list", "a strange digest", status(200, body=json.dumps({"manifests": [{"mediaType": OCI_MANIFEST, "digest": "sha256:../../x", "size": 1}]}).encode())),
    ("source", "manifest", "garbage", raw(b"\x00\xff" * 100 + b"\r\n\r\n")),
    ("source", "manifest", "headers without end", raw(b"HTTP/1.1 200 X\r\n", forever=b"A: b\r\n" * 1000)),
    ("source", "manifest", "a line without end", raw(b"HTTP/1.1 200 X\r\nA: ", forever=b"x" * 65536)),
    ("source", "manifest", "forever going on", raw(forever=b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    ("source", "manifest", "silence", lambda asked, reply, other: None),
    ("source", "manifest", "drop by drop", slow(b"HTTP/1.1 200 X\r\n", 0.4)),
    ("source", "any", "no challenge", status(401)),
    ("source", "any", "an unknown challenge", status(401, "WWW-Authenticate", "Negotiate")),
]  # fmt: skip

HARMLESS: list[tuple[str, str, str, Change]] = [
    ("source", "manifest", "a false digest header", header("Docker-Content-Digest", "sha512:" + "a" * 128)),
    ("source", "blob", "a header with a blank in its name", header("Content-Length ", "3")),
    ("hub", "tag", "another digest is said to be stored", header("Docker-Content-Digest", "sha256:" + "0" * 64)),
    ("hub", "tag", "stored and sent elsewhere", status(307, "Location", "{other}/v2/b/manifests/x")),
    ("hub", "put", "stored and denied", status(503, "Retry-After", "1")),
    ("source", "list", "no list is kept", status(405)),
    ("source", "list", "an empty list", status(200, body=b'{"manifests":[]}')),
]  # fmt: skip


def reached(other: Host) -> str:
    """Everything that the second host was told."""
    return repr([(asked.method, asked.path, asked.headers) for asked in other.asked])


@pytest.mark.parametrize(
    ("where", "on", "name", "change"),
    [
        pytest.param(*row, id=f"{row[0]} {row[2]}", marks=[pytest.mark.slow] * (row[2] == "drop by drop"))
        for row in CASES
    ],
)
def test_an_attack_ends_in_an_error_and_tells_nobody(where: str, on: str, name: str, change: Change) -> None:
    bearer = name.startswith("realm") or on == "token"
    with hosts(Memory(login=LOGIN, bearer=bearer), Memory(login=LOGIN), Memory()) as (source, hub, other):
        manifest = image(source.memory, "a", LAYER)
        attacked = source if where == "source" else hub
        attacked.twist = lambda asked, reply: change(asked, reply, other) if ON[on](asked) else reply
        attacked.refuses = ON[on] if on in {"put", "tag"} else attacked.refuses
        started = time.monotonic()
        with pytest.raises(HubwrightError) as caught:
            copy_image(Place(source.registry(LOGIN), "a"), Place(hub.registry(LOGIN), "b"), manifest.digest, "hw-1")
        assert time.monotonic() - started < 30
        assert "canary" not in str(caught.value)
        assert len(str(caught.value)) < 800
        assert ("b", "hw-1") not in hub.memory.manifests
        assert "Authorization" not in reached(other)
        assert "canary" not in reached(other)
        assert ENCODED not in reached(other)
        assert attacked.sent < 200_000_000


@pytest.mark.parametrize(("where", "on", "name", "change"), HARMLESS, ids=[row[2] for row in HARMLESS])
def test_a_lie_that_changes_nothing_is_not_believed(where: str, on: str, name: str, change: Change) -> None:
    with hosts(Memory(login=LOGIN), Memory(login=LOGIN), Memory()) as (source, hub, other):
        manifest = image(source.memory, "a", LAYER)
        attacked = source if where == "source" else hub
        attacked.twist = lambda asked, reply: change(asked, reply, other) if ON[on](asked) else reply
        copy_image(Place(source.registry(LOGIN), "a"), Place(hub.registry(LOGIN), "b"), manifest.digest, "hw-1")
        assert hub.memory.manifests["b", "hw-1"][1] == manifest.body
        assert other.asked == []


def test_there_are_sixty_cases() -> None:
    assert len({(row[0], row[2]) for row in CASES}) == len(CASES) >= 60


def test_a_redirect_is_followed_without_credentials_and_cookies() -> None:
    with hosts(Memory(login=LOGIN), Memory(login=LOGIN), Memory()) as (source, hub, other):
        manifest = image(source.memory, "a", LAYER)
        for data in (LAYER, b"{}"):
            other.memory.blobs["a", sha(data)] = data
        move = status(307, "Location", "{other}{path}")

        def twist(asked: Asked, reply: Reply) -> Reply | None:
            return with_header(
                move(asked, reply, other) if ON["blob"](asked) else reply, "Set-Cookie", "session=canary"
            )  # type: ignore[arg-type]

        source.twist = other.twist = hub.twist = lambda asked, reply: with_header(reply, "Set-Cookie", "session=canary")
        source.twist = twist
        copy_image(Place(source.registry(LOGIN), "a"), Place(hub.registry(LOGIN), "b"), manifest.digest, "hw-1")
        assert len(other.asked) == 2
        assert [name for asked in other.asked for name in asked.headers if name in {"Authorization", "Cookie"}] == []
        assert "Cookie" not in reached(source)
        assert hub.memory.manifests["b", "hw-1"][1] == manifest.body
