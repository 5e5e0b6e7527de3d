"""Looks over botocore's shoulder: records every call of a session, AssumeRole included, and stops forbidden ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.session import Session

from controller.aws.calls import Call, CallLog, resource_of
from controller.aws.reads import is_read
from controller.core.errors import SafetyError

_MINE = "hubwright"
SENT: ContextVar[int] = ContextVar("sent", default=0)
"""How often this thread has sent the call that botocore is about to make, past botocore (`aws.direct`)."""


@dataclass(slots=True)
class _Open:
    """A call that has begun."""

    service: str
    operation: str
    resource: str
    began: float
    attempts: int = 0


def refuse_write(service: str, operation: str) -> None:
    """`SafetyError` unless the operation is a known read."""
    if not is_read(service, operation):
        raise SafetyError(f"{service}:{operation} may change something, and this run only reads: it was not sent")


def resource_in(context: Mapping[str, Any]) -> str:
    """`bucket/key` of the S3 call that a request belongs to; empty for all other calls."""
    opened = context.get(_MINE)
    return opened.resource if isinstance(opened, _Open) and opened.service == "s3" else ""


class Watch:
    """Handlers of one session's events. `account` is whose session it is: empty until known."""

    def __init__(self, session: Session, log: CallLog, *, account: str, writable: bool) -> None:
        self.account = account
        self._log = log
        self._writable = writable
        session.register("before-parameter-build", self._begin)
        session.register("request-created", self._sent)
        session.register("after-call", self._answered)
        session.register("after-call-error", self._unanswered)

    def _begin(self, **event: Any) -> None:
        model: OperationModel = event["model"]
        service = model.service_model.service_name
        if not self._writable:
            refuse_write(service, model.name)
        resource = resource_of(service, event["params"])
        event["context"][_MINE] = _Open(service, model.name, resource, time.monotonic(), SENT.get())
        SENT.set(0)

    def _sent(self, **event: Any) -> None:
        opened = event["request"].context.get(_MINE)
        if isinstance(opened, _Open):
            opened.attempts += 1

    def _answered(self, **event: Any) -> None:
        self._close(event["context"], event["parsed"])

    def _unanswered(self, **event: Any) -> None:
        error: Exception = event["exception"]
        if not isinstance(error, ClientError):  # else: raised while signing, by another call, recorded as that call
            self._close(event["context"], {"Error": {"Code": type(error).__name__}})

    def _close(self, context: Mapping[str, Any], parsed: Mapping[str, Any]) -> None:
        opened = context.get(_MINE)
        if not isinstance(opened, _Open):
            return
        status = int(parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        failed = status == 0 or status >= 300
        self._log.record(
            Call(
                service=opened.service,
                operation=opened.operation,
                account=self._asked(opened, parsed),
                region=str(context.get("client_region") or ""),
                resource=opened.resource,
                status=status,
                code=str(parsed.get("Error", {}).get("Code", "")) if failed else "",
                seconds=round(time.monotonic() - opened.began, 6),
                attempts=opened.attempts,
                request=str(parsed.get("ResponseMetadata", {}).get("RequestId", "")),
            ),
        )

    def _asked(self, opened: _Open, parsed: Mapping[str, Any]) -> str:
        """The account that a call is about: AssumeRole is asked of the role's, with the credentials of another."""
        if opened.operation == "AssumeRole":
            return (opened.resource.split(":") + [""] * 5)[4]
        if opened.operation == "GetCallerIdentity":
            return str(parsed.get("Account", self.account))
        return self.account
