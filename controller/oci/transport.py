"""What the registry client needs of HTTP: one request, one answer. Nothing is followed, retried or remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from controller.core.errors import RegistryError, SafetyError

CHUNK = 1024 * 1024
"""Bytes read and sent at once."""


class TransientError(RegistryError):
    """A failure that may not happen again; `after` is how many seconds the registry asks to wait, or 0."""

    def __init__(self, message: str, *, status: int = 0, code: str = "", hint: str = "", after: float = 0.0) -> None:
        super().__init__(message, status=status, code=code, hint=hint)
        self.after = after


class Stream(Protocol):
    """The body of an answer, raw: what it holds of the connection is given back at its end or by `close`."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills at most the buffer; the number of bytes, 0 at the end. Cut off before the end: `TransientError`."""
        ...

    def close(self) -> None:
        """Ends it early."""
        ...


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    stream: Stream


class Transport(Protocol):
    """One request, one answer."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> Response:
        """Sends it once and follows nothing. No answer: `TransientError`.

        An iterator comes with a Content-Length header; each piece is only valid until the next is asked for.
        """
        ...


Seen = Callable[[str, str, int], None]
"""Told of every request: method, URL without its query, status (0: no answer)."""


class ReadOnly:
    """A transport that refuses to send anything but GET and HEAD."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> Response:
        """As `Transport.request`; else `SafetyError`."""
        if method not in {"GET", "HEAD"}:
            raise SafetyError(f"{method} to a registry may change something, and this run only reads: it was not sent")
        return self._transport.request(method, url, headers, body)


def read_all(response: Response, limit: int) -> bytes:
    """The whole body, at most `limit` bytes; one more is a `RegistryError`. The connection is given back."""
    buffer = memoryview(bytearray(min(limit + 1, 65536)))
    body = bytearray()
    try:
        while count := response.stream.readinto(buffer):
            body += buffer[:count]
            if len(body) > limit:
                raise RegistryError(f"an answer has more than {limit} bytes", status=response.status, code="TOO_LARGE")
    finally:
        response.stream.close()
    return bytes(body)
