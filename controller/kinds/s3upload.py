"""Multipart uploads of our own: begun, found again and continued, completed or aborted. Others' are never touched."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from controller.core.errors import CloudError, PreconditionError, WaitingError
from controller.kinds.base import Client
from controller.kinds.flow import TRIES, Pace, spread
from controller.kinds.s3object import Copied, ObjectCopy, at_destination, content, look, passing, proven, refused

MIB = 1024**2
_MOST_PARTS = 10_000
_COMPLETIONS = 5
_WISHED_PARTS = 128
_LEAST, _MOST = 64 * MIB, 512 * MIB
_CHECKS = ("CRC64NVME", "CRC32", "CRC32C")  # what S3 can give of a whole multipart object

Told = Callable[[int], None]
"""Hears of bytes that have been moved."""
Checked = Callable[[int, int], None]
"""Hears of bytes that have been read to prove what was copied, and of bytes that are to be read besides."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """How work is spread: the pool, a new pace for each list of pieces, how to wait, who hears of moved bytes.

    Once `stopped`, no further object and no further part of one is begun. A piece that was throttled or cut off is put
    back among the others `tries` times. `checked` hears of bytes that are read only to prove what stands there.
    """

    pool: Executor
    pace: Callable[[], Pace]
    pause: Callable[[float], None]
    told: Told = lambda _: None
    stopped: Callable[[], bool] = lambda: False
    tries: int = TRIES
    checked: Checked = lambda *_: None

    def check(self) -> None:
        """`WaitingError` once the run is to end."""
        if self.stopped():
            raise WaitingError("the copy was interrupted; the next run continues it")


@dataclass(frozen=True, slots=True)
class Span:
    """One part: bytes `start` up to, not including, `end`."""

    number: int
    start: int
    end: int


Part = Mapping[str, Any]


class Parts(Protocol):
    """How the parts of one upload are made."""

    def begin(self, missing: Sequence[Span]) -> None:
        """These are to be made now, begun in this order; all others are there."""
        ...

    def make(self, upload: str, span: Span) -> Part:
        """Makes one, unless the run is to end; gives what CompleteMultipartUpload wants to know of it."""
        ...

    def passed(self) -> Mapping[str, str]:
        """`Copied.passed`, once all are made. An error keeps the upload from being completed, and ends it."""
        ...


def spans(size: int, part_size: int | None) -> list[Span]:
    """An object cut into parts: of the given size or of one that suits it, at most 10,000."""
    each = part_size or min(max(_LEAST, -(-size // _WISHED_PARTS)), _MOST)
    each = max(each, -(-size // _MOST_PARTS))
    return [Span(number, start, min(start + each, size)) for number, start in enumerate(range(0, size, each), 1)]


def algorithm_of(item: ObjectCopy, among: Iterable[str] = _CHECKS) -> dict[str, str]:
    """Asks for the whole-object checksum that the source has, so that the two can be compared."""
    name = next((name for name in among if "-" not in item.checksums.get(name, "-")), "")
    return {"ChecksumAlgorithm": name, "ChecksumType": "FULL_OBJECT"} if name else {}


def assemble(
    client: Client,
    item: ObjectCopy,
    cuts: list[Span],
    parts: Parts,
    lanes: Lanes,
    algorithm: Mapping[str, str],
) -> Copied:
    """The object from its parts: an upload of this very key and layout is continued, else a new one begun.

    After an error that may pass, the upload stays and the next try continues it; after any other it is aborted. Other
    uploads of this key may be of a run that is under way: they are aborted once the object stands, and not before.
    """
    upload, there, others = _found(client, item, cuts)
    try:
        found = look(client, item)
    except PreconditionError:  # somebody else's: what was begun here has no place any more
        _abort_all(client, item, [*others, upload])
        raise
    if found is not None:
        _abort_all(client, item, [*others, upload])
        return found
    if not upload:
        request = {**at_destination(item), **content(item), **algorithm}
        upload = str(client.call("CreateMultipartUpload", **request)["UploadId"])
    moved: list[int] = []
    try:
        passed = _fill(client, item, upload, cuts, there, parts, lanes, moved)
    except CloudError as error:
        if not passing(error):
            abort(client, item, upload)
        return refused(client, item, error, sum(moved))
    except WaitingError:
        raise  # interrupted: the next run continues this upload
    except Exception:
        abort(client, item, upload)
        raise
    copied = proven(client, item)
    _abort_all(client, item, others)
    return replace(copied, moved=sum(moved), passed=passed)


def _fill(
    client: Client,
    item: ObjectCopy,
    upload: str,
    cuts: list[Span],
    there: Mapping[int, Part],
    parts: Parts,
    lanes: Lanes,
    moved: list[int],
) -> Mapping[str, str]:
    """Makes what is missing and completes the upload; `Copied.passed`. Each part adds its bytes to `moved`."""

    def one(span: Span) -> Part:
        part = parts.make(upload, span)
        moved.append(span.end - span.start)
        lanes.told(span.end - span.start)
        return part

    missing = [span for span in cuts if span.number not in there]
    lanes.told(item.size - sum(span.end - span.start for span in missing))
    parts.begin(missing)
    made = spread(lanes.pool, one, missing, lanes.pace(), lanes.pause, lanes.tries)
    passed = parts.passed()
    known = {**there, **{part["PartNumber"]: part for part in made}}
    return passed if _completed(client, item, upload, cuts, known, lanes.pause) else {}


def _completed(
    client: Client,
    item: ObjectCopy,
    upload: str,
    cuts: list[Span],
    known: dict[int, Part],
    pause: Callable[[float], None],
) -> bool:
    """Completes the upload; whether of `known`, the parts as this run knows them.

    Another run in the same upload may have made some anew, and under KMS the same bytes get another ETag each time:
    then the parts are what stands there.
    """

    def complete() -> None:
        client.call(
            "CompleteMultipartUpload",
            **at_destination(item),
            UploadId=upload,
            MultipartUpload={"Parts": [known[span.number] for span in cuts]},
            MpuObjectSize=item.size,
            IfNoneMatch="*",
        )

    for number in range(_COMPLETIONS - 1):
        try:
            complete()
            return number == 0
        except CloudError as error:
            if error.code != "InvalidPart":
                raise
        pause(0.2 * 2**number)
        known |= _parts(client, item, upload, cuts)
    complete()
    return False


def _found(client: Client, item: ObjectCopy, cuts: list[Span]) -> tuple[str, dict[int, Part], list[str]]:
    """The unfinished upload to continue and its parts, and all others of exactly this key.

    They are ours: under a store's prefix only Hubwright writes, and each key belongs to one release of one source. The
    one with the most parts that fit is continued; one that has none, or one of another size, holds nothing worth it.
    """
    uploads = client.pages(
        "ListMultipartUploads",
        "Uploads",
        Bucket=item.bucket,
        Prefix=item.key,
        ExpectedBucketOwner=item.owner,
    )
    names = [str(found["UploadId"]) for found in uploads if found["Key"] == item.key]
    fitting = {name: _parts(client, item, name, cuts) for name in names}
    best = max(names, key=lambda name: len(fitting[name]), default="")
    if best and not fitting[best]:
        best = ""
    return best, fitting.get(best, {}), [name for name in names if name != best]


def _parts(client: Client, item: ObjectCopy, upload: str, cuts: list[Span]) -> dict[int, Part]:
    """The parts of an upload by number; none when any of them does not fit the layout."""
    sizes = {span.number: span.end - span.start for span in cuts}
    try:
        rows = list(client.pages("ListParts", "Parts", **at_destination(item), UploadId=upload))
    except CloudError as error:
        if error.missing:
            return {}
        raise
    if any(sizes.get(row["PartNumber"]) != row["Size"] for row in rows):
        return {}
    return {row["PartNumber"]: part_of(row["PartNumber"], row) for row in rows}


def part_of(number: int, answer: Mapping[str, Any]) -> Part:
    """What CompleteMultipartUpload wants to know of a part, from S3's own word on it."""
    checks = {
        name: value
        for name, value in answer.items()
        if name.startswith("Checksum") and name not in ("ChecksumType", "ChecksumAlgorithm")
    }
    return {"PartNumber": number, "ETag": answer["ETag"], **checks}


def abort(client: Client, item: ObjectCopy, upload: str) -> None:
    """Ends an upload, at best effort: what went wrong before matters more, a later run tries again."""
    with contextlib.suppress(CloudError):
        client.call("AbortMultipartUpload", **at_destination(item), UploadId=upload)


def _abort_all(client: Client, item: ObjectCopy, uploads: Iterable[str]) -> None:
    for upload in filter(None, uploads):
        abort(client, item, upload)


def swept(client: Client, bucket: str, prefix: str, owner: str, keep: set[str]) -> None:
    """Aborts unfinished uploads below a prefix that is ours alone, but for the keys to be written now."""
    rows = client.pages("ListMultipartUploads", "Uploads", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=owner)
    for row in list(rows):
        if row["Key"] not in keep:
            with contextlib.suppress(CloudError):
                client.call(
                    "AbortMultipartUpload",
                    Bucket=bucket,
                    Key=row["Key"],
                    UploadId=row["UploadId"],
                    ExpectedBucketOwner=owner,
                )
