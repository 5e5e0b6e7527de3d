"""All that the fleet of `everything` does, flow by flow: each grant is needed by one of them, and none is left over."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.aws.cloud import Roles
from controller.core.errors import CloudError
from controller.preflight import Foresight
from controller.sandbox.authz.ask import Ask
from controller.sandbox.authz.decide import Policies, Principal
from controller.sandbox.authz.guard import judge
from controller.sandbox.principals import user_keys
from controller.sandbox.pump import deliver
from controller.sandbox.world import Account
from tests import bed as beds
from tests import flows_more as more
from tests.admins import Admins
from tests.bed import CHURN, HUB, REGION, STORE, VISION, promotion, standing
from tests.granted import PLATFORM, Granted, role, spoke

AUDIT = more.AUDIT
EDGE, SCORING = "444444444444", "555555555555"
ISSUER = "https://token.actions.githubusercontent.com"
READER = f"arn:aws:iam::{SCORING}:role/scoring"
MAIN, PULL_REQUEST = "repo:acme/models:ref:refs/heads/main", "repo:acme/models:pull_request"


def everything(folder: Path) -> Granted:
    """A pull spoke with a role and a key, one without a role whose bytes are relayed, and one that pushes."""
    admins = Admins(Account(EDGE, "edge-lab"), Account(SCORING, "scoring"))
    keys = {account: strict_key(admins, account) for account in (HUB, CHURN)}
    churn = spoke("churn-lab", CHURN, access=role(CHURN))
    churn["spec"]["allow"]["kmsKeyArns"] = [keys[CHURN]]
    hub = json.loads(json.dumps(PLATFORM["central"]))
    hub["spec"] |= {
        "stores": [{"name": "main", "bucket": STORE, "kmsKeyArn": keys[HUB], "verify": "deep"}],
        "events": {"bus": "models"},
        "lineage": {"table": "versions", "bus": "default"},
        "audit": {"bucket": AUDIT, "retention": "1d"},
        "ci": ci({"plan": [PULL_REQUEST], "reconcile": [MAIN]}),
    }
    platform = PLATFORM | {
        "central": hub,
        "churn": {
            "kind": "ModelGroup",
            "metadata": {"name": "churn"},
            "spec": {"readers": [READER]},
        },
        "churn-lab": churn,
        "edge-lab": spoke("edge-lab", EDGE, copy="relay"),
        "vision-lab": spoke("vision-lab", VISION, pattern="push", ci=ci({"push": [MAIN]})),
    }
    wishes = [promotion(f"{name}-1", spoke=name, source=f"{name}-experiments") for name in ("churn-lab", "edge-lab")]
    wishes.append(promotion("vision-lab-1", spoke="vision-lab", source="vision-lab-experiments"))
    follow = {
        "kind": "Subscription",
        "metadata": {"name": "follow"},
        "spec": {
            "from": {
                "spoke": "churn-lab",
                "group": "churn-lab-experiments",
                "approval": ["Approved"],
                "versions": ">=2",
            },
            "to": {"group": "churn"},
        },
    }
    world = Granted(folder, (*wishes, follow), platform, admins)
    world.job = lambda: main(world)
    admins.world.settings.part_minimum = 1
    admins.bucket(HUB, STORE)
    more.prepare(admins)
    for name, account in (("churn-lab", CHURN), ("vision-lab", VISION), ("edge-lab", EDGE)):
        more_images = ("beside",) if name == "vision-lab" else ()  # a push shares a layer between its repositories
        world.source(name, account, body=b"x" * 2500, key=keys.get(account), beside=more_images)
    _scoring(admins)
    return world


def _scoring(admins: Admins) -> None:
    """A reader's role that its own account lets do anything, and one of its name where no reader is."""
    anyone = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    for account in (SCORING, EDGE):
        people = {"AWS": account, "Service": "sagemaker.amazonaws.com"}  # it deploys, and is what SageMaker reads with
        trusted = {"Effect": "Allow", "Principal": people, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        admins.call(account, "iam", "CreateRole", RoleName="scoring", AssumeRolePolicyDocument=trust)
        admins.call(
            account, "iam", "PutRolePolicy", RoleName="scoring", PolicyName="all", PolicyDocument=json.dumps(anyone)
        )


def strict_key(admins: Admins, account: str) -> str:
    """A key whose policy leaves nothing to its account's own policies: only the administrator is named."""
    named = {"AWS": f"arn:aws:iam::{account}:user/administrator"}
    said = {"Sid": "Administers", "Effect": "Allow", "Principal": named, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [said]})
    return str(admins.call(account, "kms", "CreateKey", Policy=policy)["KeyMetadata"]["Arn"])


def ci(subjects: Mapping[str, list[str]]) -> dict[str, Any]:
    return {"issuer": ISSUER, "audience": "sts.amazonaws.com", "subjects": subjects}


