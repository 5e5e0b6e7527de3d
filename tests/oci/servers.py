"""Registries on loopback that may lie: the in-memory double behind HTTP, what it answers twisted on the way out."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from controller.oci.auth import Login
from controller.oci.http import HttpTransport
from controller.oci.network import home
from controller.oci.registry import Registry
from controller.oci.wire import Pace
from tests.oci.double import Memory

QUICK = Pace(connect=2, stall=1.0, patience=3.0, floor=1 << 20)


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Reply:
    """What goes out; `raw` replaces all of it, piece by piece."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    raw: Iterable[bytes] | None = None


Twist = Callable[[Asked, Reply], Reply | None]


@dataclass
class Host:
    """A server; `memory` answers as a registry would, then `twist` changes the answer or drops the connection (None)."""

    memory: Memory
    twist: Twist = lambda asked, reply: reply
    asked: list[Asked] = field(default_factory=list)
    refuses: Callable[[Asked], bool] = lambda asked: False
    sent: int = 0
    opened: list[HttpTransport] = field(default_factory=list)

    def __post_init__(self) -> None:
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536

            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().handle()

            def answer(self) -> None:
                host.serve(self)

            def log_message(self, *_: Any) -> None: ...

        for method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.memory.base = self.base
        self._lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(handler.command, handler.path, {name.title(): value for name, value in handler.headers.items()})
        self.asked.append(asked)
        body = handler.rfile.read(int(asked.headers.get("Content-Length", "0")))
        first = Reply(500, [("content-length", "0")], b"")
        if not self.refuses(asked):
            with self._lock:
                found = self.memory.request(handler.command, self.base + handler.path, asked.headers, body)
            first = Reply(found.status, list(found.headers.items()), found.stream.read())  # type: ignore[attr-defined]
        reply = self.twist(asked, first)
        if reply is None:
            handler.close_connection = True
            return
        pieces = reply.raw if reply.raw is not None else [b"".join(_framed(reply))]
        for piece in pieces:
            handler.wfile.write(piece)
            self.sent += len(piece)
        handler.wfile.flush()
        handler.close_connection = reply.raw is not None

    def registry(self, login: Login | None = None, **options: Any) -> Registry:
        transport = HttpTransport(home(self.base), options.pop("network", None), pace=QUICK)
        self.opened.append(transport)
        credentials = None if login is None else (lambda fresh: login)
        return Registry(self.base, transport, credentials, pause=lambda seconds: None)

    def close(self) -> None:
        for transport in self.opened:
            transport.close()
        self.server.shutdown()
        self.server.server_close()


def _framed(reply: Reply) -> Iterator[bytes]:
    yield f"HTTP/1.1 {reply.status} X\r\n".encode()
    for name, value in reply.headers:
        yield f"{name}: {value}\r\n".encode("latin-1")
    yield b"\r\n" + reply.body


@contextlib.contextmanager
def hosts(*memories: Memory) -> Iterator[list[Host]]:
    found = [Host(memory) for memory in memories]
    try:
        yield found
    finally:
        for host in found:
            host.close()


def without(reply: Reply, *names: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers if name.lower() not in names]


def with_header(reply: Reply, name: str, value: str) -> Reply:
    return Reply(reply.status, [*without(reply, name.lower()), (name, value)], reply.body)
