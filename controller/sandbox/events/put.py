"""Events come in: from users by PutEvents, from services by `emit`."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any

from controller.sandbox.events.buses import locate_bus
from controller.sandbox.events.state import Document, Pending
from controller.sandbox.principals import Caller
from controller.sandbox.query import stamp
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_ENTRIES = 10
_BYTES = 262_144


def new_event_id(world: World) -> str:
    """An id like a UUID, never given before."""
    text = hashlib.sha256(f"event {world.next_serial()}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")] + list(entry.get("Resources") or ())
    return sum(len(text.encode()) for text in texts) + (14 if "Time" in entry else 0)


def _refusal(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """The code and the words with which one entry is refused, None when it is taken."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return "InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument."
    if str(entry["Source"]).startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return "MalformedDetail", "Detail is malformed."
    return None


def put_events(world: World, caller: Caller, document: Document) -> Document:
    """Takes up to ten events; refused entries stand in a 200. A bus that is not there swallows its events."""
    entries = document["Entries"]
    if not 1 <= len(entries) <= _ENTRIES:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value at 'entries' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_ENTRIES}",
        )
    if sum(map(_size, entries)) > _BYTES:
        raise ServiceError(
            "ValidationException", f"Total size of the entries in the request is over the limit: {_BYTES} bytes"
        )
    rows: list[Document] = []
    for entry in entries:
        refused = _refusal(entry)
        if refused:
            rows.append({"ErrorCode": refused[0], "ErrorMessage": refused[1]})
            continue
        buses, name = locate_bus(world, caller, entry.get("EventBusName"))
        event = {
            "version": "0",
            "id": new_event_id(world),
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": caller.account,
            "time": stamp(float(entry.get("Time") or world.clock.now())),
            "region": buses.region,
            "resources": list(entry.get("Resources") or ()),
            "detail": json.loads(entry["Detail"]),
        }
        crossed = buses.account != caller.account
        world.outbox.append(Pending(world.clock.now(), buses.account, buses.region, name, event, crossed))
        rows.append({"EventId": event["id"]})
    return {"FailedEntryCount": sum("ErrorCode" in row for row in rows), "Entries": rows}


def emit(world: World, account: str, region: str, kind: str, resource: str, detail: Mapping[str, Any]) -> None:
    """An event of SageMaker on an account's default bus, as often, as late and as lossy as the settings say.

    Copies have ids of their own: it may send several events for one change. Without rules there is nobody to tell.
    """
    bus = world.buses_of(account, region).buses["default"]
    if not bus.rules:
        return
    told = world.settings.events
    for _ in range(told.copies):
        lost = told.loss >= 1 or (told.loss > 0 and random.Random(world.next_serial()).random() < told.loss)  # noqa: S311
        event = {
            "version": "0",
            "id": new_event_id(world),
            "detail-type": kind,
            "source": "aws.sagemaker",
            "account": account,
            "time": stamp(world.clock.now()),
            "region": region,
            "resources": [resource],
            "detail": dict(detail),
        }
        if not lost:
            world.outbox.append(Pending(world.clock.now() + told.delay, account, region, "default", event))
