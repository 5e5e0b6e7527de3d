"""`Transport` over real connections, kept alive, judged by the network policy. The environment has no say."""

from __future__ import annotations

import ssl
import threading
import weakref
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

from controller.core.errors import RegistryError
from controller.oci.network import Home, Network, Origin, origin
from controller.oci.transport import Response, Seen, TransientError
from controller.oci.wire import Exchange, Pace, trust

_DRAINED = 64 * 1024


class HttpTransport:
    """Requests for one registry, `at` its home, and for what that redirects to. Safe for threads.

    Up to `workers` connections per origin are kept alive. An address that the `network` policy forbids is a
    `RegistryError`, and nothing is sent.
    """

    def __init__(
        self,
        at: Home,
        network: Network | None = None,
        *,
        workers: int = 16,
        seen: Seen | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._at = at
        self._network = network or Network()
        self._workers = workers
        self._seen = seen
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Exchange]] = {}
        self._trusted: ssl.SSLContext | None = None
        weakref.finalize(self, _end, self._idle)  # what nobody closed ends with the last user

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> Response:
        """As `Transport.request`."""
        to, parts = origin(url), urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            exchange = self._free(to) or self._open(to)
            try:
                answer = exchange.ask(method, target, headers, body)
            except BaseException:
                exchange.close()
                raise
        except (OSError, HTTPException, ValueError) as error:
            self._tell(method, url, 0)
            raise _lost(method, url, error) from error
        self._tell(method, url, answer.status)
        return Response(answer.status, _joined(answer), _Body(answer, exchange, self, (to, method, url)))

    def close(self) -> None:
        """Ends the connections that are kept alive."""
        with self._lock:
            _end(self._idle)

    def keep(self, to: Origin, exchange: Exchange) -> None:
        """Takes a connection back whose answer was read to its end."""
        with self._lock:
            kept = self._idle.setdefault(to, [])
            if len(kept) < self._workers:
                kept.append(exchange)
                return
        exchange.close()

    def _free(self, to: Origin) -> Exchange | None:
        """The last connection that was given back, if it still stands."""
        while True:
            with self._lock:
                kept = self._idle.get(to)
                exchange = kept.pop() if kept else None
            if exchange is None or exchange.alive:
                return exchange
            exchange.close()

    def _open(self, to: Origin) -> Exchange:
        if to.scheme == "https" and self._trusted is None:
            self._trusted = trust(self._network.ca_bundle)
        return Exchange(to, self._at, self._network, self._trusted, self._pace)

    def _tell(self, method: str, url: str, status: int) -> None:
        if self._seen is not None:
            self._seen(method, url.partition("?")[0], status)


def _end(idle: dict[Origin, list[Exchange]]) -> None:
    while idle:
        for exchange in idle.popitem()[1]:
            exchange.close()


class _Body:
    """An answer's body as a `Stream`; at its end the connection goes back, unless it is to be closed."""

    def __init__(
        self, answer: HTTPResponse, exchange: Exchange, pool: HttpTransport, of: tuple[Origin, str, str]
    ) -> None:
        self._answer = answer
        self._exchange: Exchange | None = exchange
        self._pool = pool
        self._to, self._method, self._url = of

    def readinto(self, buffer: memoryview, /) -> int:
        if self._exchange is None:
            return 0
        try:
            count = self._answer.readinto(buffer)
        except (OSError, HTTPException, ValueError) as error:
            self._drop()
            raise _lost(self._method, self._url, error) from error
        if not count and len(buffer) and self._answer.length:
            self._drop()
            raise _lost(self._method, self._url, EOFError("cut off"))
        if self._answer.isclosed():
            self._release()
        return count

    def close(self) -> None:
        """Ends it; a short rest is read, so that the connection can serve again."""
        if self._exchange is None:
            return
        rest = self._answer.length
        if rest is None or rest > _DRAINED or self._answer.will_close:
            self._drop()
            return
        try:
            while rest and self._answer.readinto(bytearray(rest)):
                rest = self._answer.length
        except (OSError, HTTPException, ValueError):
            self._drop()
            return
        self._answer.close()
        self._release()

    def _release(self) -> None:
        if self._exchange is not None and not self._answer.will_close:
            self._pool.keep(self._to, self._exchange)
            self._exchange = None
        else:
            self._drop()

    def _drop(self) -> None:
        if self._exchange is not None:
            self._answer.close()
            self._exchange.close()
            self._exchange = None


def _joined(answer: HTTPResponse) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in answer.headers.items():
        lower = name.lower()
        found[lower] = f"{found[lower]}, {value}" if lower in found else value
    return found


def _lost(method: str, url: str, error: Exception) -> RegistryError:
    place = url.partition("?")[0]
    if isinstance(error, ssl.SSLCertVerificationError):
        said, hint = error.verify_message, "name the roots that signed its certificate: --ca-bundle FILE"
        return RegistryError(f"{method} {place} was not sent: {said}", code="CERTIFICATE", hint=hint)
    return TransientError(
        f"{method} {place} got no answer: {type(error).__name__}",
        code=type(error).__name__,
        hint="check the network and the registry's address",
    )
