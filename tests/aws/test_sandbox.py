"""The real clients against the sandbox on loopback: roles, objects and images across accounts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud, Roles
from controller.aws.registries import EcrRegistries
from controller.core.errors import CloudError, PreconditionError
from controller.core.model import Target
from controller.kinds.s3copy import Copied, ObjectCopy, copy_object
from controller.oci.manifest import OCI_MANIFEST, read_manifest
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import World
from tests.oci.double import CONFIG, LAYER, described

HUB, SPOKE = Target("111111111111", "eu-west-1"), Target("222222222222", "eu-west-1")
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    world = World()
    world.settings.copy_limit = 8 * MIB
    world.settings.redirect = True
    running = serve(world)
    yield running
    running.close()


@pytest.fixture
def cloud(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCloud]:
    for name, value in serving.environment(HUB.account).items():
        monkeypatch.setenv(name, value)
    arns = {place.account: f"arn:aws:iam::{place.account}:role/hubwright" for place in (HUB, SPOKE)}
    roles = {account: Roles(arn, arn, arn) for account, arn in arns.items()}
    cloud = AwsCloud(roles, run="test", writable=True, log=CallLog())
    yield cloud
    cloud.close()


@pytest.fixture
def registries(serving: Serving, cloud: AwsCloud) -> Iterator[EcrRegistries]:
    made = EcrRegistries(cloud, serving.registries, writable=True, log=CallLog())
    yield made
    made.close()


def bucket(cloud: AwsCloud, place: Target, name: str) -> Any:
    s3 = cloud.client(place, "s3", "register")
    s3.call("CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": place.region})
    s3.call("PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3


@pytest.mark.parametrize("size", [0, 100, 17 * MIB])
def test_objects_are_copied_once(cloud: AwsCloud, size: int) -> None:
    spoke, hub = bucket(cloud, SPOKE, f"lab-{size}"), bucket(cloud, HUB, f"store-{size}")
    put = spoke.call("PutObject", Bucket=f"lab-{size}", Key="a b/ü.tar", Body=bytes(size))
    item = ObjectCopy(
        f"lab-{size}",
        "a b/ü.tar",
        put["VersionId"],
        put["ETag"],
        SPOKE.account,
        size,
        f"store-{size}",
        "models/a b/ü.tar",
        HUB.account,
        "a" * 64,
        None,
        {"team": "growth & co"},
    )

    def copied(item: ObjectCopy) -> Copied:
        return copy_object(hub, item, part_limit=8 * MIB, part_size=8 * MIB)

    done = copied(item)
    assert (done.size, done.moved, bool(done.version_id), bool(done.etag)) == (size, size, True, True)
    assert copied(item).moved == 0
    place = {"Bucket": item.bucket, "Key": item.key, "ExpectedBucketOwner": HUB.account}
    assert hub.call("GetObject", **place)["Body"].read() == bytes(size)
    assert hub.call("GetObjectTagging", **place)["TagSet"] == [{"Key": "team", "Value": "growth & co"}]
    assert list(hub.pages("ListMultipartUploads", "Uploads", Bucket=item.bucket)) == []
    other = ObjectCopy(**{name: getattr(item, name) for name in item.__slots__} | {"mark": "b" * 64})
    with pytest.raises(PreconditionError, match="holds something else"):
        copied(other)
    spoke.call("DeleteObject", Bucket=item.source_bucket, Key=item.source_key, VersionId=item.source_version)
    gone = ObjectCopy(**{name: getattr(item, name) for name in item.__slots__} | {"key": "models/new"})
    with pytest.raises(PreconditionError, match="no longer the object"):
        copied(gone)


def test_more_than_the_limit_in_one_call_is_refused(cloud: AwsCloud) -> None:
    s3 = bucket(cloud, HUB, "limits")
    put = s3.call("PutObject", Bucket="limits", Key="k", Body=bytes(9 * MIB))
    item = ObjectCopy(
        "limits",
        "k",
        put["VersionId"],
        put["ETag"],
        HUB.account,
        9 * MIB,
        "limits",
        "l",
        HUB.account,
        "a" * 64,
        None,
        {},
    )
    with pytest.raises(CloudError):
        copy_object(s3, item)


def test_an_image_goes_through_ecr(cloud: AwsCloud, registries: EcrRegistries) -> None:
    for place, name in ((SPOKE, "churn/app"), (HUB, "models/222222222222/churn/app")):
        cloud.client(place, "ecr", "register").call(
            "CreateRepository", repositoryName=name, imageTagMutability="IMMUTABLE"
        )
    suffix = "dkr.ecr.eu-west-1.amazonaws.com"
    source = registries.registry(f"{SPOKE.account}.{suffix}", "register")
    config, layer = source.push_blob("churn/app", b"{}", CONFIG), source.push_blob("churn/app", b"x" * 3 * MIB, LAYER)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config),
        "layers": [described(layer)],
    }
    manifest = read_manifest(json.dumps(document).encode(), OCI_MANIFEST)
    source.put_manifest("churn/app", manifest, "v1")
    places = f"{SPOKE.account}.{suffix}/churn/app", f"{HUB.account}.{suffix}/models/222222222222/churn/app"
    assert registries.copy(*places, manifest.digest, "hw-1") == {"bytes": 3 * MIB + 2, "skipped": 0}
    assert registries.copy(*places, manifest.digest, "hw-1") == {"bytes": 0, "skipped": 0}
    live = cloud.client(HUB, "ecr").pages(
        "DescribeImages", "imageDetails", repositoryName="models/222222222222/churn/app"
    )
    assert [(item["imageDigest"], item["imageTags"]) for item in live] == [(manifest.digest, ["hw-1"])]

    other = read_manifest(json.dumps(document | {"annotations": {"a": "b"}}).encode(), OCI_MANIFEST)
    source.put_manifest("churn/app", other, "v2")
    with pytest.raises(PreconditionError, match="already names"):
        registries.copy(*places, other.digest, "hw-1")
