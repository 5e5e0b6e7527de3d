"""One door for every request: who calls what, the log, the faults, and then the service that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from controller.sandbox.authz.asks_images import registry_asks
from controller.sandbox.authz.guard import check
from controller.sandbox.calls import Call, mutates
from controller.sandbox.ecr import oci
from controller.sandbox.ecr.state import Login, Registry
from controller.sandbox.faults import Fault, When, strike
from controller.sandbox.principals import Caller, find_caller, resolve
from controller.sandbox.routes import route_of
from controller.sandbox.wire import Answer, Request, ServiceError, Wire, error_answer, request_id
from controller.sandbox.world import World

_REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?::\d+)?")


def _hit(world: World, due: Iterable[Fault], when: When, call: Call) -> None:
    for fault in due:
        if fault.when == when:
            if fault.seconds:
                world.clock.sleep(fault.seconds)
            strike(fault, call)


def exchange(world: World, call: Call, wire: Wire, produce: Callable[[], Answer], *, head: bool = False) -> Answer:
    """Logs a call, lets the faults and watchers have their say before and after, and gives what the caller sees.

    `DroppedError` and `Died` pass through: before the call nothing was applied, after it everything was.
    """
    due = world.begin(call)
    try:
        world.notify("before", call)
        _hit(world, due, "before", call)
        answer = produce()
    except ServiceError as fault:
        answer = _failure(call, wire, fault, head=head)
    call.status = answer.status
    try:
        world.notify("after", call)
        _hit(world, due, "after", call)
    except ServiceError as fault:
        answer = _failure(call, wire, fault, head=head)
    if wire != "registry":
        header = "x-amzn-RequestId" if wire == "json" else "x-amz-request-id"
        answer.headers.setdefault(header, request_id(call.number))
    return answer


def _failure(call: Call, wire: Wire, fault: ServiceError, *, head: bool) -> Answer:
    shown = oci.translate(fault) if wire == "registry" else fault
    call.code = shown.code
    answer = error_answer(wire, shown, call.number, head=head)
    if wire == "registry" and shown.status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="https://sandbox/",service="ecr.amazonaws.com"'
    return answer


def answer_aws(world: World, request: Request) -> Answer:
    """The answer of the AWS endpoint to a request for any service."""
    request.body()  # before anything is counted or locked: a slow client stalls nobody
    caller: Caller | None = None
    refused: ServiceError | None = None
    try:
        route = route_of(world, request)
    except ServiceError as fault:
        return error_answer("json", fault, world.count)
    try:
        caller = resolve(world, request)
    except ServiceError as fault:
        refused = fault

    def produce() -> Answer:
        with world.lock:
            if route.open is not None:
                return route.open()
            if caller is None:
                raise refused or ServiceError("AccessDenied", "Access Denied", 403)
            check(world, caller, route.asks(caller))
            return route.produce(caller)

    who = (caller.account, caller.region, caller.arn) if caller else ("", "", "")
    call = Call(0, route.service, route.operation, *who, route.resource, mutates(route.service, route.operation), 0.0)
    return exchange(world, call, route.wire, produce, head=request.method == "HEAD")


def _check_registry(world: World, registry: Registry, login: Login, request: Request, asked: oci.Asked) -> None:
    """A login is its principal's: what that may do in ECR, it may do here."""
    caller = find_caller(world, login.key, registry.region, "ecr")
    if not world.settings.authorize or caller is None:
        return
    try:
        check(world, caller, registry_asks(registry, request, asked))
    except ServiceError as fault:
        raise ServiceError("DENIED", fault.message, 403) from fault


def answer_registry(world: World, account: str, region: str, request: Request) -> Answer:
    """The answer of one registry's distribution endpoint."""
    registry = world.registry_of(account, region)
    asked = oci.parse(request)
    call = oci.call_of(registry, request, asked)

    def produce() -> Answer:
        login = oci.sign_in(world, request)
        call.principal = login.principal
        with world.lock:
            _check_registry(world, registry, login, request, asked)
        return oci.answer(world, registry, request, asked)

    answer = exchange(world, call, "registry", produce, head=request.method == "HEAD")
    answer.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    return answer


def answer(world: World, request: Request) -> Answer:
    """The answer to a request by its host: a registry's name, or anything else for the AWS endpoint."""
    found = _REGISTRY.fullmatch(request.host)
    if found and found[1] in world.accounts and request.path.startswith("/v2"):
        return answer_registry(world, found[1], found[2], request)
    return answer_aws(world, request)
