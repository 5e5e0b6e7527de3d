"""CreateModel, DescribeModel, DeleteModel: what a deployment begins with. Nothing is ever run.

A model is made of versions or of images and data. SageMaker looks at both when it is made: at the data in the execution
role, at an image in that role and, in another account, as itself. Whether a version is Approved it does not ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from controller.sandbox.authz import asks_images, asks_s3
from controller.sandbox.authz.ask import Ask, Keys
from controller.sandbox.authz.decide import Policies, Principal
from controller.sandbox.authz.guard import judge
from controller.sandbox.authz.taken import Taken, taken_on
from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import check, check_tags, invalid
from controller.sandbox.sagemaker.fill import image_digest, image_place
from controller.sandbox.sagemaker.names import find_package, model_arn
from controller.sandbox.sagemaker.state import Document
from controller.sandbox.world import World

_SERVICE = "sagemaker.amazonaws.com"
_PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
_KEPT = ("ModelName", "PrimaryContainer", "Containers", "InferenceExecutionConfig", "ExecutionRoleArn", "VpcConfig")


def create_model(world: World, caller: Caller, document: Document) -> Document:
    """Makes a model; ValidationException for what is not there, and for what SageMaker or the role may not read."""
    check(document)
    name, arn = document["ModelName"], model_arn(caller, document["ModelName"])
    models = world.models_of(caller.account, caller.region)
    if name.lower() in models.made:
        raise invalid(f'Cannot create already existing model "{arn}".')
    check_tags(document.get("Tags") or [])
    containers = [item for given in _given(document) for item in _containers(world, caller, given)]
    _look(world, caller, document.get("ExecutionRoleArn"), containers)
    body = {key: document[key] for key in _KEPT if document.get(key)}
    body |= {"EnableNetworkIsolation": bool(document.get("EnableNetworkIsolation"))}
    models.made[name.lower()] = body | {"ModelArn": arn, "CreationTime": world.clock.now()}
    return {"ModelArn": arn}


def describe_model(world: World, caller: Caller, document: Document) -> Document:
    """A model of the caller's own account, as it was asked for."""
    return _found(world, caller, document["ModelName"])


def delete_model(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a model; what it was made of stays."""
    _found(world, caller, document["ModelName"])
    del world.models_of(caller.account, caller.region).made[document["ModelName"].lower()]
    return {}


def _found(world: World, caller: Caller, name: str) -> Document:
    found = world.models_of(caller.account, caller.region).made.get(name.lower())
    if found is None:
        raise invalid(f'Could not find model "{model_arn(caller, name)}".')
    return found


def _given(document: Document) -> list[Document]:
    given = [document["PrimaryContainer"]] if document.get("PrimaryContainer") else document.get("Containers") or []
    if not given or (document.get("PrimaryContainer") and document.get("Containers")):
        raise invalid("Either PrimaryContainer or Containers must be given, and not both.")
    return list(given)


def _containers(world: World, caller: Caller, given: Document) -> Iterator[Document]:
    """The containers that one of the request stands for: those of the version that it names, or itself."""
    if given.get("ModelPackageName"):
        body = find_package(world, caller, given["ModelPackageName"])[1].body or {}
        yield from body.get("InferenceSpecification", {}).get("Containers", ())
    elif given.get("Image"):
        yield given
    else:
        raise invalid("A container needs a ModelPackageName or an Image.")


def _look(world: World, caller: Caller, role: str | None, containers: Iterable[Document]) -> None:
    """Looks at everything as SageMaker does. Without authorisation only whether it is there is seen."""
    if role is None:
        raise invalid("ExecutionRoleArn is needed: it is what reads the data and pulls the image.")
    taken: Taken | str = ""
    if world.settings.authorize:
        taken = taken_on(world, role, _SERVICE, {"aws:sourceaccount": (caller.account,)})
        if isinstance(taken, str):
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal '{_SERVICE}' "
                "to assume the role."
            )
    for container in containers:
        _pulled(world, caller, container["Image"], taken)
        for uri, prefix in _data(container):
            _read(world, caller, uri, taken, prefix=prefix)


def _data(container: Document) -> Iterator[tuple[str, bool]]:
    """(URI, whether it is a prefix) of a container's data."""
    if container.get("ModelDataUrl"):
        yield container["ModelDataUrl"], False
    for place in (container.get("ModelDataSource"), *(container.get("AdditionalModelDataSources") or ())):
        source: dict[str, Any] = (place or {}).get("S3DataSource") or {}
        if source:
            yield source["S3Uri"], source.get("S3DataType") == "S3Prefix"


def _pulled(world: World, caller: Caller, image: str, taken: Taken | str) -> None:
    """An image of another account is asked of its repository twice: for the role, and for SageMaker itself."""
    registry, name = image_place(world, image) or (None, "")
    if registry is None:
        return  # AWS's own, or nobody's of the sandbox
    if image_digest(world, image) is None:
        raise invalid(f"Requested image {image} not found.")
    if isinstance(taken, str):
        return
    signed_in = taken.may(world, Ask("ecr:GetAuthorizationToken", "*", caller.account))
    asks = [asks_images.on_repository(registry, action, name) for action in _PULL]
    if not (signed_in.allowed and all(taken.may(world, ask).allowed for ask in asks)):
        raise invalid(f"The role '{taken.who.role}' does not have BatchGetImage permission for the image: '{image}'.")
    service = Principal("service", "", _SERVICE)
    source: Keys = {"aws:sourceaccount": (caller.account,)}
    if registry.account != caller.account and not all(
        judge(world, service, Policies(), source, ask).allowed for ask in asks
    ):
        raise invalid(
            f"The repository of your image {image} does not grant ecr:GetDownloadUrlForLayer, ecr:BatchGetImage, "
            f"ecr:BatchCheckLayerAvailability permission to {_SERVICE} service principal."
        )


def _read(world: World, caller: Caller, uri: str, taken: Taken | str, *, prefix: bool) -> None:
    """Every object of the data, in the role; of a prefix first which there are."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    bucket = world.buckets.get(name)
    keys = sorted(item for item in bucket.objects if item.startswith(key)) if bucket and prefix else [key]
    there = [item for item in keys if bucket is not None and bucket.current(item) is not None]
    if bucket is None or not there:
        raise invalid(f"Could not find model data at {uri}.")
    if isinstance(taken, str):
        return
    asks = [asks_s3.listing(world, caller, name, key)] if prefix else []
    asks += [ask for item in there for ask in asks_s3.reading(world, caller, name, item)]
    if bucket.region != caller.region or not all(taken.may(world, ask).allowed for ask in asks):
        raise invalid(
            f'Could not access model data at {uri}. Please ensure that the role "{taken.who.role}" exists and that its '
            'trust relationship policy allows the action "sts:AssumeRole" for the service principal '
            f'"{_SERVICE}". Also ensure that the role has "s3:GetObject" permissions and that the object is located in '
            f"{caller.region}."
        )
