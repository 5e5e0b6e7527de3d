"""Bytes that pass through this machine, against an S3 that wants of every part the checksum it was promised."""

from __future__ import annotations

import base64
import hashlib
import io
import time
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from controller.core.errors import CloudError, PreconditionError, WaitingError
from controller.kinds.flow import Inline, Pace
from controller.kinds.prove import digest
from controller.kinds.relay import relay_object
from controller.kinds.room import Room
from controller.kinds.s3object import Copied, ObjectCopy, at_source
from controller.kinds.s3upload import Lanes
from controller.kinds.transfer import Route, transfer
from tests.kinds.test_s3copy import HUB, KEY, MIB, S3, Upload, content, copied, refuse, world


@dataclass
class Breaking:
    """A body that breaks off after so many bytes."""

    data: io.BytesIO
    left: int

    def read(self, limit: int) -> bytes:
        if self.left <= 0:
            raise CloudError("s3:GetObject", "ResponseStreamingError", "connection broken")
        self.left -= limit
        return self.data.read(limit)

    def __enter__(self) -> Breaking:
        return self

    def __exit__(self, *_: object) -> None:
        self.data.close()


@dataclass
class Strict(S3):
    """Refuses, as S3 does, a part without the checksum that its upload was begun with."""

    algorithms: dict[str, str] = field(default_factory=dict)
    breaks: int = 0

    def GetObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        body = self.objects[parameters["Bucket"], parameters["Key"]].body
        if "Range" in parameters:
            first, last = map(int, parameters["Range"].removeprefix("bytes=").split("-"))
            body = body[first : last + 1]
        self.breaks -= 1
        return {"Body": Breaking(io.BytesIO(body), 1 if self.breaks >= 0 else 1 << 40)}

    def PutObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        self.check("PutObject", parameters)
        self.absent("PutObject", parameters)
        made = self.put(parameters["Bucket"], parameters["Key"], bytes(parameters["Body"]), **content(parameters))
        return {"ETag": made.etag, "VersionId": made.version}

    def check(self, operation: str, parameters: dict[str, Any]) -> None:
        data = bytes(parameters["Body"])
        right = {
            "ContentMD5": hashlib.md5(data).digest(),
            "ChecksumCRC32": zlib.crc32(data).to_bytes(4),
            "ChecksumSHA256": hashlib.sha256(data).digest(),
        }
        given = {name: parameters[name] for name in right if name in parameters}
        assert len(given) == 1
        if given != {name: base64.b64encode(right[name]).decode() for name in given}:
            raise refuse(operation, "BadDigest", 400)

    def CreateMultipartUpload(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        answer = super().CreateMultipartUpload(**parameters)
        self.algorithms[answer["UploadId"]] = parameters.get("ChecksumAlgorithm", "")
        return answer

    def UploadPart(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        name, data = self.algorithms[parameters["UploadId"]], parameters["Body"]
        if name and f"Checksum{name}" not in parameters:
            raise refuse("UploadPart", "InvalidRequest", 400)
        self.check("UploadPart", parameters)
        self.upload("UploadPart", parameters).parts[parameters["PartNumber"]] = bytes(data)
        return {"ETag": "e", "ChecksumCRC64NVME": "c"}


def strict(size: int = 9 * MIB) -> tuple[Strict, ObjectCopy]:
    s3, item = world(size)
    return Strict(objects=s3.objects, ids=s3.ids), item


def lanes(stopped: bool = False) -> Lanes:
    return Lanes(Inline(), lambda: Pace(time.monotonic), lambda _: None, stopped=lambda: stopped)


def relayed(s3: Strict, item: ObjectCopy) -> Copied:
    room = Room(4 * MIB)
    return relay_object(s3, s3, item, lanes(), room, piece=3 * MIB, pause=lambda _: None)


def sums_of(s3: S3, item: ObjectCopy) -> dict[str, str]:
    """What a relay is to find of an object of up to 64 MiB."""
    found = hashlib.sha256(s3.objects[item.source_bucket, item.source_key].body)
    return {"SHA256": base64.b64encode(found.digest()).decode(), "sha256": found.hexdigest()}


@pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME", "SHA256"])
def test_a_source_with_any_checksum_is_relayed(name: str) -> None:
    s3, item = strict()
    relayed(s3, replace(item, checksums={name: sums_of(s3, item)["SHA256"] if name == "SHA256" else "AAAAAA=="}))
    assert (s3.copy.body, s3.uploads) == (s3.objects["from", item.source_key].body, {})


def test_a_body_that_breaks_off_costs_its_part_and_not_the_copy() -> None:
    s3, item = strict()
    s3.breaks = 2
    relayed(s3, item)
    assert s3.copy.body == s3.objects["from", item.source_key].body
    assert s3.operations.count("GetObject") == 5


def test_small_objects_and_digests_stop_when_the_run_is_to_end() -> None:
    s3, item = strict(100)
    s3.ListObjectsV2 = lambda **_: {"Contents": []}  # type: ignore[attr-defined]
    s3.pages = lambda operation, result, **more: iter(())  # type: ignore[method-assign]
    with pytest.raises(WaitingError):
        transfer(Route(s3, s3, lanes(stopped=True), MIB), [item], KEY.rpartition("/")[0])
    with pytest.raises(WaitingError):
        digest(s3, at_source(item), item.size, lanes(stopped=True))
    assert s3.calls == []


@pytest.mark.parametrize("code", ["ThrottlingException", "KMS.ThrottlingException", "RequestTimeout"])
def test_a_throttle_that_is_said_with_400_keeps_the_upload(code: str) -> None:
    s3, item = world(9 * MIB)
    made = []

    def throttle(s3: S3, number: int, operation: str) -> None:
        if operation == "UploadPartCopy":
            made.append(number)
            if len(made) > 1:
                raise refuse(operation, code, 400)

    s3.before = throttle
    with pytest.raises(CloudError):
        copied(s3, item)
    assert [len(upload.parts) for upload in s3.uploads.values()] == [1]


def test_a_strangers_object_ends_the_own_upload_that_was_to_be_continued() -> None:
    s3, item = world(9 * MIB)
    s3.uploads = {"u-own": Upload(KEY, {}, {1: b"x" * 3 * MIB})}
    s3.put("store", KEY, b"a stranger's")
    with pytest.raises(PreconditionError):
        copied(s3, item)
    assert s3.uploads == {}
    assert s3.owners["store"] == HUB
