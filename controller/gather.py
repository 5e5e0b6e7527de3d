"""Reads what gates look at: reports of a release (as copied, or at the source before that), scans, evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from controller.core import fields
from controller.core.arn import registry_host, registry_place
from controller.core.draft import destination, split_image, split_uri
from controller.core.errors import CloudError, HubwrightError, told
from controller.core.expression import key_of
from controller.core.gates import LARGEST_DOCUMENT, Evidence, Reading, Scan, number, parse, report_uri, walk
from controller.core.given import Given
from controller.core.guards import gates_of
from controller.core.judge import Answer
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.record import Record
from controller.core.release import Held, Release
from controller.core.revoked import of_record, revoking
from controller.core.rules import Gate
from controller.core.view import Package, View
from controller.core.wish import Finding, Subject
from controller.expressions import evaluated
from controller.kinds import artifact
from controller.kinds.base import Client, Cloud
from controller.resolve import reader_of

_PIECE = 1 << 16
Documents = Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A release, and the client and place of each of its objects."""

    release: Release
    client: Client
    held: Mapping[str, Held]
    sizes: Mapping[str, int]


def gather(
    cloud: Cloud,
    subjects: Iterable[Subject],
    views: Mapping[Target, View],
    answers: Mapping[str, Answer],
    manifests: Manifests,
    given: Given,
    pool: Executor,
) -> dict[str, Evidence]:
    """What the gates of each promotion look at, by its name; nothing of those that no gate judges now."""
    started = {}
    for subject in subjects:
        gates = [gate for _, gate in gates_of(subject, manifests, given)]
        wary = _to_approve(subject) and bool(revoking(subject, manifests))
        if (gates or wary) and not isinstance(answers.get(subject.name), Finding):
            view = views[subject.place.target]
            started[subject.name] = pool.submit(
                partial(_evidence, cloud, subject, view, answers.get(subject.name), gates, wary=wary)
            )
    return {name: future.result() for name, future in started.items()}


def _to_approve(subject: Subject) -> bool:
    return subject.asks == "Approved" and (subject.live is None or subject.live.approval != "Approved")


def _evidence(cloud: Cloud, subject: Subject, view: View, answer: Answer, gates: list[Gate], *, wary: bool) -> Evidence:
    found = _looked_at(cloud, subject, view, answer, gates) if gates else Evidence()
    if not wary or subject.recorded_as not in view.records:
        return found
    try:
        record = answer if isinstance(answer, Record) else _record(cloud, subject, view, subject.recorded_as)
    except HubwrightError as error:
        return replace(found, unread=told(error))
    return replace(found, digests=frozenset(of_record(record)))


def _looked_at(cloud: Cloud, subject: Subject, view: View, answer: Answer, gates: list[Gate]) -> Evidence:
    scans = _scans(cloud, subject) if any(gate.image_scan for gate in gates) else None
    try:
        content = _content(cloud, subject, view, answer)
    except HubwrightError as error:
        return Evidence(scans=scans, fault=f"what it consists of could not be read: {told(error)}")
    compared_to = sorted({gate.metric for gate in gates if gate.metric is not None})
    named = {metric for gate in gates for metric in gate.metrics.values()}
    readings = {name: _metric(content, name) for name in sorted({*compared_to, *named})}
    compared = any(gate.no_worse_than for gate in gates)
    other = _current(subject, view) if compared else None
    places = sorted({gate.evidence for gate in gates if gate.evidence is not None})
    return Evidence(
        release=content.release,
        readings=readings,
        current=_readings(cloud, subject, view, other, compared_to) if other is not None else None,
        current_is=f"version {other.number}" if other is not None else "",
        proofs={place: _proof(cloud, subject, place, content.release.digest) for place in places},
        scans=scans,
        expressions={key: said for gate in gates for key, said in _expression(gate, readings)},
    )


