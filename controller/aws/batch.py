"""Many calls of one operation on one bucket, sent at once: only what went well is believed."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ParamValidationError

from controller.aws.plain import Answer, Place, hooked, said_of
from controller.aws.pool import request_of
from controller.aws.volley import Shot, Whole

_SILENT = Answer(0, {}, None)


class Signer(Protocol):
    """What a batch needs of the session that it is sent for (`aws.direct.Direct`)."""

    def signed(
        self, connection: BaseClient, operation: str, parameters: dict[str, Any], place: Place
    ) -> tuple[str, str, dict[str, str]]: ...

    def record(
        self,
        operation: str,
        region: str,
        parameters: Mapping[str, Any],
        found: Answer,
        said: Mapping[str, Any],
        began: float,
    ) -> None: ...


class Batch:
    """Feeds the requests to a volley and takes in what is answered.

    `answers` are in the order of the requests: None for what was not sent, was not answered, or did not go well, which
    is for others to ask again. Once one did not go well no further one is begun.
    """

    def __init__(
        self,
        signer: Signer,
        connection: BaseClient,
        operation: str,
        requests: Sequence[Mapping[str, Any]],
        place: Place,
        told: Callable[[int], bool],
    ) -> None:
        self.answers: list[dict[str, Any] | None] = [None] * len(requests)
        self._signer = signer
        self._connection = connection
        self._operation = operation
        self._requests = requests
        self._place = place
        self._told = told
        self._next = 0
        self._going = True
        self._began: dict[int, float] = {}

    def is_hooked(self) -> bool:
        """Whether the session's own handlers answer requests: those know nothing of many at a time."""
        asked = self._signer.signed(self._connection, self._operation, dict(self._requests[0]), self._place)
        return hooked(self._connection, self._operation, self._place, asked) is not None

    def feed(self) -> Shot | None:
        """The next request, signed as late as can be."""
        while self._going and self._next < len(self._requests):
            number, self._next = self._next, self._next + 1
            try:
                parameters = dict(self._requests[number])
                method, path, headers = self._signer.signed(self._connection, self._operation, parameters, self._place)
                data = request_of(method, path, headers)
            except (ParamValidationError, BotoCoreError, ValueError):  # botocore says what is wrong
                continue
            self._began[number] = time.monotonic()
            return Shot(number, method, data)
        return None

    def take(self, number: int, answer: Whole | None) -> None:
        """Keeps an answer that is one, and notes the call in any case."""
        found = _SILENT if answer is None else Answer(answer.status, answer.headers, io.BytesIO(answer.body))
        said = said_of(self._connection, self._operation, found) if answer is not None else None
        region = str(self._connection.meta.region_name)
        self._signer.record(self._operation, region, self._requests[number], found, said or {}, self._began.pop(number))
        if said is None or "Error" in said:
            self._going = False
            return
        self.answers[number] = said
        self._going = self._told(number) and self._going
