"""The table of where traffic may go, and that it goes to the very address that was judged."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.errors import RegistryError
from controller.oci import wire
from controller.oci.http import HttpTransport
from controller.oci.network import Home, Network, Origin, blocks, home, is_proxy
from controller.oci.registry import Registry
from tests.certificate import certificate
from tests.oci.double import Memory
from tests.oci.servers import QUICK, hosts

NAMED = Origin("https", "ecr.test", 443)


def judged(address: str, *, host: str = "ecr.test", at: Home | None = None, allowed: tuple[str, ...] = ()) -> bool:
    network = Network(blocks(allowed), resolve=lambda name, port: [address])
    try:
        return network.addresses(Origin("https", host, 443), at or Home(NAMED)) == [address]
    except RegistryError:
        return False


PUBLIC = ["52.94.5.1", "8.8.8.8", "2600:1f18::1", "64:ff9b::808:808"]
PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "64:ff9b::a01:203"]
NEVER = [
    "169.254.169.254", "169.254.170.2", "0.0.0.0", "224.0.0.1", "255.255.255.255", "100.100.100.200", "127.0.0.1",
    "127.8.8.8", "168.63.129.16", "::", "::1", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1",
    "::ffff:8.8.8.8", "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "::7f00:1", "not-an-address",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_open(address: str) -> None:
    assert judged(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_what_aws_named_or_the_person_allowed(address: str) -> None:
    assert not judged(address)
    assert judged(address, at=Home(NAMED, named=True))
    assert not judged(address, host="bucket.test", at=Home(NAMED, named=True))
    wide = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fd00::/8")
    assert judged(address, host="bucket.test", allowed=wide)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_connected_to(address: str) -> None:
    everything = ("0.0.0.0/0", "::/0")
    for at in (Home(NAMED), Home(NAMED, named=True), home("http://127.0.0.1:5000")):
        assert not judged(address, at=at, allowed=everything)


def test_one_forbidden_address_among_several_is_enough() -> None:
    network = Network(resolve=lambda name, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(RegistryError, match="private") as caught:
        network.addresses(NAMED, Home(NAMED))
    assert "--allow-network" in caught.value.hint


def test_a_name_is_looked_up_once_and_its_address_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, reached = iter([["8.8.8.8"], ["127.0.0.1"]]), list[str]()

    def connect(address: str, port: int, pace: object) -> socket.socket:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(wire, "_opened", connect)
    transport = HttpTransport(Home(NAMED), Network(resolve=lambda name, port: next(answers)))
    with pytest.raises(RegistryError, match="ConnectionRefusedError"):
        transport.request("GET", "https://ecr.test/v2/", {})
    with pytest.raises(RegistryError, match="this machine"):
        transport.request("GET", "https://ecr.test/v2/", {})
    assert reached == ["8.8.8.8"]


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://canary:canary@127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with hosts(Memory()) as (host,):
        assert host.registry().manifest("a", "v1") is None
        assert "canary" not in repr(host.asked)
    assert wire.trust(None).keylog_filename is None


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server on loopback with a certificate of its own, and that certificate's file."""
    roots, secret = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(roots, secret)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server, context), daemon=True)
        thread.start()
        yield server.getsockname()[1], roots
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _answer(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = server.accept()
            with plain, context.wrap_socket(plain, server_side=True) as sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except ssl.SSLError:
            continue
        except OSError:
            return


def test_roots_are_the_ones_named(tls: tuple[int, Path]) -> None:
    port, roots = tls
    base = f"https://127.0.0.1:{port}"

    def ask(network: Network) -> object:
        return Registry(base, HttpTransport(home(base), network, pace=QUICK), pause=lambda _: None).manifest("a", "v1")

    with pytest.raises(RegistryError) as caught:
        ask(Network())
    assert (caught.value.code, "--ca-bundle" in caught.value.hint) == ("CERTIFICATE", True)
    assert ask(Network(ca_bundle=str(roots))) is None
    with pytest.raises(RegistryError, match="no certificates"):
        ask(Network(ca_bundle=str(roots.parent / "key.pem")))


def test_a_proxy_that_is_named_is_used_and_sees_only_the_host() -> None:
    heads = list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def refuse() -> None:
            sock, _ = server.accept()
            with sock:
                heads.append(sock.recv(65536))
                sock.sendall(b"HTTP/1.1 403 No\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        network = Network(proxy=f"http://user:p%40ss@127.0.0.1:{port}")
        with pytest.raises(RegistryError, match="proxy refused the connection: 403") as caught:
            HttpTransport(Home(NAMED), network).request(
                "GET", "https://ecr.test/v2/secret", {"Authorization": "canary"}
            )
        thread.join()
    assert b"".join(heads).startswith(
        b"CONNECT ecr.test:443 HTTP/1.1\r\nHost: ecr.test:443\r\nProxy-Authorization: Basic "
    )
    assert b"canary" not in heads[0] and b"secret" not in heads[0]
    assert "p%40ss" not in str(caught.value) and "p%40ss" not in repr(network)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("http://proxy.test:3128", True),
        ("http://a:b@proxy.test:3128/", True),
        ("https://proxy.test:3128", False),
        ("proxy.test:3128", False),
        ("http://proxy.test", False),
        ("http://proxy.test:x", False),
        ("http://proxy.test:1/x", False),
    ],
)
def test_what_a_proxy_looks_like(url: str, fits: bool) -> None:
    assert is_proxy(url) is fits
