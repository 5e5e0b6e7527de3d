"""The artifacts of a promotion in the hub's store: one resource, absent until its record is written.

Everything below the store's prefix is written once; nothing there is overwritten, moved or deleted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.core.arn import parse_version
from controller.core.draft import Draft, destination, split_uri
from controller.core.errors import CloudError, PreconditionError, SafetyError
from controller.core.manifest import Store
from controller.core.model import Action, Key, Resource, Target
from controller.core.record import Record, covers, read_record, record_key
from controller.core.release import Release, release_from_json
from controller.core.view import RecordPlace, View
from controller.core.wish import Subject, Wish, Wishes
from controller.kinds import adoption, lineage
from controller.kinds.base import Client, Facts, World
from controller.kinds.count import Count
from controller.kinds.flow import Pace
from controller.kinds.prove import digest, place_of, whole
from controller.kinds.relay import PIECE
from controller.kinds.s3object import ObjectCopy
from controller.kinds.s3upload import Lanes
from controller.kinds.tally import SHA256
from controller.kinds.transfer import Route, said_of, transfer

NAME = "artifact"
_AT_ONCE, _RELAYED = 64, 8
_LARGEST_RECORD = 64 << 20  # a hundred thousand objects are half of it
_LEAST_PART = 5 << 20  # a stand-in for S3 may take smaller ones: then its limit is a part's size


def key(wish: Wish) -> Key:
    subject = wish.subject
    return Key(subject.place.target, NAME, f"{subject.source.account}/{subject.recorded_as}")


def desire(wishes: Wishes) -> Iterator[Resource]:
    for wish in wishes.promotions:
        subject = wish.subject
        if subject.promotion.approval != "Rejected" and subject.recorded_as:
            facts = _facts(wish, wish.draft) if wish.draft else {"lost": True}
            yield Resource(key(wish), {"promotion": subject.recorded_as}, origins=(subject.name,), facts=facts)


def _facts(wish: Wish, made: Draft) -> dict[str, Any]:
    subject, store = wish.subject, wish.store
    return {
        "bucket": store.bucket,
        "store": store.name,
        "kms": store.kms_key_arn,
        "fleet": subject.place.fleet,
        "prefix": destination(made.release, subject.group_name, store),
        "record": record_key(store.prefix, subject.source.account, subject.identity),
        "objects": [[copy.source.uri, copy.key, copy.mark] for copy in made.objects],
        "release": made.release.to_json(),
        "inputs": subject.inputs,
        "attempt": subject.promotion.attempt,
        "checksums": _checksums(subject, made.release),
        "copy": subject.spoke.copy,
        "reader": list(made.release.reader or _reader(subject)),
        "held": {uri: place.to_json() for uri, place in made.release.held.items()},
        "deep": store.verify == "deep",
        "body": made.body,
        "images": lineage.images_of(made.release, made.body),
        "adopts": adoption.facts_of(wish),
        "about": {"name": subject.name, "manifest": subject.path, **_to(subject)},
    }


def _checksums(subject: Subject, release: Release) -> dict[str, dict[str, str]]:
    """What S3 states of the sources, by URI; of a relay first what a lock has of whole objects, which was reviewed.

    A lock's word refuses what passes through here and is not that. Where nothing passes it would vouch for a copy, or
    for what is to be adopted, without a look at the source: it is in no digest, and anybody can write one.
    """
    held = subject.spoke.copy == "relay" and subject.adopts is None
    locked = {uri: whole(sums) for uri, sums in subject.checksums.items()} if held else {}
    uris = {*release.checksums, *locked}
    return {uri: {**release.checksums.get(uri, {}), **locked.get(uri, {})} for uri in sorted(uris)}


def _to(subject: Subject) -> dict[str, Any]:
    place = subject.place
    return {"fleet": place.fleet, "hub": place.name, "account": place.target.account, "group": subject.group_name}


def _reader(subject: Subject) -> list[str]:
    """Whose credentials read what passes through here: the spoke's own role's, or without one the hub's."""
    access = subject.spoke.access
    own = access is not None and access.read is not None
    return [subject.source.account if own else subject.place.target.account, subject.source.region]


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    for wish in wishes.promotions:
        identity = wish.subject.recorded_as
        if identity in views[wish.subject.place.target].records:
            yield Resource(key(wish), {"promotion": identity})


def reason(before: Any, after: Any) -> str:
    return "absent"


