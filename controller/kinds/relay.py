"""Copies one S3 object through this machine: read with the spoke's credentials, written with the hub's.

For where no one principal may do both. A few parts at a time are in memory, never a whole artifact. Their sha256 is
taken on the way, of each before it is sent: it is held to what is known of the source, and to what is read again,
and told in the run's result.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.core.errors import CloudError
from controller.kinds.base import Client
from controller.kinds.flow import tried
from controller.kinds.prove import check_passed, known_of, whole
from controller.kinds.room import Room
from controller.kinds.s3copy import persistent
from controller.kinds.s3object import (
    Copied,
    ObjectCopy,
    at_destination,
    at_source,
    changed,
    content,
    opened,
    proven,
    refused,
)
from controller.kinds.s3upload import MIB, Lanes, Part, Span, algorithm_of, assemble, part_of, spans
from controller.kinds.tally import SHA256, Tally

PIECE = 8 * MIB
"""Bytes of one part: as much memory as each part under way takes."""


def relay_object(
    reader: Client,
    client: Client,
    item: ObjectCopy,
    lanes: Lanes,
    room: Room,
    *,
    piece: int = PIECE,
    deep: bool = False,
    pause: Callable[[float], None],
) -> Copied:
    """As `s3copy.copy_object`, with bytes that pass through here. `room` bounds the bytes in memory.

    `PreconditionError`, before the copy exists, when they are not those of which `item.checksums` has a sha256. `deep`:
    the copy will be read again, whatever is known of the source. The sha256 of all bytes is taken, except where parts
    were there already; our own digest where the copy may have to be read.
    """
    if item.size <= piece:
        return persistent(lambda: _whole(reader, client, item, lanes, room), pause)

    # S3 wants of each part the checksum that its upload names; without a name it reckons a CRC64NVME of the whole.
    algorithm = algorithm_of(item, ("CRC32",))
    cuts = spans(item.size, piece)
    once = replace(lanes, tries=0)  # a part that is tried again keeps its turn: `tried`

    def parts() -> _Parts:
        return _Parts(reader, client, item, lanes, room, algorithm, cuts, deep=deep)

    return persistent(lambda: assemble(client, item, cuts, parts(), once, algorithm), pause)


class _Parts:
    """Parts that pass through here. Implements `s3upload.Parts`.

    Each is hashed when it is its turn, and keeps its memory until then. So that none waits forever: a part keeps its
    thread until it has arrived or failed, those before it were begun before it, and the one whose turn it is can always
    get memory.
    """

    def __init__(
        self,
        reader: Client,
        client: Client,
        item: ObjectCopy,
        lanes: Lanes,
        room: Room,
        algorithm: Mapping[str, str],
        cuts: Sequence[Span],
        *,
        deep: bool,
    ) -> None:
        self._reader, self._client, self._item, self._lanes, self._room = reader, client, item, lanes, room
        self._algorithm = algorithm
        self._cuts = cuts
        self._deep = deep
        self._tally: Tally | None = None

    def begin(self, missing: Sequence[Span]) -> None:
        if len(missing) == len(self._cuts):
            self._tally = Tally(self._item.size, ours=_read_again(self._item, deep=self._deep))

    def make(self, upload: str, span: Span) -> Part:
        try:
            self._lanes.check()
            with self._room.hold(span.end - span.start, self._cuts[0].end, lambda: self._first(span)) as data:
                answer = self._passed_on(upload, span, data)
        except BaseException as error:
            if self._tally is not None:
                self._tally.fail(error)
                self._room.look()
            raise
        return part_of(span.number, answer)

    def passed(self) -> Mapping[str, str]:
        sums = self._tally.sums() if self._tally is not None else {}
        check_passed(self._item, sums)
        return sums

    def _first(self, span: Span) -> bool:
        return self._tally is None or self._tally.may(span.start)

    def _passed_on(self, upload: str, span: Span, data: bytearray) -> dict[str, Any]:
        if self._tally is not None:
            self._tally.check()
        tried(lambda: _read(self._reader, self._item, span, data), self._lanes.pause)
        # What S3 is to check comes before the sha256: a bit that flips here from now on is caught by one of the two.
        checked = _check(data, self._algorithm.get("ChecksumAlgorithm", ""))
        if self._tally is not None:
            self._tally.add(span.start, data)
            self._room.look()
        return tried(lambda: self._sent(upload, span, data, checked), self._lanes.pause)

    def _sent(self, upload: str, span: Span, data: bytearray, checked: Mapping[str, str]) -> dict[str, Any]:
        place = at_destination(self._item)
        return self._client.call("UploadPart", **place, UploadId=upload, PartNumber=span.number, Body=data, **checked)


def _read_again(item: ObjectCopy, *, deep: bool) -> bool:
    """Whether our own digest is compared with something: what is known, or the copy, where S3 states too little."""
    stated = whole(item.checksums).keys() & {"CRC64NVME", "CRC32"}
    return deep or not stated or SHA256 in known_of(item)


def _whole(reader: Client, client: Client, item: ObjectCopy, lanes: Lanes, room: Room) -> Copied:
    tally, known = Tally(item.size), whole(item.checksums)  # of so little, both are one hash
    algorithm = next((name for name in ("CRC64NVME", "CRC32", "SHA256") if name in known), "")
    with room.hold(item.size) as data:
        _read(reader, item, Span(1, 0, item.size), data)
        checked = _check(data, algorithm)
        tally.add(0, data)
        check_passed(item, tally.sums())
        request = {**at_destination(item), **content(item), "Body": data, **checked}
        try:
            answer = client.call("PutObject", **request, IfNoneMatch="*")
        except CloudError as error:
            return refused(client, item, error)
    lanes.told(item.size)
    if "VersionId" in answer:
        return Copied(answer["VersionId"], answer["ETag"], item.size, {}, item.size, tally.sums())
    return replace(proven(client, item), passed=tally.sums())


def _read(reader: Client, item: ObjectCopy, span: Span, data: bytearray) -> None:
    """Fills `data` with the bytes of a part, all of them; `PreconditionError` when the source is not what it was."""
    size, at = span.end - span.start, 0
    try:
        with opened(reader, at_source(item), span.start, span.end, item.size) as body:
            while at < size and (piece := body.read(min(size - at, MIB))):
                data[at : at + len(piece)] = piece
                at += len(piece)
    except CloudError as error:
        if error.status == 412 or error.missing:
            raise changed(item) from error
        raise
    if at < size:
        raise CloudError("s3:GetObject", "IncompleteBody", f"the body ended {size - at} bytes too early")


def _check(data: bytearray, algorithm: str) -> dict[str, str]:
    """What S3 checks on arrival, so that what was damaged on its way is refused at once; it keeps all but an MD5."""
    if algorithm == "CRC32":
        return {"ChecksumCRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}
    if algorithm == "SHA256":
        return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(data).digest()).decode()}
    return {"ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}
