"""The sandbox as WSGI applications: one for all of AWS, one for each account's image registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from controller.sandbox import control, door
from controller.sandbox.wire import Answer, Readable, Request
from controller.sandbox.world import World

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
_BODILESS = (204, 304)


class Limited:
    """The part of a stream that is this request's body."""

    def __init__(self, stream: Readable, length: int) -> None:
        self._stream, self._left = stream, length

    def read(self, size: int = -1, /) -> bytes:
        """As of a file; empty at the end of the body."""
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._stream.read(wanted) if wanted else b""
        self._left -= len(piece)
        return piece


def request_of(environ: Environ) -> Request:
    """The request that a WSGI environment stands for."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    stream = environ["wsgi.input"]
    if not environ.get("wsgi.input_terminated"):
        stream = Limited(stream, int(environ.get("CONTENT_LENGTH") or 0))
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    return Request(environ["REQUEST_METHOD"], environ.get("HTTP_HOST", ""), path, query, headers, stream, environ)


def _application(answer: Callable[[Request], Answer]) -> Application:
    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = answer(request_of(environ))
        headers = {name: value.encode("utf-8").decode("latin-1") for name, value in found.headers.items()}
        if isinstance(found.body, bytes) and found.status not in _BODILESS:
            headers.setdefault("Content-Length", str(len(found.body)))
        start_response(f"{found.status} {HTTPStatus(found.status).phrase}", list(headers.items()))
        return [found.body] if isinstance(found.body, bytes) else found.body

    return application


def application(world: World) -> Application:
    """The AWS endpoint of all accounts, services and regions, and the sandbox's own `/_sandbox/` paths.

    `wire.DroppedError` and `wire.Died` pass through to the server, which ends the connection.
    """
    return _application(lambda request: control.answer(world, request) or door.answer(world, request))


def registry_application(world: World, account: str, region: str | None = None) -> Application:
    """The OCI distribution endpoint of an account's registry, by default in its own region."""
    where = region or world.accounts[account].region
    return _application(lambda request: door.answer_registry(world, account, where, request))
