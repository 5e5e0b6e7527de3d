"""Connections that are kept: HTTP/1.1 to the few hosts that S3 has, without what a general client does besides."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import partial

CONNECT_SECONDS, READ_SECONDS = 10.0, 300.0
MOST_IDLE = 256  # every bucket may be a host of its own
LONGEST = 64 << 20  # a page of 1,000 keys of 1,024 characters, each of them escaped, is a quarter of it
_LINE, _LINES = 64 << 10, 200
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,12}")


class BrokenError(OSError):
    """What came is not an answer, or not all of it."""


class EndedError(BrokenError):
    """What came is not all of it."""


class Link:
    """One connection, with what has been received and not read yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file: io.BufferedReader = sock.makefile("rb")

    def line(self) -> bytes:
        """One line without its end."""
        line = self.file.readline(_LINE)
        if not line.endswith(b"\n"):
            raise EndedError("the connection ended within a line")
        return line.rstrip(b"\r\n")

    @property
    def alive(self) -> bool:
        """Whether it can be used again: open, and the other side has said nothing more, nor closed it."""
        try:
            self.sock.settimeout(0)
            said = self.file.peek(1) or self.sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except (OSError, ValueError):
            return False
        finally:
            self.sock.settimeout(READ_SECONDS)
        return said is None

    def close(self) -> None:
        """Ends the connection."""
        with contextlib.suppress(OSError):
            self.file.close()
        self.sock.close()


class Arriving:
    """An answer as it comes. Its connection is kept once it was read to its end, and ended otherwise."""

    def __init__(self, link: Link, method: str, back: Callable[[Link], None]) -> None:
        self._link: Link | None = link
        self._back = back
        self.status, self._kept, self.headers = _head(link)
        self._chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        length = self.headers.get("content-length", "")
        self._left: int | None = int(length) if length.isdecimal() else None
        if method == "HEAD" or self.status in (204, 304):
            self._chunked, self._left = False, 0
        elif self._chunked:
            self._left = 0
        if self._left == 0 and not self._chunked:
            self.close(whole=True)

    def read(self, limit: int | None = None) -> bytes:
        """At most `limit` bytes, fewer only at the end. OSError when they do not come."""
        link = self._link
        if link is None:
            return b""
        try:
            data = self._chunks(link, limit) if self._chunked else self._plain(link, limit)
        except BaseException:
            self.close()
            raise
        return data

    def whole(self) -> bytes:
        """All of a body that has to be small: more than 64 MiB is an OSError."""
        data = self.read(LONGEST + 1)
        if len(data) > LONGEST:
            self.close()
            raise BrokenError(f"an answer of more than {LONGEST} bytes")
        return data + self.read()

    def close(self, *, whole: bool = False) -> None:
        """Ends the connection, or keeps it if the `whole` answer was read. Twice is as once."""
        link, self._link = self._link, None
        if link is not None:
            if whole and self._kept:
                self._back(link)
            else:
                link.close()

    def _plain(self, link: Link, limit: int | None) -> bytes:
        wanted = self._left if limit is None or (self._left is not None and self._left < limit) else limit
        data = link.file.read(-1 if wanted is None else wanted)
        if self._left is not None:
            if len(data) != wanted:
                raise EndedError(f"the answer ended {self._left - len(data)} bytes too early")
            self._left -= len(data)
        if self._left == 0 or (self._left is None and (wanted is None or len(data) < wanted)):
            self.close(whole=self._left == 0)
        return data

    def _chunks(self, link: Link, limit: int | None) -> bytes:
        pieces, wanted = [], LONGEST + 1 if limit is None else limit
        while wanted > 0:
            if not self._left and not self._next(link):
                break
            left = self._left or 0
            piece = link.file.read(min(left, wanted))
            if not piece:
                raise EndedError("the answer ended within a chunk")
            pieces.append(piece)
            self._left = left - len(piece)
            wanted -= len(piece)
            if not self._left:
                link.line()
        return b"".join(pieces)

    def _next(self, link: Link) -> bool:
        """Whether another chunk follows; its size is then what is left."""
        length = link.line().partition(b";")[0].rstrip()
        if not _CHUNK.fullmatch(length):
            raise BrokenError("the answer has a broken chunk")
        self._left = int(length, 16)
        if self._left:
            return True
        _fields(link)  # trailers
        self.close(whole=True)
        return False


class Pool:
    """Safe for threads. `tls` is asked for https; whoever is done gives the connection back by reading to the end."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self.tls = tls
        self._idle: dict[tuple[str, bool], list[Link]] = {}
        self._lock = threading.Lock()

    def ask(self, method: str, host: str, path: str, headers: Mapping[str, str], *, secure: bool) -> Arriving:
        """Sends a request without a body; the answer, once its headers are there. OSError when there is none.

        ValueError, with nothing sent, for what would be more than one request.
        """
        data = request_of(method, path, headers)
        link = self._taken(host, secure=secure)
        try:
            link.sock.sendall(data)
            return Arriving(link, method, partial(self._keep, (host, secure)))
        except BaseException:
            link.close()
            raise

    def close(self) -> None:
        """Ends what is idle."""
        with self._lock:
            for link in [link for links in self._idle.values() for link in links]:
                link.close()
            self._idle.clear()

    def _keep(self, where: tuple[str, bool], link: Link) -> None:
        with self._lock:
            if sum(map(len, self._idle.values())) < MOST_IDLE:
                self._idle.setdefault(where, []).append(link)
                return
        link.close()

    def _kept(self, host: str, *, secure: bool) -> Link | None:
        """The last one used: it is the least likely to have been ended at the other side."""
        with self._lock:
            links = self._idle.get((host, secure))
            return links.pop() if links else None

    def _taken(self, host: str, *, secure: bool) -> Link:
        while link := self._kept(host, secure=secure):
            if link.alive:
                return link
            link.close()
        name, port = address_of(host, secure=secure)
        sock = socket.create_connection((name, port), CONNECT_SECONDS)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if secure:
                sock = self.tls().wrap_socket(sock, server_hostname=name)
            sock.settimeout(READ_SECONDS)
        except BaseException:
            sock.close()
            raise
        return Link(sock)


def request_of(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request without a body as it is sent; ValueError for what would be more than one."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if method in ("PUT", "POST"):
        lines.append("Content-Length: 0")
    text = "\r\n".join(lines)
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1 or " " in path:
        raise ValueError("a line break where none may be")
    return f"{text}\r\n\r\n".encode("latin-1")


def address_of(host: str, *, secure: bool) -> tuple[str, int]:
    """Name and port of a `host`, which may say its port itself."""
    name, _, port = host.rpartition(":") if host.rpartition(":")[2].isdecimal() else (host, "", "")
    return name.strip("[]"), int(port or (443 if secure else 80))


def _fields(link: Link) -> dict[str, str]:
    """Headers, or trailers, by lower-case name."""
    found: dict[str, str] = {}
    for _ in range(_LINES):
        line = link.line()
        if not line:
            return found
        name, _, value = line.decode("latin-1").partition(":")
        found[name.lower()] = value.strip()
    raise BrokenError("the answer has too many headers")


def _head(link: Link) -> tuple[int, bool, dict[str, str]]:
    """Status, whether the connection goes on, and headers by lower-case name. Interim answers are passed over."""
    for _ in range(10):
        words = link.line().split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise BrokenError("this is no answer of HTTP/1.1")
        headers = _fields(link)
        if int(words[1]) >= 200:
            kept = words[0] == b"HTTP/1.1" and headers.get("connection", "").lower() != "close"
            return int(words[1]), kept, headers
    raise BrokenError("nothing but interim answers")
