"""Reads again what is behind promoted versions: their sources, records, objects and images. Writes nothing."""

from __future__ import annotations

import base64
import hashlib
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from controller.core.arn import registry_host
from controller.core.errors import CloudError, HubwrightError, PreconditionError, told
from controller.core.lineage import document_digest, lineage_key
from controller.core.manifest import Store
from controller.core.marks import LINEAGE
from controller.core.model import Target
from controller.core.record import Record, Stored
from controller.core.release import Release
from controller.core.view import View
from controller.core.wish import Finding, Subject, Wish
from controller.kinds import artifact, lineage, stored
from controller.kinds.base import Client, Cloud
from controller.kinds.flow import Pace
from controller.kinds.prove import digest, place_of
from controller.kinds.s3object import checksums_of
from controller.kinds.s3upload import Lanes
from controller.kinds.tally import SHA256
from controller.oci.manifest import Descriptor, Manifest
from controller.oci.registry import Registry
from controller.oci.stream import Buffers, verified
from controller.resolve import reader_of, release_or_finding

Unread = str
Registries = Callable[[str], Registry]
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Taken:
    """What was found behind the promotions, by their names.

    `releases`: the source as it is now, or why not. `records`: the record, `PreconditionError` where it cannot be
    trusted, or a text that says why it could not be read. `wrong`: objects that are not as recorded. `bytes`: what a
    deep look found, and how much it read.
    """

    releases: Mapping[str, Release | Finding] = field(default_factory=dict)
    records: Mapping[str, Record | PreconditionError | Unread] = field(default_factory=dict)
    wrong: Mapping[str, tuple[stored.Wrong, ...] | Unread] = field(default_factory=dict)
    markers: Mapping[tuple[str, str], str] = field(default_factory=dict)
    spoiled: Mapping[str, tuple[Spoiled, ...]] = field(default_factory=dict)
    objects: int = 0
    read: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Spoiled:
    """Bytes that are not what their digest says: of an object or the lineage document (by key) or an image (by name).
    `unread`: not readable now, which says nothing about them. `over`: the versions that lie over the right one."""

    what: str
    name: str
    expected: str
    found: str
    unread: bool = False
    over: tuple[str, ...] = ()


def sources(cloud: Cloud, subjects: Iterable[Subject], pool: Executor) -> dict[str, Release | Finding]:
    """The release of each promotion's source as it is now. Spokes that push or are retired are not contacted."""
    asked = [item for item in subjects if _readable(item)]
    spokes = {item.spoke_name: item for item in asked}
    closed = {name: why for name, item in spokes.items() if (why := _closed(cloud, item))}
    started = {
        item.name: pool.submit(release_or_finding, cloud, item) for item in asked if item.spoke_name not in closed
    }
    found: dict[str, Release | Finding] = {name: future.result() for name, future in started.items()}
    for item in asked:
        if item.spoke_name in closed:
            why = f"the spoke {item.spoke_name} could not be read: {closed[item.spoke_name]}"
            found[item.name] = Finding(item.name, "unknown", why)
    return found


def _readable(subject: Subject) -> bool:
    wanted = subject.promotion.approval != "Rejected" and (subject.live is not None or subject.locked)
    return bool(wanted) and subject.spoke.state != "Retired" and subject.spoke.pattern == "pull"


def _closed(cloud: Cloud, subject: Subject) -> str:
    try:
        cloud.client(reader_of(subject), "sts").call("GetCallerIdentity")
    except HubwrightError as error:
        return told(error)
    return ""


def shelves(
    cloud: Cloud, wishes: Sequence[Wish], views: Mapping[Target, View], pool: Executor, *, whole: bool
) -> Taken:
    """Records and objects of every live version, from as few listings as there are stores, or releases in scope."""
    live = [wish for wish in wishes if _recorded(wish, views) is not None]
    started = {wish.subject.name: pool.submit(_record, cloud, wish, views) for wish in live}
    records = {name: future.result() for name, future in started.items()}
    good = [(wish, item) for wish in live if isinstance(item := records[wish.subject.name], Record) and item.objects]
    listed = _listed(cloud, good, views, pool, whole=whole)
    wrong: dict[str, tuple[stored.Wrong, ...] | Unread] = {}
    markers: dict[tuple[str, str], str] = {}
    for wish, record in good:
        shelf = listed[_place(wish, views)]
        name = wish.subject.name
        if isinstance(shelf, str):
            wrong[name] = shelf
            continue
        wrong[name] = found = tuple(stored.compared(shelf, record))
        target, bucket = wish.subject.place.target, shelf.bucket
        client = cloud.client(target, "s3")
        hidden = [one.key for one in found if one.fault == "hidden"]
        markers |= {(bucket, key): stored.marker(client, target.account, bucket, key) for key in hidden}
    seen = sum(len(record.objects) for _, record in good)
    return Taken(records=records, wrong=wrong, markers=markers, objects=seen)


