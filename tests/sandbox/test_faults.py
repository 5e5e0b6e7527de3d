"""The sandbox's own promises: faults, the call log, control over HTTP, copies of worlds, who is calling."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from controller.sandbox import local
from controller.sandbox.wire import Died
from controller.sandbox.world import Session, World
from tests.pace import seconds
from tests.sandbox.conftest import CHURN, HUB, Bench


def names(sm: Any) -> list[str]:
    return [row["ModelPackageGroupName"] for row in sm.list_model_package_groups()["ModelPackageGroupSummaryList"]]


def make(sm: Any, name: str) -> None:
    sm.create_model_package_group(ModelPackageGroupName=name)


@pytest.mark.parametrize(("when", "there"), [("before", []), ("after", ["a"])])
def test_die(world: World, sm: Any, when: str, there: list[str]) -> None:
    """Before: nothing was applied; after: everything was, and nobody was told."""
    world.fault(operation="CreateModelPackageGroup", when=when, do="die")
    with pytest.raises(Died):
        make(sm, "a")
    assert names(sm) == there


@pytest.mark.parametrize(("when", "there"), [("before", []), ("after", ["a"])])
def test_drop(bench: Bench, world: World, sm: Any, when: str, there: list[str]) -> None:
    """A lost connection is botocore's own error, which it retries when it may."""
    world.fault(operation="CreateModelPackageGroup", when=when, do="drop")
    with pytest.raises(ConnectionClosedError):
        make(sm, "a")
    assert names(sm) == there
    world.fault(operation="ListModelPackageGroups", do="drop")
    assert names(bench.client("sagemaker", attempts=2)) == there


def test_the_nth_mutating_call(world: World, sm: Any, s3: Any) -> None:
    """What crash enumeration needs: calls of every service are counted together, reads are not."""
    fault = world.fault(mutating=True, nth=2, do="fail", code="Told", status=418)
    make(sm, "a")
    names(sm)
    with pytest.raises(Exception, match="Told"):
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    make(sm, "b")
    assert (fault.seen, [(call.operation, call.status) for call in world.mutations()]) == (
        3, [("CreateModelPackageGroup", 200), ("CreateBucket", 418), ("CreateModelPackageGroup", 200)],
    )  # fmt: skip


def test_throttling_has_the_shape_of_its_service(world: World, bench: Bench, refused: Any) -> None:
    """aws.md 1.8: ThrottlingException "Rate exceeded"; S3: 503 SlowDown; botocore retries both."""
    world.fault(do="throttle", times=2)
    with refused("ThrottlingException", 400, "Rate exceeded"):
        names(bench.client("sagemaker"))
    with refused("SlowDown", 503):
        bench.client("s3").list_buckets()
    world.fault(do="throttle")
    assert names(bench.client("sagemaker", attempts=2)) == []


def test_a_copy_that_fails_with_200(world: World, bench: Bench, s3: Any) -> None:
    """Model: CopyObject's 200 may hold an error (reliability.md 2.1)."""
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket", Key="a", Body=b"x")
    world.fault(operation="CopyObject", do="fail", code="InternalError", status=200)
    with pytest.raises(Exception, match="InternalError"):
        s3.copy_object(Bucket="bucket", Key="b", CopySource="bucket/a")


def test_rules_choose_by_account_and_resource(world: World, bench: Bench) -> None:
    """An account's calls, or those on one thing."""
    world.fault(account=CHURN, do="fail", times=0, code="Down", status=400)
    with pytest.raises(Exception, match="Down"):
        names(bench.client("sagemaker", CHURN))
    world.fault(resource="vic", do="fail", times=0, code="Named", status=400)
    make(bench.client("sagemaker"), "other")
    with pytest.raises(Exception, match="Named"):
        make(bench.client("sagemaker"), "victim")


def test_a_delay_is_logical_on_a_logical_clock(world: World, sm: Any) -> None:
    """Tests do not wait."""
    world.fault(do="delay", seconds=3600)
    before, began = world.clock.now(), time.monotonic()
    names(sm)
    assert world.clock.now() - before >= 3600
    assert time.monotonic() - began < 60


def test_watchers_see_both_sides_of_a_call(world: World, sm: Any) -> None:
    """Two runs are interleaved by blocking here."""
    seen: list[tuple[str, str, int]] = []
    world.watchers.append(lambda phase, call: seen.append((phase, call.operation, call.status)))
    names(sm)
    assert seen == [("before", "ListModelPackageGroups", 0), ("after", "ListModelPackageGroups", 200)]


def control(world: World, document: Any) -> tuple[int, Any]:
    status, _, body = local.send(world, "POST", "http://sandbox.localhost/_sandbox/control", {}, json.dumps(document))
    return status, json.loads(body)


