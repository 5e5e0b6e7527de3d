"""All objects of one artifact into the store: one listing says what is missing, only that moves, all is proven."""

from __future__ import annotations

import base64
import functools
import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core.errors import CloudError, PreconditionError
from controller.core.record import Stored
from controller.kinds.base import Client
from controller.kinds.flow import Inline, spread
from controller.kinds.prove import prove, stated_many, stated_of, whole
from controller.kinds.relay import relay_object
from controller.kinds.room import Room
from controller.kinds.s3copy import copy_many, copy_object
from controller.kinds.s3object import Copied, ObjectCopy, at_source, look
from controller.kinds.s3upload import Lanes, Told, swept
from controller.kinds.sealed import key_of

RELAY_HINT = (
    "the hub's register role needs s3:GetObject on the spoke's bucket (and kms:Decrypt on its key), or the spoke's "
    "manifest may say `copy: relay`: the bytes then pass through the machine that runs Hubwright"
)

LISTED = 1000
"""More objects of one artifact than this are told as one digest: results and audit records are read back whole."""


@dataclass(frozen=True, slots=True)
class Route:
    """How objects travel. `reader` reads the sources, `hub` writes; above `parts_from` bytes in parts.

    `deep`: bytes are re-read whatever S3 says of them. `relay`: they pass through here, `room` bounding how many.
    """

    reader: Client
    hub: Client
    lanes: Lanes
    parts_from: int
    part_size: int | None = None
    deep: bool = False
    relay: bool = False
    room: Room = field(default_factory=Room)


class _Told:
    """What is told of one object: never more than it has, however often a part is made, and all of it in the end."""

    def __init__(self, told: Told, size: int) -> None:
        self._told = told
        self._left = size
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        with self._lock:
            more = min(size, self._left)
            self._left -= more
        if more:
            self._told(more)

    def all(self) -> None:
        self.add(self._left)


Done = tuple[Copied, Mapping[str, str]]
_INLINE = Inline()


@dataclass(frozen=True, slots=True)
class Transferred:
    """Every object as it stands in the store, in the order given; bytes that moved, bytes that were there.

    `relayed`: the SHA-256 (hexadecimal) of those that passed through here as a whole, by their keys in the store.
    """

    stored: tuple[Stored, ...]
    moved: int
    skipped: int
    relayed: Mapping[str, str] = field(default_factory=dict)


def transfer(route: Route, items: Iterable[ObjectCopy], base: str) -> Transferred:
    """Copies what is not below the prefix `base` yet. `PreconditionError` when there is anything else below it."""
    wanted = list(items)
    if not wanted:
        return Transferred((), 0, 0)
    there = _listed(route.hub, wanted, base)
    small = [item for item in wanted if item.size <= route.parts_from]
    large = [item for item in wanted if item.size > route.parts_from]
    route.lanes.check()
    missing = [item for item in small if item.key not in there]
    first = {} if route.relay else _at_once(route, missing)
    asked = missing if route.relay else [item for item in small if item.key in first]
    stated = stated_many(route.reader, asked, route.lanes)
    one = functools.partial(_one, route, there, first, stated)
    ended = spread(route.lanes.pool, one, small, route.lanes.pace(), route.lanes.pause)
    done = {item.key: found for item, found in zip(small, ended, strict=True)}
    done |= {item.key: one(item) for item in large}  # their parts are what is spread
    if large:
        swept(route.hub, wanted[0].bucket, base + "/", wanted[0].owner, set())
    moved = sum(copied.moved for copied, _ in done.values())
    stored = tuple(_stored(item, *done[item.key]) for item in wanted)
    relayed = {key: _hexadecimal(copied.passed["SHA256"]) for key, (copied, _) in done.items() if copied.passed}
    return Transferred(stored, moved, sum(item.size for item in wanted) - moved, relayed)


