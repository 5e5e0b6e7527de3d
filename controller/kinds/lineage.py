"""Writes a promotion's lineage document beside its record, once, and reads it back."""

from __future__ import annotations

from typing import Any

from controller.core import fields
from controller.core.errors import CloudError, PreconditionError
from controller.core.lineage import MAX_BYTES, Lineage, Made, document, document_digest, lineage_key, read_lineage
from controller.core.model import Action, Target
from controller.core.record import Stored
from controller.core.release import Release
from controller.kinds.ancestry import ancestry, copies
from controller.kinds.base import Client, World

THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


def write(world: World, action: Action, client: Client, release: Release, stored: tuple[Stored, ...]) -> str:
    """The digest of the document of an artifact that has just been copied. One that is there already stays."""
    facts, account = action.facts, action.key.target.account
    place = lineage_key(facts["record"])
    there = stands(client, account, facts["bucket"], place)
    if there is not None:
        return document_digest(there)
    uris = [uri for uri, _, _ in facts["objects"]]
    about = facts["about"]
    made = Made(
        promotion=action.after["promotion"],
        release=release,
        facts={**about, "revision": world.revision, **world.about, **world.asked(about["name"], about["manifest"])},
        bucket=facts["bucket"],
        objects=tuple(zip(uris, stored, strict=True)),
        images=tuple((old, new) for old, new in facts["images"]),
    )
    spoke = Target(*facts["reader"])
    found = ancestry(
        lambda: world.cloud.client(spoke, "sagemaker", "read"),
        client,
        account,
        release,
        copies(facts["bucket"], uris, stored),
    )
    data = document(made, found).encode()
    return _put(client, action, place, data)


def _put(client: Client, action: Action, place: str, data: bytes) -> str:
    facts, account = action.facts, action.key.target.account
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": facts["kms"]} if facts["kms"] else {}
    try:
        client.call(
            "PutObject",
            Bucket=facts["bucket"],
            Key=place,
            Body=data,
            ContentType="application/json",
            IfNoneMatch="*",
            ExpectedBucketOwner=account,
            **sealed,
        )
    except CloudError as error:
        there = stands(client, account, facts["bucket"], place) if error.code in THERE else None
        if there is None:
            raise
        return document_digest(there)
    return document_digest(data)


def stands(client: Client, account: str, bucket: str, place: str) -> bytes | None:
    """The bytes of a document, None when there is none; PreconditionError when it is larger than any of ours."""
    try:
        answer = client.call("GetObject", Bucket=bucket, Key=place, ExpectedBucketOwner=account)
    except CloudError as error:
        if error.missing:
            return None
        raise
    with answer["Body"] as body:
        pieces: list[bytes] = []
        while sum(map(len, pieces)) <= MAX_BYTES and (piece := body.read(MAX_BYTES + 1)):
            pieces.append(piece)
    data = b"".join(pieces)
    if len(data) > MAX_BYTES:
        raise PreconditionError(f"s3://{bucket}/{place} has more than {MAX_BYTES} bytes, which no lineage document has")
    return data


def read(client: Client, account: str, bucket: str, place: str) -> Lineage | None:
    """A document as it stands in the store; PreconditionError when it is not one."""
    data = stands(client, account, bucket, place)
    if data is None:
        return None
    try:
        return read_lineage(data)
    except ValueError as error:
        raise PreconditionError(f"the lineage s3://{bucket}/{place} cannot be trusted: {error}") from error


def images_of(release: Release, body: Any) -> list[list[str]]:
    """(source by digest, hub by digest) of every image of a release and of the body made of it."""
    digests = {item.uri: item.digest for item in release.images}
    hub = dict(fields.images(body))
    pairs = {
        (f"{uri.partition('@')[0]}@{digests[uri]}", str(hub.get(path, "")))
        for path, uri in fields.images(release.body)
        if uri in digests
    }
    return [list(pair) for pair in sorted(pairs)]
