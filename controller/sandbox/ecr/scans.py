"""ECR's scans: what a test says they found (`settings.scans`). Nothing is scanned here."""

from __future__ import annotations

from typing import Any

from controller.sandbox.ecr.repositories import registry_of
from controller.sandbox.ecr.store import find_image, find_repository
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World


def describe_image_scan_findings(world: World, caller: Caller, document: dict[str, Any]) -> dict[str, Any]:
    """The state of an image's scan and how many findings of which severity it has; ScanNotFoundException."""
    registry = registry_of(world, caller, document)
    repository = find_repository(registry, document["repositoryName"])
    name = document["imageId"]
    image = find_image(repository, name.get("imageTag"), name.get("imageDigest"))
    place = f"in the repository with name '{repository.name}' in the registry with id '{registry.account}'"
    if image is None:
        raise ServiceError("ImageNotFoundException", f"The image with imageId {name} does not exist {place}")
    found = world.settings.scans.get(image.digest)
    if found is None:
        said = f"Image scan does not exist for the image with imageId {name} {place}"
        raise ServiceError("ScanNotFoundException", said)
    state, counts = found
    answer: dict[str, Any] = {
        "registryId": registry.account,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": image.digest},
        "imageScanStatus": {"status": state},
    }
    if state in ("COMPLETE", "ACTIVE"):
        answer["imageScanFindings"] = {"findings": [], "findingSeverityCounts": dict(counts)}
    return answer