def _expression(gate: Gate, readings: Mapping[str, Reading]) -> Iterator[tuple[str, Reading]]:
    """What a gate's expression says of its metrics; nothing where one of them is no number."""
    found = {name: readings[metric] for name, metric in gate.metrics.items()}
    if gate.expression is None or any(reading.fault for reading in found.values()):
        return
    numbers = {name: reading.value for name, reading in found.items()}
    try:
        said = Reading("", evaluated(gate.expression, numbers))
    except ValueError as error:
        said = Reading("", fault=str(error))
    yield key_of(gate.expression, gate.metrics), said


def _content(cloud: Cloud, subject: Subject, view: View, answer: Answer) -> _Bytes:
    """The release to judge: what was recorded in the hub, or what is there to be copied."""
    if isinstance(answer, Release) and subject.recorded_as not in view.records:
        if answer.reader is not None:
            sizes = {item.uri: item.size for item in answer.objects}
            return _Bytes(answer, cloud.client(Target(*answer.reader), "s3"), answer.held, sizes)
        return _at_source(cloud, subject, answer)
    record = answer if isinstance(answer, Record) else _record(cloud, subject, view, subject.recorded_as)
    return _copied(cloud, subject, view, record)


def _at_source(cloud: Cloud, subject: Subject, release: Release) -> _Bytes:
    held = {}
    for item in release.objects:
        bucket, key = split_uri(item.uri)
        held[item.uri] = Held(bucket, key, item.version, item.etag, release.source.account)
    sizes = {item.uri: item.size for item in release.objects}
    return _Bytes(release, cloud.client(reader_of(subject), "s3"), held, sizes)


def _record(cloud: Cloud, subject: Subject, view: View, promotion: str) -> Record:
    where = view.records.get(promotion)
    store = subject.place.store(where.store) if where is not None else None
    if where is None or store is None:
        raise CloudError("s3:GetObject", "NoSuchKey", "it has no record in the hub's stores")
    target = subject.place.target
    return artifact.read_back(cloud.client(target, "s3"), target.account, store.bucket, where.key)


def _copied(cloud: Cloud, subject: Subject, view: View, record: Record) -> _Bytes:
    """The copies in the hub's store; what is only referred to stays at its source."""
    where = view.records.get(record.promotion)
    store = subject.place.store(where.store) if where is not None else None
    if store is None or not record.objects:
        return _at_source(cloud, subject, record.release)
    target, release = subject.place.target, record.release
    base = destination(release, subject.group_name, store)
    held = {
        uri: Held(store.bucket, copy.key, copy.version, copy.etag, target.account)
        for uri, copy in record.copies(base).items()
    }
    return _Bytes(release, cloud.client(target, "s3"), held, {item.uri: item.size for item in release.objects})


def _metric(content: _Bytes, name: str) -> Reading:
    """The number that a metric's name leads to."""
    report, _, path = name.partition(":")
    found = _document(content, report)
    if found.fault:
        return found
    try:
        return Reading(found.where, number(walk(found.value, path)))
    except ValueError as error:
        return Reading(found.where, fault=str(error))


def _document(content: _Bytes, report: str) -> Reading:
    """All that a report says."""
    uri = report_uri(content.release.body, report)
    place = content.held.get(uri)
    if place is None:
        return Reading("", fault=f"is not there: it has no {report}")
    where = f"s3://{place.bucket}/{place.key}" + (f" version {place.version}" if place.version else "")
    try:
        return Reading(where, parse(_read(content.client, place, content.sizes.get(uri, 0))))
    except ValueError as error:
        return Reading(where, fault=str(error))
    except HubwrightError as error:
        return Reading(where, fault=f"could not be read: {told(error)}")


def documents(cloud: Cloud, subject: Subject, view: View, made: Release | None, names: Sequence[str]) -> Documents:
    """The reports of these names that a promotion's release has: as copied, or `made`, what is there to be copied."""
    return _documents(lambda: _content(cloud, subject, view, made), names)


def documents_of(cloud: Cloud, subject: Subject, view: View, other: Package, names: Sequence[str]) -> Documents:
    """The same of another live version in the promotion's hub."""
    return _documents(
        lambda: _copied(cloud, subject, view, _record(cloud, subject, view, other.mark("promotion"))), names
    )