def read(client: Client, account: str, store: Store) -> dict[str, RecordPlace]:
    """The records of a store by promotion id; beside them `ID.lineage` and `ID.announced`."""
    prefix = f"{store.prefix}/.releases/"
    found = client.pages(
        "ListObjectsV2", "Contents", Bucket=store.bucket, Prefix=prefix, ExpectedBucketOwner=account, MaxKeys=1000
    )
    names = [str(item["Key"]) for item in found]
    return {
        name.rpartition("/")[2].removesuffix(".json"): RecordPlace(store.name, name)
        for name in names
        if name.endswith(".json")
    }


def unfit(client: Client, account: str, store: Store) -> str:
    """Why a store cannot be used, or an empty text: it must exist, be the hub's own, and be versioned."""
    return examined(client, account, store)[0]


def examined(client: Client, account: str, store: Store) -> tuple[str, str]:
    """(why a store cannot be used, what its owner can do about it); empty texts when it can."""
    versioned = f"aws s3api put-bucket-versioning --bucket {store.bucket} --versioning-configuration Status=Enabled"
    try:
        answer = client.call("GetBucketVersioning", Bucket=store.bucket, ExpectedBucketOwner=account)
    except CloudError as error:
        if error.missing:
            make = f"make it in the hub's account and region, then: {versioned}; or mend its name in the Hub"
            return f"the bucket {store.bucket} of the store {store.name} does not exist", make
        if error.denied:
            look = "a store is the hub's own: look whose bucket it is; the read role needs s3:GetBucketVersioning on it"
            return (
                f"the bucket {store.bucket} of the store {store.name} is not readable, or not owned by {account}",
                look,
            )
        raise
    if answer.get("Status") != "Enabled":
        return f"the bucket {store.bucket} of the store {store.name} is not versioned", versioned
    return "", ""


def read_back(client: Client, account: str, bucket: str, name: str) -> Record:
    """A record as it stands in the store; PreconditionError when it is missing or not what it should be."""
    try:
        answer = client.call("GetObject", Bucket=bucket, Key=name, ExpectedBucketOwner=account)
    except CloudError as error:
        if error.missing:
            raise PreconditionError(f"the record s3://{bucket}/{name} is gone") from error
        raise
    try:
        with answer["Body"] as body:
            return read_record(_whole(body))
    except ValueError as error:
        raise PreconditionError(f"the record s3://{bucket}/{name} cannot be trusted: {error}") from error


def _whole(body: Any) -> bytes:
    """A record's bytes; ValueError when there are more than any record has."""
    data = bytearray()
    while len(data) <= _LARGEST_RECORD and (piece := body.read(1 << 20)):
        data += piece
    if len(data) > _LARGEST_RECORD:
        raise ValueError(f"it has more than {_LARGEST_RECORD} bytes")
    return bytes(data)


def create(world: World, action: Action) -> Facts:
    facts, began = action.facts, world.clock()
    release = _release(action)
    client = world.cloud.client(action.key.target, "s3", "register")
    items = list(_copies(action, release))
    route = _route(world, action, client, items)
    done = adoption.proven(world, action, route, items) if facts["adopts"] else transfer(route, items, facts["prefix"])
    ancestry = lineage.write(world, action, client, release, done.stored)
    record = Record(
        action.after["promotion"],
        release,
        facts["inputs"],
        facts["attempt"],
        facts["body"],
        done.stored,
        ancestry,
        facts["adopts"].get("number", 0),
    )
    _write(client, action, record)
    seconds = round(world.clock() - began, 1)
    moved = {"bytes": done.moved, "skipped": done.skipped, "objects": len(items), "seconds": seconds}
    return {**moved, "lineage": ancestry, **said_of(done.relayed)}


def _release(action: Action) -> Release:
    source = parse_version(action.facts["release"]["source"])
    assert source is not None  # noqa: S101  (a release always names its source)
    return release_from_json(source, action.facts["release"])


def items_of(action: Action) -> list[ObjectCopy]:
    """The objects that an action is about, each with its source."""
    return list(_copies(action, _release(action)))


def _copies(action: Action, release: Release) -> Iterator[ObjectCopy]:
    facts = action.facts
    resolved = {item.uri: item for item in release.objects}
    for uri, name, mark in facts["objects"]:
        item = resolved[uri]
        bucket, source_key = split_uri(uri)
        at_source = [bucket, source_key, item.version, item.etag, release.source.account]
        held_bucket, held_key, version, etag, owner = facts["held"].get(uri, at_source)
        yield ObjectCopy(
            source_bucket=held_bucket,
            source_key=held_key,
            source_version=version,
            source_etag=etag,
            source_owner=owner,
            size=item.size,
            bucket=facts["bucket"],
            key=name,
            owner=action.key.target.account,
            mark=mark,
            kms_key_arn=facts["kms"],
            tags={"hubwright:fleet": facts["fleet"]},
            checksums=facts["checksums"].get(uri, {}),
        )


