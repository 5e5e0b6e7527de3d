"""A TCP connection to an address that was judged, and an HTTP exchange over it with hard limits on time."""

from __future__ import annotations

import base64
import io
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from controller.core.errors import RegistryError
from controller.oci.network import PORTS, Home, Network, Origin, is_loopback

_LARGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow is too slow: seconds to connect, seconds without a byte, and for a whole exchange `patience` seconds
    plus one for every `floor` bytes that are declared."""

    connect: float = 10.0
    stall: float = 60.0
    patience: float = 120.0
    floor: int = 32 * 1024

    def limit(self, size: int) -> float:
        return self.patience + size / self.floor


class Wire:
    """A socket that gives up, shaped as `http.client` wants one."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self.sock = sock
        self.until = time.monotonic() + pace.limit(0)
        self.room: int | None = None
        sock.settimeout(pace.stall)

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self.sock.makefile("rb", buffering=0)), 65536)

    def check(self) -> None:
        if time.monotonic() > self.until:
            raise TimeoutError("it is too slow")

    def sendall(self, data: Any) -> None:
        """All of it, within the stall limit: at 1 MiB a piece no less than 17 KiB a second."""
        self.check()
        self.sock.sendall(data)

    def close(self) -> None:
        self.sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire, raw: Any) -> None:
        self._wire = wire
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._wire.check()
        count: int = self._raw.readinto(buffer)
        if self._wire.room is not None:
            self._wire.room -= count
            if self._wire.room < 0:
                raise ConnectionError("an answer begins without end")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Exchange:
    """One kept-alive HTTP connection to an origin."""

    def __init__(self, to: Origin, at: Home, network: Network, trusted: ssl.SSLContext | None, pace: Pace) -> None:
        self._pace = pace
        self._http = HTTPConnection(to.host, to.port)
        host = f"[{to.host}]" if ":" in to.host else to.host
        self._host = host if to.port == PORTS[to.scheme] else f"{host}:{to.port}"
        sock = _connected(to, at, network, pace)
        try:
            if to.scheme == "https":
                assert trusted is not None  # noqa: S101 - the pool makes one for https
                sock = trusted.wrap_socket(sock, server_hostname=to.host)
        except BaseException:
            sock.close()
            raise
        self._wire = Wire(sock, pace)
        self._http.sock = self._wire
        self._http.auto_open = 0

    @property
    def alive(self) -> bool:
        """Whether it can be used again: open, and the other side has said nothing, not even that it closed."""
        try:
            self._wire.sock.settimeout(0)
            try:
                self._wire.sock.recv(1)
            except (BlockingIOError, ssl.SSLWantReadError):
                return True
            finally:
                self._wire.sock.settimeout(self._pace.stall)
        except OSError:
            return False
        return False

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterator[memoryview] | None
    ) -> HTTPResponse:
        """Sends a request and reads the answer's head. `OSError` and `HTTPException` for what goes wrong."""
        declared = headers.get("Content-Length", "0")
        self._wire.until = time.monotonic() + self._pace.limit(int(declared))
        self._http.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        self._http.putheader("Host", self._host)
        for name, value in headers.items():
            self._http.putheader(name, value)
        broken: OSError | None = None
        try:
            self._http.endheaders(body if isinstance(body, bytes) and body else None)
            for piece in () if body is None or isinstance(body, bytes) else body:
                self._wire.sendall(piece)
        except (BrokenPipeError, ConnectionResetError) as error:
            broken = error  # a server may answer, say 413 or 429, and close before it has read everything
        self._wire.room = _LARGEST_HEAD
        try:
            answer = self._http.getresponse()
        except (OSError, HTTPException):
            if broken:
                raise broken from None
            raise
        if broken:
            answer.will_close = True
        self._wire.room = None
        self._wire.until = time.monotonic() + self._pace.limit(answer.length or 0)
        return answer

    def close(self) -> None:
        self._wire.close()
        self._http.close()


def _connected(to: Origin, at: Home, network: Network, pace: Pace) -> socket.socket:
    """A socket to the first judged address that answers, or through the proxy, which then does the looking up."""
    if network.proxy and not is_loopback(to.host):
        return _through(network.proxy, to, pace)
    failure: OSError = OSError(f"{to.host} has no address")
    for address in network.addresses(to, at):
        try:
            return _opened(address, to.port, pace)
        except OSError as error:
            failure = error
    raise failure


def _opened(address: str, port: int, pace: Pace) -> socket.socket:
    sock = socket.create_connection((address, port), timeout=pace.connect)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _through(proxy: str, to: Origin, pace: Pace) -> socket.socket:
    """A tunnel. The proxy is what the person named: its address is not judged."""
    parts = urlsplit(proxy)
    sock = _opened(parts.hostname or "", parts.port or 80, pace)
    try:
        place = f"[{to.host}]:{to.port}" if ":" in to.host else f"{to.host}:{to.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode('ascii')}")
        sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        _read_tunnel(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _read_tunnel(sock: socket.socket) -> None:
    """The proxy's answer, a byte at a time: what follows belongs to the tunnel."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(head) > 65536:
            raise ConnectionError("the proxy gave no answer")
        head += byte
    status = head.split(b"\r\n", 1)[0].split(b" ")[1:2]
    if status != [b"200"]:
        shown = status[0][:3].decode("ascii", "replace") if status else "nothing"
        raise RegistryError(f"the proxy refused the connection: {shown}", code="PROXY_REFUSED")


def trust(ca_bundle: str | None) -> ssl.SSLContext:
    """TLS 1.2 or later with the system's roots, or those of a PEM file; no variable of the environment is looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    paths = ssl.get_default_verify_paths()
    files = [ca_bundle] if ca_bundle else [paths.openssl_cafile]
    folders = [] if ca_bundle else [paths.openssl_capath]
    try:
        for file in files:
            if ca_bundle or Path(file).is_file():
                context.load_verify_locations(cafile=file)
        for folder in folders:
            if Path(folder).is_dir():
                context.load_verify_locations(capath=folder)
    except (OSError, ssl.SSLError) as error:
        raise RegistryError(f"{ca_bundle} holds no certificates that can be read", code="CA_BUNDLE") from error
    return context
