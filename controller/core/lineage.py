"""The lineage document: where a promoted release comes from and what was made of it. One a promotion, written once.

It stands beside the promotion's record, and its digest in the record and in the version's `hubwright/lineage` mark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.core.arn import Version
from controller.core.canonical import canonical, digest, sha256
from controller.core.record import Stored
from controller.core.redact import redacted_all
from controller.core.release import Release

FORMAT = "hubwright.io/lineage/v1"
MAX_BYTES = 1 << 20
_NAMED = 100  # above so many objects a document has their count, size and digest, as a lock does
_FIGURES = 200


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What a spoke knows of a version. `unread` maps what could not be read to why; the rest is whole without it."""

    version: Mapping[str, Any] = field(default_factory=dict)
    pipeline: Mapping[str, Any] | None = None
    training: tuple[Mapping[str, Any], ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What a promotion made of a release. `facts` say what it is (name, fleet, group, manifest, revision, run);
    `objects` are (source URI, as it stands in `bucket`), `images` (source, hub) references by digest."""

    promotion: str
    release: Release
    facts: Mapping[str, Any]
    bucket: str
    objects: tuple[tuple[str, Stored], ...]
    images: tuple[tuple[str, str], ...]


def lineage_key(record: str) -> str:
    """Where the document stands, given the key of the promotion's record."""
    return record.removesuffix(".json") + ".lineage.json"


def document(made: Made, ancestry: Ancestry) -> str:
    """The document as canonical JSON. It is written once: of two runs that make it, the first one's stays.

    Others read it, and it is sent on: what people wrote loses what looks like a secret. What names bytes stays.
    """
    source = made.release.source
    return canonical(
        {
            "format": FORMAT,
            "promotion": {"id": made.promotion, **redacted_all(made.facts)},
            "source": {**_place(source), **redacted_all(ancestry.version)},
            "release": made.release.digest,
            "pipeline": redacted_all(ancestry.pipeline),
            "training": redacted_all(ancestry.training),
            "metrics": redacted_all(dict(ancestry.metrics)),
            "objects": _objects(made),
            "images": [{"source": old, "hub": new} for old, new in made.images],
            "unread": redacted_all(dict(ancestry.unread)),
        }
    )


def _place(source: Version) -> dict[str, Any]:
    return {
        "arn": source.arn,
        "account": source.account,
        "region": source.region,
        "group": source.group,
        "version": source.number,
    }


def _objects(made: Made) -> dict[str, Any]:
    versions = {item.uri: item.version for item in made.release.objects}
    rows = [
        {
            "source": uri,
            "sourceVersion": versions.get(uri),
            "hub": f"s3://{made.bucket}/{stored.key}",
            "hubVersion": stored.version,
            "size": stored.size,
            "checksums": dict(stored.checksums),
        }
        for uri, stored in made.objects
    ]
    whole: dict[str, Any] = {"count": len(rows), "bytes": sum(row["size"] for row in rows), "digest": digest(rows)}
    return whole | ({"items": rows} if len(rows) <= _NAMED else {})


_LARGEST = 1e308  # beyond what a double holds; an integer may be of any length, and NaN is below nothing


def figures(report: Any) -> dict[str, float | int]:
    """The numbers of a report by dotted path, at most 200 of them; NaN and infinite ones are left out."""
    found: dict[str, float | int] = {}
    for path, value in _leaves(report, ""):
        if len(found) >= _FIGURES:
            break
        found[path] = value
    return found


def _leaves(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, float | int]]:
    if depth > 12:
        return
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield from _leaves(value[name], f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        yield path, value


@dataclass(frozen=True, slots=True)
class Lineage:
    """A lineage document as read back: its data and the sha256 of its very bytes, `sha256:…`."""

    data: Mapping[str, Any]
    digest: str

    @property
    def promotion(self) -> str:
        return str(self.data["promotion"]["id"])

    @property
    def commit(self) -> str:
        """The Git commit that the model was trained from, or an empty text."""
        return str(self.data["source"].get("commit") or "")

    @property
    def repository(self) -> str:
        return str(self.data["source"].get("repository") or "")

    @property
    def jobs(self) -> tuple[str, ...]:
        return tuple(str(job["arn"]) for job in self.data["training"])

    @property
    def inputs(self) -> tuple[str, ...]:
        """The URIs of the data that the training jobs read."""
        found: Iterable[Any] = (item["uri"] for job in self.data["training"] for item in job["inputs"])
        return tuple(dict.fromkeys(str(uri) for uri in found))


def document_digest(data: bytes) -> str:
    """What the marks have of a document: `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + sha256(data)


def read_lineage(data: bytes) -> Lineage:
    """A document from its bytes; ValueError says what is wrong with it."""
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}, not {FORMAT}")
        lineage = Lineage(found, document_digest(data))
        _ = (lineage.promotion, lineage.commit, lineage.repository, lineage.jobs, lineage.inputs)
        _ = found.get("pipeline") and found["pipeline"]["arn"]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not a lineage document: {error!r}") from error
    return lineage