def job(world: Granted, account: str, name: str, subject: str) -> dict[str, str]:
    """The credentials of a CI job: of a role, for its token."""
    claims = {"iss": ISSUER, "sub": subject, "aud": "sts.amazonaws.com", "exp": 4_000_000_000}
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    found = world.admins.sts.assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="job", WebIdentityToken=f"e30.{part}.x"
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }


def main(world: Granted) -> dict[str, str]:
    return job(world, HUB, "hubwright-ci-reconcile", MAIN)


def plans(world: Granted) -> None:
    """A pull request's job sees what is to be done."""
    keys = job(world, HUB, "hubwright-ci-plan", PULL_REQUEST)
    report = world.plan(keys)
    assert {row.name: row.standing for row in report.rows if row.standing not in ("pending", "deferred")} == {}
    assert world.foreseen(keys, enters=False) == world.foreseen() == Foresight()


def interrupted(world: Granted) -> None:
    """A run that ends within a copy leaves an upload to go on with."""
    world.copy_limit = 1000
    calls = world.admins.world.calls
    world.run(stopped=lambda: any(call.operation == "UploadPartCopy" for call in calls[-40:]))
    assert world.admins.world.buckets[STORE].uploads
    assert world.admins.world.models_of(HUB, REGION).groups


def promoted(world: Granted) -> None:
    """The next one ends uploads of another layout, copies, registers and approves."""
    world.copy_limit = 900
    report = world.run()
    assert [standing(report, name) for name in ("churn-lab-1", "edge-lab-1")] == ["converged"] * 2
    assert not world.admins.world.buckets[STORE].uploads


def again(world: Granted) -> None:
    """Nothing is left to be done."""
    report = world.run()
    assert [standing(report, name) for name in ("churn-lab-1", "edge-lab-1")] == ["converged"] * 2
    assert (report.plan.actions, report.plan.complete) == ((), True)


def pushed(world: Granted) -> None:
    """The push spoke's job registers."""
    report = world.push("vision-lab", job(world, VISION, "hubwright-push", MAIN))
    assert (standing(report, "vision-lab-1"), report.exit_code(), report.others) == ("deferred", 0, ())


def approved(world: Granted) -> None:
    """The hub's run approves what was pushed."""
    assert standing(world.run(), "vision-lab-1") == "converged"


def readers_granted(world: Granted) -> None:
    """Now that there are groups and repositories, their readers can be let in."""
    world.apply(HUB)


def _reader(world: Granted, service: str, account: str = SCORING, *, writable: bool = False) -> Any:
    role = READER.replace(SCORING, account)
    roles = {account: Roles(read=role, register=role)}
    cloud = world.admins.entered(user_keys(account), roles, world.log, writable=writable)
    return cloud.client(beds.Target(account, REGION), service, "register" if writable else "read")


def read_by_readers(world: Granted) -> None:
    """A reader's role sees the group, its versions, their objects and images."""
    models, storage, images = (_reader(world, name) for name in ("sagemaker", "s3", "ecr"))
    group = f"arn:aws:sagemaker:{REGION}:{HUB}:model-package-group/churn"
    models.call("DescribeModelPackageGroup", ModelPackageGroupName=group)
    versions = list(models.pages("ListModelPackages", "ModelPackageSummaryList", ModelPackageGroupName=group))
    described = models.call("DescribeModelPackage", ModelPackageName=versions[0]["ModelPackageArn"])
    bucket, _, key = described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"][5:].partition("/")
    found = storage.call("GetObject", Bucket=bucket, Key=key)
    storage.call("GetObject", Bucket=bucket, Key=key, VersionId=found["VersionId"])
    storage.call("ListObjectsV2", Bucket=bucket, Prefix="/".join(key.split("/")[:3]) + "/")
    repository = (
        described["InferenceSpecification"]["Containers"][0]["Image"]
        .partition("/")[2]
        .partition("@")[0]
        .partition(":")[0]
    )
    named = {"registryId": HUB, "repositoryName": repository}
    digest = world.admins.call(HUB, "ecr", "DescribeImages", **named)
    digest = digest["imageDetails"][0]["imageDigest"]
    manifest = images.call("BatchGetImage", **named, imageIds=[{"imageDigest": digest}])["images"][0]["imageManifest"]
    images.call("GetDownloadUrlForLayer", **named, layerDigest=json.loads(manifest)["layers"][0]["digest"])
    for other in world.admins.world.registry_of(HUB, REGION).repositories:
        place = {"registryId": HUB, "repositoryName": other}
        digest = world.admins.call(HUB, "ecr", "DescribeImages", **place)["imageDetails"][0]["imageDigest"]
        text = images.call("BatchGetImage", **place, imageIds=[{"imageDigest": digest}])["images"][0]["imageManifest"]
        images.call("GetDownloadUrlForLayer", **place, layerDigest=json.loads(text)["layers"][0]["digest"])


