"""What a request to S3 looks like that botocore would send, and what an answer to it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.response import StreamingBody
from botocore.utils import get_environ_proxies

from controller.aws.answers import answer_of
from controller.aws.pool import Arriving

SAFE = "/~"
_FOR_GOOD = frozenset({403, 404, 405, 409, 412, 416})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bucket is: what comes before a key's `/` in the path, and the region that requests are signed for."""

    host: str
    secure: bool
    before: str
    region: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    stream: Any  # has `read` and `close`


def hooked(
    connection: BaseClient, operation: str, place: Place, request: tuple[str, str, dict[str, str]]
) -> Answer | None:
    """What the session's own `before-send` handlers answer, as they do to botocore's requests."""
    method, path, headers = request
    events: Any = connection.meta.events
    given: Any = headers
    url = f"{'https' if place.secure else 'http'}://{place.host}{path}"
    prepared = AWSPreparedRequest(method, url, given, b"", stream_output=True)
    answer = events.emit_until_response(f"before-send.s3.{operation}", request=prepared)[1]
    if answer is None:
        return None
    said = {name.lower(): value for name, value in answer.headers.items()}
    length: Any = None if method == "HEAD" else said.get("content-length")  # what HEAD tells of is not sent
    return Answer(answer.status_code, said, StreamingBody(answer.raw, length))


def place_of(request: Any, bucket: str, key: str) -> Place | None:
    """Where botocore sent a request about a bucket; None where that is no plain place, and only it knows the way."""
    parts = urlsplit(request.url)
    words = _text(request.headers.get("Authorization", "")).partition("Credential=")
    scope = words[2].partition(",")[0].split("/")
    if not words[0].startswith("AWS4-HMAC-SHA256") or len(scope) != 5 or scope[3] != "s3":
        return None
    tail = f"/{quote(key, safe=SAFE)}" if key else ""
    path = parts.path if key else parts.path.rstrip("/")
    before = next((way for way in (f"/{bucket}", "") if path == way + tail), None)
    if before is None or (not before and not parts.netloc.startswith(f"{bucket}.")):
        return None
    return Place(parts.netloc, parts.scheme == "https", before, scope[2])


def by_proxy(url: str) -> bool:
    """Whether the environment has botocore send this through a proxy. To ask takes as long as to sign."""
    return bool(get_environ_proxies(url))


def quoted(value: object) -> str:
    """A name or value as it stands in a query."""
    return quote(str(value), safe="-_.~")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def copy_source(source: Mapping[str, str]) -> str:
    """The header that names a source, from the mapping that botocore takes."""
    place, version = quote(f"{source['Bucket']}/{source['Key']}", safe=SAFE), source.get("VersionId")
    return f"{place}?versionId={version}" if version else place


def said_of(connection: BaseClient, operation: str, found: Answer) -> dict[str, Any] | None:
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


def _opened(model: OperationModel, found: Answer) -> dict[str, Any] | None:
    """An object whose bytes are still to come."""
    try:
        return answer_of(model, found.headers, b"") | {"Body": found.stream}
    except ValueError:
        found.stream.close()
        return None


def _is_result(body: bytes) -> bool:
    """S3 may answer 200 and say afterwards, behind any number of blanks, that it failed, or say nothing."""
    return bool(body.strip()) and b"<Error>" not in body


def _refusal(operation: str, found: Answer, body: bytes) -> dict[str, Any]:
    whole = {"headers": found.headers, "body": body, "status_code": found.status}
    no_shape: Any = None  # errors have none
    return dict(create_parser("rest-xml").parse({**whole, "context": {"operation_name": operation}}, no_shape))
