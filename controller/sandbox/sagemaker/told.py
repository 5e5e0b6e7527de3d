"""SageMaker's own events: what it tells EventBridge when a package is made, changed or deleted, or its status moves."""

from __future__ import annotations

from typing import Any

from controller.sandbox.events.put import emit
from controller.sandbox.query import stamp
from controller.sandbox.sagemaker.state import Document, Models, Package
from controller.sandbox.world import World

_DETAIL = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "SourceAlgorithmSpecification",
    "ValidationSpecification",
    "InferenceSpecification",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "MetadataProperties",
    "ModelMetrics",
    "ModelLifeCycle",
)
# The request's member, and the name under which the event tells that it was updated; `sourceUri` is AWS's spelling.
_UPDATES = {
    "ModelLifeCycle": "ModelLifeCycle",
    "ModelApprovalStatus": "ModelApprovalStatus",
    "ApprovalDescription": "ApprovalDescription",
    "SourceUri": "sourceUri",
    "CustomerMetadataProperties": "CustomerMetadataProperties",
    "CustomerMetadataPropertiesToRemove": "CustomerMetadataProperties",
    "InferenceSpecification": "InferenceSpecification",
}


def updated_fields(document: Document) -> list[str]:
    """What an update's event says it changed: what the request named, whether or not it was another value."""
    return sorted({name for member, name in _UPDATES.items() if document.get(member) is not None})


def tell(world: World, models: Models, package: Package, status: str, body: Document, updated: list[str]) -> None:
    """One state change, to the account's default bus."""
    detail: dict[str, Any] = {name: body[name] for name in _DETAIL if name in body}
    detail |= {"ModelPackageStatus": status, "CreationTime": stamp(body["CreationTime"])}
    detail["ModelPackageStatusDetails"] = {"ValidationStatuses": [], "ImageScanStatuses": []}
    if "LastModifiedTime" in body:
        detail["LastModifiedTime"] = stamp(body["LastModifiedTime"])
    if updated:
        detail["UpdatedModelPackageFields"] = updated
    package.told = status
    if status not in ("Completed", "Failed"):
        world.unsettled.add((models.account, models.region, package.key))
    emit(world, models.account, models.region, "SageMaker Model Package State Change", package.arn, detail)


def status_of(world: World, package: Package) -> str:
    """The ModelPackageStatus at this moment: as far as descriptions and time have brought it."""
    pace = world.settings.status_seconds
    passed = int((world.clock.now() - package.born) / pace) if pace > 0 else 0
    return package.script[min(max(package.looks, passed), len(package.script) - 1)]


def settle(world: World) -> None:
    """Tells of packages whose status has moved since it was told."""
    for place in sorted(world.unsettled):
        account, region, key = place
        models = world.models_of(account, region)
        package = models.packages.get(key)
        if package is None or package.body is None:
            world.unsettled.discard(place)
            continue
        status = status_of(world, package)
        if status != package.told:
            world.unsettled.discard(place)
            tell(world, models, package, status, package.body, [])
