"""CreateModelPackage, UpdateModelPackage, DescribeModelPackage, BatchDescribeModelPackage, DeleteModelPackage."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import check, check_tags, invalid
from controller.sandbox.sagemaker.fill import fill
from controller.sandbox.sagemaker.names import arn_of, find_group, find_package, locate, user_context
from controller.sandbox.sagemaker.state import Document, Group, Models, Package, Token, Version
from controller.sandbox.sagemaker.told import status_of, tell, updated_fields
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_NEVER_KEPT = ("ClientToken", "Tags", "ModelPackageName", "ModelPackageGroupName")
_REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)
_BATCH = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
)
_HISTORY = 50  # states kept for lagging readers


def conflict(message: str) -> ServiceError:
    """The one modelled conflict."""
    return ServiceError("ConflictException", message)


def write(world: World, package: Package, body: Document | None) -> None:
    """Makes `body` what is true of a package from this call on."""
    package.history.append(Version(world.count, world.clock.now(), body))
    del package.history[:-_HISTORY]


def describe(world: World, package: Package, body: Document) -> Document:
    """A body together with the status of this moment."""
    status = status_of(world, package)
    details: Document = {"ValidationStatuses": [], "ImageScanStatuses": []}
    if status == "Failed":
        details["ValidationStatuses"] = [
            {"Name": "model-validation", "Status": "Failed", "FailureReason": "told to fail by the sandbox"}
        ]
    return body | {"ModelPackageStatus": status, "ModelPackageStatusDetails": details}


def _check_specifications(body: Document) -> None:
    if body.get("InferenceSpecification") and body.get("SourceUri"):
        raise invalid("Passing both SourceUri and InferenceSpecification is not allowed in one request.")
    total = len(body.get("InferenceSpecification", {}).get("Containers", ()))
    total += sum(len(item.get("Containers", ())) for item in body.get("AdditionalInferenceSpecifications", ()))
    if total > 15:
        raise invalid("The total number of containers over all inference specifications must not exceed 15.")


def _remembered(world: World, models: Models, caller: Caller, token: str, digest: str) -> str | None:
    """The ARN that a live ClientToken made; ConflictException when it came with other parameters."""
    kept = models.tokens.get((caller.account, token))
    span = world.settings.token
    if kept is None or (span is not None and span.over(world.count - kept.number - 1, world.clock.now() - kept.time)):
        return None
    if kept.digest != digest:
        raise conflict(f"ClientToken {token} was already used with different parameters.")
    return kept.arn


def _script(world: World, key: str) -> tuple[str, ...]:
    scripts = world.settings.status
    return scripts.get(key) or scripts.get(key.split("/")[0]) or scripts.get("*") or ("Completed",)


def _new_body(world: World, caller: Caller, document: Document) -> Document:
    body = {name: value for name, value in document.items() if name not in _NEVER_KEPT and value is not None}
    if "InferenceSpecification" in body:
        body["InferenceSpecification"] = fill(world, body["InferenceSpecification"])
    if "AdditionalInferenceSpecifications" in body:
        body["AdditionalInferenceSpecifications"] = [
            fill(world, item) for item in body["AdditionalInferenceSpecifications"]
        ]
    body.setdefault("CertifyForMarketplace", False)
    body.setdefault("ModelPackageRegistrationType", "Registered")
    body |= {"CreationTime": world.clock.now(), "CreatedBy": user_context(caller)}
    return body


def _add(world: World, models: Models, group: Group | None, name: str, body: Document, tags: dict[str, str]) -> Package:
    if group is not None:
        group.last += 1
        key = f"{group.name.lower()}/{group.last}"
        body |= {"ModelPackageGroupName": group.name, "ModelPackageVersion": group.last}
        body.setdefault("ModelApprovalStatus", "PendingManualApproval")
    else:
        key = name.lower()
        body["ModelPackageName"] = name
    arn = arn_of(models, "model-package", key)
    body["ModelPackageArn"] = arn
    package = Package(
        key,
        arn,
        group.name if group else None,
        group.last if group else None,
        world.clock.now(),
        _script(world, key),
        tags=tags,
    )
    write(world, package, body)
    models.packages[key] = package
    tell(world, models, package, status_of(world, package), body, [])
    return package


def create_model_package(world: World, caller: Caller, document: Document) -> Document:
    """Registers a version (with a group) or an unversioned package (with a name); idempotent by ClientToken."""
    check(document)
    name, grouped = document.get("ModelPackageName"), document.get("ModelPackageGroupName")
    if bool(name) == bool(grouped):
        raise invalid("Exactly one of ModelPackageName and ModelPackageGroupName must be given.")
    tags = check_tags(document.get("Tags") or [])
    if grouped and tags:
        raise invalid("Tags cannot be supplied with ModelPackageGroupName; tag the model package group instead.")
    _check_specifications(document)
    sources = ("InferenceSpecification", "SourceUri", "SourceAlgorithmSpecification")
    if not any(document.get(item) for item in sources) and document.get("ModelPackageRegistrationType") != "Logged":
        raise invalid("One of InferenceSpecification, SourceAlgorithmSpecification and SourceUri must be given.")
    models, group = (
        find_group(world, caller, grouped) if grouped else (world.models_of(caller.account, caller.region), None)
    )
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    token = document.get("ClientToken")
    arn = _remembered(world, models, caller, token, digest) if token else None
    if arn is None:
        kept = models.packages.get(name.lower()) if name else None
        if kept and kept.body is not None:
            raise conflict(f"ModelPackage {kept.arn} already exists.")
        arn = _add(world, models, group, name or "", _new_body(world, caller, document), tags).arn
        if token:
            models.tokens[caller.account, token] = Token(digest, arn, world.count, world.clock.now())
    return {"ModelPackageArn": arn}


def _merge_metadata(body: Document, document: Document) -> None:
    kept = dict(body.get("CustomerMetadataProperties") or {})
    kept.update(document.get("CustomerMetadataProperties") or {})
    for key in document.get("CustomerMetadataPropertiesToRemove") or ():
        kept.pop(key, None)
    if len(kept) > 50:
        raise invalid("CustomerMetadataProperties must have at most 50 entries after the update.")
    body.pop("CustomerMetadataProperties", None)
    if kept:
        body["CustomerMetadataProperties"] = kept


def update_model_package(world: World, caller: Caller, document: Document) -> Document:
    """Changes what may change; what is not named stays; metadata is merged."""
    check(document)
    models, package = find_package(world, caller, document["ModelPackageArn"])
    body = dict(package.body or {})
    if status_of(world, package) in ("Pending", "InProgress", "Deleting"):
        raise conflict(
            f"ModelPackage {package.arn} is in {status_of(world, package)} state and cannot be modified or deleted."
        )
    if document.get("InferenceSpecification") and document.get("SourceUri"):
        raise invalid("Passing both SourceUri and InferenceSpecification is not allowed in one request.")
    if "ModelCard" in document and body.get("ModelCard", {}).get("ModelCardStatus") == "Archived":
        raise invalid("Model Card is in Archived state and cannot be updated.")
    body |= {name: document[name] for name in _REPLACED if document.get(name) is not None}
    if document.get("InferenceSpecification"):
        body["InferenceSpecification"] = fill(world, document["InferenceSpecification"])
    added = [fill(world, item) for item in document.get("AdditionalInferenceSpecificationsToAdd") or ()]
    if added:
        body["AdditionalInferenceSpecifications"] = [*body.get("AdditionalInferenceSpecifications", ()), *added]
    if len(body.get("AdditionalInferenceSpecifications", ())) > 15:
        raise invalid("The total number of additional inference specifications must not exceed 15.")
    _merge_metadata(body, document)
    body |= {"LastModifiedTime": world.clock.now(), "LastModifiedBy": user_context(caller)}
    write(world, package, body)
    tell(world, models, package, status_of(world, package), body, updated_fields(document))
    return {"ModelPackageArn": package.arn}


def describe_model_package(world: World, caller: Caller, document: Document) -> Document:
    """All of one package; each description brings its status on by one."""
    check(document)
    _, package = find_package(world, caller, document["ModelPackageName"])
    answer = describe(world, package, package.body or {})
    package.looks += 1
    return answer


def batch_describe_model_package(world: World, caller: Caller, document: Document) -> Document:
    """Some fields of up to 100 packages; what cannot be read stands in the error map of a 200."""
    check(document)
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for arn in document["ModelPackageArnList"]:
        try:
            _, package = find_package(world, caller, arn)
        except ServiceError as fault:
            errors[arn] = {"ErrorCode": fault.code, "ErrorResponse": fault.message}
            continue
        body = describe(world, package, package.body or {})
        found[arn] = {name: body[name] for name in (*_BATCH, "ModelPackageStatus") if name in body}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def delete_model_package(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a version or an unversioned package; its number is not given again."""
    check(document)
    models, package = find_package(world, caller, document["ModelPackageName"])
    if status_of(world, package) in ("Pending", "InProgress"):
        raise conflict(
            f"ModelPackage {package.arn} is in {status_of(world, package)} state and cannot be modified or deleted."
        )
    last = package.body or {}
    write(world, package, None)
    tell(world, models, package, "Deleting", last, [])
    return {}


def package_by_arn(world: World, caller: Caller, arn: str) -> Package | None:
    """A live package, None when there is none."""
    models, key = locate(world, caller, arn, "model-package")
    package = models.packages.get(key)
    return package if package and package.body is not None else None
