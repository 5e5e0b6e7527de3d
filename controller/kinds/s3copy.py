"""Copies one S3 object server-side: pinned at its source, write-once at its destination, safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.core.errors import CloudError
from controller.kinds.base import Client
from controller.kinds.flow import Inline, Pace
from controller.kinds.s3object import (
    Copied,
    ObjectCopy,
    at_destination,
    checksums_of,
    content,
    copy_source,
    proven,
    refused,
)
from controller.kinds.s3upload import Lanes, Part, Span, algorithm_of, assemble, part_of, spans

PART_LIMIT = 5 * 1024**3
_TRIES = 5


def copy_object(
    client: Client,
    item: ObjectCopy,
    *,
    part_limit: int = PART_LIMIT,
    part_size: int | None = None,
    lanes: Lanes | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Copied:
    """Copies with one CopyObject up to `part_limit` bytes, above in parts, of `part_size` or one that suits the size.

    `client` is S3 in the destination's region, by a role that reads the source and writes the destination. Whatever
    stands at the destination already is never replaced: a copy of the same source is done, else `PreconditionError`; so
    is a source that is not what it was. An interrupted copy in parts is continued.
    """
    ways = lanes or Lanes(Inline(), lambda: Pace(time.monotonic), pause)
    if item.size <= part_limit:
        return persistent(lambda: _whole(client, item, ways), pause)
    return persistent(lambda: _in_parts(client, item, part_size, ways), pause)


def persistent(once: Callable[[], Copied], pause: Callable[[float], None]) -> Copied:
    """Tries again, a few times, while somebody else writes this key at this moment, or has ended our upload of it."""
    for attempt in range(_TRIES - 1):
        try:
            return once()
        except CloudError as error:
            if error.status != 409 and error.code != "NoSuchUpload":
                raise
            pause(0.2 * 2**attempt)
    return once()


def copy_many(client: Client, items: Sequence[ObjectCopy], lanes: Lanes) -> list[Copied | None]:
    """Copies with one CopyObject each, many at once; None for each that did not go well: `copy_object` is to try it."""

    def told(number: int) -> bool:
        lanes.told(items[number].size)
        return not lanes.stopped()

    answers = client.many("CopyObject", [_request(item) for item in items], told)
    return [
        _copied(item, answer) if answer is not None and "VersionId" in answer else None
        for item, answer in zip(items, answers, strict=True)
    ]


def _whole(client: Client, item: ObjectCopy, lanes: Lanes) -> Copied:
    try:
        answer = client.call("CopyObject", **_request(item))
    except CloudError as error:
        return refused(client, item, error)
    lanes.told(item.size)
    return _copied(item, answer) if "VersionId" in answer else proven(client, item)


def _request(item: ObjectCopy) -> dict[str, Any]:
    return {
        **at_destination(item),
        **copy_source(item),
        "MetadataDirective": "REPLACE",
        "TaggingDirective": "REPLACE",
        "IfNoneMatch": "*",
        **content(item),
    }


def _copied(item: ObjectCopy, answer: Mapping[str, Any]) -> Copied:
    result = answer["CopyObjectResult"]
    return Copied(answer["VersionId"], result["ETag"], item.size, checksums_of(result), item.size)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts that S3 copies. Implements `s3upload.Parts`."""

    client: Client
    item: ObjectCopy
    lanes: Lanes

    def begin(self, missing: Sequence[Span]) -> None:
        """They do not depend on each other."""

    def make(self, upload: str, span: Span) -> Part:
        self.lanes.check()
        answer = self.client.call(
            "UploadPartCopy",
            **at_destination(self.item),
            **copy_source(self.item),
            UploadId=upload,
            PartNumber=span.number,
            CopySourceRange=f"bytes={span.start}-{span.end - 1}",
        )
        return part_of(span.number, answer["CopyPartResult"])

    def passed(self) -> Mapping[str, str]:
        return {}


def _in_parts(client: Client, item: ObjectCopy, part_size: int | None, lanes: Lanes) -> Copied:
    cuts = spans(item.size, part_size)
    return assemble(client, item, cuts, _Parts(client, item, lanes), lanes, algorithm_of(item))
