"""CopyObject and multipart uploads: preconditions on both sides, owners, limits, checksums."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import CHURN, HUB, Bench
from tests.sandbox.test_objects import make, read

SOURCE = {"Bucket": "lab", "Key": "v1/model.tar.gz"}
TO = {"Bucket": "store", "Key": "models/m"}


@pytest.fixture(autouse=True)
def buckets(bench: Bench, s3: Any) -> dict[str, Any]:
    """A source object in a spoke's bucket, a store in the hub; gives what PutObject said of the source."""
    spoke = bench.client("s3", CHURN)
    make(spoke, "lab"), make(s3, "store")
    return dict(spoke.put_object(**SOURCE, Body=b"weights", ContentType="application/gzip", Metadata={"by": "ana"}, Tagging="a=b"))


def test_a_copy_is_pinned_marked_and_tagged(s3: Any, buckets: dict[str, Any]) -> None:
    """Model: CopyObject; aws.md 0.6: VersionId and CopySourceIfMatch at the source, IfNoneMatch at the destination."""
    made = s3.copy_object(
        **TO,
        CopySource=SOURCE | {"VersionId": buckets["VersionId"]},
        CopySourceIfMatch=buckets["ETag"],
        ExpectedBucketOwner=HUB,
        ExpectedSourceBucketOwner=CHURN,
        IfNoneMatch="*",
        MetadataDirective="REPLACE",
        Metadata={"hubwright-source": "0" * 64},
        TaggingDirective="REPLACE",
        Tagging="fleet=growth",
    )
    head = s3.head_object(**TO, ChecksumMode="ENABLED")
    assert made["CopySourceVersionId"] == buckets["VersionId"]
    assert (made["VersionId"], made["CopyObjectResult"]["ETag"]) == (head["VersionId"], head["ETag"])
    assert (head["Metadata"], head["ContentLength"], head["ContentType"]) == ({"hubwright-source": "0" * 64}, 7, "binary/octet-stream")
    assert s3.get_object_tagging(**TO)["TagSet"] == [{"Key": "fleet", "Value": "growth"}]
    assert head["ChecksumCRC32"] == made["CopyObjectResult"]["ChecksumCRC32"] == buckets["ChecksumCRC32"]