def test_control_over_http(world: World, sm: Any) -> None:
    """All that Python can tell, as JSON."""
    rule = {"service": "sagemaker", "operation": "CreateModelPackageGroup", "do": "throttle"}
    settings = {
        "lag": {"search": {"calls": 2}, "list": {"seconds": 5}},
        "token_lifetime": 0,
        "copy_limit": 7,
        "status_script": ["InProgress", "Failed"],
    }
    assert control(world, {"faults": [rule], **settings})[0] == 200
    with pytest.raises(Exception, match="ThrottlingException"):
        make(sm, "a")
    assert control(world, {})[1]["faults"] == [{"do": "throttle", "operation": "CreateModelPackageGroup", "seen": 1}]
    assert (world.settings.search.calls, world.settings.list.seconds, world.settings.copy_limit) == (2, 5, 7)
    assert (world.settings.token.seconds if world.settings.token else None, world.settings.status["*"]) == (
        0,
        ("InProgress", "Failed"),
    )
    log = json.loads(local.send(world, "GET", "http://sandbox.localhost/_sandbox/calls", {})[2])["calls"]
    assert [
        (row["service"], row["operation"], row["account"], row["mutating"], row["resource"], row["status"], row["code"])
        for row in log
    ] == [("sagemaker", "CreateModelPackageGroup", HUB, True, "a", 400, "ThrottlingException")]
    assert control(world, {"clear_faults": True, "clear_calls": True, "reset": True})[1] == {"calls": 0, "faults": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"x": 1},
        {"faults": [{"do": "explode"}]},
        {"faults": [{"y": 1}]},
        {"status_script": ["No"]},
        {"lag": {"list": "x"}},
        [],
    ],
)
def test_control_refuses_what_it_does_not_know(world: World, wrong: Any) -> None:
    """400 with the reason."""
    assert control(world, wrong)[0] == 400


def test_worlds_are_copied(bench: Bench, sm: Any, s3: Any) -> None:
    """A prepared world serves many tests; what one does the others never see."""
    make(sm, "a")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    origin = bench.world
    bench.world = origin.copy()
    make(sm, "b")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    assert names(sm) == ["a", "b"]
    bench.world = origin
    assert (names(sm), s3.list_objects_v2(Bucket="bucket")["KeyCount"]) == (["a"], 0)


def test_equal_runs_are_equal(bench: Bench, sm: Any, s3: Any) -> None:
    """On the logical clock times, version ids and upload ids repeat."""

    def run() -> Any:
        bench.world = World(logical=True)
        make(sm, "a")
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        made = s3.put_object(Bucket="bucket", Key="k", Body=b"x")["VersionId"]
        return made, s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"], bench.world.clock.now()

    assert run() == run()


def test_worlds_are_quick(bench: Bench) -> None:
    """Crash enumeration makes hundreds; the bound is 50 ms."""
    assert seconds(lambda: World(logical=True).copy(), 0.2) < 0.2


def test_callers(bench: Bench, refused: Any) -> None:
    """Model: GetCallerIdentity, AssumeRole; a role has to exist, and its sessions are of its account."""
    sts = bench.client("sts")
    me = sts.get_caller_identity()
    assert (me["Account"], me["Arn"]) == (HUB, f"arn:aws:iam::{HUB}:user/administrator")
    role = f"arn:aws:iam::{CHURN}:role/hubwright"
    made = sts.assume_role(RoleArn=role, RoleSessionName="run-1")
    assert made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{CHURN}:assumed-role/hubwright/run-1"
    keys = made["Credentials"]
    there = bench.session.create_client(
        "sts", region_name="eu-west-1", endpoint_url="http://sandbox.localhost",
        aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
    )  # fmt: skip
    assert there.get_caller_identity()["Arn"] == f"arn:aws:sts::{CHURN}:assumed-role/hubwright/run-1"
    with refused("AccessDenied", 403, "sts:AssumeRole"):
        sts.assume_role(RoleArn=role + "-absent", RoleSessionName="run-1")
    with refused("ValidationError"):  # reliability.md 2.1: a chained session of more than an hour
        there.assume_role(RoleArn=role, RoleSessionName="run-2", DurationSeconds=7200)
    session = bench.world.sessions[keys["AccessKeyId"]]
    bench.world.sessions[keys["AccessKeyId"]] = Session(
        session.account, session.role, session.name, 0.0, None, session.parent
    )
    with refused("ExpiredTokenException"):
        there.get_caller_identity()


@pytest.mark.parametrize(
    ("service", "code"),
    [("sagemaker", "UnrecognizedClientException"), ("sts", "InvalidClientTokenId"), ("s3", "InvalidAccessKeyId")],
)
def test_unknown_keys(bench: Bench, refused: Any, service: str, code: str) -> None:
    """The three ways in which AWS says it."""
    client = bench.session.create_client(
        service, region_name="eu-west-1", endpoint_url="http://sandbox.localhost",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x",
    )  # fmt: skip
    call = {"sagemaker": "list_model_package_groups", "sts": "get_caller_identity", "s3": "list_buckets"}[service]
    with refused(code, 403):
        getattr(client, call)()
