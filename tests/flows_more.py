"""Flows beside promoting: word of it, the audit, holds, drift, traces, and the worker on the hub's queue."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from controller.aws.registries import EcrRegistries
from controller.cli.holding import _own, _released, _set
from controller.core.acting import acting
from controller.core.errors import CloudError
from controller.core.hold import GroupHold
from controller.core.limits import parse_moment
from controller.core.model import Target
from controller.core.scope import Scope
from controller.core.trace import parse_asked
from controller.drift import Look, look
from controller.events.queue import Queue
from controller.kinds import audit, versions
from controller.kinds import group as groups
from controller.kinds.sealed import sealed
from controller.sandbox.authz.ask import Ask
from controller.sandbox.authz.decide import Policies, Principal
from controller.sandbox.authz.guard import judge
from controller.sandbox.kms.state import Key
from controller.sandbox.principals import secret_of
from controller.sandbox.world import Session
from controller.stocktake import Depth
from controller.trace import trace
from controller.wiring import roles_of
from tests.admins import Admins
from tests.bed import CHURN, HUB, REGION, STORE, VISION, Inline
from tests.granted import Granted, registries

AUDIT = "hub-audit"
THERE = Target(HUB, REGION)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class NoPasts:
    """Nothing was ever said."""

    def ever(self, kind: str, name: str) -> list[Any]:
        return []

    def at(self, kind: str, name: str, revision: str) -> tuple[bool, Any]:
        return False, None

    def before(self) -> list[Any]:
        return []


def prepare(admins: Admins) -> None:
    """The audit's bucket with Object Lock, and the table."""
    place = {"LocationConstraint": REGION}
    admins.call(
        HUB, "s3", "CreateBucket", Bucket=AUDIT, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True
    )
    enabled = {"Status": "Enabled"}
    admins.call(HUB, "s3", "PutBucketVersioning", Bucket=AUDIT, VersioningConfiguration=enabled)
    lock = {"ObjectLockEnabled": "Enabled"}
    admins.call(HUB, "s3", "PutObjectLockConfiguration", Bucket=AUDIT, ObjectLockConfiguration=lock)
    key = [{"AttributeName": "promotion", "KeyType": "HASH"}]
    named = [{"AttributeName": "promotion", "AttributeType": "S"}]
    billed = "PAY_PER_REQUEST"
    if "versions" not in admins.call(HUB, "dynamodb", "ListTables")["TableNames"]:
        admins.call(
            HUB, "dynamodb", "CreateTable",
            TableName="versions", KeySchema=key, AttributeDefinitions=named, BillingMode=billed,
        )  # fmt: skip


def cloud_of(world: Granted, *, writable: bool, keys: Mapping[str, str] | None = None) -> Any:
    """The accounts as the hub's job enters them, or whoever has these keys."""
    return world.admins.entered(keys or world.job(), roles_of(world.fleet), world.log, writable=writable)


def told(world: Granted) -> None:
    """Every version that was registered was told of; an item that is there is read, and is the same."""
    table = cloud_of(world, writable=True).client(THERE, "dynamodb", "register")
    items = world.admins.call(HUB, "dynamodb", "Scan", TableName="versions")["Items"]
    assert len(items) >= 3
    assert table.call("GetItem", TableName="versions", Key={"promotion": items[0]["promotion"]})["Item"] == items[0]


def recorded(world: Granted) -> None:
    """A record is written once, kept, and read back by who plans."""
    place = next(hub.spec.audit for hub in world.fleet.hubs.values() if hub.spec.audit is not None)
    cloud = cloud_of(world, writable=True)
    writer = cloud.client(THERE, "s3", "register")
    for _ in range(2):
        audit.write(writer, HUB, place, "2026/run-intent.json", {"run": "1"}, NOW)
    assert [where for where, _, _ in audit.records(cloud.client(THERE, "s3"), HUB, place)] == [
        f"s3://{AUDIT}/audit/2026/run-intent.json"
    ]


def kept(world: Granted) -> None:
    """Nor does the administrator change a record of the audit."""
    place = {"Bucket": AUDIT, "Key": "audit/2026/run-intent.json"}
    version = world.admins.call(HUB, "s3", "HeadObject", **place)["VersionId"]
    for operation, more in (
        ("PutObject", {"Body": b"{}"}),
        ("DeleteObject", {}),
        ("DeleteObject", {"VersionId": version}),
    ):
        refused = None
        try:
            world.admins.call(HUB, "s3", operation, **place, **more)
        except CloudError as error:
            refused = error
        assert refused is not None and refused.denied and "explicit deny" in str(refused), (operation, refused)


def held(world: Granted) -> None:
    """A group is held, and let go."""
    held_in(world, HUB, "churn")


