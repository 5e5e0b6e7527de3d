"""One image registry: manifests, referrers and blobs of its repositories. Bytes are believed, headers are not."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator
from urllib.parse import quote, urlsplit

from controller.core.errors import RegistryError, WaitingError
from controller.oci.auth import Credentials
from controller.oci.manifest import (
    ACCEPT,
    INDEXES,
    LARGEST,
    MANIFESTS,
    OCI_INDEX,
    Descriptor,
    Listed,
    Manifest,
    digest_of,
    read_manifest,
    read_referrers,
)
from controller.oci.network import Network, joined
from controller.oci.reference import check_digest, check_repository, check_tag
from controller.oci.session import Pieces, Session, expect, pull, push
from controller.oci.transport import Response, TransientError, Transport, read_all

_NO_SINGLE_PUT = frozenset({405, 415, 501})
_NO_REFERRERS = frozenset({404, 405, 501})
_MOST_PAGES = 64
_OCTETS = "application/octet-stream"
_NEXT = re.compile(r'<([^<>]{1,4096})>\s*;\s*rel="?next"?')
_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", re.ASCII)


class Registry:
    """A registry at `base_url` (https, or http on loopback), without a path.

    Every method raises `RegistryError` for what the registry refuses or garbles, after up to five tries of what may be
    repeated. Names are checked before they are put into an address. Safe for threads.
    """

    def __init__(
        self,
        base_url: str,
        transport: Transport,
        credentials: Credentials | None = None,
        *,
        network: Network | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = Session(base_url, transport, credentials, network or Network(), pause)
        self._patches = False
        self._lists = True

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest behind a tag or digest, its bytes verified against the digest; None if there is none."""
        wanted = check_digest(reference) if ":" in reference else None
        url = self._session.url(repository, f"manifests/{wanted or check_tag(reference)}")

        def get() -> Manifest | None:
            answer = self._session.send("GET", url, pull(repository), {"Accept": ACCEPT})
            if answer.status == 404:
                answer.stream.close()
                return None
            expect(answer, {200}, f"GET {url}")
            body = read_all(answer, LARGEST)
            said = wanted or answer.headers.get("docker-content-digest")
            if said is not None and digest_of(body) != said:
                raise RegistryError(
                    f"{url} answered with other bytes than {said[:80]}", status=200, code="DIGEST_INVALID"
                )
            return read_manifest(body, answer.headers.get("content-type", ""))

        return self._session.again(get)

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the repository holds the manifest of this digest."""
        url = self._session.url(repository, f"manifests/{check_digest(digest)}")

        def head() -> bool:
            answer = self._session.send("HEAD", url, pull(repository), {"Accept": ACCEPT})
            if answer.status != 404:
                expect(answer, {200}, f"HEAD {url}")
            answer.stream.close()
            if answer.status == 200 and _type(answer) not in MANIFESTS | INDEXES:
                raise TransientError(f"HEAD {url} answered with no manifest", status=200, code="MANIFEST_INVALID")
            return answer.status == 200

        return self._session.again(head)

    def referrers(self, repository: str, digest: str) -> tuple[Listed, ...]:
        """What says of itself that it is about this manifest: signatures, SBOMs, attestations.

        From the registry's own list, else from the index that the distribution specification puts under a tag.
        """
        if self._lists:
            found = self._listed(repository, check_digest(digest))
            if found is not None:
                return found
            self._lists = False
        index = self.manifest(repository, referrers_tag(digest))
        return read_referrers(index.body) if index is not None and index.media_type == OCI_INDEX else ()

    @property
    def keeps_lists(self) -> bool:
        """Whether the registry lists referrers itself, as far as it has been asked."""
        return self._lists

    def put_manifest(self, repository: str, manifest: Manifest, tag: str | None = None) -> None:
        """Stores a manifest's bytes as they are, under its digest, and under `tag` if one is given."""
        url = self._session.url(repository, f"manifests/{check_tag(tag) if tag else check_digest(manifest.digest)}")

        def put() -> None:
            headers = {"Content-Type": manifest.media_type, "Content-Length": str(len(manifest.body))}
            answer = self._session.send("PUT", url, push(repository), headers, manifest.body)
            expect(answer, {200, 201}, f"PUT {url}")
            read_all(answer, LARGEST)
            # Stored is 201; what says 200 must say of what, or it may be an error that came as a success.
            said = answer.headers.get("docker-content-digest", manifest.digest if answer.status == 201 else "nothing")
            if said != manifest.digest:
                raise RegistryError(f"{url} stored {said[:80]} instead of {manifest.digest}", code="DIGEST_INVALID")

        self._session.again(put)

    def has_blob(self, repository: str, blob: Descriptor) -> bool:
        """Whether the repository holds the blob; with another size than described: `RegistryError`."""
        url = self._session.url(repository, f"blobs/{check_digest(blob.digest)}")

        def head() -> bool:
            answer = self._session.followed("HEAD", url, pull(repository), {})
            if answer.status == 404:
                answer.stream.close()
                return False
            expect(answer, {200}, f"HEAD {url}")
            answer.stream.close()
            _check_length(answer, blob, blob.size)
            return True

        return self._session.again(head)

    def open_blob(self, repository: str, blob: Descriptor, start: int = 0) -> Response:
        """The blob's bytes from `start` as a stream, not yet verified. The caller closes it."""
        url = self._session.url(repository, f"blobs/{check_digest(blob.digest)}")
        headers = {"Range": f"bytes={start}-"} if start else {}

        def get() -> Response:
            answer = self._session.followed("GET", url, pull(repository), headers)
            expect(answer, {206} if start and answer.status != 200 else {200}, f"GET {url}")
            return answer

        answer = self._session.again(get)
        try:
            _check_range(answer, blob, start)
        except RegistryError:
            answer.stream.close()
            raise
        return answer

    def mount(self, repository: str, blob: Descriptor, held_by: str) -> str | None:
        """Asks for a blob of another repository of this registry; None when it is there now.

        Otherwise where its bytes may be uploaded to, or an empty text when the registry will have none of it.
        """
        query = f"mount={quote(check_digest(blob.digest), safe='')}&from={quote(check_repository(held_by), safe='')}"
        url = self._session.url(repository, f"blobs/uploads/?{query}")
        scope = f"{push(repository)} {pull(held_by)}"

        def post() -> str | None:
            answer = self._session.send("POST", url, scope, {"Content-Length": "0"}, b"")
            if answer.status == 202:
                answer.stream.close()
                return self._session.location(answer, url)
            expect(answer, {201}, f"POST {url}")
            answer.stream.close()
            return None

        try:
            return self._session.again(post)
        except RegistryError as error:
            if error.code == "LOCATION":
                raise
            return ""  # a mount is a favour: whatever stands in its way, an upload says what is wrong

    def upload(self, repository: str, blob: Descriptor, pieces: Pieces, location: str = "") -> None:
        """Stores a blob; `pieces` gives its bytes and raises, before the last, if they are not what they should be.

        The first try goes to `location`, if one is given. A try that fails is cancelled; the next begins anew, from
        the first byte in a new upload, unless the blob has arrived after all.
        """
        places = [location] if location else []
        failed = False

        def attempt() -> None:
            nonlocal failed
            if failed and self.has_blob(repository, blob):
                return
            place = places.pop() if places else self._begin_upload(repository)
            try:
                self._put_blob(repository, place, blob, pieces)
            except (RegistryError, WaitingError):
                failed = True
                with contextlib.suppress(RegistryError):
                    self._session.send("DELETE", place, push(repository), {}).stream.close()
                raise

        self._session.again(attempt)

    def push_blob(self, repository: str, data: bytes, media_type: str = _OCTETS) -> Descriptor:
        """Stores bytes unless they are there; how a manifest names them."""
        blob = Descriptor(media_type, digest_of(data), len(data))

        def pieces() -> Generator[memoryview, None, None]:
            yield memoryview(data)

        if not self.has_blob(repository, blob):
            self.upload(repository, blob, pieces)
        return blob

    def _listed(self, repository: str, digest: str) -> tuple[Listed, ...] | None:
        """The registry's own list of referrers, all pages; None if it keeps none."""
        url = self._session.url(repository, f"referrers/{digest}")
        found: list[Listed] = []
        for _ in range(_MOST_PAGES):
            status, body, following = self._session.again(lambda at=url: self._page(repository, at))  # type: ignore[misc]
            if status in _NO_REFERRERS:
                return None
            found += read_referrers(body)
            if not following:
                return tuple(found)
            url = following
        raise RegistryError(f"the referrers of {digest} have more than {_MOST_PAGES} pages", code="TOO_LARGE")

    def _page(self, repository: str, url: str) -> tuple[int, bytes, str]:
        answer = self._session.send("GET", url, pull(repository), {"Accept": OCI_INDEX})
        if answer.status in _NO_REFERRERS:
            answer.stream.close()
            return answer.status, b"", ""
        expect(answer, {200}, f"GET {url}")
        body = read_all(answer, LARGEST)
        following = _NEXT.search(answer.headers.get("link", ""))
        return 200, body, self._session.here(joined(url, following[1])) if following else ""

    def _begin_upload(self, repository: str) -> str:
        url = self._session.url(repository, "blobs/uploads/")
        answer = self._session.send("POST", url, push(repository), {"Content-Length": "0"}, b"")
        expect(answer, {202}, f"POST {url}")
        read_all(answer, LARGEST)
        return self._session.location(answer, url)

    def _put_blob(self, repository: str, location: str, blob: Descriptor, pieces: Pieces) -> None:
        headers = {"Content-Type": _OCTETS, "Content-Length": str(blob.size)}
        if self._patches:
            answer = self._session.stream("PATCH", location, push(repository), headers, pieces)
            expect(answer, {202}, "PATCH of an upload")
            read_all(answer, LARGEST)
            final = _with_digest(self._session.location(answer, location), blob.digest)
            answer = self._session.send("PUT", final, push(repository), headers | {"Content-Length": "0"}, b"")
        else:
            place = _with_digest(location, blob.digest)
            answer = self._session.stream("PUT", place, push(repository), headers, pieces)
            if answer.status in _NO_SINGLE_PUT:
                answer.stream.close()
                self._patches = True
                raise TransientError("the registry takes no blob in a single PUT", status=answer.status)
        expect(answer, {201}, f"PUT of blob {blob.digest}")
        read_all(answer, LARGEST)


def _type(answer: Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def referrers_tag(digest: str) -> str:
    """Where registries without a list of their own keep the referrers of a manifest."""
    return check_tag(check_digest(digest).replace(":", "-"))


def _with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if urlsplit(location).query else '?'}digest={quote(digest, safe='')}"


def _check_length(answer: Response, blob: Descriptor, expected: int) -> None:
    length = answer.headers.get("content-length", "")
    if length and length != str(expected):
        raise RegistryError(
            f"blob {blob.digest} has {length[:20]} bytes where its manifest says {expected}", code="SIZE_INVALID"
        )


def _check_range(answer: Response, blob: Descriptor, start: int) -> None:
    """The answer holds what was asked for: the blob, or exactly its rest."""
    if answer.status == 200 and start:
        raise TransientError("the registry gives no part of a blob", status=200, code="RANGE")
    _check_length(answer, blob, blob.size - start)
    if answer.status == 206:
        found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        if found is None or [int(part) for part in found.groups()] != [start, blob.size - 1, blob.size]:
            raise RegistryError(f"blob {blob.digest} came with another part than was asked for", code="RANGE")
