"""S3's small requests, sent straight: botocore says where to, and does whatever does not go well.

A CopyObject through a botocore client costs 1.5 ms of processor time, and this way 0.4. The first call on a bucket goes
through botocore: its signed request shows the host, the path and the region that the bucket has. From then on the
operations below are serialised by botocore's serializer, signed as botocore signs, and sent over kept connections.
Whatever is not an answer for good (no answer, throttling, a fault of the service, an error within a 200, a redirect,
a signature that is not taken) is handed to botocore as if nothing had been sent: it alone tries again.
"""

from __future__ import annotations

import functools
import os
import random
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.httpsession import get_cert_path
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.response import StreamingBody
from botocore.serialize import create_serializer
from botocore.session import Session
from botocore.utils import get_environ_proxies

from controller.aws.answers import answer_of
from controller.aws.calls import Call, CallLog, resource_of
from controller.aws.pool import Arriving, Pool
from controller.aws.sign import signed
from controller.aws.watch import SENT, Watch, refuse_write, resource_in

OPERATIONS = frozenset(
    {"CopyObject", "GetObject", "HeadObject", "ListObjectVersions", "ListObjectsV2", "UploadPartCopy"}
)
_LISTS = frozenset({"ListObjectVersions", "ListObjectsV2"})
_FOR_GOOD = frozenset({403, 404, 405, 409, 412, 416})
_SAFE = "/~"
_BREAKS = 64
_CHANCE = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a bucket is: what comes before a key's `/` in the path, and the region that requests are signed for."""

    host: str
    secure: bool
    before: str
    region: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    stream: Any  # has `read` and `close`