def held_in(world: Granted, account: str, name: str) -> None:
    """A hub's group, held and let go."""
    cloud, there = cloud_of(world, writable=True), Target(account, REGION)
    client = cloud.client(there, "sagemaker", "register")
    seen = groups.reread(cloud.client(there, "sagemaker"), name)
    assert seen is not None and seen.name == name
    wanted = GroupHold(parse_moment("2030-01-01T00:00:00Z"), "somebody", "a look at it")
    fleet = world.fleet.fleet.name
    assert name in _set(client, there, _own(client, name, fleet), wanted.text())
    assert _released(client, there, _own(client, name, fleet)).startswith("no longer")


def drifted(world: Granted) -> None:
    """Everything behind what was promoted is read again, to the last byte, by a cloud that cannot write."""
    cloud = cloud_of(world, writable=False)
    images = EcrRegistries(cloud, registries(world.admins), writable=False, log=world.log, transport=world.admins.door)
    with ThreadPoolExecutor(2) as copiers:
        depth = Depth(images.registry, copiers, lambda _: None)
        found = look(Look(cloud, world.fleet, Scope(), Inline(), lambda _: None, NoPasts(), NOW, depth))
    unread = [
        item for item in found.items if item.kind in ("unread", "unreadable", "unknown") or "could not" in item.why
    ]
    assert (unread, found.looked.bytes > 0, found.looked.images > 0) == ([], True, True)
    said = " ".join(item.why for item in found.items)
    assert "AccessDenied" not in said and "not authorized" not in said, said


def access_looked_at(world: Granted) -> tuple[int, list[tuple[Any, ...]]]:
    """How many documents of access `drift` compared with the roles that were derived, and what it says of them."""
    cloud = cloud_of(world, writable=False)
    found = look(Look(cloud, world.fleet, Scope(), Inline(), lambda _: None, NoPasts(), NOW))
    rows = [
        (item.kind, item.severity, item.about[:12], item.field, *(row.field for row in item.evidence))
        for item in found.items
        if item.about[:12].isdigit()
    ]
    return found.looked.documents, sorted(rows)


def looked(world: Granted) -> None:
    """The roles that read the accounts see all that access has brought about there, as it was."""
    compared, rows = access_looked_at(world)
    assert (compared > 20, rows) == (True, [])


def tampered(world: Granted) -> None:
    """What somebody changes behind Git's back is found, in a hub's store and in a role, and put right."""
    place = next(hub.spec for hub in world.fleet.hubs.values())
    bucket, role = place.stores[0].bucket, str(place.access.read).rpartition("/")[2]
    text = world.admins.call(place.account, "s3", "GetBucketPolicy", Bucket=bucket)["Policy"]
    left = json.loads(text)
    left["Statement"] = [said for said in left["Statement"] if "NeverDeleted" not in said["Sid"]]
    world.admins.call(place.account, "s3", "PutBucketPolicy", Bucket=bucket, Policy=json.dumps(left))
    trust = json.loads(world.admins.world.iam_of(place.account).roles[role].trust)
    trust["Statement"][0].pop("Condition")
    world.admins.call(
        place.account, "iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=json.dumps(trust)
    )  # fmt: skip
    _, rows = access_looked_at(world)
    changed = trust["Statement"][0]["Sid"]
    denial = next(said["Sid"] for said in json.loads(text)["Statement"] if "NeverDeleted" in said["Sid"])
    assert rows == [
        ("drift", "critical", place.account, "bucket-policy", denial),
        ("drift", "critical", place.account, "role", changed),
    ]
    world.apply(place.account)
    assert access_looked_at(world)[1] == []


def traced(world: Granted) -> None:
    """A hub version is traced to its source with its record and document."""
    traced_in(world, HUB, "churn")


def traced_in(world: Granted, account: str, group: str) -> None:
    """The first version of a hub's group, traced."""
    arn = f"arn:aws:sagemaker:{REGION}:{account}:model-package/{group}/1"
    found = trace(cloud_of(world, writable=False), world.fleet, parse_asked(arn), Inline())
    assert (found.blind, [item.faults for item in found.versions]) == ({}, [()])
    assert all(item.record and item.lineage for item in found.versions)


def origins(world: Granted) -> None:
    """A spoke's read role sees the jobs and the runs of pipelines that its versions come from."""
    origins_in(cloud_of(world, writable=False), CHURN)
    origins_in(pusher(world), VISION)


def origins_in(cloud: Any, account: str) -> None:
    """The jobs and the runs of one spoke, whether there are any or not."""
    client, base = cloud.client(Target(account, REGION), "sagemaker"), f"arn:aws:sagemaker:{REGION}:{account}"
    for action, what in (
        ("DescribeTrainingJob", "training-job/j"),
        ("DescribePipelineExecution", "pipeline/p/execution/e"),
        ("ListPipelineExecutionSteps", "pipeline/p/execution/e"),
    ):
        _answered(client, action, f"{base}:{what}")


def _answered(client: Any, action: str, arn: str) -> None:
    """That the call is let through, whatever comes of it."""
    name = {"TrainingJobName": "j"} if "Training" in action else {"PipelineExecutionArn": arn}
    try:
        client.call(action, **name)
    except CloudError as error:
        assert not error.denied, error


