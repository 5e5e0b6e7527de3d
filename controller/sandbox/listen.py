"""A small HTTP/1.1 server for WSGI applications on loopback.

It keeps connections, takes chunked bodies, answers `Expect: 100-continue` at once and streams what it is given.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socketserver
import sys
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from controller.sandbox.app import Application, Limited
from controller.sandbox.wire import Died, DroppedError, Readable

_LINE = 65_536
_HEADERS = 200
log = logging.getLogger(__name__)


class _BadRequestError(Exception):
    """Not HTTP as this server takes it."""


class _Chunked:
    """A body in the chunked transfer coding."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream, self._left, self._ended = stream, 0, False

    def _next(self) -> None:
        try:
            self._left = int(self._stream.readline(_LINE).split(b";")[0], 16)
        except ValueError as fault:
            raise _BadRequestError("a broken chunk") from fault
        if self._left == 0:
            self._ended = True
            while self._stream.readline(_LINE).strip():
                pass

    def read(self, size: int = -1, /) -> bytes:
        """As of a file; empty at the end of the body."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        if not self._left and not self._ended:
            self._next()
        if self._ended:
            return b""
        piece = self._stream.read(min(size, self._left))
        if not piece:
            raise _BadRequestError("the body ended early")
        self._left -= len(piece)
        if not self._left:
            self._stream.readline(_LINE)
        return piece


class Connection(socketserver.StreamRequestHandler):
    """One connection: requests one after the other until either side ends it."""

    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 120
    server: Server

    @property
    def _reader(self) -> io.BufferedReader:
        return cast("io.BufferedReader", self.rfile)

    def handle(self) -> None:
        """Answers requests; a fault told beforehand, a timeout or a broken pipe ends the connection."""
        try:
            while self._exchange():
                pass
        except (DroppedError, Died, OSError):
            return
        except _BadRequestError as fault:
            self.wfile.write(f"HTTP/1.1 400 {fault}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def finish(self) -> None:
        """Flushes, unless the other side is gone."""
        with contextlib.suppress(OSError):
            super().finish()

    def _head(self) -> dict[str, Any] | None:
        """The WSGI environment of the next request, None at the end of the connection."""
        if not self._reader.peek(1)[:1].isalpha():  # the end, or a client trying TLS first, which waits for an answer
            return None
        words = self.rfile.readline(_LINE).decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _BadRequestError("not a request line")
        path, _, query = words[1].partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": words[0],
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": words[2],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "REMOTE_ADDR": self.client_address[0],
        }
        for _ in range(_HEADERS):
            text = self.rfile.readline(_LINE).decode("latin-1").rstrip("\r\n")
            if not text:
                return environ
            name, _, value = text.partition(":")
            name = name.strip().upper().replace("-", "_")
            environ[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + name] = value.strip()
        raise _BadRequestError("too many headers")

    def _body(self, environ: dict[str, Any]) -> Readable:
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            return _Chunked(self.rfile)
        return Limited(self.rfile, int(environ.get("CONTENT_LENGTH") or 0))

    def _exchange(self) -> bool:
        """One request and its answer; whether the connection goes on."""
        environ = self._head()
        if environ is None:
            return False
        body = environ["wsgi.input"] = self._body(environ)
        head: list[Any] = []
        try:
            pieces = self.server.application(environ, lambda status, headers, *_: head.extend((status, headers)))
        except Exception as fault:
            if isinstance(fault, (DroppedError, OSError, _BadRequestError)):
                raise
            log.exception("the sandbox failed on %s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            head, pieces = ["500 Internal Server Error", [("Content-Length", "0")]], []
        while body.read(1 << 20):
            pass
        self._write(head[0], head[1], pieces, head=environ["REQUEST_METHOD"] == "HEAD")
        return bool(environ.get("HTTP_CONNECTION", "").lower() != "close" and environ["SERVER_PROTOCOL"] == "HTTP/1.1")

    def _write(self, status: str, headers: list[tuple[str, str]], pieces: Iterable[bytes], *, head: bool) -> None:
        names = {name.lower() for name, _ in headers}
        chunked = "content-length" not in names and status[:3] not in ("204", "304")
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        lines += ["Transfer-Encoding: chunked"] if chunked else []
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for piece in () if head else pieces:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked and not head:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    """A listening socket on 127.0.0.1 with an application behind it; a thread for every connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, application: Application, port: int) -> None:
        self.application = application
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"
