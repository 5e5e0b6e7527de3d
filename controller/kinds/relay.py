"""Copies one S3 object through this machine: read with the spoke's credentials, written with the hub's.

For where no one principal may do both. A few parts at a time are in memory, never a whole artifact.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping

from controller.core.errors import CloudError
from controller.kinds.base import Client
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
    pause: Callable[[float], None],
) -> Copied:
    """As `s3copy.copy_object`, with bytes that pass through here. `room` bounds the bytes in memory."""
    if item.size <= piece:
        return persistent(lambda: _whole(reader, client, item, lanes, room), pause)

    # S3 wants of each part the checksum that its upload names; without a name it reckons a CRC64NVME of the whole.
    algorithm = algorithm_of(item, ("CRC32",))

    def make(upload: str, span: Span) -> Part:
        with room.hold(span.end - span.start):
            data = _read(reader, item, span)
            answer = client.call(
                "UploadPart",
                **at_destination(item),
                UploadId=upload,
                PartNumber=span.number,
                Body=data,
                **_check(data, algorithm),
            )
        return part_of(span.number, answer)

    cuts = spans(item.size, piece)
    return persistent(lambda: assemble(client, item, cuts, make, lanes, algorithm), pause)


def _whole(reader: Client, client: Client, item: ObjectCopy, lanes: Lanes, room: Room) -> Copied:
    with room.hold(item.size):
        data = _read(reader, item, Span(1, 0, item.size))
        request = {**at_destination(item), **content(item), "Body": data, **_check(data, {})}
        try:
            answer = client.call("PutObject", **request, IfNoneMatch="*")
        except CloudError as error:
            return refused(client, item, error)
    lanes.told(item.size)
    if "VersionId" in answer:
        return Copied(answer["VersionId"], answer["ETag"], item.size, {}, item.size)
    return proven(client, item)


def _read(reader: Client, item: ObjectCopy, span: Span) -> bytearray:
    """The bytes of a part, all of them; `PreconditionError` when the source is not what it was."""
    size = span.end - span.start
    try:
        with opened(reader, at_source(item), span.start, span.end, item.size) as body:
            whole, at = bytearray(size), 0  # once, and not again when its pieces are joined
            while at < size and (data := body.read(min(size - at, MIB))):
                whole[at : at + len(data)] = data
                at += len(data)
    except CloudError as error:
        if error.status == 412 or error.missing:
            raise changed(item) from error
        raise
    if at < size:
        raise CloudError("s3:GetObject", "IncompleteBody", f"the body ended {size - at} bytes too early")
    return whole


def _check(data: bytearray, algorithm: Mapping[str, str]) -> dict[str, str]:
    """What S3 checks on arrival, so that a part damaged on its way is refused at once."""
    if algorithm:
        return {"ChecksumCRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}
    return {"ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}
