"""Reads what the hub cannot answer: sources in their spokes, and records of what was already copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any

from controller.core import fields
from controller.core.arn import registry_place
from controller.core.draft import objections, split_image, split_uri
from controller.core.errors import CloudError, HubwrightError, PreconditionError
from controller.core.fields import carried
from controller.core.held import held_release
from controller.core.identify import Question, identified
from controller.core.judge import Answer
from controller.core.marks import foreign
from controller.core.model import Target
from controller.core.record import Record
from controller.core.release import Image, Object, Release
from controller.core.view import View
from controller.core.wish import Finding, Subject
from controller.kinds import artifact, versions
from controller.kinds.base import Client, Cloud
from controller.kinds.sealed import sealed
from controller.kinds.weigh import weigh

Check = Callable[[str, Mapping[str, Any]], None] | None
"""Looks at an object's address and head, and may refuse it; None where nothing is to be looked at."""


Rows = list[tuple[Object, Mapping[str, str]]]
"""Objects with the checksums that S3 has of them."""


class RefusedError(HubwrightError):
    """A source that cannot be promoted as it is; `reasons` has all of them when they are several."""

    def __init__(self, message: str, reasons: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


def resolve(
    cloud: Cloud, questions: Iterable[Question], views: Mapping[Target, View], pool: Executor
) -> dict[str, Answer]:
    """An answer to each question by the promotion's name: a release, a record, or the finding that says why not."""
    asked = list(questions)
    reachable = {subject.spoke_name: subject for subject in (question.subject for question in asked)}
    unreadable = {name: error for name, subject in reachable.items() if (error := _unreachable(cloud, subject, asked))}
    started = {item.subject.name: pool.submit(partial(_answer, cloud, item, views, unreadable)) for item in asked}
    return {name: future.result() for name, future in started.items()}


def _unreachable(cloud: Cloud, subject: Subject, asked: Iterable[Question]) -> HubwrightError | None:
    """Why a spoke cannot be entered at all, asked once and not for each of its promotions."""
    wanted = any(item.kind == "source" and item.subject.spoke_name == subject.spoke_name for item in asked)
    if not wanted or subject.spoke.state != "Active" or subject.spoke.pattern == "push":
        return None
    try:
        cloud.client(reader_of(subject), "sts").call("GetCallerIdentity")
    except HubwrightError as error:
        return error
    return None


def _answer(
    cloud: Cloud, question: Question, views: Mapping[Target, View], unreadable: Mapping[str, HubwrightError]
) -> Answer:
    subject = question.subject
    pushes = subject.spoke.pattern == "push" and subject.spoke.state == "Active"
    if question.kind == "record" and not (pushes and subject.new):  # what is begun there is finished there
        return _recorded(cloud, subject, views)
    if subject.via is not None:
        return _begun(cloud, subject, _held(cloud, subject, subject.via, views), views)
    if subject.spoke.state != "Active":
        why = f"the spoke {subject.spoke_name} is {subject.spoke.state}: nothing new is promoted from it"
        return Finding(subject.name, "blocked", why)
    if subject.spoke.pattern == "push":
        return Finding(subject.name, "deferred", f"the spoke {subject.spoke_name} pushes: its own run promotes this")
    if subject.spoke_name in unreadable:
        return _unknown(subject, unreadable[subject.spoke_name])
    return _begun(cloud, subject, release_or_finding(cloud, subject), views)


def _begun(
    cloud: Cloud, subject: Subject, found: Release | Finding, views: Mapping[Target, View]
) -> Release | Record | Finding:
    """The record that an interrupted run wrote of this very release, where there is one: what it says is registered.
    Without a lock nobody knows of it before the source has been read."""
    if isinstance(found, Finding) or subject.locked or subject.live is not None:
        return found
    known = identified(subject, found.digest)
    if known.live is not None or known.recorded_as not in views[known.place.target].records:
        return found
    return _recorded(cloud, known, views)


def _unknown(subject: Subject, error: HubwrightError) -> Finding:
    return Finding(subject.name, "unknown", f"the spoke {subject.spoke_name} could not be read: {error}", error.hint)


def _held(cloud: Cloud, subject: Subject, other: Subject, views: Mapping[Target, View]) -> Release | Finding:
    """The release of the promotion that this one comes from, as that one's hub holds it."""
    view = views[other.place.target]
    if why := view.unread("packages", other.group_name) or view.unread_store:
        return Finding(subject.name, "unknown", f"the hub {other.place.name} could not be read: {why}")
    if other.live is None or other.recorded_as not in view.records:
        return Finding(subject.name, "waiting", f"its promotion {other.name} is not in the hub {other.place.name} yet")
    record = _recorded(cloud, other, views)
    if isinstance(record, Finding):
        return Finding(subject.name, record.standing, f"its promotion {other.name}: {record.why}", record.hint)
    try:
        return held_release(other, record, subject.place.settings, view)
    except ValueError as error:
        return Finding(subject.name, "refused", f"its promotion {other.name}: {error}")


def _recorded(cloud: Cloud, subject: Subject, views: Mapping[Target, View]) -> Record | Finding:
    target = subject.place.target
    where = views[target].records[subject.recorded_as]
    store = subject.place.store(where.store)
    assert store is not None  # noqa: S101  (the view has only stores of this hub)
    try:
        return artifact.read_back(cloud.client(target, "s3"), target.account, store.bucket, where.key)
    except PreconditionError as error:
        return Finding(subject.name, "conflict", str(error))
    except HubwrightError as error:
        return Finding(subject.name, "unknown", f"its record could not be read: {error}", error.hint)


def release_or_finding(cloud: Cloud, subject: Subject) -> Release | Finding:
    """The release of a source, or the finding that says why there is none."""
    try:
        return read_release(cloud, subject)
    except RefusedError as error:
        return Finding(subject.name, "refused", str(error), differences=error.reasons)
    except PreconditionError as error:
        return Finding(subject.name, "waiting", str(error))
    except CloudError as error:
        return _unknown(subject, error)


def reader_of(subject: Subject) -> Target:
    """Whose credentials read a spoke: its own role's, or without one the hub's, always in the spoke's region."""
    access = subject.spoke.access
    if access is not None and access.read is not None:
        return Target(subject.source.account, subject.source.region)
    return Target(subject.place.target.account, subject.source.region)


def read_release(cloud: Cloud, subject: Subject) -> Release:
    """Everything a source version consists of, as it is now. RefusedError says why it cannot be promoted."""
    return release_of(cloud, subject, _described(cloud, subject), subject.source.group)


def release_of(cloud: Cloud, subject: Subject, described: Mapping[str, Any], group: str | None) -> Release:
    """As `read_release`, of a source already described; `group` is the spoke's, None where there is none."""
    source = subject.source
    if found := objections(described, subject.spoke, subject.place.settings, group):
        if len(found) == 1:
            raise RefusedError(found[0])
        raise RefusedError(f"{len(found)} things of it cannot be promoted", found)
    body = carried(described)
    storage = cloud.client(reader_of(subject), "s3")
    objects: dict[str, Object] = {}
    checksums: dict[str, Mapping[str, str]] = {}
    prefixes = []
    check = partial(_unsealed, cloud, subject) if _crosses(subject) else None
    for place in fields.places(body):
        rows = list(_objects(storage, source.account, place, check))
        objects |= {item.uri: item for item, _ in rows}
        checksums |= {item.uri: sums for item, sums in rows if sums}
        if not (len(rows) == 1 and rows[0][0].uri == place.uri):
            prefixes.append(place.uri)
    images, moved = _images(cloud, subject, described)
    return Release(
        source=source,
        body=body,
        objects=tuple(sorted(objects.values())),
        images=images,
        prefixes=tuple(sorted(set(prefixes))),
        metadata=foreign(described.get("CustomerMetadataProperties") or {}),
        checksums=checksums,
        noted=_noted(described),
        moved=moved,
    )


def _described(cloud: Cloud, subject: Subject) -> dict[str, Any]:
    arn = subject.source.arn
    client = cloud.client(reader_of(subject), "sagemaker")
    try:
        described = client.call("DescribeModelPackage", ModelPackageName=arn)
    except CloudError as error:
        if error.missing:
            raise RefusedError(f"the source {arn} does not exist") from error
        raise
    status = described.get("ModelPackageStatus")
    if status in versions.UNFINISHED:
        raise PreconditionError(f"SageMaker has not finished the source yet: it is {status}")
    if status != "Completed":
        raise RefusedError(f"the source {arn} is {status}")
    return described


def _noted(described: Mapping[str, Any]) -> dict[str, str]:
    changed = described.get("LastModifiedTime") or described.get("CreationTime")
    noted = {"approval": str(described.get("ModelApprovalStatus", ""))}
    return noted | ({"modified": versions.instant(changed)} if changed else {})


def _crosses(subject: Subject) -> bool:
    """Whether a role of another account is to copy the objects."""
    foreign_to_hub = subject.source.account != subject.place.target.account
    return foreign_to_hub and subject.promotion.artifacts == "copy" and subject.spoke.copy == "server"


def _unsealed(cloud: Cloud, subject: Subject, uri: str, head: Mapping[str, Any]) -> None:
    """RefusedError for an object that the hub could never copy by itself, though it can be read here."""
    if reason := sealed(cloud.client(reader_of(subject), "kms"), head):
        raise RefusedError(f"{uri} {reason}")


def _objects(
    client: Client, owner: str, place: fields.Place, check: Check
) -> Iterator[tuple[Object, Mapping[str, str]]]:
    """The objects one URI stands for, with the checksums S3 has of them; RefusedError when there are none."""
    rows = [] if place.form == "prefix" else _one(client, owner, place.uri, check)
    if not rows and place.form != "object":
        rows = _below(client, owner, place.uri)
        if rows and check is not None:
            _check_largest(client, owner, rows, check)
    if not rows:
        raise RefusedError(f"{fields.dotted(place.path)} names {place.uri}, which does not exist")
    yield from rows


def _check_largest(client: Client, owner: str, rows: Rows, check: Callable[..., None]) -> None:
    """One look stands for all below a prefix: a listing does not say how they are encrypted."""
    found = max((item for item, _ in rows), key=lambda item: item.size)
    bucket, key = split_uri(found.uri)
    try:
        head = client.call("HeadObject", Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
    except CloudError:  # the copy itself will tell
        return
    check(found.uri, head)


def _one(client: Client, owner: str, uri: str, check: Check) -> Rows:
    bucket, key = split_uri(uri)
    if not key or key.endswith("/"):
        return []
    try:
        head = client.call("HeadObject", Bucket=bucket, Key=key, ExpectedBucketOwner=owner, ChecksumMode="ENABLED")
    except CloudError as error:
        if error.missing:
            return []
        raise
    if check is not None:
        check(uri, head)
    sums = {name.removeprefix("Checksum"): str(value) for name, value in head.items() if _is_checksum(name)}
    version = head.get("VersionId")
    found = Object(uri, int(head["ContentLength"]), _bare(head["ETag"]), None if version == "null" else version)
    return [(found, sums)]


def _is_checksum(name: str) -> bool:
    return name.startswith("Checksum") and name != "ChecksumType"


def _bare(etag: str) -> str:
    return etag.strip('"')


def _below(client: Client, owner: str, uri: str) -> Rows:
    bucket, key = split_uri(uri)
    prefix = key if not key or key.endswith("/") else key + "/"
    pages = client.pages("ListObjectVersions", "Versions", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=owner)
    return [
        (
            Object(
                f"s3://{bucket}/{item['Key']}",
                int(item["Size"]),
                _bare(item["ETag"]),
                None if item.get("VersionId") in (None, "null") else item["VersionId"],
            ),
            {},
        )
        for item in pages
        if item["IsLatest"]
    ]


def _images(cloud: Cloud, subject: Subject, described: Mapping[str, Any]) -> tuple[tuple[Image, ...], tuple[str, ...]]:
    """The digest behind every image, and which tags have moved since the version was registered."""
    found: dict[str, Image] = {}
    moved = []
    trusted = subject.place.settings.images.trusted
    for _, container in fields.containers(described):
        uri, registered = container.get("Image", ""), container.get("ImageDigest", "")
        if not uri:
            continue
        account, _ = registry_place(split_image(uri)[0]) or ("", "")
        if uri not in found:
            found[uri] = _image(cloud, subject, uri, registered if account in trusted else "")
        if registered and registered.casefold() != found[uri].digest:
            moved.append(f"image {uri}: registered as {registered}, now {found[uri].digest}")
    return tuple(sorted(found.values())), tuple(sorted(set(moved)))


def _image(cloud: Cloud, subject: Subject, uri: str, registered: str) -> Image:
    """The image a URI names now; of a trusted registry the one that SageMaker registered."""
    host, repository, tag, digest = split_image(uri)
    account, region = registry_place(host) or ("", "")
    if registered or (digest and account in subject.place.settings.images.trusted):
        return Image(uri, (registered or digest).casefold())
    client = cloud.client(Target(reader_of(subject).account, region), "ecr")
    which = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    try:
        answer = client.call("BatchGetImage", registryId=account, repositoryName=repository, imageIds=[which])
    except CloudError as error:
        if error.missing:
            raise RefusedError(f"the image {uri} does not exist") from error
        raise
    images = answer.get("images", [])
    if not images:
        raise RefusedError(f"the image {uri} does not exist")
    return Image(uri, str(images[0]["imageId"]["imageDigest"]), weigh(client, account, repository, images[0]))
