"""One image registry: manifests and blobs of its repositories, with the rules that keep credentials and bytes safe."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import time
from collections.abc import Callable, Generator, Mapping
from typing import TypeVar
from urllib.parse import quote, urljoin, urlsplit

from controller.core.errors import RegistryError
from controller.oci.auth import Authority, Credentials, is_loopback, origin, read_all
from controller.oci.manifest import ACCEPT, LARGEST, Descriptor, Manifest, digest_of, read_manifest
from controller.oci.reference import check_digest, check_repository, check_tag
from controller.oci.transport import Response, TransientError, Transport

T = TypeVar("T")
Pieces = Callable[[], Generator[memoryview, None, None]]
"""Opens the bytes of a blob anew; each piece is only valid until the next."""

_TRIES = 3
_MOST_HOPS = 3
_LONGEST_WAIT = 30.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_SINGLE_PUT = frozenset({405, 415, 501})
_OCTETS = "application/octet-stream"


class Registry:
    """A registry at `base_url` (https, or http on loopback), without a path.

    Every method raises `RegistryError` for what the registry refuses or garbles, after up to three tries of what may be
    repeated. Names are checked before they are put into an address. Safe for threads.
    """

    def __init__(
        self,
        base_url: str,
        transport: Transport,
        credentials: Credentials | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._origin = origin(self._base)
        parts = urlsplit(self._base)
        self._loopback = is_loopback(self._origin[1])
        if parts.scheme != "https" and not (parts.scheme == "http" and self._loopback):
            raise RegistryError(f"{self._base} is neither https nor on this machine", code="ADDRESS_INVALID")
        if parts.path or parts.query or parts.fragment:
            raise RegistryError(f"{self._base} has more than a host and a port", code="ADDRESS_INVALID")
        self._transport = transport
        self._authority = Authority(self._base, transport, credentials)
        self._pause = pause
        self._patches = False

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest behind a tag or digest, its bytes verified against the digest; None if there is none."""
        wanted = check_digest(reference) if ":" in reference else None
        url = self._url(repository, f"manifests/{wanted or check_tag(reference)}")

        def get() -> Manifest | None:
            answer = self._send("GET", url, _pull(repository), {"Accept": ACCEPT})
            if answer.status == 404:
                answer.stream.close()
                return None
            self._expect(answer, {200}, f"GET {url}")
            body = read_all(answer, LARGEST)
            said = wanted or answer.headers.get("docker-content-digest")
            if said is not None and digest_of(body) != said:
                raise RegistryError(f"{url} answered with other bytes than {said}", status=200, code="DIGEST_INVALID")
            return read_manifest(body, answer.headers.get("content-type", ""))

        return self._again(get)

    def has_blob(self, repository: str, blob: Descriptor) -> bool:
        """Whether the repository holds the blob; with another size than described: `RegistryError`."""
        url = self._url(repository, f"blobs/{check_digest(blob.digest)}")

        def head() -> bool:
            answer = self._followed("HEAD", url, repository)
            if answer.status == 404:
                answer.stream.close()
                return False
            self._expect(answer, {200}, f"HEAD {url}")
            read_all(answer, 0)
            _check_length(answer, blob)
            return True

        return self._again(head)

    def open_blob(self, repository: str, blob: Descriptor) -> Response:
        """The blob's bytes as a stream, not yet verified. The caller closes it. One try."""
        url = self._url(repository, f"blobs/{check_digest(blob.digest)}")
        answer = self._followed("GET", url, repository)
        self._expect(answer, {200}, f"GET {url}")
        try:
            _check_length(answer, blob)
        except RegistryError:
            answer.stream.close()
            raise
        return answer

    def upload(self, repository: str, blob: Descriptor, pieces: Pieces) -> None:
        """Stores a blob; `pieces` gives its bytes and raises, before the last, if they are not what they should be.

        A try that fails is cancelled and begun anew from the first byte, never resumed.
        """

        def attempt() -> None:
            location = self._begin_upload(repository)
            try:
                self._put_blob(repository, location, blob, pieces)
            except RegistryError:
                with contextlib.suppress(RegistryError):
                    self._send("DELETE", location, _push(repository), {}).stream.close()
                raise

        self._again(attempt)

    def push_blob(self, repository: str, data: bytes, media_type: str = _OCTETS) -> Descriptor:
        """Stores bytes unless they are there; how a manifest names them."""
        blob = Descriptor(media_type, digest_of(data), len(data))

        def pieces() -> Generator[memoryview, None, None]:
            yield memoryview(data)

        if not self.has_blob(repository, blob):
            self.upload(repository, blob, pieces)
        return blob

    def put_manifest(self, repository: str, manifest: Manifest, tag: str | None = None) -> None:
        """Stores a manifest's bytes as they are, under its digest, and under `tag` if one is given."""
        url = self._url(repository, f"manifests/{check_tag(tag) if tag else check_digest(manifest.digest)}")

        def put() -> None:
            headers = {"Content-Type": manifest.media_type, "Content-Length": str(len(manifest.body))}
            answer = self._send("PUT", url, _push(repository), headers, manifest.body)
            self._expect(answer, {200, 201}, f"PUT {url}")
            read_all(answer, LARGEST)
            said = answer.headers.get("docker-content-digest", manifest.digest)
            if said != manifest.digest:
                raise RegistryError(f"{url} stored {said} instead of {manifest.digest}", code="DIGEST_INVALID")

        self._again(put)

    def _begin_upload(self, repository: str) -> str:
        url = self._url(repository, "blobs/uploads/")
        answer = self._send("POST", url, _push(repository), {"Content-Length": "0"}, b"")
        self._expect(answer, {202}, f"POST {url}")
        read_all(answer, LARGEST)
        return self._location(answer, url)

    def _put_blob(self, repository: str, location: str, blob: Descriptor, pieces: Pieces) -> None:
        headers = {"Content-Type": _OCTETS, "Content-Length": str(blob.size)}
        if self._patches:
            answer = self._stream("PATCH", location, repository, headers, pieces)
            self._expect(answer, {202}, "PATCH of an upload")
            read_all(answer, LARGEST)
            final = _with_digest(self._location(answer, location), blob.digest)
            answer = self._send("PUT", final, _push(repository), headers | {"Content-Length": "0"}, b"")
        else:
            answer = self._stream("PUT", _with_digest(location, blob.digest), repository, headers, pieces)
            if answer.status in _NO_SINGLE_PUT:
                answer.stream.close()
                self._patches = True
                raise TransientError("the registry takes no blob in a single PUT", status=answer.status)
        self._expect(answer, {201}, f"PUT of blob {blob.digest}")
        read_all(answer, LARGEST)

    def _stream(self, method: str, url: str, repository: str, headers: dict[str, str], pieces: Pieces) -> Response:
        scope = _push(repository)
        with contextlib.closing(pieces()) as body:
            answer = self._transport.request(method, url, headers | self._authority.header(scope), body)
        if answer.status == 401:  # the body is gone: the next try sends it again, with a new login
            answer.stream.close()
            self._authority.renew(answer.headers.get("www-authenticate", ""), scope)
            raise TransientError(f"{method} of a blob was not authorised", status=401, code="UNAUTHORIZED")
        return answer

    def _send(
        self,
        method: str,
        url: str,
        scope: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Response:
        """One request, or two when the first is answered 401."""
        plain = {"Accept-Encoding": "identity", **headers}
        answer = self._transport.request(method, url, plain | self._authority.header(scope), body)
        if answer.status != 401:
            return answer
        answer.stream.close()
        self._authority.renew(answer.headers.get("www-authenticate", ""), scope)
        return self._transport.request(method, url, plain | self._authority.header(scope), body)

    def _followed(self, method: str, url: str, repository: str) -> Response:
        """A blob's request, redirects followed by new requests that carry no credentials."""
        answer = self._send(method, url, _pull(repository), {})
        for _ in range(_MOST_HOPS):
            if answer.status not in _REDIRECTS:
                return answer
            answer.stream.close()
            url = urljoin(url, answer.headers.get("location", ""))
            self._check_redirect(url)
            answer = self._transport.request(method, url, {"Accept-Encoding": "identity"})
        if answer.status in _REDIRECTS:
            answer.stream.close()
            raise RegistryError(f"a blob of {repository} is redirected more than {_MOST_HOPS} times", code="REDIRECT")
        return answer

    def _check_redirect(self, url: str) -> None:
        scheme, host, _ = origin(url)
        if self._loopback and is_loopback(host) and scheme in {"http", "https"}:
            return
        if scheme != "https" or is_loopback(host) or _is_private(host):
            raise RegistryError(f"a blob is redirected to {scheme}://{host}, which is refused", code="REDIRECT")

    def _location(self, answer: Response, url: str) -> str:
        """Where an upload goes on: it gets our credentials, so it must be on the registry itself."""
        location = urljoin(url, answer.headers.get("location", ""))
        if not answer.headers.get("location") or origin(location) != self._origin:
            raise RegistryError("the registry sends uploads to no or another host, which is refused", code="LOCATION")
        return location

    def _expect(self, answer: Response, statuses: set[int], what: str) -> None:
        if answer.status in statuses:
            return
        code, said = _said(answer)
        message = f"{what.partition('?')[0]} failed: HTTP {answer.status} {said}".rstrip()
        if answer.status in _PASSING:
            raise TransientError(message, status=answer.status, code=code, after=_wait(answer))
        hint = "the login may not do this in that repository" if answer.status in {401, 403} else ""
        raise RegistryError(message, status=answer.status, code=code, hint=hint)

    def _again(self, attempt: Callable[[], T]) -> T:
        """Up to three tries, waiting between them: 0.5 s, 1 s, or what the registry asks for up to 30 s."""
        for number in range(_TRIES - 1):
            try:
                return attempt()
            except TransientError as error:
                self._pause(error.after or 0.5 * 2**number)
        return attempt()

    def _url(self, repository: str, rest: str) -> str:
        return f"{self._base}/v2/{check_repository(repository)}/{rest}"


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _push(repository: str) -> str:
    return f"repository:{repository}:pull,push"


def _with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if urlsplit(location).query else '?'}digest={quote(digest, safe='')}"


def _check_length(answer: Response, blob: Descriptor) -> None:
    length = answer.headers.get("content-length", "")
    if length and length != str(blob.size):
        raise RegistryError(
            f"blob {blob.digest} has {length[:20]} bytes where its manifest says {blob.size}",
            code="SIZE_INVALID",
        )


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _wait(answer: Response) -> float:
    after = answer.headers.get("retry-after", "")
    return min(float(after), _LONGEST_WAIT) if after.isdecimal() and after.isascii() else 0.0


def _said(answer: Response) -> tuple[str, str]:
    """(code, message) of the registry's error, as far as it has the specified shape."""
    try:
        error = json.loads(read_all(answer, 65536))["errors"][0]
        code, message = str(error["code"]), str(error.get("message", ""))
    except (RegistryError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""
    return code[:100], " ".join(f"{code}: {message}".split())[:500]
