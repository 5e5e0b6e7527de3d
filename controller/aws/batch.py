"""Many calls of one operation on one bucket, sent at once: only what went well is believed."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from controller.aws.plain import Answer, Place, hooked, said_of
from controller.aws.pool import request_of
from controller.aws.volley import Shot, Whole

_SILENT = Answer(0, {}, None)
_Ready = tuple[int, tuple[str, str, dict[str, str]], bytes]
"""The number of a request, its method, path and headers, and all of it as it is sent."""


Sign = Callable[[dict[str, Any]], tuple[str, str, dict[str, str]]]
"""Signs a call by its parameters, now: method, path and headers."""
Note = Callable[[Mapping[str, Any], Answer, Mapping[str, Any], float], None]
"""Notes a call: its parameters, the answer, what it says, and when it began."""


class Batch:
    """Feeds the requests to a volley and takes in what is answered.

    `answers` are in the order of the requests: None for what was not sent, was not answered, or did not go well, which
    is for others to ask again. Once one did not go well no further one is begun.
    """

    def __init__(
        self,
        sign: Sign,
        note: Note,
        connection: BaseClient,
        operation: str,
        requests: Sequence[Mapping[str, Any]],
        place: Place,
        told: Callable[[int], bool],
    ) -> None:
        self.answers: list[dict[str, Any] | None] = [None] * len(requests)
        self._sign = sign
        self._note = note
        self._connection = connection
        self._operation = operation
        self._requests = requests
        self._place = place
        self._told = told
        self._next = 0
        self._going = True
        self._began: dict[int, float] = {}
        self._ahead: _Ready | None = None

    def handled(self) -> bool:
        """Whether the session's own handlers answer requests: all of them were then asked, one after another."""
        ready = self._ready()
        while ready is not None:
            number, asked, _ = ready
            found = hooked(self._connection, self._operation, self._place, asked)
            if found is None:
                self._ahead = ready
                return False
            self._take(number, found)
            ready = self._ready()
        return True

    def feed(self) -> Shot | None:
        """The next request, signed as late as can be."""
        ready, self._ahead = self._ahead or self._ready(), None
        return None if ready is None else Shot(ready[0], ready[1][0], ready[2])

    def _ready(self) -> _Ready | None:
        while self._going and self._next < len(self._requests):
            number, self._next = self._next, self._next + 1
            try:
                parameters = dict(self._requests[number])
                asked = self._sign(parameters)
                data = request_of(*asked)
            except (ParamValidationError, ValueError):  # botocore says what is wrong
                continue
            except (BotoCoreError, ClientError):  # no credentials: to ask for them for each that is left helps nobody
                self._going = False
                break
            self._began[number] = time.monotonic()
            return number, asked, data
        return None

    def take(self, number: int, answer: Whole | None) -> None:
        """Keeps an answer that is one, and notes the call in any case."""
        found = None if answer is None else Answer(answer.status, answer.headers, io.BytesIO(answer.body))
        self._take(number, found)

    def _take(self, number: int, answer: Answer | None) -> None:
        found = answer or _SILENT
        said = said_of(self._connection, self._operation, answer) if answer is not None else None
        self._note(self._requests[number], found, said or {}, self._began.pop(number))
        if said is None or "Error" in said:
            self._going = False
            return
        self.answers[number] = said
        self._going = self._told(number) and self._going