def _listed(hub: Client, wanted: list[ObjectCopy], base: str) -> Mapping[str, int]:
    """Sizes by key of what stands below the prefix already."""
    bucket, owner = wanted[0].bucket, wanted[0].owner
    rows = hub.pages(
        "ListObjectsV2", "Contents", Bucket=bucket, Prefix=base + "/", ExpectedBucketOwner=owner, MaxKeys=1000
    )
    there = {str(row["Key"]): int(row["Size"]) for row in rows}
    sizes = {item.key: item.size for item in wanted}
    wrong = sorted(key for key, size in there.items() if sizes.get(key) != size)
    if wrong:
        raise PreconditionError(
            f"s3://{bucket}/{wrong[0]} holds something else: {there[wrong[0]]} bytes, which is no source's size",
            "nothing under the store's prefix is ever overwritten: find out who wrote this object",
        )
    return there


def _at_once(route: Route, items: list[ObjectCopy]) -> dict[str, Copied]:
    """The copies that went well at the first try, by key; what did not is for `_one` to do, or to explain."""
    made = copy_many(route.hub, items, route.lanes)
    return {item.key: copied for item, copied in zip(items, made, strict=True) if copied is not None}


def _one(
    route: Route,
    there: Mapping[str, int],
    made: dict[str, Copied],
    stated: Mapping[str, Mapping[str, str]],
    item: ObjectCopy,
) -> Done:
    """One object, copied unless it is there, and the proof that it is its source.

    It joins `made` before it is proven: a proof that is throttled and tried again is no reason to copy again.
    """
    route.lanes.check()
    pool = _INLINE if item.size <= route.parts_from else route.lanes.pool
    inner = replace(route.lanes, pool=pool, told=(told := _Told(route.lanes.told, item.size)).add)
    copied = made.get(item.key)
    if copied is None and item.key in there:
        copied = look(route.hub, item)
    said = stated.get(item.key)
    if route.relay and not whole(item.checksums) and (copied is None or copied.passed):
        said = stated_of(route.reader, item) if said is None else said
        item = replace(item, checksums={**said, **item.checksums})  # what comes is held to it
    if copied is None:
        copied = _copied(route, item, inner)
    if item.key not in made:
        told.all()
        made[item.key] = copied
    proof = prove(route.reader, route.hub, item, copied, inner, deep=route.deep, stated=said)
    return copied, proof


def _copied(route: Route, item: ObjectCopy, lanes: Lanes) -> Copied:
    if route.relay:
        return relay_object(route.reader, route.hub, item, lanes, route.room, deep=route.deep, pause=lanes.pause)
    try:
        return copy_object(
            route.hub,
            item,
            part_limit=route.parts_from,
            part_size=route.part_size,
            lanes=lanes,
            pause=lanes.pause,
        )
    except CloudError as error:
        if error.denied and "Copy" in error.operation:
            key = key_of(route.hub, at_source(item))
            error.hint = f"{RELAY_HINT}. The source is encrypted with {key}" if key else RELAY_HINT
        raise


def said_of(relayed: Mapping[str, str]) -> dict[str, Any]:
    """What an outcome says of `Transferred.relayed`: each object, or of very many how many and the list's sha256.

    The list is what `sha256sum` prints of them, by key: a digest, two blanks, the key, a line break.
    """
    rows = sorted(relayed.items())
    if len(rows) > LISTED:
        lines = "".join(f"{found}  {key}\n" for key, found in rows)
        return {"relayedDigest": {"count": len(rows), "sha256": hashlib.sha256(lines.encode()).hexdigest()}}
    return {"relayedObjects": [{"key": key, "sha256": found} for key, found in rows]} if rows else {}


def _hexadecimal(sum_of_s3: str) -> str:
    return base64.b64decode(sum_of_s3).hex()


def _stored(item: ObjectCopy, copied: Copied, proof: Mapping[str, str]) -> Stored:
    return Stored(item.key, copied.size, copied.etag, copied.version_id, proof)