def _route(world: World, action: Action, client: Client, items: Sequence[ObjectCopy]) -> Route:
    facts = action.facts
    relay = facts["copy"] == "relay"
    reader = world.cloud.client(Target(*facts["reader"]), "s3", "read") if relay else client
    moved = Count(functools.partial(world.moved, action.key), sum(item.size for item in items))
    most = _RELAYED if relay else _AT_ONCE
    pool = world.relays if relay else world.copiers  # so that what waits for memory keeps nobody else waiting
    lanes = replace(proving(world, action.key, most), pool=pool, told=moved.add)
    parts_from = min(world.parts_from, world.copy_limit, PIECE if relay else world.copy_limit)
    part_size = world.copy_limit if world.copy_limit < _LEAST_PART else None
    return Route(
        client if not relay else reader, client, lanes, parts_from, part_size, facts["deep"], relay, world.room
    )


def proving(world: World, key: Key, most: int = _AT_ONCE) -> Lanes:
    """How bytes are read to prove what stands there, for one action: what is read adds up to its progress."""
    checked = Count(functools.partial(world.checked, key))
    pace = functools.partial(Pace, world.clock, most=most)
    return Lanes(world.copiers, pace, world.pause, stopped=world.stopped, checked=checked.add)


def _write(client: Client, action: Action, record: Record) -> None:
    facts, account = action.facts, action.key.target.account
    request: dict[str, Any] = {"ContentType": "application/json"}
    if facts["kms"]:
        request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": facts["kms"]}
    try:
        client.call(
            "PutObject",
            Bucket=facts["bucket"],
            Key=facts["record"],
            Body=record.text().encode(),
            IfNoneMatch="*",
            ExpectedBucketOwner=account,
            **request,
        )
    except CloudError as error:
        if error.code not in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
            raise
        there = read_back(client, account, facts["bucket"], facts["record"])
        if there.text() != record.text():
            place = f"s3://{facts['bucket']}/{facts['record']}"
            raise PreconditionError(f"{place} already records something else for this promotion") from error


def verify(lanes: Lanes, client: Client, account: str, bucket: str, record: Record, *, deep: bool = False) -> None:
    """PreconditionError unless the store holds exactly what the record names; `deep` reads the bytes again."""
    compare(client, account, bucket, record)
    if deep:
        _reread(lanes, client, account, bucket, record)


def compare(client: Client, account: str, bucket: str, record: Record) -> None:
    """PreconditionError unless the store lists exactly what the record names."""
    if not record.objects:
        return
    belongs = record.belongs()
    live: dict[str, tuple[int, str, str]] = {}
    listed = (
        item
        for prefix in belongs
        for item in client.pages(
            "ListObjectVersions", "Versions", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=account
        )
    )
    for item in listed:
        if item["IsLatest"] and covers(belongs, item["Key"]):
            live[item["Key"]] = (item["Size"], item["ETag"].strip('"'), item.get("VersionId") or "null")
    wanted = {item.key: (item.size, item.etag.strip('"'), item.version or "null") for item in record.objects}
    wrong = sorted(name for name in {*wanted, *live} if wanted.get(name) != live.get(name))
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise PreconditionError(
            f"s3://{bucket}/{wrong[0]}{more} is not what was recorded",
            "find out who wrote below the store's prefix: only the bytes that were promoted are approved",
        )


def _reread(lanes: Lanes, client: Client, account: str, bucket: str, record: Record) -> None:
    """Compares the bytes themselves with the digests that were recorded, where there are such."""
    known = [item for item in record.objects if SHA256 in item.checksums]
    lanes.checked(0, sum(item.size for item in known))
    for item in known:
        place = place_of(bucket, item.key, account, item.version, item.etag)
        found = digest(client, place, item.size, lanes)
        if found != item.checksums[SHA256]:
            raise PreconditionError(
                f"s3://{bucket}/{item.key} has sha256 {found}, and {item.checksums[SHA256]} was recorded",
                "its bytes are not those that were promoted, though S3 says so: nothing of it is approved",
            )


def update(world: World, action: Action) -> Facts:
    raise SafetyError(f"what is promoted is never overwritten: {action.key}")


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"what is promoted is never deleted: {action.key}")
