"""What stands in a store, object by object, against what a record says should."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from controller.core.record import Record, covers
from controller.kinds.base import Client

Fault = Literal["gone", "hidden", "replaced", "added"]


@dataclass(frozen=True, slots=True)
class Held:
    """One version of an object; `latest` is what a reader gets."""

    size: int
    etag: str
    version: str
    latest: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every version of every object below some prefixes of a bucket."""

    bucket: str
    objects: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)

    def below(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix that a reader can see."""
        return (key for key, held in self.objects.items() if key.startswith(prefix) and any(i.latest for i in held))


@dataclass(frozen=True, slots=True)
class Wrong:
    """An object that is not as recorded. `hidden`: deleted, its recorded version still there; `version` is the one
    that stands in its place, empty when there is none."""

    key: str
    fault: Fault
    expected: str
    found: str
    version: str = ""


def shelf(client: Client, account: str, bucket: str, prefixes: Iterable[str]) -> Shelf:
    """Reads what is below the prefixes, 1,000 versions a call."""
    found: dict[str, list[Held]] = {}
    for prefix in sorted(set(prefixes)):
        pages = client.pages(
            "ListObjectVersions", "Versions", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=account
        )
        for item in pages:
            held = Held(item["Size"], item["ETag"].strip('"'), item.get("VersionId") or "null", bool(item["IsLatest"]))
            found.setdefault(item["Key"], []).append(held)
    return Shelf(bucket, {key: tuple(items) for key, items in sorted(found.items())})


def marker(client: Client, account: str, bucket: str, key: str) -> str:
    """The delete marker that hides an object, or an empty text."""
    pages = client.pages("ListObjectVersions", "DeleteMarkers", Bucket=bucket, Prefix=key, ExpectedBucketOwner=account)
    return next((str(item["VersionId"]) for item in pages if item["Key"] == key and item["IsLatest"]), "")


def covering(client: Client, account: str, bucket: str, key: str) -> tuple[str, ...]:
    """The versions and delete markers that lie over the first version of an object that is written once."""
    asked = {"Bucket": bucket, "Prefix": key, "ExpectedBucketOwner": account}
    versions, markers = (
        [item for item in client.pages("ListObjectVersions", name, **asked) if item["Key"] == key]
        for name in ("Versions", "DeleteMarkers")
    )
    if not versions:
        return ()
    return tuple(str(item["VersionId"]) for item in (*markers, *versions[:-1]))  # the newest come first


def compared(shelf_: Shelf, record: Record) -> Iterator[Wrong]:
    """Every object in which the store differs from a record, by key."""
    named = {item.key for item in record.objects}
    for item in sorted(record.objects, key=lambda item: item.key):
        held = shelf_.objects.get(item.key, ())
        wanted = (item.size, item.etag.strip('"'), item.version or "null")
        latest = next((one for one in held if one.latest), None)
        expected = _shown(*wanted)
        if latest is None:
            kept = any((one.size, one.etag, one.version) == wanted for one in held)
            yield Wrong(item.key, "hidden" if kept else "gone", expected, "absent")
        elif (latest.size, latest.etag, latest.version) != wanted:
            found = _shown(latest.size, latest.etag, latest.version)
            yield Wrong(item.key, "replaced", expected, found, latest.version)
    there = {key for one in record.belongs() for key in shelf_.below(one) if covers((one,), key)}
    for key in sorted(there - named):
        latest = next(one for one in shelf_.objects[key] if one.latest)
        yield Wrong(key, "added", "absent", _shown(latest.size, latest.etag, latest.version), latest.version)


def _shown(size: int, etag: str, version: str) -> str:
    return f"{size} bytes, ETag {etag}, version {version}"


def remover(bucket: str, key: str, version: str) -> str:
    """The command by which somebody who may takes one version of an object away."""
    import shlex

    words: list[Any] = ["aws", "s3api", "delete-object", "--bucket", bucket, "--key", key, "--version-id", version]
    return shlex.join(words)
