"""The record: a release written down in the hub's store, next to nothing it does not prove."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from controller.core.arn import Version, parse_version
from controller.core.canonical import canonical
from controller.core.fields import images, places
from controller.core.release import Release, release_from_json, spec_digest
from controller.core.shape import need_body, need_counts, need_names, need_texts

FORMAT = "hubwright.io/record/v1"


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as it stands in the store: key, size, the VersionId and ETag S3 gave, its checksums."""

    key: str
    size: int
    etag: str
    version: str | None
    checksums: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "size": self.size,
            "etag": self.etag,
            "versionId": self.version,
            "checksums": dict(self.checksums),
        }


@dataclass(frozen=True, slots=True)
class Record:
    """What was promoted: the release, what the promotion made of it, and where every byte of it stands in the hub.

    `lineage` is the digest of the lineage document beside it; empty in records older than such documents. `adopted` is
    the number of the version that was taken over where it stood, its objects in the order of the release's; else 0.
    """

    promotion: str
    release: Release
    inputs: str
    attempt: int
    body: Mapping[str, Any]
    objects: tuple[Stored, ...]
    lineage: str = ""
    adopted: int = 0

    def text(self) -> str:
        """Canonical JSON, the same bytes from every run."""
        return canonical(
            {
                "format": FORMAT,
                "promotion": self.promotion,
                "release": self.release.to_json(),
                "digest": self.release.digest,
                "inputs": self.inputs,
                "attempt": self.attempt,
                "body": self.body,
                "objects": [item.to_json() for item in self.objects],
                **({"lineage": self.lineage} if self.lineage else {}),
                **({"adopted": self.adopted} if self.adopted else {}),
            }
        )

    def belongs(self) -> tuple[str, ...]:
        """Where its objects are and nothing else is: prefixes, which end in `/`, and whole keys."""
        if not self.objects:
            return ()
        if self.adopted:
            return tuple(_named(self.body, {item.key for item in self.objects}))
        first = self.objects[0].key
        short = self.release.digest.rpartition(":")[2][:12]
        head, found, _ = first.partition(f"-{short}/")
        return (head + found,)

    def copies(self, base: str) -> dict[str, Stored]:
        """The stored objects by their source's URI; `base` is the prefix that the release was copied below."""
        if self.adopted:
            return {item.uri: copy for item, copy in zip(self.release.objects, self.objects, strict=True)}
        stored = {item.key: item for item in self.objects}
        keys = {item.uri: f"{base}/{item.uri.removeprefix('s3://')}" for item in self.release.objects}
        return {uri: stored[key] for uri, key in keys.items() if key in stored}


def covers(belongs: Iterable[str], key: str) -> bool:
    """Whether a key is of what a record `belongs` to."""
    return any(key == one or (one.endswith("/") and key.startswith(one)) for one in belongs)


def _named(body: Mapping[str, Any], keys: Set[str]) -> Iterator[str]:
    for place in places(body):
        key = place.uri.removeprefix("s3://").partition("/")[2]
        yield key if key in keys else key.rstrip("/") + "/"


def record_key(prefix: str, account: str, promotion: str) -> str:
    """Where a promotion's record stands below a store's prefix."""
    return f"{prefix}/.releases/{account}/{promotion}.json"


def read_record(text: str | bytes) -> Record:
    """A record from its text; ValueError says what is wrong with it, a changed release included."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}, not {FORMAT}")
        source = parse_version(data["release"]["source"])
        if source is None:
            raise ValueError("its source is not a model package version")
        return _checked(_build(data, source))
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError) as error:
        raise ValueError(f"it is not a record: {error!r}") from error


def _checked(record: Record) -> Record:
    """The record, if everything in it is of the kind that it should be: it may be anybody's text."""
    release = record.release
    need_texts("its promotion, inputs or lineage", record.promotion, record.inputs, record.lineage)
    need_counts("its attempt, or what it adopted", record.attempt, record.adopted)
    for item in record.objects:
        need_texts("an object's place, ETag or version", item.key, item.etag, _named_version(item.version))
        need_counts("an object's size", item.size)
        need_names("an object's checksums", item.checksums)
    for one in release.objects:
        need_texts("a source's place, ETag or version", one.uri, one.etag, _named_version(one.version))
        need_counts("a source's size", one.size)
    for image in release.images:
        need_texts("an image", image.uri, image.digest)
    need_texts("a prefix", *release.prefixes)
    need_names("the source's metadata", release.metadata)
    for body in (record.body, release.body):
        need_texts("what a body names", *(place.uri for place in places(body)), *(uri for _, uri in images(body)))
        spec_digest(body)
    return record


def _named_version(version: Any) -> Any:
    """A bucket without versioning gives none."""
    return "" if version is None else version


def _build(data: Mapping[str, Any], source: Version) -> Record:
    need_body("its body", data["body"])
    need_body("its release", data["release"])
    lists = (data["objects"], *(data["release"][name] for name in ("images", "objects", "prefixes")))
    if not all(isinstance(one, list) for one in lists):
        raise ValueError("one of its lists is none")
    record = Record(
        promotion=data["promotion"],
        release=release_from_json(source, data["release"]),
        inputs=data["inputs"],
        attempt=data["attempt"],
        body=data["body"],
        objects=tuple(
            Stored(item["key"], item["size"], item["etag"], item["versionId"], item["checksums"])
            for item in data["objects"]
        ),
        lineage=data.get("lineage", ""),
        adopted=data.get("adopted", 0),
    )
    if record.release.digest != data["digest"]:
        raise ValueError("its release is not the one whose digest it states")
    return record
