"""What a spoke cannot do, with nothing granted but what `hubwright access` derives. Each denial has its counterpart."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from controller.sandbox import local
from controller.sandbox.pump import deliver
from controller.sandbox.world import World
from tests.admins import CHURN, HUB, REGION, VISION, Admins
from tests.bed import PLATFORM, STORE, manifests
from tests.needed import own_environment

ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:acme/churn:ref:refs/heads/main"
REGISTER = f"arn:aws:iam::{HUB}:role/hubwright-register"
BUS = f"arn:aws:events:{REGION}:{HUB}:event-bus/model-registry"
TAG = "hubwright-spoke"


def fleet(folder: Path) -> Any:
    """Churn-lab pushes, vision-lab is followed."""
    access = {item: f"arn:aws:iam::{HUB}:role/hubwright-{item}" for item in ("read", "register", "approve")}
    hub = {"account": HUB, "region": REGION, "access": {**access, "externalId": "growth"}}
    hub |= {"stores": [{"name": "main", "bucket": STORE}], "events": {"bus": "model-registry"}}
    ci = {"issuer": ISSUER, "audience": "sts.amazonaws.com", "subjects": {"push": [SUBJECT]}}
    churn = {**PLATFORM["churn-lab"]["spec"], "pattern": "push", "ci": ci}
    churn["access"] = {"read": f"arn:aws:iam::{CHURN}:role/hubwright-read"}
    vision = {**PLATFORM["vision-lab"]["spec"], "access": {"read": f"arn:aws:iam::{VISION}:role/hubwright-read"}}
    platform = {
        **PLATFORM,
        "fleet": {**PLATFORM["fleet"], "spec": {"organization": "o-hubwright01"}},
        "central": {**PLATFORM["central"], "spec": hub},
        "churn-lab": {**PLATFORM["churn-lab"], "spec": churn},
        "vision-lab": {**PLATFORM["vision-lab"], "spec": vision},
    }
    source = {"spoke": "vision-lab", "group": "defects-pipeline", "approval": ["Approved"]}
    follow = {"from": source, "to": {"group": "churn"}, "approval": "PendingManualApproval"}
    return manifests(
        folder, {"kind": "Subscription", "metadata": {"name": "follow"}, "spec": follow}, platform=platform
    )


class Ground:
    """A hub and two spokes after `access apply` of each account's administrator."""

    def __init__(self, folder: Path) -> None:
        self.admins = Admins()
        self.admins.world.settings.authorize = True
        for account, name in ((HUB, STORE), (CHURN, "churn-lab-models"), (VISION, "vision-lab-models")):
            self.admins.bucket(account, name)
        for account, group in ((HUB, "churn"), (CHURN, "churn-experiments"), (VISION, "defects-pipeline")):
            self.admins.call(account, "sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=group)
        wished = fleet(folder)
        for account in (VISION, CHURN, HUB):
            self.admins.apply(account, wished)
        self._session = Session()
        local.attach(lambda: self.world, self._session)

    @property
    def world(self) -> World:
        return self.admins.world

    @contextmanager
    def tried(self) -> Iterator[Ground]:
        """Itself, in a world that is as before again afterwards."""
        kept = self.world
        self.admins.world = self.admins.door.world = kept.copy()
        yield self
        self.admins.world = self.admins.door.world = kept

    def client(self, service: str, keys: dict[str, str]) -> Any:
        return self._session.create_client(
            service,
            region_name=REGION,
            endpoint_url="http://sandbox.localhost",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def job(self, subject: str = SUBJECT) -> dict[str, str]:
        """The keys of churn-lab's push role, as its CI gets them."""
        claims = {"iss": ISSUER, "sub": subject, "aud": "sts.amazonaws.com", "exp": 4_000_000_000}
        part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        sts = self.client("sts", {"AccessKeyId": "x", "SecretAccessKey": "x", "SessionToken": "x"})
        found = sts.assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{CHURN}:role/hubwright-push", RoleSessionName="job", WebIdentityToken=f"e30.{part}.x"
        )
        return dict(found["Credentials"])

    def register(self, external: str | None = "growth", tag: str | None = CHURN) -> dict[str, str]:
        """The keys of the hub's register role, for that job."""
        asked: dict[str, Any] = {"RoleArn": REGISTER, "RoleSessionName": "push"}
        asked |= {"ExternalId": external} if external else {}
        asked |= {"Tags": [{"Key": TAG, "Value": tag}]} if tag else {}
        return dict(self.client("sts", self.job()).assume_role(**asked)["Credentials"])

    def hub(self, service: str) -> Any:
        """A client of the register role, as churn-lab's push has it."""
        return self.client(service, self.register())


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    with own_environment():
        return Ground(tmp_path_factory.mktemp("confined"))


@pytest.fixture
def ground(granted: Ground) -> Iterator[Ground]:
    with granted.tried() as found:
        yield found


def denied(call: Callable[[], Any], action: str = "") -> None:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException"), error
    assert action in error["Message"]


def put(s3: Any, key: str) -> Callable[[], Any]:
    return lambda: s3.put_object(Bucket=STORE, Key=key, Body=b"", IfNoneMatch="*")


def test_it_writes_below_its_own_account_only(ground: Ground) -> None:
    s3 = ground.hub("s3")
    put(s3, f"models/{CHURN}/churn/churn-experiments/1-abc/b/k")()
    put(s3, f"models/.releases/{CHURN}/x.json")()
    for key in (f"models/{VISION}/churn/x", f"models/.releases/{VISION}/x.json", "models/x", "leases/x"):
        denied(put(s3, key), "s3:PutObject")


def test_a_group_named_like_another_spoke_reaches_nothing_of_it(ground: Ground) -> None:
    """The account comes first in a destination, so a name never decides whose prefix it is."""
    s3 = ground.hub("s3")
    for name in (VISION, "vision-lab", f"..-{VISION}"):
        put(s3, f"models/{CHURN}/churn/{name}/1-abc/b/k")()
    for key in (f"models/{VISION}/churn/{CHURN}/1-abc/k", f"models/{VISION}/../{CHURN}/k"):
        denied(put(s3, key), "s3:PutObject")


def test_it_overwrites_nothing(ground: Ground) -> None:
    s3, key = ground.hub("s3"), f"models/{CHURN}/churn/g/1-abc/b/k"
    put(s3, key)()
    denied(lambda: s3.put_object(Bucket=STORE, Key=key, Body=b"other"), "s3:PutObject")
    denied(lambda: s3.delete_object(Bucket=STORE, Key=key), "s3:DeleteObject")


def registration(approval: str | None) -> dict[str, Any]:
    container = {
        "Image": f"{HUB}.dkr.ecr.{REGION}.amazonaws.com/models/x@sha256:{'a' * 64}",
        "ModelDataUrl": "s3://b/k",
    }
    shape = {"Containers": [container], "SupportedContentTypes": ["a/b"], "SupportedResponseMIMETypes": ["a/b"]}
    asked: dict[str, Any] = {"ModelPackageGroupName": "churn", "InferenceSpecification": shape}
    return asked | ({"ModelApprovalStatus": approval} if approval else {})


def test_it_registers_as_pending_only_and_never_approves(ground: Ground) -> None:
    sm = ground.hub("sagemaker")
    arn = sm.create_model_package(**registration("PendingManualApproval"))["ModelPackageArn"]
    been = {"CustomerMetadataProperties": {"hubwright/approved": "yes", "hubwright/fleet": "growth"}}
    forged = {**registration("PendingManualApproval"), **been}  # what was approved before passes every gate
    denied(lambda: sm.create_model_package(**forged), "CreateModelPackage")
    for approval in ("Approved", "Rejected", None):
        denied(lambda approval=approval: sm.create_model_package(**registration(approval)), "CreateModelPackage")  # type: ignore[misc]
    update = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
    denied(lambda: sm.update_model_package(**update), "sagemaker:UpdateModelPackage")
    approver = {
        "RoleArn": f"arn:aws:iam::{HUB}:role/hubwright-approve",
        "RoleSessionName": "push",
        "ExternalId": "growth",
    }
    sts = ground.client("sts", ground.job())
    denied(lambda: sts.assume_role(**approver), "sts:AssumeRole")


def test_it_neither_holds_a_group_nor_ends_a_persons_hold(ground: Ground) -> None:
    """It makes and marks groups like the hub's own run: what keeps that run from approving is not its to change."""
    sm = ground.hub("sagemaker")
    arn = f"arn:aws:sagemaker:{REGION}:{HUB}:model-package-group/churn"
    sm.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "growth"}])
    said = {"Key": "hubwright/hold", "Value": "2020-01-01T00:00:00Z push over"}
    denied(lambda: sm.add_tags(ResourceArn=arn, Tags=[said]), "sagemaker:AddTags")
    denied(lambda: sm.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}, said]), "sagemaker:AddTags")
    denied(lambda: sm.delete_tags(ResourceArn=arn, TagKeys=["hubwright/hold"]), "sagemaker:DeleteTags")