def _recorded(wish: Wish, views: Mapping[Target, View]) -> Any:
    subject = wish.subject
    if subject.live is None or subject.promotion.approval == "Rejected":
        return None
    return views[subject.place.target].records.get(subject.recorded_as)


def _store(wish: Wish, views: Mapping[Target, View]) -> Store:
    name = _recorded(wish, views).store  # the view has only stores of this hub
    return next(store for store in wish.subject.place.settings.stores if store.name == name)


def _place(wish: Wish, views: Mapping[Target, View]) -> tuple[Target, str]:
    return wish.subject.place.target, _store(wish, views).name


def _record(cloud: Cloud, wish: Wish, views: Mapping[Target, View]) -> Record | PreconditionError | Unread:
    target, where = wish.subject.place.target, _recorded(wish, views)
    try:
        return artifact.read_back(cloud.client(target, "s3"), target.account, _store(wish, views).bucket, where.key)
    except PreconditionError as error:
        return error
    except HubwrightError as error:
        return told(error)


def _listed(
    cloud: Cloud, good: Sequence[tuple[Wish, Record]], views: Mapping[Target, View], pool: Executor, *, whole: bool
) -> dict[tuple[Target, str], stored.Shelf | Unread]:
    prefixes: dict[tuple[Target, str], set[str]] = {}
    for wish, record in good:
        store = _store(wish, views)
        prefixes.setdefault(_place(wish, views), set()).update((f"{store.prefix}/",) if whole else record.belongs())
    buckets = {_place(wish, views): _store(wish, views).bucket for wish, _ in good}
    started = {
        place: pool.submit(_shelf, cloud, place[0], buckets[place], tuple(found)) for place, found in prefixes.items()
    }
    return {place: future.result() for place, future in started.items()}


def _shelf(cloud: Cloud, target: Target, bucket: str, prefixes: Sequence[str]) -> stored.Shelf | Unread:
    try:
        return stored.shelf(cloud.client(target, "s3"), target.account, bucket, prefixes)
    except HubwrightError as error:
        return told(error)


@dataclass(frozen=True, slots=True)
class Depth:
    """What a deep look may use: registries by host name, and threads to read with."""

    registries: Registries
    copiers: Executor
    pause: Callable[[float], None]
    clock: Callable[[], float] = time.monotonic
    _buffers: Buffers = field(default_factory=Buffers)

    def lanes(self) -> Lanes:
        return Lanes(self.copiers, lambda: Pace(self.clock, most=_AT_ONCE), self.pause)


def deep(
    cloud: Cloud,
    wishes: Sequence[Wish],
    views: Mapping[Target, View],
    taken: Taken,
    depth: Depth,
    pool: Executor,
) -> tuple[dict[str, tuple[Spoiled, ...]], int, int]:
    """Reads all bytes again: what is spoiled by promotion, how many bytes of objects, how many images."""
    started = {}
    images: dict[tuple[Target, str, str], list[str]] = {}
    documents = {one.subject.name: pool.submit(_document, cloud, one, views) for one in wishes if _told(one, views)}
    for wish in wishes:
        name, target = wish.subject.name, wish.subject.place.target
        record = taken.records.get(name)
        if isinstance(record, Record):
            bucket = _store(wish, views).bucket
            started[name] = pool.submit(_objects, cloud.client(target, "s3"), target, bucket, record, depth)
        for copy in wish.images if wish.subject.live is not None else ():
            images.setdefault((target, copy.repository, copy.digest), []).append(name)
    pulled = {key: pool.submit(partial(_image, depth, *key)) for key in images}
    spoiled: dict[str, list[Spoiled]] = {name: list(future.result()) for name, future in started.items()}
    for name, read_back in documents.items():
        spoiled.setdefault(name, []).extend(read_back.result())
    for key, names in images.items():
        for name in names:
            spoiled.setdefault(name, []).extend(pulled[key].result())
    read = sum(
        sum(item.size for item in record.objects) for record in taken.records.values() if isinstance(record, Record)
    )
    return {name: tuple(items) for name, items in spoiled.items() if items}, read, len(images)


def _told(wish: Wish, views: Mapping[Target, View]) -> bool:
    live = wish.subject.live
    return live is not None and bool(live.metadata.get(LINEAGE)) and _recorded(wish, views) is not None