def pusher(world: Granted) -> Any:
    """The accounts as the push spoke's job enters them."""
    from tests.flows import MAIN, job

    keys = job(world, VISION, "hubwright-push", MAIN)
    return world.admins.entered(keys, roles_of(acting(world.fleet, "vision-lab")), world.log, writable=True)


def probed(world: Granted) -> None:
    """Whoever reads a bucket reads versions and what has none, and is told that what is gone is gone, not forbidden."""
    hub, spoke = cloud_of(world, writable=True), pusher(world)
    for client, name, account in (
        (hub.client(Target(CHURN, REGION), "s3"), "churn-lab", CHURN),
        (hub.client(THERE, "s3", "register"), "churn-lab", CHURN),
        (hub.client(THERE, "s3"), "edge-lab", "444444444444"),
        (spoke.client(Target(VISION, REGION), "s3"), "vision-lab", VISION),
        (spoke.client(THERE, "s3", "register"), "vision-lab", VISION),
    ):
        place = {"Bucket": f"{name}-models", "ExpectedBucketOwner": account}
        head = client.call("HeadObject", **place, Key="v1/model.tar.gz")
        client.call("GetObject", **place, Key="v1/model.tar.gz", VersionId=head["VersionId"])
        assert is_missing(client, "HeadObject", **place, Key="nothing"), name


def is_missing(client: Any, operation: str, **parameters: Any) -> bool:
    """Whether AWS says that something is not there."""
    try:
        client.call(operation, **parameters)
    except CloudError as error:
        return error.missing
    return False


def pushing(world: Granted) -> None:
    """A push spoke's session looks at its version again, and ends an upload that it had begun below its own account."""
    cloud = pusher(world)
    live = next(
        item.arn for item in world.admins.world.models_of(HUB, REGION).packages.values()
        if (item.body or {}).get("CustomerMetadataProperties", {}).get("hubwright/source", "").count(VISION)
    )  # fmt: skip
    assert versions.describe(cloud.client(THERE, "sagemaker", "register"), live) is not None
    client = cloud.client(THERE, "s3", "register")
    place = {"Bucket": STORE, "Key": f"models/{VISION}/churn/begun"}
    upload = client.call("CreateMultipartUpload", **place, Tagging="")["UploadId"]
    assert list(client.pages("ListParts", "Parts", **place, UploadId=upload)) == []
    client.call("AbortMultipartUpload", **place, UploadId=upload)


def managed(world: Granted) -> None:
    """A spoke's own reader sees that a key is AWS's; of another key it may not know."""
    managed_in(world, cloud_of(world, writable=False), CHURN)
    managed_in(world, pusher(world), VISION)


def managed_in(world: Granted, cloud: Any, account: str) -> None:
    """A key of one spoke that AWS manages, seen as such."""
    arn = f"arn:aws:kms:{REGION}:{account}:key/managed"
    people = {"AWS": f"arn:aws:iam::{account}:root"}
    text = {"Effect": "Allow", "Principal": people, "Action": "kms:Describe*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [text]})
    keys = world.admins.world.keys
    keys[arn] = Key("managed", arn, account, REGION, 0.0, policy, manager="AWS", aliases=["alias/aws/s3"])
    head = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
    said = sealed(cloud.client(Target(account, REGION), "kms"), head)
    del keys[arn]
    assert "AWS manages" in said


def worked(world: Granted) -> None:
    """A worker's role takes messages, holds and deletes them, and may be taken on by Lambda and nobody else."""
    live = world.admins.world
    role = live.iam_of(HUB).roles["hubwright-worker"]
    for service, allowed in (("lambda", True), ("ecs-tasks", True), ("ec2", False)):
        asker = Principal("service", "", f"{service}.amazonaws.com")
        ask = Ask("sts:AssumeRole", role.arn, HUB, {}, (f"trust {HUB}/hubwright-worker", role.trust), "trust")
        assert judge(live, asker, Policies(), {}, ask).allowed is allowed
    now = time.time()
    key = f"ASIAHW{HUB[:6]}{live.next_serial():08d}"
    live.sessions[key] = Session(HUB, role.arn, "worker", now + 3600, None, "lambda.amazonaws.com", now, role.id)
    keys = {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret_of(key),
        "AWS_SESSION_TOKEN": secret_of(key + "token"),
    }
    own = world.admins.entered(keys, {}, world.log, writable=True).client(THERE, "sqs", "register")
    url = f"https://sqs.{REGION}.amazonaws.com/{HUB}/hubwright-events"
    queue = Queue(own, url)
    messages = queue.receive(0)
    rows = [{"Id": "0", "ReceiptHandle": messages[0].receipt, "VisibilityTimeout": queue.visibility}]
    assert not own.call("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=rows).get("Failed")
    queue.done(messages)
    assert queue.receive(0) == []
    for purpose in ("read", "register", "approve"):
        entered = world.admins.entered(keys, roles_of(world.fleet), world.log, writable=True)
        assert entered.client(THERE, "sts", purpose).call("GetCallerIdentity")["Account"] == HUB
