"""A loopback proxy before an S3 that spoils chosen requests, each in one of the ways networks and services do."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

ERROR = b'<?xml version="1.0"?>\n<Error><Code>%b</Code><Message>spoilt</Message></Error>'
WAYS = (
    "drop",
    "redirect",  # takes longest: before each error botocore asks where the bucket is; run with -m slow
    "lose",
    "reset",
    "stall",
    "truncate",
    "429",
    "500",
    "503",
    "200 with an error",
    "200 with nothing",
)
_AWAY = "http://127.0.0.1:%d/elsewhere"


@dataclass
class Proxy:
    """Counts requests from 1; those that `spoilt` names are answered in the given `way`, the others passed on.

    `elsewhere` is a listener that nobody may come to; `visits` has what came to it all the same.
    """

    behind: str
    way: str = ""
    spoilt: Callable[[int], bool] = lambda _: False
    asked: int = 0
    stall: float = 1.0
    visits: list[bytes] = field(default_factory=list)
    sockets: set[socket.socket] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.elsewhere = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [
            threading.Thread(target=self.accept, args=(self.listener, self.serve), daemon=True),
            threading.Thread(target=self.accept, args=(self.elsewhere, self.visit), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                link = listener.accept()[0]
            except OSError:
                return
            with self.lock:
                self.sockets.add(link)
            threading.Thread(target=self.tended, args=(serve, link), daemon=True).start()

    def tended(self, serve: Callable[[socket.socket], None], link: socket.socket) -> None:
        try:
            serve(link)
        except OSError:
            pass
        finally:
            with self.lock:
                self.sockets.discard(link)
            link.close()

    def visit(self, link: socket.socket) -> None:
        link.settimeout(1)
        self.visits.append(link.recv(1 << 16))

    def serve(self, link: socket.socket) -> None:
        with link.makefile("rb") as file:
            back = http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=20)
            try:
                while self.exchange(link, file, back):
                    pass
            finally:
                back.close()

    def exchange(self, link: socket.socket, file: BinaryIO, back: http.client.HTTPConnection) -> bool:
        line = file.readline()
        if not line:
            return False
        method, path, _ = line.decode("latin-1").split()
        rows = [row.decode("latin-1").partition(":") for row in iter(lambda: file.readline().rstrip(), b"")]
        headers = {name: value.strip() for name, _, value in rows}
        lower = {name.lower(): value for name, value in headers.items()}
        if lower.get("expect"):
            link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = file.read(int(lower.get("content-length", 0)))
        with self.lock:
            self.asked += 1
            way = self.way if self.spoilt(self.asked) else ""
        if way in ("", "lose", "stall", "truncate"):
            back.request(method, path, body, {k: v for k, v in headers.items() if k.lower() != "expect"})
            answer = back.getresponse()
            data = answer.read()
            rows = [
                f"{k}: {v}" for k, v in answer.getheaders() if k.lower() not in ("transfer-encoding", "content-length")
            ]
            length = answer.getheader("Content-Length") if method == "HEAD" else str(len(data))
            rows.append(f"Content-Length: {length or 0}")
            text = f"HTTP/1.1 {answer.status} {answer.reason}\r\n" + "\r\n".join(rows) + "\r\n\r\n"
            return self.told(link, way, text.encode("latin-1"), data)
        return self.made_up(link, way, method)

    def told(self, link: socket.socket, way: str, head: bytes, data: bytes) -> bool:
        if way == "lose":
            return False
        if way == "stall":
            self.ended.wait(self.stall)
            return False
        if way == "truncate":
            whole = head + data
            link.sendall(whole[: len(head) + len(data) // 2] if data else whole[: len(head) // 2])
            return False
        link.sendall(head + data)
        return True

    def made_up(self, link: socket.socket, way: str, method: str) -> bool:
        if way == "drop":
            return False
        if way == "reset":
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        status, body, more = {
            "429": ("429 Too Many Requests", ERROR % b"TooManyRequestsException", ""),
            "500": ("500 Internal Server Error", ERROR % b"InternalError", ""),
            "503": ("503 Slow Down", ERROR % b"SlowDown", ""),
            "200 with an error": ("200 OK", ERROR % b"InternalError", ""),
            "200 with nothing": ("200 OK", b"", ""),
            "redirect": (
                "307 Temporary Redirect",
                ERROR % b"TemporaryRedirect",
                f"Location: {_AWAY % self.elsewhere.getsockname()[1]}\r\n",
            ),
        }[way]
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        link.sendall(head.encode() + (b"" if method == "HEAD" else body))
        return True

    def close(self) -> None:
        self.ended.set()
        for listener, thread in zip((self.listener, self.elsewhere), self.threads, strict=True):
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()  # or it takes a connection of whoever is given the same file descriptor next
            listener.close()
        with self.lock:
            for link in self.sockets:  # who serves them closes them
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)
