"""HTTP for the registry client, the only file that knows urllib3. No redirects, retries or environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import urllib3
from urllib3.exceptions import HTTPError

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
        """Fills at most the buffer; the number of bytes, 0 at the end."""
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
"""Told of every request: method, URL without its query, status."""


class HttpTransport:
    """Keeps up to `workers` connections per host alive; safe for threads. `ca_bundle`: a PEM file of trusted roots."""

    def __init__(self, *, workers: int = 16, ca_bundle: str | None = None, seen: Seen | None = None) -> None:
        self._seen = seen
        self._pool = urllib3.PoolManager(
            num_pools=64,
            maxsize=workers,
            blocksize=CHUNK,
            retries=False,
            timeout=urllib3.Timeout(connect=10, read=60),
            ca_certs=ca_bundle,
        )

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> Response:
        """As `Transport.request`."""
        try:
            answer = self._pool.request(
                method,
                url,
                headers=dict(headers),
                body=cast("bytes | Iterator[bytes] | None", body),  # it sends any buffer
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError) as error:
            self._tell(method, url, 0)
            raise _lost(method, url, error) from error
        self._tell(method, url, answer.status)
        named = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, named, _Answer(answer, method, url))

    def close(self) -> None:
        """Ends the connections that are kept alive."""
        self._pool.clear()

    def _tell(self, method: str, url: str, status: int) -> None:
        if self._seen is not None:
            self._seen(method, url.partition("?")[0], status)


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


class _Answer:
    """urllib3's response as a `Stream`."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, method: str, url: str) -> None:
        self._answer = answer
        self._of = (method, url)

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            data = self._answer.read(len(buffer))
        except (HTTPError, OSError) as error:
            raise _lost(*self._of, error) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._answer.close()


def _lost(method: str, url: str, error: Exception) -> TransientError:
    place = url.partition("?")[0]
    return TransientError(
        f"{method} {place} got no answer: {type(error).__name__}",
        code=type(error).__name__,
        hint="check the network and the registry's address",
    )