class Direct:
    """One session's short way to S3. Safe for threads."""

    def __init__(self, session: Session, watch: Watch, log: CallLog, *, writable: bool) -> None:
        self._session = session
        self._watch = watch
        self._log = log
        self._writable = writable
        self._places: dict[tuple[str, str], _Place | None] = {}
        self._broken: dict[tuple[str, str], int] = {}
        self._serializer = create_serializer("rest-xml")
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        session.register("request-created", self._learn)

    def answer(self, connection: BaseClient, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """What S3 says, or None when the call is botocore's to make. `ClientError` when S3 refuses it for good."""
        here = (str(connection.meta.region_name), str(parameters.get("Bucket")))
        place = self._places.get(here) if operation in OPERATIONS else None
        if place is None:
            return None
        if not self._writable:
            refuse_write("s3", operation)
        began = time.monotonic()
        try:
            found = self._sent(connection, operation, dict(parameters), place)
        except (ParamValidationError, ValueError):  # not sent; botocore says what is wrong
            return None
        except (OSError, BotoCoreError):
            self._unanswered(here)
            return None
        said = _said(connection, operation, found)
        self._broken[here] = 0
        if said is None:
            SENT.set(1)
            if found.status == 429 or found.status >= 500:
                time.sleep(_CHANCE.random())  # as long as botocore waits before its second try
            return None
        code = str(said.get("Error", {}).get("Code", ""))
        seconds = round(time.monotonic() - began, 6)
        account, resource = self._watch.account, resource_of("s3", parameters)
        request = str(found.headers.get("x-amz-request-id", ""))
        self._log.record(
            Call("s3", operation, account, here[0], resource, found.status, code, seconds, request=request)
        )
        if "Error" in said:
            refusal: Any = said
            raise ClientError(refusal, operation)
        return said

    def _unanswered(self, here: tuple[str, str]) -> None:
        """A kept connection may have been ended meanwhile; where that happens time after time, this is no way."""
        SENT.set(1)
        self._broken[here] = self._broken.get(here, 0) + 1
        if self._broken[here] > _BREAKS:
            self._places[here] = None

    def close(self) -> None:
        """Ends the connections; others are opened when they are needed."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()

    def _sent(self, connection: BaseClient, operation: str, parameters: dict[str, Any], place: _Place) -> _Answer:
        method, path, headers = self._signed(connection, operation, parameters, place)
        if (hooked := _hooked(connection, operation, place, (method, path, headers))) is not None:
            return hooked
        arriving = self._connections().ask(method, place.host, path, headers, secure=place.secure)
        return _Answer(arriving.status, arriving.headers, arriving)

    def _signed(
        self, connection: BaseClient, operation: str, parameters: dict[str, Any], place: _Place
    ) -> tuple[str, str, dict[str, str]]:
        """Method, path with query, and headers."""
        model = connection.meta.service_model.operation_model(operation)
        if isinstance(source := parameters.get("CopySource"), dict):
            parameters["CopySource"] = _copy_source(source)
        if operation in _LISTS:
            parameters.setdefault("EncodingType", "url")
        asked = self._serializer.serialize_to_request(parameters, model)
        key = f"/{quote(parameters['Key'], safe=_SAFE)}" if "Key" in parameters else ""
        path = f"{place.before}{key}" or "/"
        query = (
            dict(parse_qsl(urlsplit(model.http["requestUri"]).query, keep_blank_values=True)) | asked["query_string"]
        )
        pairs = sorted((_quoted(name), _quoted(value)) for name, value in query.items() if name != "x-id")
        text = "&".join(f"{name}={value}" for name, value in pairs)
        config: Any = connection.meta.config
        headers = {**asked["headers"], "User-Agent": config.user_agent}
        credentials: Any = self._session.get_credentials()
        keys = credentials.get_frozen_credentials()
        every = signed(keys, asked["method"], place.host, path, text, headers, place.region)
        return asked["method"], f"{path}?{text}" if text else path, every

    def _connections(self) -> Pool:
        with self._lock:
            if self._pool is None:
                named = self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
                self._pool = Pool(functools.partial(_trusting, named or get_cert_path(verify=True)))
            return self._pool

    def _learn(self, **event: Any) -> None:
        """Keeps where botocore sends a bucket's requests, if they are of the plain kind."""
        request, resource = event["request"], resource_in(event["request"].context)
        bucket, _, key = resource.partition("/")
        region = str(request.context.get("client_region") or "")
        place = _place_of(request, bucket, key) if bucket else None
        if place is None:
            return
        if self._places.setdefault((region, bucket), place) != place:  # a redirect: botocore follows it
            self._places[region, bucket] = None


@functools.lru_cache(8)
def _trusting(certificates: str) -> ssl.SSLContext:
    """One for all sessions: reading the usual certificates takes 27 ms."""
    return ssl.create_default_context(cafile=certificates)


def _hooked(
    connection: BaseClient, operation: str, place: _Place, request: tuple[str, str, dict[str, str]]
) -> _Answer | None:
    """What the session's own `before-send` handlers answer, as they do to botocore's requests."""
    method, path, headers = request
    events: Any = connection.meta.events
    given: Any = headers
    url = f"{'https' if place.secure else 'http'}://{place.host}{path}"
    prepared = AWSPreparedRequest(method, url, given, b"", stream_output=True)
    hooked = events.emit_until_response(f"before-send.s3.{operation}", request=prepared)[1]
    if hooked is None:
        return None
    said = {name.lower(): value for name, value in hooked.headers.items()}
    length: Any = said.get("content-length") if method != "HEAD" else None
    return _Answer(hooked.status_code, said, StreamingBody(hooked.raw, length))


def _place_of(request: Any, bucket: str, key: str) -> _Place | None:
    parts = urlsplit(request.url)
    words = _text(request.headers.get("Authorization", "")).partition("Credential=")
    scope = words[2].partition(",")[0].split("/")
    if not words[0].startswith("AWS4-HMAC-SHA256") or len(scope) != 5 or scope[3] != "s3":
        return None
    tail = f"/{quote(key, safe=_SAFE)}" if key else ""
    path = parts.path if key else parts.path.rstrip("/")
    before = next((way for way in (f"/{bucket}", "") if path == way + tail), None)
    if before is None or (not before and not parts.netloc.startswith(f"{bucket}.")) or get_environ_proxies(request.url):
        return None
    return _Place(parts.netloc, parts.scheme == "https", before, scope[2])


def _quoted(value: object) -> str:
    return quote(str(value), safe="-_.~")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _copy_source(source: Mapping[str, str]) -> str:
    place, version = quote(f"{source['Bucket']}/{source['Key']}", safe=_SAFE), source.get("VersionId")
    return f"{place}?versionId={version}" if version else place


def _said(connection: BaseClient, operation: str, found: _Answer) -> dict[str, Any] | None:
    """What the answer says, with an `Error` if it is one for good, None when it is not to be believed."""
    model = connection.meta.service_model.operation_model(operation)
    if operation == "GetObject" and found.status in (200, 206):
        return _opened(model, found)
    try:
        body = found.stream.whole() if isinstance(found.stream, Arriving) else found.stream.read()
        if b"<Code>SignatureDoesNotMatch" in body:
            return None
        if found.status in _FOR_GOOD or b"<Code>ExpiredToken" in body[:400]:  # who calls has them renewed
            return _refusal(operation, found, body)
        if found.status != 200 or (operation != "HeadObject" and not _is_result(body)):
            return None
        return answer_of(model, found.headers, body)
    except (OSError, BotoCoreError, ValueError, KeyError):
        return None
    finally:
        found.stream.close()


def _opened(model: OperationModel, found: _Answer) -> dict[str, Any] | None:
    """An object whose bytes are still to come."""
    try:
        return answer_of(model, found.headers, b"") | {"Body": found.stream}
    except ValueError:
        found.stream.close()
        return None


def _is_result(body: bytes) -> bool:
    """S3 may answer 200 and say afterwards, behind any number of blanks, that it failed, or say nothing."""
    return bool(body.strip()) and b"<Error>" not in body


def _refusal(operation: str, found: _Answer, body: bytes) -> dict[str, Any]:
    whole = {"headers": found.headers, "body": body, "status_code": found.status}
    no_shape: Any = None  # errors have none
    return dict(create_parser("rest-xml").parse({**whole, "context": {"operation_name": operation}}, no_shape))
