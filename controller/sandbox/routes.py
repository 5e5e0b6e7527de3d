"""What a request asks of which service: its name, what it is on, what it asks leave for, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from controller.sandbox import others, sts
from controller.sandbox.authz import asks_s3
from controller.sandbox.authz.ask import Ask
from controller.sandbox.authz.guard import JSON_ASKS, may
from controller.sandbox.calls import named_resource
from controller.sandbox.ecr import service as ecr_service
from controller.sandbox.events import service as events_service
from controller.sandbox.iam import service as iam_service
from controller.sandbox.kms import service as kms_service
from controller.sandbox.principals import Caller, signed_service
from controller.sandbox.query import envelope, nest
from controller.sandbox.s3 import service as s3_service
from controller.sandbox.sagemaker import service as sagemaker_service
from controller.sandbox.sqs import service as sqs_service
from controller.sandbox.wire import Answer, Request, ServiceError, Wire, json_answer, xml_answer
from controller.sandbox.world import World

_FORM = "application/x-www-form-urlencoded"
_OWN: dict[str, Mapping[str, Callable[..., dict[str, Any]]]] = {  # all of these services is ours, or nobody's
    "ecr": ecr_service.OPERATIONS,
    "events": events_service.OPERATIONS,
    "iam": iam_service.OPERATIONS,
    "kms": kms_service.OPERATIONS,
    "sqs": sqs_service.OPERATIONS,
}


@dataclass(frozen=True, slots=True)
class Route:
    """What a request asks of which service, and how it is answered once the caller is known.

    `asks`: what the caller needs leave for. `open`: answered without credentials, by `produce` with None.
    """

    service: str
    operation: str
    resource: str
    wire: Wire
    asks: Callable[[Caller], Iterable[Ask]]
    produce: Callable[[Caller], Answer]
    open: Callable[[], Answer] | None = None


def _asks(world: World, service: str, operation: str, document: dict[str, Any]) -> Callable[[Caller], Iterable[Ask]]:
    """Of services whose actions the sandbox does not tell apart by resource, on `*`."""
    asks = JSON_ASKS.get(service)
    if asks is None:
        return lambda caller: [Ask(f"{service}:{operation}", "*", caller.account)]
    return lambda caller: asks(world, caller, operation, document)


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

    asks = _asks(world, service, operation, document)
    return Route(service, operation, named_resource(document), "json", asks, produce)


def _s3_route(world: World, request: Request) -> Route:
    operation, resource, deed = s3_service.route(request)

    def produce(caller: Caller) -> Answer:
        try:
            return s3_service.answer(world, caller, request, deed)
        except ServiceError as fault:
            raise _hidden(world, caller, request, resource, fault) from fault

    def asks(caller: Caller) -> Iterable[Ask]:
        return asks_s3.asks(world, caller, request, operation, resource)

    return Route("s3", operation, resource, "s3", asks, produce)


def _hidden(world: World, caller: Caller, request: Request, resource: str, fault: ServiceError) -> ServiceError:
    """An object that is not there is 404 only for those who may list its bucket."""
    if fault.code not in ("NoSuchKey", "NoSuchVersion"):
        return fault
    source = request.headers.get("x-amz-copy-source", "").lstrip("/")
    if may(world, caller, asks_s3.probe(world, caller, source or resource)):
        return fault
    said = f"User: {caller.arn} is not authorized to perform: s3:ListBucket on the bucket of an object that is absent"
    return ServiceError("AccessDenied", said, 403)


def _query_route(world: World, request: Request, service: str) -> Route:
    form = dict(parse_qsl(request.body().decode("utf-8", "replace"), keep_blank_values=True)) | request.query
    operation = form.get("Action", f"{request.method} {request.path}")
    if service == "iam":
        return _iam_route(world, operation, nest(form))
    if service == "sts":
        return _sts_route(world, operation, form)

    def produce(caller: Caller) -> Answer:
        return others.forward(request, caller.account)

    return Route(service, operation, "", "query", _asks(world, service, operation, form), produce)


def _sts_route(world: World, operation: str, form: dict[str, str]) -> Route:
    own, free = sts.OPERATIONS.get(operation), sts.UNSIGNED.get(operation)

    def produce(caller: Caller) -> Answer:
        if own is None:
            raise _lacking(operation)
        return own(world, caller, form)

    def asks(caller: Caller) -> Iterable[Ask]:
        return sts.assume_asks(world, caller, form) if operation == "AssumeRole" else ()

    opened = (lambda: free(world, None, form)) if free else None
    return Route("sts", operation, form.get("RoleArn", ""), "query", asks, produce, opened)


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
    resource = next((document[name] for name in names if name in document), "")
    return Route("iam", operation, resource, "query", _asks(world, "iam", operation, document), produce)


def route_of(world: World, request: Request) -> Route:
    """The route of a request; ServiceError for a body that is none of its protocol's."""
    if "authorization" not in request.headers and request.headers.get("content-type", "").startswith(_FORM):
        return _query_route(world, request, "sts")
    service = {"ecr-public": "ecr"}.get(signed_service(request), signed_service(request))
    if service in ("s3", "s3express"):
        return _s3_route(world, request)
    if "x-amz-target" in request.headers:
        return _json_route(world, request, service)
    return _query_route(world, request, service)
