"""Faults told beforehand: the n-th matching call fails, is throttled, delayed, dropped, or ends its caller."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from controller.sandbox.calls import Call
from controller.sandbox.wire import Died, DroppedError, ServiceError

When = Literal["before", "after"]
Deed = Literal["fail", "throttle", "delay", "die", "drop"]


@dataclass(slots=True)
class Fault:
    """A rule. `*` matches all; `nth` counts matching calls from 1; `times` calls are hit from there on (0: all).

    `before`: nothing is applied; `after`: applied, and the answer is lost or replaced.
    `fail` answers `code` with `status`; `throttle` as the service throttles; `delay` waits `seconds` and goes on;
    `drop` ends the connection; `die` is a drop over HTTP and `wire.Died` in the same process.
    """

    service: str = "*"
    operation: str = "*"
    account: str = "*"
    resource: str = ""  # a part of the resource's name
    mutating: bool | None = None
    nth: int = 1
    times: int = 1
    when: When = "before"
    do: Deed = "fail"
    code: str = ""
    status: int = 0
    message: str = ""
    seconds: float = 0.0
    seen: int = 0

    def matches(self, call: Call) -> bool:
        """Whether the rule speaks of this call."""
        return (
            self.service in ("*", call.service)
            and self.operation in ("*", call.operation)
            and self.account in ("*", call.account)
            and self.resource in call.resource
            and self.mutating in (None, call.mutating)
        )

    def due(self, call: Call) -> bool:
        """Counts a matching call and says whether it is hit."""
        if not self.matches(call):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


def parse_fault(document: dict[str, Any]) -> Fault:
    """A fault from JSON; ValueError on an unknown field, phase or deed."""
    unknown = set(document) - {item.name for item in fields(Fault)}
    if unknown:
        raise ValueError(f"unknown in a fault: {', '.join(sorted(unknown))}")
    fault = Fault(**document)
    if fault.when not in get_args(When) or fault.do not in get_args(Deed):
        raise ValueError(f"a fault's when is one of {get_args(When)} and its do one of {get_args(Deed)}")
    return fault


_THROTTLED = {
    "s3": ("SlowDown", 503, "Please reduce your request rate."),
    "registry": ("TOOMANYREQUESTS", 429, "Rate exceeded"),
    "sts": ("Throttling", 400, "Rate exceeded"),
}


def strike(fault: Fault, call: Call) -> None:
    """Raises what the fault does to the call; a delay is the caller's to make."""
    if fault.do == "die":
        raise Died(f"call {call.number}: {call.service}:{call.operation} ({fault.when})")
    if fault.do == "drop":
        raise DroppedError(f"call {call.number}: {call.service}:{call.operation}")
    if fault.do == "throttle":
        code, status, message = _THROTTLED.get(call.service, ("ThrottlingException", 400, "Rate exceeded"))
        raise ServiceError(fault.code or code, fault.message or message, fault.status or status)
    if fault.do == "fail":
        usual = {"s3": "InternalError", "registry": "UNKNOWN"}.get(call.service, "InternalFailure")
        raise ServiceError(fault.code or usual, fault.message or "told to fail", fault.status or 500)
