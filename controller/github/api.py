"""GitHub's REST API over HTTPS: bounded answers and times, few and patient tries, and the token goes nowhere else."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from controller.core.errors import HubwrightError, UsageError
from controller.core.redact import redacted

_LIMIT = 64 << 20
_TIMEOUT = 30.0
_PAGES = 100
_TRIES = 4
_LONGEST_PAUSE = 60.0
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}")
_NEXT = re.compile(r'<([^<>]{1,2000})>;\s*rel="next"')
_AGAIN = frozenset({429, 500, 502, 503, 504})
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class GitHubError(HubwrightError):
    """GitHub refused, or could not be reached. `status` is 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `headers` by lower-case name, `body` as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as data; `GitHubError` for anything else."""
        try:
            return json.loads(self.body or b"null")
        except (ValueError, RecursionError) as error:
            raise GitHubError("GitHub's answer is not JSON", self.status) from error


@dataclass(frozen=True, slots=True)
class Api:
    """One repository at one API. `base` is `https://api.github.com` or a server's own; `pause` waits for seconds."""

    base: str
    repository: str
    token: str = field(repr=False)
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise UsageError("the address of GitHub's API is not an https one", "such as https://api.github.com")
        if not _REPOSITORY.fullmatch(self.repository):
            raise UsageError("the repository is not OWNER/NAME", "give --repository, or set GITHUB_REPOSITORY")
        if not self.token or not self.token.isascii() or not self.token.isprintable():
            raise UsageError("there is no token for GitHub", "set GITHUB_TOKEN")

    def get(self, path: str) -> Any:
        """The answer to a GET of `repos/OWNER/NAME/{path}`."""
        return self._sure("GET", self._own(path)).json()

    def all(self, path: str, member: str = "") -> Iterator[Any]:
        """The items of all pages, of the list or of its `member`."""
        url = self._own(path + ("&" if "?" in path else "?") + "per_page=100")
        for _ in range(_PAGES):
            answer = self._sure("GET", url)
            found = answer.json()
            yield from found[member] if member else found
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            url = self._mine(following.group(1))
        raise GitHubError(f"more than {_PAGES} pages of {path}")

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One change, sent once: whether to send it again is for those to say who know what it does."""
        answer = self._once(method, self._own(path), None if body is None else json.dumps(body).encode())
        return self._checked(answer, method, path).json()

    def download(self, url: str) -> bytes:
        """The bytes behind an artifact's URL. GitHub sends us elsewhere for them, where the token is not shown."""
        answer = self._sure("GET", self._mine(url))
        if answer.status not in (301, 302, 303, 307, 308):
            return answer.body
        place = answer.headers.get("location", "")
        parts = urlsplit(place)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise GitHubError("GitHub sent us to an address that is not an https one")
        found = self._once("GET", place, None, authorized=False)
        return self._checked(found, "GET", "the artifact").body

    def _own(self, path: str) -> str:
        return f"{self.base.rstrip('/')}/repos/{self.repository}/{path}"

    def _mine(self, url: str) -> str:
        """A URL of an answer, if it is of this very API: the token goes nowhere else."""
        if urlsplit(url)[:2] != urlsplit(self.base)[:2]:
            raise GitHubError("GitHub named a page of another server")
        return url

    def _sure(self, method: str, url: str) -> Answer:
        """Reads, again after a passing fault."""
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._once(method, url, None)
            except GitHubError:
                if attempt == _TRIES:
                    raise
                self.pause(attempt)
                continue
            if attempt == _TRIES or not passing(answer):
                return self._checked(answer, method, urlsplit(url).path)
            self.pause(patience(answer, attempt))
        raise AssertionError("unreachable")

    def _checked(self, answer: Answer, method: str, what: str) -> Answer:
        if answer.status < 400:
            return answer
        hints = {401: "is GITHUB_TOKEN one of this repository?", 403: "the workflow's permissions may not allow it"}
        said = redacted(_message(answer))
        raise GitHubError(
            f"{method} {what} failed: {answer.status} {said}", answer.status, hints.get(answer.status, "")
        )

    def _once(self, method: str, url: str, body: bytes | None, *, authorized: bool = True) -> Answer:
        parts = urlsplit(url)
        headers = {"Accept": "application/vnd.github+json", "User-Agent": "hubwright"}
        if authorized:
            headers |= {"Authorization": f"Bearer {self.token}", "X-GitHub-Api-Version": "2022-11-28"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        line = connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            line.request(method, target, body, headers)
            response = line.getresponse()
            data = response.read(_LIMIT + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GitHubError(f"GitHub could not be reached at {parts.hostname}: {type(error).__name__}") from error
        finally:
            line.close()
        if len(data) > _LIMIT:
            raise GitHubError("GitHub's answer is too large", response.status)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, data)


def connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    """An unopened connection; certificates are checked against the machine's own roots."""
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=_TIMEOUT)


def passing(answer: Answer) -> bool:
    """Whether trying again may help: a fault of the server, or too many requests."""
    limited = answer.status == 403 and (
        "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    )
    return answer.status in _AGAIN or limited


def patience(answer: Answer, attempt: int) -> float:
    """Seconds to wait before the next try."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked) if asked.isascii() and asked.isdigit() else 2.0**attempt, _LONGEST_PAUSE)


def _message(answer: Answer) -> str:
    try:
        found = json.loads(answer.body)
        return str(found["message"])[:300]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