def deployed_by_readers(world: Granted) -> None:
    """A reader's role makes a model of each version; a role of its name in another account makes none."""
    mine = _reader(world, "sagemaker", writable=True)
    other = _reader(world, "sagemaker", EDGE, writable=True)
    live = [item.arn for item in world.admins.world.models_of(HUB, REGION).packages.values() if item.body]
    assert len(live) >= 3
    for arn in live:
        name, made = arn.rpartition("/")[2], {"PrimaryContainer": {"ModelPackageName": arn}}
        mine.call("CreateModel", ModelName=f"scoring-{name}", ExecutionRoleArn=READER, **made)
        theirs = READER.replace(SCORING, EDGE)
        assert _denied(lambda: other.call("CreateModel", ModelName="x", ExecutionRoleArn=theirs, **made))  # noqa: B023
    for summary in live:
        mine.call("DeleteModel", ModelName=f"scoring-{summary.rpartition('/')[2]}")


def pulled_for_nobody_else(world: Granted) -> None:
    """SageMaker itself pulls for the models of the reader's account alone."""
    registry = world.admins.world.registry_of(HUB, REGION)
    service = Principal("service", "", "sagemaker.amazonaws.com")
    for name, repository in registry.repositories.items():
        for account, allowed in ((SCORING, True), (EDGE, False)):
            arn = f"arn:aws:ecr:{REGION}:{HUB}:repository/{name}"
            policy = (f"repository {HUB}/{name}", repository.policy or '{"Version":"2012-10-17","Statement":[]}')
            ask = Ask("ecr:BatchGetImage", arn, HUB, {"aws:sourceaccount": (account,)}, policy)
            assert judge(world.admins.world, service, Policies(), {}, ask).allowed is allowed


def written_once(world: Granted) -> None:
    """Not even a hub's administrator overwrites an object of a store, or removes a version."""
    for account, bucket in {
        (hub.spec.account, store.bucket) for hub in world.fleet.hubs.values() for store in hub.spec.stores
    }:
        objects = world.admins.world.buckets[bucket].objects
        key = next(name for name in objects if name.endswith("model.tar.gz"))
        place = {"Bucket": bucket, "Key": key}
        version = objects[key][0].version
        for operation, more_said in (("PutObject", {"Body": b"worse"}), ("DeleteObject", {"VersionId": version})):
            assert _denied(lambda: world.admins.call(account, "s3", operation, **place, **more_said))  # noqa: B023
        assert _denied(lambda: world.admins.call(account, "s3", "DeleteObject", **place))  # noqa: B023


def _denied(deed: Callable[[], Any]) -> bool:
    try:
        deed()
    except CloudError as error:
        return error.denied
    return False


def _queue(world: Granted, account: str, name: str) -> int:
    return len(world.admins.world.queues[account, REGION, name].messages)


def _approve(world: Granted) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package/churn-lab-experiments/1"
    world.admins.call(CHURN, "sagemaker", "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    deliver(world.admins.world)


def followed(world: Granted) -> None:
    """An approval in the spoke comes into the hub's queue."""
    _approve(world)
    assert _queue(world, HUB, "hubwright-events") == 1


def subscribed(world: Granted) -> None:
    """A followed version is registered by the hub's run."""
    world.source("churn-lab", CHURN, 2)
    arn = f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package/churn-lab-experiments/2"
    world.admins.call(CHURN, "sagemaker", "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    world.run()
    marks = [
        item.body.get("CustomerMetadataProperties", {})
        for item in world.admins.world.models_of(HUB, REGION).packages.values()
        if item.body
    ]
    assert any(found.get("hubwright/source", "").endswith("churn-lab-experiments/2") for found in marks)


def buried(world: Granted) -> None:
    """What cannot be forwarded is kept in the spoke."""
    for rule in ("hubwright-receive",):
        world.admins.call(HUB, "events", "RemoveTargets", Rule=rule, EventBusName="models", Ids=["hubwright"])
        world.admins.call(HUB, "events", "DeleteRule", Name=rule, EventBusName="models")
    world.admins.call(HUB, "events", "DeleteEventBus", Name="models")
    _approve(world)
    assert _queue(world, CHURN, "hubwright-forward-central-dead") >= 1


FLOWS: tuple[Callable[[Granted], None], ...] = (
    plans, interrupted, promoted, again, pushed, approved, readers_granted, read_by_readers, deployed_by_readers,
    pulled_for_nobody_else,
    written_once, followed, more.worked, subscribed, more.told, more.recorded, more.kept, more.held, more.drifted, more.looked,
    more.tampered, more.traced,
    more.origins, more.probed, more.pushing, more.managed, buried,
)  # fmt: skip
