"""Taking over a version that stands in the hub: its marks, written in one update after its record.

Nothing is copied and nothing is registered. A version that has marks always has its record.
"""

from __future__ import annotations

from controller.core.errors import PreconditionError
from controller.core.marks import LINEAGE, MAX_ENTRIES, REVISION
from controller.core.model import Action
from controller.core.release import spec_digest
from controller.core.view import Package
from controller.kinds import adoption, artifact, versions
from controller.kinds.base import Client, Facts, World


def take_over(world: World, action: Action) -> Facts:
    """Marks the version as it was planned; one that has these marks is done."""
    client = world.cloud.client(action.key.target, "sagemaker", "approve")
    promotion = action.after["promotion"]
    live = versions.finished(world, client, action.facts["adopts"]["arn"])
    if live.mark("promotion") != promotion:
        _unmoved(action, live)
        _recorded(world, action, live)
        _write(world, client, action, live)
        live = versions.finished(world, client, live.version.arn)
        if live.mark("promotion") != promotion:
            raise PreconditionError(f"{live.version.arn} was changed at the same moment", "run it again")
    world.made.identify(live.version, promotion)
    return {"arn": live.version.arn}


def _unmoved(action: Action, live: Package) -> None:
    if live.mark("promotion"):
        raise PreconditionError(f"{live.version.arn} is another promotion's by now: {live.mark('promotion')}")
    if live.status != "Completed" or live.approval == "Rejected" or live.spec != action.before["spec"]:
        stands = f"{live.status}, {live.approval}, by {live.modified_by or 'somebody'}"
        raise PreconditionError(f"{live.version.arn} was changed while this ran ({stands})", "run it again")


def _recorded(world: World, action: Action, live: Package) -> None:
    """PreconditionError unless the record is of this very version, and everything stands as it says."""
    facts, target = action.facts, action.key.target
    client = world.cloud.client(target, "s3", "register")
    record = artifact.read_back(client, target.account, facts["bucket"], facts["record"])
    same = (record.promotion, record.adopted) == (action.after["promotion"], live.number)
    if not same or spec_digest(record.body) != live.spec:
        raise PreconditionError(f"the record of {live.version.arn} is of another version")
    lanes = artifact.proving(world, action.key)
    artifact.verify(lanes, client, target.account, facts["bucket"], record, deep=facts["deep"])
    registry = world.cloud.client(target, "ecr", "register")
    adoption.check_images(registry, target.account, adoption.images_in(record))


def _write(world: World, client: Client, action: Action, live: Package) -> None:
    ancestry = world.made.of(action.needs, "lineage") or action.facts["lineage"]
    marks = action.facts["metadata"] | ({LINEAGE: ancestry} if ancestry else {})
    metadata = {**live.metadata, **marks}
    if len(metadata) < MAX_ENTRIES:
        metadata[REVISION] = world.revision
    client.call("UpdateModelPackage", ModelPackageArn=live.version.arn, CustomerMetadataProperties=metadata)