def _documents(content: Callable[[], _Bytes], names: Sequence[str]) -> Documents:
    try:
        found = content()
    except HubwrightError as error:
        return {name: Reading("", fault=f"could not be read: {told(error)}") for name in names}
    return {name: _document(found, name) for name in names if report_uri(found.release.body, name)}


def _read(client: Client, place: Held, size: int) -> bytes:
    if size > LARGEST_DOCUMENT:
        raise ValueError(f"is in a document of more than {LARGEST_DOCUMENT >> 20} MiB")
    pinned = {"VersionId": place.version} if place.version else {}
    answer = client.call(
        "GetObject", Bucket=place.bucket, Key=place.key, ExpectedBucketOwner=place.account, IfMatch=place.etag, **pinned
    )
    return _drained(answer["Body"])


def _drained(stream: Any) -> bytes:
    """All of a document, and never much more than a document may have."""
    found = bytearray()
    with stream as body:
        while len(found) <= LARGEST_DOCUMENT and (data := body.read(_PIECE)):
            found += data
    return bytes(found)


def _current(subject: Subject, view: View) -> Package | None:
    """The version of the group that is Approved now, beside the promotion's own: the highest of them."""
    own = subject.live.version if subject.live is not None else None
    return max(
        (
            item
            for item in view.packages
            if item.version.group.casefold() == subject.group_name.casefold()
            and item.approval == "Approved"
            and item.version != own
        ),
        key=lambda item: item.number,
        default=None,
    )


def _readings(cloud: Cloud, subject: Subject, view: View, other: Package, metrics: list[str]) -> dict[str, Reading]:
    try:
        content = _copied(cloud, subject, view, _record(cloud, subject, view, other.mark("promotion")))
    except HubwrightError as error:
        return {name: Reading("", fault=f"could not be read: {told(error)}") for name in metrics}
    return {name: _metric(content, name) for name in metrics}


def _proof(cloud: Cloud, subject: Subject, place: str, release: str) -> Reading:
    """A validator's document about a release, in the hub's own account."""
    bucket, prefix = split_uri(place)
    key = f"{prefix}{release.rpartition(':')[2]}.json"
    where, target = f"s3://{bucket}/{key}", subject.place.target
    client = cloud.client(target, "s3")
    try:
        answer = client.call("GetObject", Bucket=bucket, Key=key, ExpectedBucketOwner=target.account)
        return Reading(where, parse(_drained(answer["Body"])))
    except ValueError as error:
        return Reading(where, fault=str(error))
    except CloudError as error:
        return Reading(where, fault="is not there" if error.missing else f"could not be read: {told(error)}")
    except HubwrightError as error:
        return Reading(where, fault=f"could not be read: {told(error)}")


def _scans(cloud: Cloud, subject: Subject) -> tuple[Scan, ...] | None:
    """What ECR says of each image of the version; None while there is no version. Trusted registries are trusted."""
    if subject.live is None:
        return None
    target, settings = subject.place.target, subject.place.settings
    own = registry_host(target.account, target.region)
    found = []
    for uri in sorted({uri for _, uri in fields.images(subject.live.body)}):
        host, repository, _, digest = split_image(uri)
        if (registry_place(host) or ("", ""))[0] in settings.images.trusted:
            continue
        if host != own:
            found.append(Scan(uri, "NONE", why="it is not in the hub's registry"))
        else:
            found.append(_scan(cloud.client(target, "ecr"), target.account, repository, digest))
    return tuple(found)


def _scan(client: Client, account: str, repository: str, digest: str) -> Scan:
    name = f"{repository}@{digest[:19]}"
    try:
        answer = client.call(
            "DescribeImageScanFindings",
            registryId=account,
            repositoryName=repository,
            imageId={"imageDigest": digest},
            maxResults=1,
        )
    except HubwrightError as error:
        return Scan(name, "NONE", why=told(error))
    status = answer.get("imageScanStatus") or {}
    counts = (answer.get("imageScanFindings") or {}).get("findingSeverityCounts")
    state = str(status.get("status", "NONE"))
    if state in ("COMPLETE", "ACTIVE") and counts is None:
        return Scan(name, "NONE", why="ECR gives no counts of its findings")
    return Scan(name, state, dict(counts or {}), str(status.get("description") or ""))
