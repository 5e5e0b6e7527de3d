"""S3's small requests, sent straight: botocore says where to, and does whatever does not go well.

A CopyObject through a botocore client costs 1.5 ms of processor time, and this way 0.4. The first call on a bucket goes
through botocore: its signed request shows the host, the path and the region that the bucket has. From then on the
operations below are serialised by botocore's serializer, signed as botocore signs, and sent over kept connections.
Whatever is not an answer for good (no answer, throttling, a fault of the service, an error within a 200, a redirect,
a signature that is not taken) is handed to botocore as if nothing had been sent: it alone tries again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.httpsession import get_cert_path
from botocore.model import OperationModel
from botocore.serialize import create_serializer
from botocore.session import Session

from controller.aws.asks import Asked, asked_of, fixed
from controller.aws.batch import Batch
from controller.aws.calls import Call, CallLog, resource_of
from controller.aws.plain import SAFE, Answer, Place, by_proxy, copy_source, hooked, place_of, quoted, said_of
from controller.aws.pool import Pool, address_of
from controller.aws.sign import signed as signature
from controller.aws.volley import fire
from controller.aws.watch import SENT, Watch, refuse_write, resource_in

OPERATIONS = frozenset(
    {"CopyObject", "GetObject", "HeadObject", "ListObjectVersions", "ListObjectsV2", "UploadPartCopy"}
)
_LISTS = frozenset({"ListObjectVersions", "ListObjectsV2"})
_BREAKS = 64
_CHANCE = random.SystemRandom()


class Direct:
    """One session's short way to S3. Safe for threads."""

    def __init__(self, session: Session, watch: Watch, log: CallLog, *, writable: bool) -> None:
        self._session = session
        self._watch = watch
        self._log = log
        self._writable = writable
        self._places: dict[tuple[str, str], Place | None] = {}
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
        said = said_of(connection, operation, found)
        self._broken[here] = 0
        if said is None:
            SENT.set(1)
            if found.status == 429 or found.status >= 500:
                time.sleep(_CHANCE.random())  # as long as botocore waits before its second try
            return None
        self._record(operation, here[0], parameters, found, said, began)
        if "Error" in said:
            refusal: Any = said
            raise ClientError(refusal, operation)
        return said

    def many(
        self,
        connection: BaseClient,
        operation: str,
        requests: Sequence[Mapping[str, Any]],
        width: int,
        told: Callable[[int], bool],
    ) -> list[dict[str, Any] | None]:
        """Answers to calls on one bucket, sent at once; None for each that is botocore's to make, as in `answer`.

        Once one did not go well no further one is begun. `told` hears which did, and says whether to go on.
        """
        region, bucket = str(connection.meta.region_name), str(requests[0].get("Bucket")) if requests else ""
        place = self._places.get((region, bucket)) if operation in OPERATIONS else None
        if place is None or any(request.get("Bucket") != bucket for request in requests):
            return [None] * len(requests)
        if not self._writable:
            refuse_write("s3", operation)
        sign = functools.partial(self._signed, connection, operation, place)
        note = functools.partial(self._record, operation, region)
        batch = Batch(sign, note, connection, operation, requests, place, told)
        if not batch.handled():
            with contextlib.suppress(OSError):  # this machine has no certificates, or no files left: one at a time
                tls = self._connections().tls() if place.secure else None
                fire(address_of(place.host, secure=place.secure), tls, width, batch.feed, batch.take)
        return batch.answers

    def _unanswered(self, here: tuple[str, str]) -> None:
        """A kept connection may have been ended meanwhile; where that happens time after time, this is no way."""
        SENT.set(1)
        self._broken[here] = self._broken.get(here, 0) + 1
        if self._broken[here] > _BREAKS:
            self._places[here] = None

    def _record(
        self,
        operation: str,
        region: str,
        parameters: Mapping[str, Any],
        found: Answer,
        said: Mapping[str, Any],
        began: float,
    ) -> None:
        """Notes a call that was sent at the monotonic time `began`."""
        code = str(said.get("Error", {}).get("Code", ""))
        seconds = round(time.monotonic() - began, 6)
        request = str(found.headers.get("x-amz-request-id", ""))
        resource = resource_of("s3", parameters)
        self._log.record(
            Call("s3", operation, self._watch.account, region, resource, found.status, code, seconds, request=request)
        )

    def close(self) -> None:
        """Ends the connections; others are opened when they are needed."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()

    def _sent(self, connection: BaseClient, operation: str, parameters: dict[str, Any], place: Place) -> Answer:
        method, path, headers = self._signed(connection, operation, place, parameters)
        if (answer := hooked(connection, operation, place, (method, path, headers))) is not None:
            return answer
        arriving = self._connections().ask(method, place.host, path, headers, secure=place.secure)
        return Answer(arriving.status, arriving.headers, arriving)

    def _signed(
        self, connection: BaseClient, operation: str, place: Place, parameters: dict[str, Any]
    ) -> tuple[str, str, dict[str, str]]:
        """Method, path with query, and headers of a request. `parameters` are put in the wire's form."""
        model = connection.meta.service_model.operation_model(operation)
        if isinstance(source := parameters.get("CopySource"), dict):
            parameters["CopySource"] = copy_source(source)
        if operation in _LISTS:
            parameters.setdefault("EncodingType", "url")
        asked = asked_of(model, parameters) or self._serialized(model, parameters)
        key = f"/{quote(parameters['Key'], safe=SAFE)}" if "Key" in parameters else ""
        path = f"{place.before}{key}" or "/"
        query = fixed(model) | asked.query
        text = "&".join(f"{name}={value}" for name, value in sorted((quoted(n), quoted(v)) for n, v in query.items()))
        config: Any = connection.meta.config
        headers = {**asked.headers, "User-Agent": config.user_agent}
        credentials: Any = self._session.get_credentials()
        keys = credentials.get_frozen_credentials()
        every = signature(keys, asked.method, place.host, path, text, headers, place.region)
        return asked.method, f"{path}?{text}" if text else path, every

    def _serialized(self, model: OperationModel, parameters: Mapping[str, Any]) -> Asked:
        """As botocore serialises it; `ParamValidationError` for what cannot be."""
        asked = self._serializer.serialize_to_request(dict(parameters), model)
        return Asked(asked["method"], dict(asked["query_string"]), dict(asked["headers"]))

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
        place = place_of(request, bucket, key) if bucket else None
        if place is None or ((region, bucket) not in self._places and by_proxy(request.url)):
            return
        if self._places.setdefault((region, bucket), place) != place:  # a redirect: botocore follows it
            self._places[region, bucket] = None


@functools.lru_cache(8)
def _trusting(certificates: str) -> ssl.SSLContext:
    """One for all sessions: reading the usual certificates takes 27 ms."""
    return ssl.create_default_context(cafile=certificates)
