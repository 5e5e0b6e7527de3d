"""S3 buckets and objects: conditions, owners, versions, checksums, listings."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.conftest import CHURN, HUB, REGION, Bench


@pytest.fixture
def store(s3: Any) -> str:
    """A versioned bucket of the hub."""
    return make(s3, "store")


def make(s3: Any, name: str, *, versioned: bool = True) -> str:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def read(s3: Any, bucket: str, key: str, **more: Any) -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read())


def test_buckets(bench: Bench, s3: Any, refused: Any, store: str) -> None:
    """Model: CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation and their errors."""
    assert s3.get_bucket_location(Bucket=store)["LocationConstraint"] == REGION
    assert s3.head_bucket(Bucket=store)["BucketRegion"] == REGION
    assert s3.get_bucket_versioning(Bucket=store)["Status"] == "Enabled"
    with refused("BucketAlreadyOwnedByYou", 409):
        make(s3, store)
    with refused("BucketAlreadyExists", 409):
        make(bench.client("s3", CHURN), store)
    with refused("InvalidBucketName"):
        make(s3, "No_Bucket")
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket="absent")
    with refused("404", 404):
        s3.head_bucket(Bucket="absent")
    s3.put_object(Bucket=store, Key="k", Body=b"")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=store)
    assert [row["Name"] for row in s3.list_buckets()["Buckets"]] == [store]


def test_put_and_get(s3: Any, store: str) -> None:
    """Model: PutObject, GetObject, HeadObject; ETag is MD5 for a plain object (aws.md 3)."""
    made = s3.put_object(Bucket=store, Key="a/b c+é.json", Body=b"{}", ContentType="application/json", Metadata={"k": "v"}, Tagging="a=b")
    assert made["ETag"] == f'"{hashlib.md5(b"{}").hexdigest()}"'
    head = s3.head_object(Bucket=store, Key="a/b c+é.json")
    assert (head["ContentLength"], head["ContentType"], head["Metadata"], head["VersionId"]) == (2, "application/json", {"k": "v"}, made["VersionId"])
    assert read(s3, store, "a/b c+é.json") == b"{}"
    assert s3.get_object_tagging(Bucket=store, Key="a/b c+é.json")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.put_object_tagging(Bucket=store, Key="a/b c+é.json", Tagging={"TagSet": [{"Key": "c", "Value": "d"}]})
    assert s3.get_object_tagging(Bucket=store, Key="a/b c+é.json")["TagSet"] == [{"Key": "c", "Value": "d"}]


def test_absent_objects(s3: Any, refused: Any, store: str) -> None:
    """Model: NoSuchKey, NoSuchVersion; HEAD has no body, so its code is the status."""
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=store, Key="absent")
    with refused("404", 404):
        s3.head_object(Bucket=store, Key="absent")
    s3.put_object(Bucket=store, Key="k", Body=b"")
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=store, Key="k", VersionId="0" * 32)


def test_versions_and_delete_markers(s3: Any, refused: Any, store: str) -> None:
    """Model: VersionId, DeleteMarker; deleting a version is for good."""
    first = s3.put_object(Bucket=store, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=store, Key="k", Body=b"2")["VersionId"]
    assert [read(s3, store, "k"), read(s3, store, "k", VersionId=first)] == [b"2", b"1"]
    marker = s3.delete_object(Bucket=store, Key="k")
    assert marker["DeleteMarker"] is True
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=store, Key="k")
    with refused("MethodNotAllowed", 405):
        s3.get_object(Bucket=store, Key="k", VersionId=marker["VersionId"])
    listed = s3.list_object_versions(Bucket=store)
    assert [(row["VersionId"], row["IsLatest"]) for row in listed["Versions"]] == [(second, False), (first, False)]
    assert [(row["VersionId"], row["IsLatest"]) for row in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    s3.delete_object(Bucket=store, Key="k", VersionId=marker["VersionId"])
    assert read(s3, store, "k") == b"2"
    gone = s3.delete_objects(Bucket=store, Delete={"Objects": [{"Key": "k", "VersionId": second}, {"Key": "k", "VersionId": first}]})
    assert len(gone["Deleted"]) == 2
    s3.delete_bucket(Bucket=store)


def test_without_versioning_there_is_one(s3: Any) -> None:
    """Model: VersionId is absent, and a second put replaces the first."""
    make(s3, "plain", versioned=False)
    s3.put_object(Bucket="plain", Key="k", Body=b"1")
    assert "VersionId" not in s3.put_object(Bucket="plain", Key="k", Body=b"2")
    assert [row["VersionId"] for row in s3.list_object_versions(Bucket="plain")["Versions"]] == ["null"]


def test_conditions_of_a_write(s3: Any, refused: Any, store: str) -> None:
    """Model: IfNoneMatch and IfMatch of PutObject, 412; DeleteObject's IfMatch; aws.md 3."""
    etag = s3.put_object(Bucket=store, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=store, Key="k", Body=b"2", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=store, Key="k", Body=b"2", IfMatch='"other"')
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=store, Key="absent", Body=b"2", IfMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=store, Key="k", IfMatch='"other"')
    s3.put_object(Bucket=store, Key="k", Body=b"2", IfMatch=etag)
    s3.delete_object(Bucket=store, Key="k")
    s3.put_object(Bucket=store, Key="k", Body=b"3", IfNoneMatch="*")  # a delete marker is no object


