"""The object copier against a small S3 that keeps S3's preconditions, owners, limits and uploads."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from controller.core.errors import CloudError, PreconditionError
from controller.kinds.s3copy import copy_object
from controller.kinds.s3object import MARK, Copied, ObjectCopy

HUB, SPOKE = "111111111111", "222222222222"
MIB = 1024 * 1024
KEY = "models/222222222222/churn/model.tar.gz"
KMS = "arn:aws:kms:eu-west-1:111111111111:key/k"


class Death(BaseException):
    """The process ends here."""


@dataclass
class Object:
    body: bytes
    etag: str
    version: str
    more: dict[str, Any]


@dataclass
class Upload:
    key: str
    more: dict[str, Any]
    parts: dict[int, bytes] = field(default_factory=dict)


def refuse(operation: str, code: str, status: int) -> CloudError:
    return CloudError(f"s3:{operation}", code, "refused", status=status)


@dataclass
class S3:
    """Implements `Client`. `before` and `after` see every call and may raise."""

    owners: dict[str, str] = field(default_factory=lambda: {"from": SPOKE, "store": HUB})
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    limit: int = 8 * MIB
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    before: Callable[[S3, int, str], None] = lambda s3, number, operation: None
    after: Callable[[S3, int, str], None] = lambda s3, number, operation: None
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.calls.append((operation, parameters))
        number = len(self.calls)
        self.before(self, number, operation)
        if self.owners.get(parameters["Bucket"]) != parameters["ExpectedBucketOwner"]:
            raise refuse(operation, "AccessDenied", 403)
        answer: dict[str, Any] = getattr(self, operation)(**parameters)
        self.after(self, number, operation)
        return answer

    def pages(self, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        assert (operation, result) in {("ListMultipartUploads", "Uploads"), ("ListParts", "Parts")}
        yield from self.call(operation, **parameters)[result]

    def many(self, operation: str, requests: Any, told: Any = None) -> list[None]:
        return [None] * len(requests)

    def put(self, bucket: str, key: str, body: bytes, **more: Any) -> Object:
        made = Object(body, f'"{hashlib.md5(body).hexdigest()}"', f"v{next(self.ids)}", more)
        self.objects[bucket, key] = made
        return made

    def source(self, operation: str, parameters: dict[str, Any]) -> bytes:
        place = parameters["CopySource"]
        found = self.objects.get((place["Bucket"], place["Key"]))
        if self.owners[place["Bucket"]] != parameters["ExpectedSourceBucketOwner"]:
            raise refuse(operation, "AccessDenied", 403)
        if found is None or place.get("VersionId", found.version) != found.version:
            raise refuse(operation, "NoSuchVersion" if found else "NoSuchKey", 404)
        if parameters["CopySourceIfMatch"] != found.etag:
            raise refuse(operation, "PreconditionFailed", 412)
        return found.body

    def absent(self, operation: str, parameters: dict[str, Any]) -> None:
        assert parameters["IfNoneMatch"] == "*"
        if (parameters["Bucket"], parameters["Key"]) in self.objects:
            raise refuse(operation, "PreconditionFailed", 412)

    def HeadObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        found = self.objects.get((parameters["Bucket"], parameters["Key"]))
        if found is None:
            raise refuse("HeadObject", "404", 404)
        return {
            "ContentLength": len(found.body),
            "ETag": found.etag,
            "VersionId": found.version,
            "ChecksumCRC64NVME": hashlib.md5(found.body).hexdigest()[:8],
            "ChecksumType": "FULL_OBJECT",
            "Metadata": found.more.get("Metadata", {}),
        }

    def CopyObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        body = self.source("CopyObject", parameters)
        if len(body) > self.limit:
            raise refuse("CopyObject", "InvalidRequest", 400)
        assert (parameters["MetadataDirective"], parameters["TaggingDirective"]) == ("REPLACE", "REPLACE")
        self.absent("CopyObject", parameters)
        made = self.put(parameters["Bucket"], parameters["Key"], body, **content(parameters))
        return {"CopyObjectResult": {"ETag": made.etag}}

    def CreateMultipartUpload(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        name = f"u{next(self.ids)}"
        self.uploads[name] = Upload(parameters["Key"], content(parameters))
        return {"UploadId": name}

    def upload(self, operation: str, parameters: dict[str, Any]) -> Upload:
        if parameters["UploadId"] not in self.uploads:
            raise refuse(operation, "NoSuchUpload", 404)
        return self.uploads[parameters["UploadId"]]

    def UploadPartCopy(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        body = self.source("UploadPartCopy", parameters)
        first, last = map(int, parameters["CopySourceRange"].removeprefix("bytes=").split("-"))
        assert last < len(body)
        part = body[first : last + 1]
        self.upload("UploadPartCopy", parameters).parts[parameters["PartNumber"]] = part
        return {"CopyPartResult": part_row(part)}

    def ListParts(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        parts = self.upload("ListParts", parameters).parts
        return {
            "Parts": [{"PartNumber": number, "Size": len(part), **part_row(part)} for number, part in parts.items()]
        }

    def CompleteMultipartUpload(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        upload = self.upload("CompleteMultipartUpload", parameters)
        self.absent("CompleteMultipartUpload", parameters)
        parts = parameters["MultipartUpload"]["Parts"]
        assert [part["PartNumber"] for part in parts] == sorted(upload.parts)
        assert all(part["ChecksumCRC64NVME"] == "c" for part in parts)
        body = b"".join(upload.parts[part["PartNumber"]] for part in parts)
        assert parameters["MpuObjectSize"] == len(body)
        del self.uploads[parameters["UploadId"]]
        return {"ETag": self.put(parameters["Bucket"], parameters["Key"], body, **upload.more).etag}

    def AbortMultipartUpload(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        self.upload("AbortMultipartUpload", parameters)
        del self.uploads[parameters["UploadId"]]
        return {}

    def ListMultipartUploads(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        found = [{"Key": one.key, "UploadId": name} for name, one in self.uploads.items()]
        return {"Uploads": [one for one in found if one["Key"].startswith(parameters["Prefix"])]}

    @property
    def copy(self) -> Object:
        return self.objects["store", KEY]

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


def part_row(part: bytes) -> dict[str, str]:
    return {"ETag": hashlib.md5(part).hexdigest(), "ChecksumCRC64NVME": "c"}


def content(parameters: dict[str, Any]) -> dict[str, Any]:
    names = ("Metadata", "Tagging", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
    return {name: parameters[name] for name in names if name in parameters}


def world(size: int = 100) -> tuple[S3, ObjectCopy]:
    s3 = S3()
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    source = s3.put("from", "out/model.tar.gz", body)
    item = ObjectCopy(
        source_bucket="from",
        source_key="out/model.tar.gz",
        source_version=source.version,
        source_etag=source.etag,
        source_owner=SPOKE,
        size=size,
        bucket="store",
        key=KEY,
        owner=HUB,
        mark="a" * 64,
        kms_key_arn=None,
        tags={"team": "growth & co", "hubwright:fleet": "g"},
    )
    return s3, item


def copied(s3: S3, item: ObjectCopy) -> Copied:
    return copy_object(s3, item, part_limit=s3.limit, part_size=3 * MIB, pause=lambda seconds: None)


SIZES = [0, 100, 8 * MIB, 8 * MIB + 1, 9 * MIB]


@pytest.mark.parametrize("size", SIZES)
def test_a_copy_says_what_it_is_of_and_a_second_moves_nothing(size: int) -> None:
    s3, item = world(size)
    done = copied(s3, item)
    assert done == Copied(s3.copy.version, s3.copy.etag, size, {"CRC64NVME": done.checksums["CRC64NVME"]}, size)
    assert s3.copy.body == s3.objects["from", item.source_key].body
    assert s3.copy.more["Metadata"] == {MARK: item.mark}
    assert dict(parse_qsl(s3.copy.more["Tagging"])) == dict(item.tags)
    assert copied(s3, item) == replace(done, moved=0)
    assert s3.uploads == {}


def test_parts_are_cut_without_gaps() -> None:
    s3, item = world(8 * MIB + 1)
    copied(s3, item)
    ranges = [parameters["CopySourceRange"] for name, parameters in s3.calls if name == "UploadPartCopy"]
    assert ranges == ["bytes=0-3145727", "bytes=3145728-6291455", "bytes=6291456-8388608"]


def test_at_most_ten_thousand_parts_are_made() -> None:
    s3, item = world(20_001)
    s3.limit = 10
    copy_object(s3, item, part_limit=10, part_size=1, pause=lambda seconds: None)
    assert s3.operations.count("UploadPartCopy") == 6667
    assert s3.copy.body == s3.objects["from", item.source_key].body


@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_the_stores_key_encrypts(size: int) -> None:
    s3, item = world(size)
    copied(s3, replace(item, kms_key_arn=KMS))
    assert {name: s3.copy.more[name] for name in ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")} == {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": KMS,
        "BucketKeyEnabled": True,
    }


@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_every_call_names_owners_and_none_an_acl(size: int) -> None:
    s3, item = world(size)
    copied(s3, item)
    for operation, parameters in s3.calls:
        assert parameters["ExpectedBucketOwner"] == HUB
        assert not any("ACL" in name or name.startswith("Grant") for name in parameters)
        if "Copy" in operation:
            assert parameters["ExpectedSourceBucketOwner"] == SPOKE
            assert parameters["CopySourceIfMatch"] == item.source_etag
            assert parameters["CopySource"]["VersionId"] == item.source_version


def test_an_unversioned_source_is_pinned_by_its_etag_alone() -> None:
    s3, item = world()
    copied(s3, replace(item, source_version=None))
    assert s3.calls[0][1]["CopySource"] == {"Bucket": "from", "Key": "out/model.tar.gz"}


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("other", [b"other", None])
def test_what_stands_there_is_never_replaced(size: int, other: bytes | None) -> None:
    s3, item = world(size)
    body = s3.objects["from", item.source_key].body if other is None else other
    there = s3.put("store", KEY, body, Metadata={MARK: "b" * 64 if other is None else item.mark})
    with pytest.raises(PreconditionError, match=f"s3://store/{KEY} holds something else"):
        copied(s3, item)
    assert s3.copy is there
    assert s3.uploads == {}


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("change", ["overwritten", "gone", "other version"])
def test_a_source_that_changed_is_refused(size: int, change: str) -> None:
    s3, item = world(size)
    if change == "gone":
        del s3.objects["from", item.source_key]
    elif change == "overwritten":
        s3.put("from", item.source_key, b"x" * size)
        item = replace(item, source_version=None)
    else:
        item = replace(item, source_version="v0")
    with pytest.raises(PreconditionError, match="no longer the object"):
        copied(s3, item)
    assert ("store", KEY) not in s3.objects
    assert s3.uploads == {}


def test_a_source_that_changes_between_parts_is_refused() -> None:
    s3, item = world(9 * MIB)

    def change(s3: S3, number: int, operation: str) -> None:
        if s3.operations.count("UploadPartCopy") == 2:
            s3.put("from", item.source_key, b"x" * 9 * MIB)

    s3.before = change
    with pytest.raises(PreconditionError, match="no longer the object"):
        copied(s3, replace(item, source_version=None))
    assert (("store", KEY) in s3.objects, s3.uploads) == (False, {})


@pytest.mark.parametrize("bucket", ["from", "store"])
@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_a_bucket_of_another_owner_is_not_touched(bucket: str, size: int) -> None:
    s3, item = world(size)
    s3.owners[bucket] = "666666666666"
    with pytest.raises(CloudError) as caught:
        copied(s3, item)
    assert caught.value.denied
    assert (("store", KEY) in s3.objects, s3.uploads) == (False, {})


@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_a_conflict_at_this_moment_is_tried_again_five_times_at_most(size: int) -> None:
    last = "CopyObject" if size == 100 else "CompleteMultipartUpload"
    for conflicts in (4, 5):
        s3, item = world(size)
        left, pauses = [conflicts], list[float]()

        def conflict(s3: S3, number: int, operation: str, left: list[int] = left) -> None:
            if operation == last and left[0]:
                left[0] -= 1
                raise refuse(operation, "ConditionalRequestConflict", 409)

        s3.before = conflict
        if conflicts == 4:
            done = copy_object(s3, item, part_limit=s3.limit, part_size=3 * MIB, pause=pauses.append)
            assert done.size == size
        else:
            with pytest.raises(CloudError) as caught:
                copy_object(s3, item, part_limit=s3.limit, part_size=3 * MIB, pause=pauses.append)
            assert caught.value.code == "ConditionalRequestConflict"
        assert (len(pauses), s3.uploads) == (4, {})


@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_a_lost_answer_of_a_success_is_a_success(size: int) -> None:
    s3, item = world(size)

    def lose(s3: S3, number: int, operation: str) -> None:
        if operation in {"CopyObject", "CompleteMultipartUpload"}:
            raise refuse(operation, "ReadTimeoutError", 0)

    s3.after = lose
    assert copied(s3, item).moved == size
    assert s3.uploads == {}


def test_leftovers_of_this_key_are_aborted_and_others_left() -> None:
    s3, item = world(9 * MIB)
    s3.uploads = {"u-mine": Upload(KEY, {}), "u-other": Upload(KEY + ".more", {}), "u-else": Upload("else", {})}
    copied(s3, item)
    assert set(s3.uploads) == {"u-other", "u-else"}


def test_a_run_whose_upload_was_aborted_by_another_does_not_fight() -> None:
    s3, item = world(9 * MIB)

    def rival(s3: S3, number: int, operation: str) -> None:
        if operation == "UploadPartCopy" and len(s3.uploads) == 1:
            s3.before = lambda s3, number, operation: None
            copied(s3, item)

    s3.before = rival
    assert copied(s3, item).size == item.size
    assert (s3.operations.count("CompleteMultipartUpload"), s3.uploads) == (1, {})


@pytest.mark.parametrize("mine", [1, 2, 3])
def test_a_run_takes_no_upload_from_another_that_is_under_way(mine: int) -> None:
    """Whatever that one has made of it; who completes first ends what is left."""
    s3, item = world(9 * MIB)

    def rival(s3: S3, number: int, operation: str) -> None:
        if operation == "UploadPartCopy" and s3.operations.count(operation) == mine:
            s3.before = killed
            with pytest.raises(Death):
                copied(s3, item)
            s3.before = lambda s3, number, operation: None

    def killed(s3: S3, number: int, operation: str) -> None:
        if operation == "UploadPartCopy":
            raise Death

    s3.before = rival
    assert copied(s3, item).moved == item.size
    assert "AbortMultipartUpload" not in s3.operations
    assert len(s3.uploads) == (1 if mine == 1 else 0)
    copied(s3, item)
    assert s3.uploads == {}


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_run_that_is_bereft_of_its_upload_begins_anew(lost: int) -> None:
    s3, item = world(9 * MIB)

    def third(s3: S3, number: int, operation: str) -> None:
        if s3.operations.count("UploadPartCopy") == lost:
            s3.uploads.clear()
            s3.before = lambda s3, number, operation: None

    s3.before = third
    pauses: list[float] = []
    done = copy_object(s3, item, part_limit=s3.limit, part_size=3 * MIB, pause=pauses.append)
    assert (done.size, s3.copy.body, s3.uploads) == (item.size, s3.objects["from", item.source_key].body, {})
    assert pauses == [0.2]


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_said_to_have_moved_is_what_this_run_has_moved(when: str) -> None:
    """Also where its last answer is lost, or another run has completed the upload meanwhile."""
    s3, item = world(9 * MIB)
    s3.after = dies_at("UploadPartCopy", 2)
    with pytest.raises(Death):
        copied(s3, item)
    s3.after = lambda s3, number, operation: None

    def end(s3: S3, number: int, operation: str) -> None:
        if operation == "CompleteMultipartUpload":
            s3.before = s3.after = lambda s3, number, operation: None
            if when == "before":
                assert copied(s3, item).moved == 0
            else:
                raise refuse(operation, "ReadTimeoutError", 0)

    setattr(s3, when, end)
    assert copied(s3, item).moved == 3 * MIB


class Sealed(S3):
    """Encrypts with KMS: a part that is made anew has another ETag, though it has the same bytes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.etags: dict[tuple[str, int], str] = {}

    def UploadPartCopy(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        row = super().UploadPartCopy(**parameters)["CopyPartResult"]
        etag = self.etags[parameters["UploadId"], parameters["PartNumber"]] = f"sealed-{next(self.ids)}"
        return {"CopyPartResult": {**row, "ETag": etag}}

    def ListParts(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        rows = super().ListParts(**parameters)["Parts"]
        return {"Parts": [{**row, "ETag": self.etags[parameters["UploadId"], row["PartNumber"]]} for row in rows]}

    def CompleteMultipartUpload(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        upload, parts = parameters["UploadId"], parameters["MultipartUpload"]["Parts"]
        self.upload("CompleteMultipartUpload", parameters)
        if any(self.etags[upload, part["PartNumber"]] != part["ETag"] for part in parts):
            raise refuse("CompleteMultipartUpload", "InvalidPart", 400)
        return super().CompleteMultipartUpload(**parameters)


@pytest.mark.parametrize("times", [1, 2])
def test_a_part_that_another_run_in_the_same_upload_makes_anew_harms_nothing(times: int) -> None:
    plain, item = world(9 * MIB)
    s3, left = Sealed(objects=plain.objects), [times]

    def rival(s3: S3, number: int, operation: str) -> None:
        if operation == "CompleteMultipartUpload" and left[0]:
            left[0] -= 1
            s3.UploadPartCopy(**next(given for name, given in s3.calls if name == "UploadPartCopy"))

    s3.before = rival
    done = copied(s3, item)
    assert (done.size, s3.uploads, s3.operations.count("CreateMultipartUpload")) == (item.size, {}, 1)
    assert (s3.copy.body, done.moved) == (s3.objects["from", item.source_key].body, item.size)


def test_parts_that_are_never_good_are_given_up_with_their_upload() -> None:
    s3, item = world(9 * MIB)

    def never(s3: S3, number: int, operation: str) -> None:
        if operation == "CompleteMultipartUpload":
            raise refuse(operation, "InvalidPart", 400)

    s3.before = never
    with pytest.raises(CloudError) as caught:
        copied(s3, item)
    assert (caught.value.code, s3.operations.count("CompleteMultipartUpload"), s3.uploads) == ("InvalidPart", 5, {})


def dies_at(operation: str, times: int) -> Callable[[S3, int, str], None]:
    def die(s3: S3, number: int, called: str) -> None:
        if called == operation and s3.operations.count(operation) == times:
            raise Death

    return die


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("when", ["before", "after"])
def test_death_at_any_call_is_repaired_by_the_next_run(size: int, when: str) -> None:
    deaths = 0
    for fatal in range(1, 12):
        s3, item = world(size)

        def die(s3: S3, number: int, operation: str, fatal: int = fatal) -> None:
            if number == fatal:
                raise Death

        setattr(s3, when, die)
        try:
            copied(s3, item)
        except Death:
            deaths += 1
        setattr(s3, when, lambda s3, number, operation: None)
        copied(s3, item)
        assert s3.copy.body == s3.objects["from", item.source_key].body
        assert s3.uploads == {}
    assert deaths >= (2 if size == 100 else 7)


PASSING = [("InternalError", 500), ("EndpointConnectionError", 0), ("ExpiredToken", 400), ("SlowDown", 503)]


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("code", PASSING)
def test_after_a_failure_that_may_pass_the_next_try_moves_only_what_is_missing(
    size: int, code: tuple[str, int]
) -> None:
    for fatal in range(1, 12):
        s3, item = world(size)

        def fail(s3: S3, number: int, operation: str, fatal: int = fatal) -> None:
            if number >= fatal:
                raise refuse(operation, *code)

        s3.before = fail
        try:
            copied(s3, item)
        except CloudError as error:
            assert error.code == code[0]
        s3.before = lambda s3, number, operation: None
        made = sum(len(upload.parts) for upload in s3.uploads.values())
        before = s3.operations.count("UploadPartCopy")
        copied(s3, item)
        assert (s3.copy.body, s3.uploads) == (s3.objects["from", item.source_key].body, {})
        if size > s3.limit and made:
            assert s3.operations.count("UploadPartCopy") - before == 3 - made


def test_an_upload_of_another_layout_is_aborted_and_not_continued() -> None:
    s3, item = world(9 * MIB)
    s3.uploads = {"u-old": Upload(KEY, {}, {1: b"x" * MIB}), "u-long": Upload(KEY, {}, {9: b"x" * 3 * MIB})}
    copied(s3, item)
    assert (s3.copy.body, s3.uploads) == (s3.objects["from", item.source_key].body, {})


@pytest.mark.parametrize("size", [100, 9 * MIB])
@pytest.mark.parametrize("code", [("AccessDenied", 403), ("InvalidRequest", 400)])
def test_a_failure_for_good_at_any_call_leaves_no_upload(size: int, code: tuple[str, int]) -> None:
    for fatal in range(1, 12):
        s3, item = world(size)

        def fail(s3: S3, number: int, operation: str, fatal: int = fatal) -> None:
            if number == fatal:
                raise refuse(operation, *code)

        s3.before = fail
        try:
            copied(s3, item)
        except CloudError as error:
            assert error.code == code[0]
        assert s3.uploads == {}