def _document(cloud: Cloud, wish: Wish, views: Mapping[Target, View]) -> tuple[Spoiled, ...]:
    """Whether the lineage document is the one that the version's mark names."""
    live, target, bucket = wish.subject.live, wish.subject.place.target, _store(wish, views).bucket
    wanted = live.metadata[LINEAGE] if live is not None else ""
    place = lineage_key(_recorded(wish, views).key)
    try:
        client = cloud.client(target, "s3")
        found = _digest_of(client, target.account, bucket, place)
        if found == wanted:
            return ()
        over = stored.covering(client, target.account, bucket, place)
    except HubwrightError as error:
        return (Spoiled("lineage", place, wanted, told(error), unread=True),)
    return (Spoiled("lineage", place, wanted, found, over=over),)


def _digest_of(client: Client, account: str, bucket: str, place: str) -> str:
    try:
        data = lineage.stands(client, account, bucket, place)
    except PreconditionError as error:
        return str(error)
    return "absent" if data is None else document_digest(data)


def _objects(client: Client, target: Target, bucket: str, record: Record, depth: Depth) -> Iterable[Spoiled]:
    return [found for item in record.objects if (found := _object(client, target, bucket, item, depth))]


def _object(client: Client, target: Target, bucket: str, item: Stored, depth: Depth) -> Spoiled | None:
    where = place_of(bucket, item.key, target.account, item.version, item.etag)
    try:
        for name, expected, found in _sums(client, where, item, depth):
            if expected != found:
                return Spoiled("object", item.key, f"{name} {expected}", f"{name} {found}")
    except CloudError as error:
        if error.missing or error.status == 412:
            return None  # the listing tells of it
        if error.code == "FlexibleChecksumError":  # what came is not what S3 itself has a checksum of
            return Spoiled("object", item.key, "the bytes of its checksum", error.said)
        return Spoiled("object", item.key, "readable bytes", told(error), unread=True)
    return None


def _sums(client: Client, where: Mapping[str, Any], item: Stored, depth: Depth) -> Iterator[tuple[str, str, str]]:
    """(algorithm, recorded, found): of the bytes, where we can compute it; else as S3 states it of them."""
    if SHA256 in item.checksums:
        yield SHA256, item.checksums[SHA256], digest(client, where, item.size, depth.lanes())
        return
    whole = {name: value for name, value in item.checksums.items() if name.isupper() and "-" not in value}
    ours = sorted(set(whole) & {"SHA256", "SHA1", "CRC32"})
    if ours:
        yield ours[0], whole[ours[0]], _computed(client, where, ours[0])
    elif whole:
        stated = checksums_of(client.call("HeadObject", **where, ChecksumMode="ENABLED"))
        yield from ((name, value, stated[name]) for name, value in sorted(whole.items()) if name in stated)
        _computed(client, where, "SHA1")  # S3 compares what it serves with what it stores: at least it is readable


def _computed(client: Client, where: Mapping[str, Any], name: str) -> str:
    hashed = None if name == "CRC32" else hashlib.new(name.lower(), usedforsecurity=False)
    crc = 0
    with client.call("GetObject", **where)["Body"] as body:
        while data := body.read(1 << 20):
            if hashed is None:
                crc = zlib.crc32(data, crc)
            else:
                hashed.update(data)
    return base64.b64encode(crc.to_bytes(4, "big") if hashed is None else hashed.digest()).decode()


def _image(depth: Depth, target: Target, repository: str, wanted: str) -> tuple[Spoiled, ...]:
    registry = depth.registries(registry_host(target.account, target.region))
    name = f"{repository}@{wanted}"
    try:
        return tuple(_parts(registry, repository, wanted, depth._buffers, set()))
    except HubwrightError as error:
        damaged = getattr(error, "code", "") == "DIGEST_INVALID" or getattr(error, "status", 0) == 404
        return (Spoiled("image", name, wanted, told(error), unread=not damaged),)


def _parts(registry: Registry, repository: str, wanted: str, buffers: Buffers, seen: set[str]) -> Iterator[Spoiled]:
    """What of an image is not what its digests say: its manifest, those below it, and every blob."""
    if wanted in seen:
        return
    seen.add(wanted)
    manifest: Manifest | None = registry.manifest(repository, wanted)
    if manifest is None:
        yield Spoiled("image", f"{repository}@{wanted}", wanted, "absent")
        return
    for child in manifest.children:
        yield from _parts(registry, repository, child.digest, buffers, seen)
    for blob in manifest.blobs:
        if why := _blob(registry, repository, blob, buffers):
            yield Spoiled("image", f"{repository}@{wanted}", blob.digest, why)


def _blob(registry: Registry, repository: str, blob: Descriptor, buffers: Buffers) -> str:
    try:
        with buffers.one() as buffer:
            for _ in verified(lambda start: registry.open_blob(repository, blob, start).stream, blob, buffer):
                pass
    except HubwrightError as error:
        if getattr(error, "code", "") == "DIGEST_INVALID":
            return "other bytes"
        if getattr(error, "status", 0) == 404:
            return "absent"
        raise
    return ""