def test_conditions_of_a_read(s3: Any, refused: Any, store: str) -> None:
    """Model: IfMatch (412) and IfNoneMatch (304) of GetObject."""
    etag = s3.put_object(Bucket=store, Key="k", Body=b"1")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=store, Key="k", IfMatch='"other"')
    with refused("304", 304):
        s3.get_object(Bucket=store, Key="k", IfNoneMatch=etag)
    assert read(s3, store, "k", IfMatch=etag) == b"1"


def test_owners_are_as_expected(s3: Any, store: str) -> None:
    """Model: ExpectedBucketOwner, 403; aws.md 8.2 #18."""
    s3.put_object(Bucket=store, Key="k", Body=b"1")
    for call in (
        lambda: s3.get_object(Bucket=store, Key="k", ExpectedBucketOwner=CHURN),
        lambda: s3.head_object(Bucket=store, Key="k", ExpectedBucketOwner=CHURN),
        lambda: s3.put_object(Bucket=store, Key="k", Body=b"", ExpectedBucketOwner=CHURN),
        lambda: s3.list_objects_v2(Bucket=store, ExpectedBucketOwner=CHURN),
        lambda: s3.list_object_versions(Bucket=store, ExpectedBucketOwner=CHURN),
        lambda: s3.get_bucket_versioning(Bucket=store, ExpectedBucketOwner=CHURN),
        lambda: s3.head_bucket(Bucket=store, ExpectedBucketOwner=CHURN),
        lambda: s3.delete_object(Bucket=store, Key="k", ExpectedBucketOwner=CHURN),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert read(s3, store, "k", ExpectedBucketOwner=HUB) == b"1"


@pytest.mark.parametrize(("asked", "part", "range_"), [("bytes=2-4", b"cde", "bytes 2-4/10"), ("bytes=7-", b"hij", "bytes 7-9/10"), ("bytes=-2", b"ij", "bytes 8-9/10")])
def test_ranges(s3: Any, store: str, asked: str, part: bytes, range_: str) -> None:
    """Model: Range, ContentRange."""
    s3.put_object(Bucket=store, Key="k", Body=b"abcdefghij")
    found = s3.get_object(Bucket=store, Key="k", Range=asked)
    assert (found["Body"].read(), found["ContentRange"], found["ContentLength"]) == (part, range_, len(part))


def test_a_range_outside(s3: Any, refused: Any, store: str) -> None:
    """Model: 416 InvalidRange."""
    s3.put_object(Bucket=store, Key="k", Body=b"abc")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=store, Key="k", Range="bytes=3-")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_wrong_checksums_are_refused(s3: Any, refused: Any, store: str, algorithm: str) -> None:
    """Model: the checksum headers; reliability.md 2.2; 400 BadDigest."""
    size = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}[algorithm]
    with refused("BadDigest"):
        s3.put_object(Bucket=store, Key="k", Body=b"abc", **{f"Checksum{algorithm}": base64.b64encode(bytes(size)).decode()})


def test_checksums_have_known_values(s3: Any, store: str) -> None:
    """The check values of the algorithms over "123456789" (catalogue of parametrised CRCs)."""
    for name, value in (("CRC32", 0xCBF43926), ("CRC32C", 0xE3069283), ("CRC64NVME", 0xAE8B14860A799888)):
        text = base64.b64encode(value.to_bytes(8 if "64" in name else 4, "big")).decode()
        s3.put_object(Bucket=store, Key=name, Body=b"123456789", **{f"Checksum{name}": text})
        head = s3.head_object(Bucket=store, Key=name, ChecksumMode="ENABLED")
        assert (head[f"Checksum{name}"], head["ChecksumType"]) == (text, "FULL_OBJECT")