def test_without_directives_all_is_copied(s3: Any) -> None:
    """Model: MetadataDirective and TaggingDirective are COPY by default."""
    s3.copy_object(**TO, CopySource=SOURCE)
    head = s3.head_object(**TO)
    assert (head["Metadata"], head["ContentType"]) == ({"by": "ana"}, "application/gzip")
    assert s3.get_object_tagging(**TO)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_the_destination_is_written_once(s3: Any, refused: Any) -> None:
    """Model: CopyObject's IfNoneMatch and IfMatch, 412; aws.md 8.2 #20."""
    etag = s3.copy_object(**TO, CopySource=SOURCE, IfNoneMatch="*")["CopyObjectResult"]["ETag"]
    with refused("PreconditionFailed", 412):
        s3.copy_object(**TO, CopySource=SOURCE, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.copy_object(**TO, CopySource=SOURCE, IfMatch='"other"')
    s3.copy_object(**TO, CopySource=SOURCE, IfMatch=etag)


@pytest.mark.parametrize("name", ["IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"])
def test_the_source_is_as_it_was(bench: Bench, s3: Any, refused: Any, buckets: dict[str, Any], name: str) -> None:
    """Model: CopySourceIf…, 412, of CopyObject and UploadPartCopy; aws.md 8.2 #20 and #21."""
    now = datetime.fromtimestamp(bench.world.clock.now(), UTC)
    unmet = {
        "IfMatch": '"other"',
        "IfNoneMatch": buckets["ETag"],
        "IfModifiedSince": now + timedelta(days=1),
        "IfUnmodifiedSince": now - timedelta(days=1),
    }[name]
    with refused("PreconditionFailed", 412):
        s3.copy_object(**TO, CopySource=SOURCE, **{f"CopySource{name}": unmet})
    upload = s3.create_multipart_upload(**TO)["UploadId"]
    with refused("PreconditionFailed", 412):
        s3.upload_part_copy(**TO, UploadId=upload, PartNumber=1, CopySource=SOURCE, **{f"CopySource{name}": unmet})


def test_an_overwritten_source_is_noticed(bench: Bench, s3: Any, refused: Any, buckets: dict[str, Any]) -> None:
    """aws.md 3: without a version, the ETag pins; with one, the old bytes are still there."""
    bench.client("s3", CHURN).put_object(**SOURCE, Body=b"others")
    with refused("PreconditionFailed", 412):
        s3.copy_object(**TO, CopySource=SOURCE, CopySourceIfMatch=buckets["ETag"])
    s3.copy_object(**TO, CopySource=SOURCE | {"VersionId": buckets["VersionId"]}, CopySourceIfMatch=buckets["ETag"])
    assert read(s3, "store", "models/m") == b"weights"


def test_owners_are_as_expected(s3: Any, refused: Any) -> None:
    """Model: ExpectedBucketOwner and ExpectedSourceBucketOwner, 403; aws.md 8.2 #18."""
    upload = s3.create_multipart_upload(**TO)["UploadId"]
    part = {"UploadId": upload, "PartNumber": 1}
    for wrong in ({"ExpectedBucketOwner": CHURN}, {"ExpectedSourceBucketOwner": HUB}):
        with refused("AccessDenied", 403):
            s3.copy_object(**TO, CopySource=SOURCE, **wrong)
        with refused("AccessDenied", 403):
            s3.upload_part_copy(**TO, **part, CopySource=SOURCE, **wrong)


def test_absent_sources(s3: Any, refused: Any) -> None:
    """Model: NoSuchBucket, NoSuchKey, NoSuchVersion, also of UploadPartCopy (aws.md 8.2 #21)."""
    with refused("NoSuchBucket", 404):
        s3.copy_object(**TO, CopySource="absent/k")
    with refused("NoSuchVersion", 404):
        s3.copy_object(**TO, CopySource=SOURCE | {"VersionId": "0" * 32})
    upload = s3.create_multipart_upload(**TO)["UploadId"]
    with refused("NoSuchKey", 404):
        s3.upload_part_copy(**TO, UploadId=upload, PartNumber=1, CopySource="lab/absent")


def test_the_limit_of_one_copy(bench: Bench, s3: Any, refused: Any) -> None:
    """Model: 5 GB (aws.md 3); the sandbox lets tests lower it."""
    assert bench.world.settings.copy_limit == 5 * 1024**3
    bench.world.settings.copy_limit = 6
    with refused("InvalidRequest", 400, "larger than the maximum allowable size"):
        s3.copy_object(**TO, CopySource=SOURCE)
    upload = s3.create_multipart_upload(**TO, ChecksumAlgorithm="SHA256")["UploadId"]
    bench.world.settings.part_minimum = 1
    parts = []
    for number, span in enumerate(("0-3", "4-6"), 1):
        result = s3.upload_part_copy(**TO, UploadId=upload, PartNumber=number, CopySource=SOURCE, CopySourceRange=f"bytes={span}")
        parts.append({"PartNumber": number} | {name: result["CopyPartResult"][name] for name in ("ETag", "ChecksumSHA256")})
    made = s3.complete_multipart_upload(**TO, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    digests = b"".join(hashlib.sha256(part).digest() for part in (b"weig", b"hts"))
    assert made["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"  # 8.2 #23: composite
    assert made["ETag"].endswith('-2"')
    assert read(s3, "store", "models/m") == b"weights"


def test_ranges_lie_within_the_source(s3: Any, refused: Any) -> None:
    """Model: CopySourceRange."""
    upload = s3.create_multipart_upload(**TO)["UploadId"]
    for span in ("bytes=0-7", "bytes=9-12"):
        with refused("InvalidArgument" if span == "bytes=0-7" else "InvalidRange", 400 if span == "bytes=0-7" else 416):
            s3.upload_part_copy(**TO, UploadId=upload, PartNumber=1, CopySource=SOURCE, CopySourceRange=span)


def test_parts_of_an_upload(s3: Any, refused: Any) -> None:
    """Model: UploadPart, ListParts, ListMultipartUploads, CompleteMultipartUpload and their errors."""
    upload = s3.create_multipart_upload(**TO, Metadata={"k": "v"}, Tagging="a=b")["UploadId"]
    big = b"a" * (5 << 20)
    one = s3.upload_part(**TO, UploadId=upload, PartNumber=1, Body=big)["ETag"]
    two = s3.upload_part(**TO, UploadId=upload, PartNumber=2, Body=b"b")["ETag"]
    assert [(row["Key"], row["UploadId"]) for row in s3.list_multipart_uploads(Bucket="store")["Uploads"]] == [("models/m", upload)]
    assert [(row["PartNumber"], row["Size"]) for row in s3.list_parts(**TO, UploadId=upload)["Parts"]] == [(1, 5 << 20), (2, 1)]

    def complete(*rows: tuple[int, str]) -> Any:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in rows]
        return s3.complete_multipart_upload(**TO, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")

    for code, rows in (("InvalidPart", [(1, two)]), ("InvalidPart", [(9, one)]), ("InvalidPartOrder", [(2, two), (1, one)])):
        with refused(code):
            complete(*rows)
    s3.put_object(**TO, Body=b"there")
    with refused("PreconditionFailed", 412):
        complete((1, one), (2, two))
    s3.delete_object(**TO)
    complete((1, one), (2, two))
    head = s3.head_object(**TO)
    assert (head["ContentLength"], head["Metadata"]) == ((5 << 20) + 1, {"k": "v"})
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="store")
    with refused("NoSuchUpload", 404):
        complete((1, one))


def test_small_parts_are_refused(s3: Any, refused: Any) -> None:
    """Model: EntityTooSmall below 5 MiB but for the last."""
    upload = s3.create_multipart_upload(**TO)["UploadId"]
    rows = [{"PartNumber": number, "ETag": s3.upload_part(**TO, UploadId=upload, PartNumber=number, Body=b"x")["ETag"]} for number in (1, 2)]
    with refused("EntityTooSmall"):
        s3.complete_multipart_upload(**TO, UploadId=upload, MultipartUpload={"Parts": rows})


def test_an_upload_is_aborted(s3: Any, refused: Any) -> None:
    """Model: AbortMultipartUpload, NoSuchUpload."""
    upload = s3.create_multipart_upload(**TO)["UploadId"]
    s3.abort_multipart_upload(**TO, UploadId=upload)
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(**TO, UploadId=upload)


def test_a_copy_onto_itself_changes_something(s3: Any, refused: Any) -> None:
    """Model: CopyObject, InvalidRequest."""
    s3.put_object(**TO, Body=b"x")
    with refused("InvalidRequest"):
        s3.copy_object(**TO, CopySource=TO)
    s3.copy_object(**TO, CopySource=TO, MetadataDirective="REPLACE", Metadata={"a": "b"})
    assert s3.head_object(**TO)["Metadata"] == {"a": "b"}
