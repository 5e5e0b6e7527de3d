"""The sandbox's own paths: faults, lag and the like are told, the call log is read, layers are downloaded."""

from __future__ import annotations

import json
from typing import Any

from controller.sandbox.ecr.blobs import blob_answer
from controller.sandbox.faults import parse_fault
from controller.sandbox.pump import deliver
from controller.sandbox.s3.objects import put_hole
from controller.sandbox.wire import Answer, Request, ServiceError, error_answer
from controller.sandbox.world import Span, World

_TELLING = {"copies": int, "delay": float, "loss": float, "shuffle": bool, "deliveries": int}
_NUMBERS = ("copy_limit", "part_minimum", "status_seconds", "login_seconds")
_SWITCHES = ("mounting", "redirect", "authorize")


def _span(value: Any) -> Span:
    """A span from `{"calls": n}`, `{"seconds": s}` or a number of seconds."""
    if isinstance(value, dict) and set(value) <= {"calls", "seconds"}:
        return Span(value.get("calls"), value.get("seconds"))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Span(seconds=float(value))
    raise ValueError(f"not a span of calls or seconds: {value!r}")


def _scripts(value: Any) -> dict[str, tuple[str, ...]]:
    """Status sequences from a list (for all packages) or an object by group or `group/version`."""
    given = value if isinstance(value, dict) else {"*": value}
    known = ("Pending", "InProgress", "Completed", "Failed", "Deleting")
    if not all(isinstance(row, list) and row and set(row) <= set(known) for row in given.values()):
        raise ValueError(f"a status script is a list of {known}, or an object of such lists")
    return {name.lower(): tuple(row) for name, row in given.items()}


def _empty(world: World, name: str, value: Any) -> bool:
    """Forgets things; whether the name was one of these."""
    deed = {"reset": world.reset, "clear_calls": world.calls.clear, "clear_faults": world.faults.clear}.get(name)
    if deed is not None and value:
        deed()
    return deed is not None


def _events(world: World, value: dict[str, Any]) -> None:
    if not set(value) <= set(_TELLING):
        raise ValueError(f"events are told by {sorted(_TELLING)}")
    for item, given in value.items():
        setattr(world.settings.events, item, _TELLING[item](given))


def _lag(world: World, value: dict[str, Any]) -> None:
    settings = world.settings
    settings.search = _span(value["search"]) if "search" in value else settings.search
    settings.list = _span(value["list"]) if "list" in value else settings.list


def _turn(world: World, name: str, value: Any) -> bool:
    """Turns one setting; whether there is one of that name."""
    settings = world.settings
    if name == "faults":
        world.faults.extend([parse_fault(rule) for rule in value])
    elif name == "lag":
        _lag(world, value)
    elif name == "events":
        _events(world, value)
    elif name == "token_lifetime":
        settings.token = None if value is None else _span(value)
    elif name == "status_script":
        settings.status |= _scripts(value)
    elif name == "sparse":
        for row in value:
            put_hole(world, row["bucket"], row["key"], int(row["size"]))
    elif name == "advance":
        world.clock.advance(float(value))
    elif (name in _NUMBERS and isinstance(value, (int, float))) or (name in _SWITCHES and isinstance(value, bool)):
        setattr(settings, name, value)
    else:
        return name == "deliver"  # done outside the lock, since functions may call back
    return True


def command(world: World, document: dict[str, Any]) -> dict[str, Any]:
    """Turns what the document names, and gives the fault counters then; ValueError on what it does not know.

    `reset`, `clear_calls`, `clear_faults`: true · `faults`: rules to add · `lag`: {search, list} · `status_script` ·
    `token_lifetime` (null: for ever) · `copy_limit`, `part_minimum`, `status_seconds`, `login_seconds` ·
    `mounting`, `redirect` · `sparse`: objects of zeros · `events`: {copies, delay, loss, shuffle, deliveries} ·
    `advance`: seconds that the clock moves.
    """
    for name, value in document.items():
        if not (_empty(world, name, value) or _turn(world, name, value)) and value:
            raise ValueError(f"unknown command: {name}")
    return {
        "faults": [{"seen": fault.seen, "do": fault.do, "operation": fault.operation} for fault in world.faults],
        "calls": world.count,
    }


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(document, sort_keys=True).encode())


def answer(world: World, request: Request) -> Answer | None:
    """The answer to a request below `/_sandbox/`, None for all others. These are neither logged nor counted."""
    if not request.path.startswith("/_sandbox/"):
        return None
    name = request.path.removeprefix("/_sandbox/")
    if name == "calls" and request.method == "GET":
        with world.lock:
            return _json({"calls": [call.document() for call in world.calls]})
    if name == "decisions" and request.method == "GET":
        with world.lock:
            return _json({"decisions": [item.document() for item in world.decisions]})
    if name == "deliveries" and request.method == "GET":
        with world.lock:
            return _json({"deliveries": [item.document() for item in world.deliveries]})
    if name == "control" and request.method == "POST":
        try:
            document = request.document()
            with world.lock:
                answered = command(world, document)
            return _json(answered | ({"delivered": deliver(world)} if document.get("deliver") else {}))
        except (ValueError, TypeError, KeyError, ServiceError) as fault:
            return _json({"error": str(fault)}, 400)
    if name.startswith("layers/") and request.method in ("GET", "HEAD"):
        return _layer(world, request, name.split("/"))
    return _json({"error": f"no such path: {request.path}"}, 404)


def _layer(world: World, request: Request, parts: list[str]) -> Answer:
    """A layer by its presigned-like address; carrying credentials to it is refused, as S3 refuses them."""
    registry = world.registries.get((parts[1], parts[2])) if len(parts) == 4 else None
    blob = registry.blobs.get(parts[3]) if registry else None
    try:
        if "authorization" in request.headers:
            raise ServiceError("InvalidArgument", "Only one auth mechanism allowed", 400)
        if blob is None:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        return blob_answer(blob, request)
    except ServiceError as fault:
        return error_answer("s3", fault, 0, head=request.method == "HEAD")