def test_attributes(s3: Any, store: str) -> None:
    """Model: GetObjectAttributes; aws.md 8.2 #23: ChecksumType, and CRC64NVME when nothing was sent."""
    s3.put_object(Bucket=store, Key="k", Body=io.BytesIO(b"123456789"), ChecksumAlgorithm="SHA256")
    found = s3.get_object_attributes(Bucket=store, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"])
    digest = base64.b64encode(hashlib.sha256(b"123456789").digest()).decode()
    assert found["Checksum"] == {"ChecksumSHA256": digest, "ChecksumType": "FULL_OBJECT"}
    assert (found["ETag"], found["ObjectSize"], found["StorageClass"]) == (hashlib.md5(b"123456789").hexdigest(), 9, "STANDARD")


def test_listing_in_pages(s3: Any, store: str) -> None:
    """Model: ListObjectsV2 by key in UTF-8 order, prefix, delimiter, StartAfter, MaxKeys, ContinuationToken."""
    keys = ["a/1", "a/2", "b", "c/x y", "c/é"]
    for key in reversed(keys):
        s3.put_object(Bucket=store, Key=key, Body=b"")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=store, PaginationConfig={"PageSize": 2}))
    assert [[row["Key"] for row in page["Contents"]] for page in pages] == [["a/1", "a/2"], ["b", "c/x y"], ["c/é"]]
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=store, StartAfter="a/2")["Contents"]] == keys[2:]
    found = s3.list_objects_v2(Bucket=store, Delimiter="/")
    assert ([row["Key"] for row in found["Contents"]], [row["Prefix"] for row in found["CommonPrefixes"]]) == (["b"], ["a/", "c/"])
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=store, Delimiter="/", PaginationConfig={"PageSize": 1}))
    assert [page["KeyCount"] for page in pages] == [1, 1, 1]
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.list_objects_v2(Bucket=store, ContinuationToken="###")
    assert [row["Key"] for row in s3.list_objects(Bucket=store, Prefix="c/")["Contents"]] == ["c/x y", "c/é"]


def test_versions_in_pages(s3: Any, store: str) -> None:
    """Model: ListObjectVersions with KeyMarker and VersionIdMarker."""
    made = [(key, s3.put_object(Bucket=store, Key=key, Body=b"")["VersionId"]) for key in ("a", "a", "a", "b")]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=store, PaginationConfig={"PageSize": 2})
    found = [(row["Key"], row["VersionId"]) for page in pages for row in page["Versions"]]
    assert found == [made[2], made[1], made[0], made[3]]


def test_policies_must_be_policies(s3: Any, refused: Any, store: str) -> None:
    """Model: PutBucketPolicy; aws.md 8.2 #19."""
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]})
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=store)
    with refused("MalformedPolicy"):
        s3.put_bucket_policy(Bucket=store, Policy=policy.replace('"', "\N{LEFT DOUBLE QUOTATION MARK}"))
    s3.put_bucket_policy(Bucket=store, Policy=policy)
    assert s3.get_bucket_policy(Bucket=store)["Policy"] == policy
    s3.delete_bucket_policy(Bucket=store)
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=store)


def test_settings_are_kept(s3: Any, refused: Any, store: str) -> None:
    """Model: lifecycle, encryption, public access block, ownership, tagging of buckets."""
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    with refused("NoSuchLifecycleConfiguration", 404):
        s3.get_bucket_lifecycle_configuration(Bucket=store)
    s3.put_bucket_lifecycle_configuration(Bucket=store, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=store)["Rules"] == [rule]
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/k"}
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": key}]}
    s3.put_bucket_encryption(Bucket=store, ServerSideEncryptionConfiguration=encryption)
    assert s3.get_bucket_encryption(Bucket=store)["ServerSideEncryptionConfiguration"] == encryption
    made = s3.put_object(Bucket=store, Key="k", Body=b"abc")
    assert (made["ServerSideEncryption"], made["SSEKMSKeyId"]) == ("aws:kms", "alias/k")
    assert made["ETag"] != f'"{hashlib.md5(b"abc").hexdigest()}"'  # aws.md 3: never a digest under KMS


def test_what_the_sandbox_lacks_is_said(s3: Any, refused: Any, store: str) -> None:
    """501, which clients do not retry."""
    with refused("NotImplemented", 501):
        s3.get_object_acl(Bucket=store, Key="k")
