"""What must be true of a version at the moment it is approved, looked up again just then."""

from __future__ import annotations

from controller.core.derived import Terms, contradiction
from controller.core.draft import destination
from controller.core.errors import CloudError, PreconditionError
from controller.core.model import Action
from controller.core.record import Record
from controller.core.release import spec_digest
from controller.core.view import Package
from controller.kinds import adoption, artifact
from controller.kinds.base import Client, World
from controller.kinds.prove import check_copy, place_of, whole
from controller.kinds.s3upload import Lanes

_HINT = "it is not approved like this; to register it anew from its source, raise `attempt`"


def verified(world: World, action: Action, live: Package) -> None:
    """PreconditionError unless package, record, lock, objects and images all say the same."""
    try:
        _verify(world, action, live)
    except PreconditionError as error:
        raise PreconditionError(str(error), error.hint or _HINT) from error


def _verify(world: World, action: Action, live: Package) -> None:
    facts, target = action.facts, action.key.target
    if live.spec != live.mark("spec"):
        raise PreconditionError(f"{live.version.arn} is not what was registered: somebody changed it")
    client = world.cloud.client(target, "s3", "register")
    record = artifact.read_back(client, target.account, facts["bucket"], facts["record"])
    if record.promotion != live.mark("promotion"):
        raise PreconditionError(f"the record of {live.version.arn} is of another promotion")
    if facts["locked"] and record.release.digest != facts["locked"]:
        raise PreconditionError(f"the record of {live.version.arn} is of another release than its lock names")
    if spec_digest(record.body) != live.spec:
        raise PreconditionError(f"{live.version.arn} is not what its record says")
    if why := contradiction(record, facts["terms"]):
        raise PreconditionError(f"the record of {live.version.arn} does not follow from its release: {why}")
    lanes = artifact.proving(world, action.key)
    artifact.verify(lanes, client, target.account, facts["bucket"], record, deep=facts["deep"])
    _pushed(lanes, client, target.account, record, facts["terms"])
    if record.adopted:
        adoption.check_images(world.cloud.client(target, "ecr", "register"), target.account, adoption.images_in(record))
    for repository, digest in facts["images"]:
        _image(world, action, repository, digest)


def _pushed(lanes: Lanes, client: Client, account: str, record: Record, terms: Terms) -> None:
    """PreconditionError where what a spoke put into the store has other checksums than its lock has of the source."""
    if not terms.pushed or terms.promotion.artifacts != "copy":
        return
    base = destination(record.release, terms.group, terms.store)
    for uri, copy in sorted(record.copies(base).items()):
        if wanted := whole(terms.checksums.get(uri, {})):
            place = place_of(terms.store.bucket, copy.key, account, copy.version, copy.etag)
            check_copy(client, place, wanted, lanes)


def _image(world: World, action: Action, repository: str, digest: str) -> None:
    target = action.key.target
    client = world.cloud.client(target, "ecr", "register")
    try:
        client.call(
            "DescribeImages",
            registryId=target.account,
            repositoryName=repository,
            imageIds=[{"imageDigest": digest}],
        )
    except CloudError as error:
        if error.missing:
            raise PreconditionError(f"the image {repository}@{digest} is gone from the hub") from error
        raise
