"""Talking to one registry: logins, redirects, and what is tried again. Credentials never leave its host."""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from controller.core.errors import RegistryError
from controller.oci.auth import Authority, Credentials
from controller.oci.network import Network, check_location, home, joined
from controller.oci.reference import check_repository
from controller.oci.transport import Response, TransientError, Transport, read_all

T = TypeVar("T")
Pieces = Callable[[], Generator[memoryview, None, None]]
"""Opens the bytes of a blob anew; each piece is only valid until the next."""

TRIES = 5
_MOST_HOPS = 3
_LONGEST_WAIT = 30.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_WORD = 65536
_EXPIRED = b"token has expired"
_BEGIN_ANEW = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"})


class Session:
    """The way to the registry at `base_url` (https, or http on loopback). Safe for threads."""

    def __init__(
        self,
        base_url: str,
        transport: Transport,
        credentials: Credentials | None,
        network: Network,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._at = home(self._base)
        self._transport = transport
        self._authority = Authority(self._at, transport, credentials)
        self._network = network
        self._pause = pause

    def url(self, repository: str, rest: str) -> str:
        """An address below a repository, whose name is checked first."""
        return f"{self._base}/v2/{check_repository(repository)}/{rest}"

    def send(
        self, method: str, url: str, scope: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Response:
        """One request, or two when the first says that the login is not good, or not any more."""
        plain = {"Accept-Encoding": "identity", **headers}
        sent = self._authority.header(scope)
        answer = self._transport.request(method, url, plain | sent, body)
        answer, renewed = self._renewed(method, answer, scope, sent)
        if not renewed:
            return answer
        return self._transport.request(method, url, plain | self._authority.header(scope), body)

    def stream(self, method: str, url: str, scope: str, headers: Mapping[str, str], pieces: Pieces) -> Response:
        """One request with a body that cannot be sent twice: a refused login is renewed, and a `TransientError`."""
        sent = self._authority.header(scope)
        with contextlib.closing(pieces()) as body:
            answer = self._transport.request(method, url, {**headers, **sent}, body)
        answer, renewed = self._renewed(method, answer, scope, sent)
        if renewed:
            raise TransientError(f"{method} of a blob was not authorised", status=answer.status, code="UNAUTHORIZED")
        return answer

    def _renewed(self, method: str, answer: Response, scope: str, sent: Mapping[str, str]) -> tuple[Response, bool]:
        """The answer to a request with the header `sent`, and whether the login was renewed.

        It is at a 401, and at a 403 to the login itself which says that it has expired. That is how ECR says it; what
        answers a HEAD has no body to say so, and may mean it.
        """
        if answer.status == 403 and sent.get("Authorization", "").startswith("Basic "):
            answer, body = _kept(answer)
            if method == "HEAD" or _EXPIRED in body.lower():
                self._authority.refresh(scope, sent)
                return answer, True
        if answer.status != 401:
            return answer, False
        answer.stream.close()
        self._authority.renew(answer.headers.get("www-authenticate", ""), scope, sent)
        return answer, True

    def followed(self, method: str, url: str, scope: str, headers: Mapping[str, str]) -> Response:
        """A blob's request, redirects followed by new requests that carry no credentials."""
        answer = self.send(method, url, scope, headers)
        for _ in range(_MOST_HOPS):
            if answer.status not in _REDIRECTS:
                return answer
            answer.stream.close()
            url = joined(url, answer.headers.get("location", ""))
            self._network.check_redirect(url, self._at)
            answer = self._transport.request(method, url, {"Accept-Encoding": "identity", **headers})
        if answer.status in _REDIRECTS:
            answer.stream.close()
            raise RegistryError(f"a blob is redirected more than {_MOST_HOPS} times", code="REDIRECT")
        return answer

    def location(self, answer: Response, url: str) -> str:
        """Where an upload, or a list, goes on: on the registry itself."""
        if not answer.headers.get("location"):
            raise RegistryError("the registry does not say where an upload goes on", code="LOCATION")
        return self.here(joined(url, answer.headers["location"]))

    def here(self, url: str) -> str:
        """The address, if it is on the registry itself."""
        check_location(url, self._at)
        return url

    def again(self, attempt: Callable[[], T]) -> T:
        """Up to five tries, waiting between them: 0.5, 1, 2, 4 s, or what the registry asks for up to 30 s."""
        for number in range(TRIES - 1):
            try:
                return attempt()
            except TransientError as error:
                self._pause(error.after or 0.5 * 2**number)
        return attempt()


def _kept(answer: Response) -> tuple[Response, bytes]:
    """The answer with its body read, and that; an empty one where it cannot be read, or is no short word."""
    try:
        body = read_all(answer, _LONGEST_WORD)
    except RegistryError:
        body = b""
    return Response(answer.status, answer.headers, io.BytesIO(body)), body


def pull(*repositories: str) -> str:
    return " ".join(f"repository:{name}:pull" for name in repositories)


def push(repository: str) -> str:
    return f"repository:{repository}:pull,push"


def expect(answer: Response, statuses: set[int], what: str) -> None:
    """`RegistryError` unless the status is one of these: a `TransientError` where another try may help."""
    if answer.status in statuses:
        return
    code, said, digests = _said(answer)
    message = f"{what.partition('?')[0]} failed: HTTP {answer.status} {said}".rstrip()
    if answer.status in _PASSING or code in _BEGIN_ANEW:
        raise TransientError(message, status=answer.status, code=code, after=_wait(answer))
    hint = "the login may not do this in that repository" if answer.status in {401, 403} else ""
    raise RegistryError(message, status=answer.status, code=code, hint=hint, digests=digests)


def _wait(answer: Response) -> float:
    """Seconds that the registry asks to wait, from a number or a date; bounded, 0 when it asks for nothing."""
    after = answer.headers.get("retry-after", "")[:64]
    if after.isdecimal() and after.isascii():
        return min(float(after), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(after)
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _said(answer: Response) -> tuple[str, str, tuple[str, ...]]:
    """(code, message, digests named) of the registry's error, as far as it has the specified shape."""
    try:
        body = read_all(answer, _LONGEST_WORD)
        error = json.loads(body)["errors"][0]
        code, message = str(error["code"]), str(error.get("message", ""))
    except (RegistryError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", "", ()
    digests = tuple(dict.fromkeys(_DIGEST.findall(body.decode("utf-8", "replace"))))
    return code[:100], " ".join(f"{code}: {message}".split())[:500], digests
