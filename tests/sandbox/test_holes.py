"""Objects of zeros that are kept nowhere, and what S3 wants of parts that were promised a checksum."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from controller.sandbox.control import command
from controller.sandbox.s3.holes import LEAST, Hole, named, piece_of, streamed
from tests.sandbox.conftest import Bench
from tests.sandbox.test_objects import make

GIB = 1 << 30


def test_zeros_are_kept_as_a_hole_and_nothing_else_is() -> None:
    zeros = bytes(LEAST + 7)
    assert piece_of(zeros) == (Hole(LEAST + 7),)
    for body in (b"", b"x", bytes(LEAST - 1), zeros[:-1] + b"x", b"x" + zeros, zeros[:LEAST] + b"x" + zeros):
        assert b"".join(streamed(piece_of(body))) == body
        assert not any(isinstance(piece, Hole) for piece in piece_of(body))
    assert b"".join(streamed((Hole(LEAST + 7), b"ab"))) == zeros + b"ab"
    assert Hole(9)[2:5] == Hole(3)
    assert (
        named((Hole(3), Hole(4), b"x", Hole(2))) == named((Hole(7), b"x", Hole(1), Hole(1))) != named((Hole(8), b"x"))
    )


def test_a_hundred_gigabytes_cost_nothing(bench: Bench, s3: Any) -> None:
    make(s3, "lab"), make(s3, "store")
    command(bench.world, {"sparse": [{"bucket": "lab", "key": "big", "size": 100 * GIB}]})
    head = s3.head_object(Bucket="lab", Key="big", ChecksumMode="ENABLED")
    assert head["ContentLength"] == 100 * GIB
    body = s3.get_object(Bucket="lab", Key="big", Range=f"bytes={50 * GIB}-{50 * GIB + 9}")["Body"].read()
    assert body == bytes(10)
    upload = s3.create_multipart_upload(Bucket="store", Key="big")["UploadId"]
    parts = []
    for number in range(1, 21):
        span = f"bytes={(number - 1) * 5 * GIB}-{number * 5 * GIB - 1}"
        made = s3.upload_part_copy(
            Bucket="store", Key="big", UploadId=upload, PartNumber=number, CopySource="lab/big", CopySourceRange=span
        )
        parts.append({"PartNumber": number, "ETag": made["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket="store", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    copy = s3.head_object(Bucket="store", Key="big", ChecksumMode="ENABLED")
    assert (copy["ContentLength"], copy["ChecksumCRC64NVME"]) == (head["ContentLength"], head["ChecksumCRC64NVME"])
    assert bench.world.buckets["store"].current("big").pieces == (Hole(5 * GIB),) * 20


def test_a_part_has_the_checksum_that_its_upload_promised(s3: Any, refused: Any) -> None:
    """UploadPart of an upload begun with an algorithm: `Checksum Type mismatch occurred` without it."""
    make(s3, "store")
    place = {"Bucket": "store", "Key": "k"}
    upload = s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")["UploadId"]
    with refused("InvalidRequest", 400, "expected checksum Type: sha256, actual checksum Type: null"):
        s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")
    sums = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x", ChecksumSHA256=sums)
    assert part["ChecksumSHA256"] == sums


@pytest.mark.parametrize("given", [None, "AAAAAA=="])
def test_a_composite_checksum_wants_every_parts(s3: Any, refused: Any, given: str | None) -> None:
    make(s3, "store")
    place = {"Bucket": "store", "Key": "k"}
    upload = s3.create_multipart_upload(**place, ChecksumAlgorithm="CRC32")["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")
    row = {"PartNumber": 1, "ETag": part["ETag"]}
    with refused("InvalidRequest" if given is None else "InvalidPart", 400):
        rows = [row | ({"ChecksumCRC32": given} if given else {})]
        s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": rows})
    rows = [row | {"ChecksumCRC32": part["ChecksumCRC32"]}]
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": rows})


def test_an_upload_without_an_algorithm_has_a_crc64nvme_of_the_whole(s3: Any) -> None:
    make(s3, "store")
    place = {"Bucket": "store", "Key": "k"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(
        **place, UploadId=upload, PartNumber=1, Body=b"123456789", ContentMD5="JfnnlDI7RTiF9RgfG2JNCw=="
    )
    rows = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": rows})
    head = s3.head_object(**place, ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == ("rosUhgp5mIg=", "FULL_OBJECT")
