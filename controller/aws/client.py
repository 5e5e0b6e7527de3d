"""One AWS service of one account and region as the kinds see it: plain data in and out, one kind of error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from controller.aws.body import Body
from controller.aws.failures import cloud_error
from controller.aws.sessions import loader
from controller.aws.volley import WIDTH
from controller.aws.watch import refuse_write
from controller.core.errors import CloudError, SafetyError
from controller.core.model import Target

Ask = Callable[[BaseClient, str, Mapping[str, Any]], dict[str, Any] | None]
"""A shorter way to an answer; None where there is none (`aws.direct`)."""
Requests = Sequence[Mapping[str, Any]]
Batch = Callable[[BaseClient, str, Requests, int, Callable[[int], bool]], list[dict[str, Any] | None]]
"""The way of many at once (`aws.direct`); the number is how many."""

MOST_PAGES = 10_000
_FEW = 8  # fewer are not worth the connections
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "400"})  # the last: HEAD has no body to say more

# S3 may answer 200 and then fail; botocore turns an error body into an error, but an empty one looks like success, or
# like a list of nothing.
_PROOFS: Mapping[str, tuple[str, ...]] = {
    "CopyObject": ("CopyObjectResult", "ETag"),
    "UploadPartCopy": ("CopyPartResult", "ETag"),
    "CompleteMultipartUpload": ("ETag",),
    "CreateMultipartUpload": ("UploadId",),
    "HeadObject": ("ETag",),
    "ListMultipartUploads": ("IsTruncated",),
    "ListObjectVersions": ("IsTruncated",),
    "ListObjectsV2": ("IsTruncated",),
    "ListParts": ("IsTruncated",),
    "PutObject": ("ETag",),
    "UploadPart": ("ETag",),
}


class AwsClient:
    """Implements `kinds.base.Client`. Safe for threads; connects, and proves the account, at the first call."""

    def __init__(
        self,
        target: Target,
        service: str,
        connect: Callable[[], BaseClient],
        *,
        gate: threading.Semaphore,
        writable: bool,
        renew: Callable[[], Callable[[], None]] = lambda: lambda: None,
        direct: Ask | None = None,
        batch: Batch | None = None,
    ) -> None:
        self.target = target
        self.service = service
        self._connect = connect
        self._gate = gate
        self._writable = writable
        self._renew = renew
        self._direct = direct
        self._batch = batch

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call by its API name, as `kinds.base.Client.call`.

        `GetObject` answers with a `Body` that streams: `.read(limit)`, `.close()`, a context manager. Not allowed while
        reading only: `SafetyError`, with nothing sent. Everything AWS or the way to it refuses: `CloudError`.
        """
        if not self._writable:
            refuse_write(self.service, operation)
        name = f"{self.service}:{operation}"
        try:
            answer = self._asked(operation, parameters)
        except (ClientError, BotoCoreError) as error:
            raise cloud_error(error, name, self.target) from error
        except RecursionError:  # botocore asks where a redirected bucket is, and is redirected
            said = "every request is redirected, also those that ask where the bucket is"
            hint = "check the region and AWS_ENDPOINT_URL"
            raise CloudError(name, "TooManyRedirects", said, where=str(self.target), hint=hint) from None
        answer.pop("ResponseMetadata", None)
        return self._proven(operation, answer)

    def _asked(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Once more with new credentials when AWS says that those at hand have expired: nothing was done then."""
        connection = self._connect()
        renew = self._renew()
        try:
            with self._gate:
                said = self._direct(connection, operation, parameters) if self._direct is not None else None
                return said if said is not None else method_of(connection, operation)(**parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _EXPIRED:
                raise
        renew()
        with self._gate:
            return method_of(connection, operation)(**parameters)

    def pages(self, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All items of the list `result`, lazily, as `kinds.base.Client.pages`; a repeated token is a `CloudError`."""
        paging = self._paging(operation)
        seen = set[tuple[str, ...]]()
        for _ in range(MOST_PAGES):
            page = self.call(operation, **parameters)
            yield from page.get(result) or []
            token = _next_token(paging, page)
            if not token and (more := paging.get("more_results")) and page.get(more):
                raise self._broken(operation, "PartialList", "there is more, and it is not said where it goes on")
            if not token:
                return
            if tuple(token.values()) in seen:
                raise self._broken(operation, "RepeatedToken", "a page repeats the token of an earlier one")
            seen.add(tuple(token.values()))
            parameters |= token
        raise self._broken(operation, "TooManyPages", f"the list has more than {MOST_PAGES} pages")

    def many(
        self, operation: str, requests: Requests, told: Callable[[int], bool] = lambda _: True
    ) -> list[dict[str, Any] | None]:
        """Answers to calls that are sent at once, as `kinds.base.Client.many`: only what went well."""
        if not self._writable:
            refuse_write(self.service, operation)
        if self._batch is None or len(requests) < _FEW:
            return [None] * len(requests)
        try:
            connection = self._connect()
        except (ClientError, BotoCoreError) as error:
            raise cloud_error(error, f"{self.service}:{operation}", self.target) from error
        width = self._entered()
        try:
            found = self._batch(connection, operation, requests, width, told)
        finally:
            self._gate.release(width)
        return [self._believed(operation, answer) for answer in found]

    def _entered(self) -> int:
        """How many calls may be under way: as many as the account has room for now, at least one."""
        self._gate.acquire()
        width = 1
        while width < WIDTH and self._gate.acquire(blocking=False):
            width += 1
        return width

    def _believed(self, operation: str, answer: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            return None if answer is None else self._proven(operation, answer)
        except CloudError:
            return None

    def _paging(self, operation: str) -> Mapping[str, Any]:
        # The model's own words for the tokens; botocore's paginators would send past `call`.
        model: Mapping[str, Any] = loader().load_service_model(self.service, "paginators-1")
        paging: Mapping[str, Any] | None = model["pagination"].get(operation)
        if paging is None:
            raise SafetyError(f"{self.service}:{operation} has no pages: use call()")
        return paging

    def _proven(self, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
        if self.service != "s3":
            return answer
        if operation == "GetObject":
            return answer | {"Body": Body(answer["Body"], self.target)}
        proof: Any = answer
        path = _PROOFS.get(operation, ())
        for name in path:
            proof = proof.get(name) if isinstance(proof, dict) else None
        if path and proof in (None, "", {}):
            raise self._broken(operation, "EmptyAnswer", "S3 answered 200 without a result: it is not known to be done")
        return answer

    def _broken(self, operation: str, code: str, said: str) -> CloudError:
        return CloudError(f"{self.service}:{operation}", code, said, status=200, where=str(self.target))


def method_of(connection: BaseClient, operation: str) -> Callable[..., dict[str, Any]]:
    """botocore's method for an operation by its API name."""
    method: Callable[..., dict[str, Any]] | None = getattr(connection, xform_name(operation), None)
    if method is None:
        raise SafetyError(f"{connection.meta.service_model.service_name} has no operation {operation}")
    return method


def _next_token(paging: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the next page, or nothing when this was the last."""
    more = paging.get("more_results")
    if more is not None and not page.get(more):
        return {}
    names, outputs = paging["input_token"], paging["output_token"]
    if isinstance(names, str):
        names, outputs = [names], [outputs]
    return {name: page[output] for name, output in zip(names, outputs, strict=True) if page.get(output)}
