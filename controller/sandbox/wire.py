"""Requests and answers inside the sandbox, free of WSGI and of any server, and AWS's error shapes per protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from xml.sax.saxutils import escape

Wire = Literal["json", "s3", "query", "registry"]
CHUNK = 1 << 20


class Readable(Protocol):
    """What a request's body is read from; an empty answer is its end."""

    def read(self, size: int = -1, /) -> bytes: ...


class DroppedError(Exception):
    """The connection ends without an answer."""


class Died(BaseException):
    """The caller is to die here; not an `Exception`, so that nothing between the wire and the test can swallow it."""


class ServiceError(Exception):
    """An answer that is an error. `fields` go into the error document (S3: `Key`, `BucketName`, …), `headers` above."""

    def __init__(self, code: str, message: str, status: int = 400, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})
        self.headers: dict[str, str] = {}


@dataclass(slots=True)
class Request:
    """One HTTP request: `path` decoded, header names in lower case, the body read once and only when asked for."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    stream: Readable
    environ: dict[str, Any] = field(default_factory=dict)
    _body: bytes | None = None

    def body(self) -> bytes:
        """The whole body."""
        if self._body is None:
            self._body = self.stream.read()
        return self._body

    def replace(self, body: bytes) -> None:
        """Puts another body in place, once a transfer coding is taken off."""
        self._body = body

    def document(self) -> dict[str, Any]:
        """The body of a JSON protocol, an object."""
        try:
            value = json.loads(self.body() or b"{}")
        except ValueError as fault:
            raise ServiceError("SerializationException", "the body is not JSON") from fault
        if not isinstance(value, dict):
            raise ServiceError("SerializationException", "the body is not an object")
        return value

    def chunks(self) -> Iterable[bytes]:
        """The body in pieces of at most one MiB."""
        if self._body is not None:
            yield self._body
            return
        while piece := self.stream.read(CHUNK):
            yield piece


@dataclass(slots=True)
class Answer:
    """`body` is bytes, or pieces whose lengths add up to the header `Content-Length`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""

    def whole(self) -> bytes:
        """The body in one piece."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


def json_answer(document: Mapping[str, Any], status: int = 200) -> Answer:
    """An answer of the JSON 1.1 protocol."""
    return Answer(
        status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document, ensure_ascii=False).encode()
    )


def xml_answer(
    root: str, inner: str, status: int = 200, namespace: str = "http://s3.amazonaws.com/doc/2006-03-01/"
) -> Answer:
    """An answer of S3 or of the query protocol; `inner` is XML."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">{inner}</{root}>'
    return Answer(status, {"Content-Type": "application/xml"}, text.encode())


def request_id(number: int) -> str:
    """The id that AWS would give a call."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def error_answer(protocol: Wire, fault: ServiceError, number: int, *, head: bool = False) -> Answer:
    """The error document of one protocol; `number` makes the request id, `head` leaves the document out."""
    name = request_id(number)
    if protocol == "json":
        answer = json_answer({"__type": fault.code, "message": fault.message, **fault.fields}, fault.status)
        answer.headers |= {"x-amzn-ErrorType": fault.code, "x-amzn-RequestId": name, **fault.headers}
        return answer
    if protocol == "registry":
        document = {"errors": [{"code": fault.code, "message": fault.message, "detail": fault.fields}]}
        return Answer(
            fault.status, {"Content-Type": "application/json"}, b"" if head else json.dumps(document).encode()
        )
    kept = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in fault.fields.items())
    inner = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>{kept}"
    if protocol == "query":
        kind = "Sender" if fault.status < 500 else "Receiver"
        inner = f"<Error><Type>{kind}</Type>{inner}</Error><RequestId>{name}</RequestId>"
        return xml_answer("ErrorResponse", inner, fault.status, "https://sts.amazonaws.com/doc/2011-06-15/")
    inner += f"<RequestId>{name}</RequestId><HostId>sandbox</HostId>"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    headers = {"Content-Type": "application/xml", "x-amz-request-id": name}
    return Answer(fault.status, headers, b"" if head else text.encode())
