"""The proof that a version which stands in the hub is its source, byte for byte, image for image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.core import fields
from controller.core.arn import registry_place
from controller.core.draft import split_image, split_uri
from controller.core.errors import CloudError, PreconditionError
from controller.core.model import Action
from controller.core.record import Record, Stored, covers
from controller.core.wish import Wish
from controller.kinds.base import Client, World
from controller.kinds.prove import digest, place_of, prove, whole
from controller.kinds.s3object import Copied, ObjectCopy, at_destination, at_source, checksums_of
from controller.kinds.s3upload import Lanes
from controller.kinds.tally import SHA256
from controller.kinds.transfer import Route, Transferred

_HINT = "it is not adopted: promote its source beside it, without `adopts`"


def facts_of(wish: Wish) -> dict[str, Any]:
    """What effects need to know of the version that is adopted; empty where none is."""
    live, found = wish.subject.adopts, wish.in_place
    if live is None or found is None:
        return {}
    return {
        "number": live.number,
        "arn": live.version.arn,
        "folders": [split_uri(uri)[1].rstrip("/") + "/" for uri in found.folders],
        "images": [list(row) for row in found.images],
    }


def proven(world: World, action: Action, route: Route, items: Sequence[ObjectCopy]) -> Transferred:
    """The objects where they stand, each shown to be its source; PreconditionError, naming both, where one is not."""
    told, target = action.facts["adopts"], action.key.target
    check_images(world.cloud.client(target, "ecr", "register"), target.account, told["images"])
    check_folders(route.hub, items, told["folders"])
    stored = tuple(same(route.reader, route.hub, item, route.lanes, deep=route.deep, forgeable=False) for item in items)
    return Transferred(stored, 0, sum(item.size for item in items))


def same(
    reader: Client, hub: Client, item: ObjectCopy, lanes: Lanes, *, deep: bool = False, forgeable: bool = True
) -> Stored:
    """One object as it stands in the hub; PreconditionError, with both digests, where it is not its source.

    Others wrote it, and bytes can be made to any CRC: where it counts, not `forgeable`, equal ETags or a SHA256 stand
    beside that, or both are read.
    """
    head = _head(hub, item)
    found = Copied(head.get("VersionId"), head["ETag"], int(head["ContentLength"]), checksums_of(head), 0)
    if found.size != item.size:
        version = found.version_id
        lanes.checked(0, found.size + item.size)
        mine = digest(hub, place_of(item.bucket, item.key, item.owner, version, found.etag), found.size, lanes)
        theirs = digest(reader, at_source(item), item.size, lanes)
        raise PreconditionError(
            f"s3://{item.bucket}/{item.key} ({found.size} bytes, sha256 {mine}) is not its source "
            f"s3://{item.source_bucket}/{item.source_key} ({item.size} bytes, sha256 {theirs})",
            _HINT,
        )
    try:
        sums = prove(reader, hub, item, found, lanes, deep=deep)
        if not (forgeable or {"SHA256", SHA256} & sums.keys() or found.etag.strip('"') == item.source_etag.strip('"')):
            sums = prove(reader, hub, item, found, lanes, deep=True)
    except PreconditionError as error:
        raise PreconditionError(str(error), _HINT) from error
    return Stored(item.key, found.size, found.etag, found.version_id, sums)


def compare(hub: Client, item: ObjectCopy) -> None:
    """PreconditionError where an object cannot be its source by what S3 states of both, its size and checksums. Where
    they have none in common nothing is said: only the bytes tell."""
    head = _head(hub, item)
    place = f"s3://{item.bucket}/{item.key} is not its source s3://{item.source_bucket}/{item.source_key}"
    if int(head["ContentLength"]) != item.size:
        raise PreconditionError(f"{place}: {head['ContentLength']} bytes where the source has {item.size}", _HINT)
    ours, theirs = whole(item.checksums), whole(checksums_of(head))
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            raise PreconditionError(f"{place}: {name} {theirs[name]} where the source has {ours[name]}", _HINT)


def _head(hub: Client, item: ObjectCopy) -> Mapping[str, Any]:
    try:
        return hub.call("HeadObject", **at_destination(item), ChecksumMode="ENABLED")
    except CloudError as error:
        if error.missing:
            raise PreconditionError(f"s3://{item.bucket}/{item.key} does not exist", _HINT) from error
        raise


def check_folders(hub: Client, items: Sequence[ObjectCopy], folders: Iterable[str]) -> None:
    """PreconditionError where more stands below a prefix than its source has."""
    keys = {item.key for item in items}
    for folder in folders:
        where = {"Bucket": items[0].bucket, "Prefix": folder, "ExpectedBucketOwner": items[0].owner}
        for row in hub.pages("ListObjectsV2", "Contents", **where, MaxKeys=1000):
            if covers((folder,), row["Key"]) and row["Key"] not in keys:
                raise PreconditionError(f"s3://{items[0].bucket}/{row['Key']} is nothing of its source's", _HINT)


def check_images(client: Client, account: str, images: Iterable[Sequence[str]]) -> None:
    """PreconditionError, with both digests, unless each (source URI, digest, hub URI) is one image, and stays it."""
    for source, wanted, uri in images:
        found = pinned(client, account, uri)
        if found != wanted:
            raise PreconditionError(f"the image {uri} is {found}, and its source {source} is {wanted}", _HINT)


def pinned(client: Client, account: str, uri: str) -> str:
    """The digest of an image that a URI will always name; PreconditionError where it may name another tomorrow."""
    host, repository, tag, digest_ = split_image(uri)
    owner = (registry_place(host) or (account, ""))[0]
    if owner != account:
        if not digest_:
            raise PreconditionError(f"the image {uri} is named by a tag of a registry of others", _HINT)
        return digest_
    which = {"imageDigest": digest_} if digest_ else {"imageTag": tag or "latest"}
    try:
        rows = client.call("DescribeImages", registryId=account, repositoryName=repository, imageIds=[which])
        named = client.call("DescribeRepositories", registryId=account, repositoryNames=[repository])
    except CloudError as error:
        if error.missing:
            raise PreconditionError(f"the image {uri} does not exist", _HINT) from error
        raise
    if not digest_ and named["repositories"][0].get("imageTagMutability") != "IMMUTABLE":
        raise PreconditionError(
            f"the image {uri} is named by a tag that anybody may move",
            f"make the tags of the repository {repository} immutable, then run it again",
        )
    return str(rows["imageDetails"][0]["imageDigest"])


def images_in(record: Record) -> list[tuple[str, str, str]]:
    """(source URI, its digest, hub URI) of every image of an adopted version."""
    digests, there = {image.uri: image.digest for image in record.release.images}, dict(fields.images(record.body))
    return [(uri, digests[uri], there[path]) for path, uri in fields.images(record.release.body)]