def test_it_reads_no_other_spoke(ground: Ground) -> None:
    """Neither as itself nor through the hub's register role."""
    ground.admins.call(VISION, "s3", "PutObject", Bucket="vision-lab-models", Key="v1/model", Body=b"x")
    put(ground.client("s3", ground.register(tag=CHURN)), f"models/{CHURN}/g/x")()
    ground.admins.call(HUB, "s3", "PutObject", Bucket=STORE, Key=f"models/{VISION}/g/x", Body=b"x", IfNoneMatch="*")
    for keys in (ground.job(), ground.register()):
        s3, sm = ground.client("s3", keys), ground.client("sagemaker", keys)
        denied(lambda s3=s3: s3.get_object(Bucket="vision-lab-models", Key="v1/model"))  # type: ignore[misc]
        denied(lambda s3=s3: s3.get_object(Bucket=STORE, Key=f"models/{VISION}/g/x"))  # type: ignore[misc]
        arn = f"arn:aws:sagemaker:{REGION}:{VISION}:model-package/defects-pipeline/1"
        denied(lambda sm=sm, arn=arn: sm.describe_model_package(ModelPackageName=arn))  # type: ignore[misc]
    s3 = ground.hub("s3")
    assert s3.get_object(Bucket=STORE, Key=f"models/{CHURN}/g/x")["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("pattern", ["pull", "push"])
def test_a_bucket_of_another_spoke_stays_shut_even_if_it_is_open_to_the_hub(
    ground: Ground, tmp_path: Path, pattern: str
) -> None:
    """What a push spoke's session reads is its own account's: not another spoke's of either pattern, not the hub's."""
    wished = fleet(tmp_path / pattern)
    vision = wished.spokes["vision-lab"]
    other = replace(vision, spec=replace(vision.spec, pattern=pattern))
    ground.admins.apply(HUB, replace(wished, spokes={**wished.spokes, "vision-lab": other}))
    for account, bucket in ((VISION, "vision-lab-models"), (CHURN, "churn-lab-models")):
        said = {"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "s3:*"}
        said["Resource"] = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        opened = json.dumps({"Version": "2012-10-17", "Statement": [said]})
        ground.admins.call(account, "s3", "PutBucketPolicy", Bucket=bucket, Policy=opened)
        ground.admins.call(account, "s3", "PutObject", Bucket=bucket, Key="v1/model", Body=b"x")
    s3 = ground.hub("s3")
    assert s3.get_object(Bucket="churn-lab-models", Key="v1/model")["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket="churn-lab-models")["KeyCount"] == 1
    denied(lambda: s3.get_object(Bucket="vision-lab-models", Key="v1/model"), "s3:GetObject")
    denied(lambda: s3.list_objects_v2(Bucket="vision-lab-models"), "s3:ListBucket")
    ground.admins.bucket(HUB, "hub-private")
    ground.admins.call(HUB, "s3", "PutObject", Bucket="hub-private", Key="v1/model", Body=b"x")
    denied(lambda: s3.get_object(Bucket="hub-private", Key="v1/model"), "s3:GetObject")


def test_who_enters_the_role_in_the_hub_sets_no_tag(ground: Ground) -> None:
    """Whoever may be a spoke's session is named by the account, and the hub's is none."""
    keys = ground.admins.call(HUB, "iam", "CreateAccessKey", UserName="administrator")["AccessKey"]
    sts = ground.client("sts", {**keys, "SessionToken": "x"})
    asked = {"RoleArn": REGISTER, "RoleSessionName": "run", "ExternalId": "growth"}
    assert sts.assume_role(**asked)["Credentials"]
    for account in (HUB, CHURN):
        denied(
            lambda account=account: sts.assume_role(**asked, Tags=[{"Key": TAG, "Value": account}]), "sts:TagSession"
        )  # type: ignore[misc]


def test_it_assumes_with_the_external_id_and_its_own_tag_only(ground: Ground) -> None:
    assert ground.register()["AccessKeyId"]
    denied(lambda: ground.register(external=None), "sts:AssumeRole")
    denied(lambda: ground.register(external="other"), "sts:AssumeRole")
    denied(lambda: ground.register(tag=VISION), "sts:")
    denied(lambda: ground.register(tag=None), "sts:AssumeRole")
    denied(lambda: ground.job("repo:acme/other:ref:refs/heads/main"))


def test_it_puts_no_events_but_those_of_sagemaker_by_its_rule(ground: Ground) -> None:
    entry = {"Source": "team.forged", "DetailType": "x", "Detail": "{}", "EventBusName": BUS}
    for account in (CHURN, VISION):
        keys = ground.admins.call(account, "iam", "CreateAccessKey", UserName="administrator")["AccessKey"]
        events = ground.client("events", {**keys, "SessionToken": "x"})
        denied(lambda events=events: events.put_events(Entries=[entry]), "events:PutEvents")  # type: ignore[misc]
    role = f"arn:aws:iam::{VISION}:role/hubwright-forward-central"
    forged = json.dumps({"source": ["team.forged"]})
    ground.admins.call(VISION, "events", "PutRule", Name="own", EventPattern=forged)
    ground.admins.call(VISION, "events", "PutTargets", Rule="own", Targets=[{"Id": "1", "Arn": BUS, "RoleArn": role}])
    ground.admins.call(VISION, "events", "PutRule", Name="hubwright-forward-central", EventPattern=forged)
    ground.admins.call(VISION, "events", "PutEvents", Entries=[{**entry, "EventBusName": "default"}])
    deliver(ground.world)
    found = {
        item.rule.rsplit("/", 1)[1]: (item.error, item.reason) for item in ground.world.deliveries if item.target == BUS
    }
    assert set(found) == {"own", "hubwright-forward-central"}
    assert {error for error, _ in found.values()} == {"NO_PERMISSIONS"}
    assert "does not let events.amazonaws.com assume" in found["own"][1]
    assert "no resource-based policy allows" in found["hubwright-forward-central"][1]


def test_an_approval_does_reach_the_hubs_queue(ground: Ground) -> None:
    """The counterpart: through rule, role, bus policy, rule and queue policy, and nothing is refused on its way."""
    asked = registration("Approved") | {"ModelPackageGroupName": "defects-pipeline"}
    ground.admins.call(VISION, "sagemaker", "CreateModelPackage", **asked)
    deliver(ground.world)
    assert {item.error for item in ground.world.deliveries} == {""}
    (queue,) = [item for item in ground.world.queues.values() if item.account == HUB and "dead" not in item.name]
    (message,) = queue.messages
    assert json.loads(message.body)["account"] == VISION
