"""One door for every request: who calls what, the log, the faults, and then the service that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from controller.sandbox import others, sts
from controller.sandbox.calls import Call, mutates, named_resource
from controller.sandbox.ecr import oci
from controller.sandbox.ecr import service as ecr_service
from controller.sandbox.events import service as events_service
from controller.sandbox.faults import Fault, When, strike
from controller.sandbox.iam import service as iam_service
from controller.sandbox.kms import service as kms_service
from controller.sandbox.principals import Caller, resolve, signed_service
from controller.sandbox.query import envelope, nest
from controller.sandbox.s3 import service as s3_service
from controller.sandbox.sagemaker import service as sagemaker_service
from controller.sandbox.sqs import service as sqs_service
from controller.sandbox.wire import (
    Answer,
    Request,
    ServiceError,
    Wire,
    error_answer,
    json_answer,
    request_id,
    xml_answer,
)
from controller.sandbox.world import World

_REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?::\d+)?")
_OWN: dict[str, Mapping[str, Callable[..., dict[str, Any]]]] = {  # all of these services is ours, or nobody's
    "ecr": ecr_service.OPERATIONS,
    "events": events_service.OPERATIONS,
    "iam": iam_service.OPERATIONS,
    "kms": kms_service.OPERATIONS,
    "sqs": sqs_service.OPERATIONS,
}


@dataclass(frozen=True, slots=True)
class Route:
    """What a request asks of which service, and how it is answered once the caller is known."""

    service: str
    operation: str
    resource: str
    wire: Wire
    produce: Callable[[Caller], Answer]


def _json_route(world: World, request: Request, service: str) -> Route:
    operation = request.headers["x-amz-target"].rsplit(".", 1)[-1]
    document = request.document()
    own = _OWN.get(service, {}).get(operation)
    if service == "sagemaker":
        own = sagemaker_service.find(operation, document)

    def produce(caller: Caller) -> Answer:
        if own is None and service in _OWN:  # moto knows nothing of what we keep
            raise _lacking(operation)
        if own is None:
            return others.forward(request, caller.account)
        try:
            return json_answer(own(world, caller, document))
        except KeyError as fault:
            if fault.args[0] in document or not isinstance(fault.args[0], str):
                raise
            raise ServiceError(
                "ValidationException", f"1 validation error detected: '{fault.args[0]}' must not be null"
            ) from fault

    return Route(service, operation, named_resource(document), "json", produce)


def _s3_route(world: World, request: Request) -> Route:
    operation, resource, deed = s3_service.route(request)
    return Route("s3", operation, resource, "s3", lambda caller: s3_service.answer(world, caller, request, deed))


def _query_route(world: World, request: Request, service: str) -> Route:
    form = dict(parse_qsl(request.body().decode("utf-8", "replace"), keep_blank_values=True)) | request.query
    operation = form.get("Action", f"{request.method} {request.path}")
    if service == "iam":
        return _iam_route(world, operation, nest(form))
    own = sts.OPERATIONS.get(operation) if service == "sts" else None

    def produce(caller: Caller) -> Answer:
        return own(world, caller, form) if own else others.forward(request, caller.account)

    return Route(service, operation, form.get("RoleArn", ""), "query", produce)


def _lacking(operation: str) -> ServiceError:
    return ServiceError("NotImplemented", f"The sandbox does not have {operation}", 501)


def _iam_route(world: World, operation: str, document: dict[str, Any]) -> Route:
    own = _OWN["iam"].get(operation)

    def produce(caller: Caller) -> Answer:
        if own is None:
            raise _lacking(operation)
        try:
            inner = envelope(operation, own(world, caller, document))
        except KeyError as fault:
            raise ServiceError(
                "ValidationError", f"Value null at '{fault.args[0]}' failed to satisfy constraint"
            ) from fault
        return xml_answer(f"{operation}Response", inner, namespace="https://iam.amazonaws.com/doc/2010-05-08/")

    names = ("RoleName", "PolicyArn", "OpenIDConnectProviderArn", "UserName", "PolicyName")
    return Route("iam", operation, next((document[name] for name in names if name in document), ""), "query", produce)


def _route(world: World, request: Request) -> Route:
    service = {"ecr-public": "ecr"}.get(signed_service(request), signed_service(request))
    if service in ("s3", "s3express"):
        return _s3_route(world, request)
    if "x-amz-target" in request.headers:
        return _json_route(world, request, service)
    return _query_route(world, request, service)


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
        route = _route(world, request)
    except ServiceError as fault:
        return error_answer("json", fault, world.count)
    try:
        caller = resolve(world, request)
    except ServiceError as fault:
        refused = fault

    def produce() -> Answer:
        if caller is None:
            raise refused or ServiceError("AccessDenied", "Access Denied", 403)
        with world.lock:
            return route.produce(caller)

    who = (caller.account, caller.region, caller.arn) if caller else ("", "", "")
    call = Call(0, route.service, route.operation, *who, route.resource, mutates(route.service, route.operation), 0.0)
    return exchange(world, call, route.wire, produce, head=request.method == "HEAD")


def answer_registry(world: World, account: str, region: str, request: Request) -> Answer:
    """The answer of one registry's distribution endpoint."""
    registry = world.registry_of(account, region)
    asked = oci.parse(request)
    call = oci.call_of(registry, request, asked)

    def produce() -> Answer:
        call.principal = oci.sign_in(world, request).principal
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
