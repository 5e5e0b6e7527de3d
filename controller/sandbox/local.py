"""The sandbox without sockets: the same answers, in the same process, for tests that have to be fast and repeatable."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from controller.sandbox import control, door
from controller.sandbox.wire import DroppedError, Request
from controller.sandbox.world import World

Body = Any  # None, bytes, text, something to read, or an iterator of bytes
Lost = Callable[[str], BaseException]


class Headers(MutableMapping[str, str]):
    """Headers whose names are found in any case."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._rows = {name.lower(): (name, value) for name, value in given.items()}

    def __getitem__(self, name: str) -> str:
        return self._rows[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        self._rows[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._rows[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)


class Reply:
    """An answer in the shape in which botocore takes one from a `before-send` handler."""

    def __init__(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.url = url
        self.status_code = status
        self.headers = Headers(headers)
        self.content = body
        self.raw = io.BytesIO(body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")


class Events(Protocol):
    """What botocore's sessions and clients' `meta.events` have in common."""

    def register(self, event_name: str, handler: Callable[..., Any], /) -> Any: ...


def _bytes(body: Body) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _bytes(body.read())
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else b"".join(body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def send(
    world: World, method: str, url: str, headers: Mapping[str, str | bytes], body: Body = None
) -> tuple[int, dict[str, str], bytes]:
    """One exchange: (status, headers, body). Registries are reached by their host's name, AWS by any other.

    Raises `wire.DroppedError` when the connection would end and `wire.Died` when the caller is to die.
    """
    parts = urlsplit(url)
    lower = {name.lower(): _text(value) for name, value in headers.items()}
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    request = Request(method, parts.netloc, unquote(parts.path) or "/", query, lower, io.BytesIO(_bytes(body)))
    answer = control.answer(world, request) or door.answer(world, request)
    whole = b"" if method == "HEAD" else answer.whole()
    answer.headers.setdefault("Content-Length", str(len(whole)))
    return answer.status, answer.headers, whole


def attach(world: World | Callable[[], World], events: Events, lost: Lost | None = None) -> None:
    """Lets botocore's requests be answered here: `events` is a botocore session or a client's `meta.events`.

    `world` may be a function, asked at every request, so that clients (slow to make) outlive worlds.
    `lost` makes, from the address, what a dropped connection raises: `ConnectionClosedError(endpoint_url=url)` is what
    botocore knows and retries; without `lost`, `wire.DroppedError` is raised.
    """

    def answered(request: Any, **_: Any) -> Reply:
        here = world() if callable(world) else world
        try:
            return Reply(request.url, *send(here, request.method, request.url, request.headers, request.body))
        except DroppedError:
            if lost is None:
                raise
            raise lost(request.url) from None

    events.register("before-send", answered)
