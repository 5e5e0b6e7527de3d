"""The record: a release written down in the hub's store, next to nothing it does not prove."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.arn import Version, parse_version
from controller.core.canonical import canonical
from controller.core.release import Release, release_from_json

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

    `lineage` is the digest of the lineage document beside it; empty in records older than such documents.
    """

    promotion: str
    release: Release
    inputs: str
    attempt: int
    body: Mapping[str, Any]
    objects: tuple[Stored, ...]
    lineage: str = ""

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
            }
        )


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
        return _build(data, source)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not a record: {error!r}") from error


def _build(data: Mapping[str, Any], source: Version) -> Record:
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
    )
    if record.release.digest != data["digest"]:
        raise ValueError("its release is not the one whose digest it states")
    return record
