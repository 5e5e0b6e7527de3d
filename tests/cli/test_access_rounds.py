"""`hubwright access apply` again and again, as fleets grow and shrink, where others write into the same live policies."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.aws.registries import EcrRegistries
from controller.cli import execute
from controller.core.access.derive import derive
from controller.core.access.statement import is_ours
from controller.core.manifests import Manifests
from controller.core.model import Action, Key, Target
from controller.kinds.access import ACCESS_BY_NAME
from controller.kinds.base import World as Effects
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import ACCOUNTS, Account, World
from tests import bed as beds
from tests.cli.spokes import HUB, REGION, Hand
from tests.e2e.test_access_beside import administers, theirs
from tests.granted import PLATFORM, role, spoke

SEED = 20261130
EXTRA = ("444444444444", "555555555555", "666666666666")
SPOKES = {"churn-lab": "222222222222", "vision-lab": "333333333333", "edge-lab": EXTRA[0], "far-lab": EXTRA[1]}
PUSHERS = ("churn-lab", "edge-lab")
READERS = ("churn-lab", "edge-lab", *(f"arn:aws:iam::{account}:role/scoring" for account in EXTRA))
STORE, BUS, QUEUE = "acme-model-store", "models", "hubwright-events"
REPOSITORIES = [f"models/{account}/{name}/serve" for name, account in SPOKES.items()]
GROUPS = ("churn", "fraud")


@pytest.fixture
def serving() -> Iterator[Serving]:
    world = World(bare=True, accounts=(*ACCOUNTS, *(Account(account, account) for account in EXTRA)))
    world.settings.authorize = True
    found = serve(world)
    yield found
    found.close()


class Ground:
    """The hub's account, in which somebody has written a policy into everything already."""

    def __init__(self, serving: Serving) -> None:
        self.world, hand = serving.world, Hand(serving.ready(), HUB)
        hand.bucket(STORE)
        self.key = hand("kms").create_key()["KeyMetadata"]["Arn"]
        held = theirs("s3:GetBucketTagging", f"arn:aws:s3:::{STORE}")
        hand("s3").put_bucket_policy(Bucket=STORE, Policy=held)
        hand("kms").put_key_policy(
            KeyId=self.key, PolicyName="default", Policy=administers(theirs("kms:ListGrants", "*"))
        )
        for name in REPOSITORIES:
            hand("ecr").create_repository(repositoryName=name)
            hand("ecr").set_repository_policy(repositoryName=name, policyText=theirs("ecr:ListImages", None))
        for name in GROUPS:
            hand.group(name)
            said = theirs("sagemaker:ListModelPackages", f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/{name}/*")
            hand("sagemaker").put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=said)
        hand("events").create_event_bus(Name=BUS)
        said = theirs("events:PutEvents", f"arn:aws:events:{REGION}:{HUB}:event-bus/{BUS}")
        hand("events").put_permission(EventBusName=BUS, Policy=said)
        said = theirs("sqs:GetQueueUrl", f"arn:aws:sqs:{REGION}:{HUB}:{QUEUE}")
        hand("sqs").create_queue(QueueName=QUEUE, Attributes={"Policy": said})

    def policies(self) -> dict[Key, str]:
        """Every live policy of the hub's account that others write into, to the byte."""
        world = self.world
        found = {("bucket_policy", STORE): world.buckets[STORE].settings["policy"].decode()}
        found["key_policy", self.key] = world.keys[self.key].policy
        registry, models = world.registry_of(HUB, REGION), world.models_of(HUB, REGION)
        found |= {("repository_policy", name): str(registry.repositories[name].policy) for name in REPOSITORIES}
        found |= {("group_policy", name): str(models.groups[name].policy) for name in GROUPS}
        found["bus_policy", BUS] = str(world.buses_of(HUB, REGION).buses[BUS].policy)
        found["queue_policy", QUEUE] = world.queues[HUB, REGION, QUEUE].attributes["Policy"]
        return {Key(Target(HUB, REGION), kind, name): text for (kind, name), text in found.items()}


def fleet(chance: random.Random, key: str) -> dict[str, dict[str, Any]]:
    """Some of the spokes, each as it may be; some of the groups with some readers; some that follow."""
    hub = json.loads(json.dumps(PLATFORM["central"]))
    hub["spec"] |= {"events": {"bus": BUS, "queue": QUEUE}}
    hub["spec"]["stores"] = [{"name": "main", "bucket": STORE, "kmsKeyArn": key}]
    platform = {"fleet": PLATFORM["fleet"], "central": hub}
    there = [name for name in SPOKES if chance.random() < 0.7]
    for name in there:
        shapes: list[dict[str, Any]] = [{}, {"access": role(SPOKES[name])}, {"state": "Retired"}]
        pushes = (
            [{"pattern": "push"}] if name in PUSHERS else []
        )  # a trust policy holds 2,048 characters: three of them
        shape = chance.choice(shapes + pushes)
        platform[name] = spoke(name, SPOKES[name], **shape)
    for name in GROUPS:
        known = [word for word in READERS if word.startswith("arn:") or word in there]
        readers = [word for word in known if chance.random() < 0.5]
        if chance.random() < 0.8:
            platform[name] = {"kind": "ModelGroup", "metadata": {"name": name}, "spec": {"readers": readers}}
    pulled = [name for name in there if platform[name]["spec"].get("pattern") != "push"]
    for name in pulled if "churn" in platform else ():
        if chance.random() < 0.6:
            platform[f"follow-{name}"] = follow(name)
    return platform


def follow(name: str) -> dict[str, Any]:
    source = {"spoke": name, "group": f"{name}-experiments", "approval": ["Approved"]}
    return {
        "kind": "Subscription",
        "metadata": {"name": f"follow-{name}"},
        "spec": {"from": source, "to": {"group": "churn"}},
    }


def written(folder: Path, platform: dict[str, dict[str, Any]]) -> Manifests:
    shutil.rmtree(folder / "manifests", ignore_errors=True)
    made = beds.manifests(folder, platform=platform)
    assert made.problems == ()
    return made


def ours(text: str) -> set[str]:
    return {said["Sid"] for said in json.loads(text)["Statement"] if is_ours(said.get("Sid"), "growth")}


def wished(made: Manifests) -> dict[Key, set[str]]:
    """The Sids that each policy is to have of ours. There are no versions, so nobody goes on pulling what was promoted."""
    names = {
        ("repository", HUB, REGION): frozenset(REPOSITORIES),
        ("group", HUB, REGION): frozenset(GROUPS),
    }
    return {item.key: {*item.statements} for item in derive(made, names)}


def withdrawn(keys: dict[Key, str]) -> None:
    """Takes everything of ours out of these policies, each by its kind."""
    cloud = AwsCloud({}, run="test", writable=True, log=CallLog())
    registries = EcrRegistries(cloud, {}, writable=False, log=CallLog())
    world = Effects(cloud, registries, {}, "r", pause=lambda _: None)
    for key in keys:
        action = Action("x", "update", key, None, {"statements": {}}, facts={"fleet": "growth"})
        ACCESS_BY_NAME[key.kind].update(world, action)


@pytest.mark.parametrize("rounds", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_others_keep_every_byte_while_fleets_grow_and_shrink(
    serving: Serving,
    rounds: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ground = Ground(serving)
    before = ground.policies()
    others = {key: text[text.index("[") + 1 : text.rindex("]")].rstrip() for key, text in before.items()}
    for name, value in serving.ready()["accounts"][HUB]["env"].items():
        monkeypatch.setenv(name, value)
    chance, said = random.Random(SEED), set[str]()
    for number in range(rounds):
        made = written(tmp_path, fleet(chance, ground.key))
        code = execute(["access", "apply", "--account", HUB, "--repo", str(tmp_path), "--worktree", "--format", "json"])
        out, err = capfd.readouterr()
        failed = [item for item in json.loads(out)["outcomes"] if item["status"] != "done"]
        assert (code, failed) == (0, []), (number, err)
        live, wants = ground.policies(), wished(made)
        assert {key: text for key, text in live.items() if others[key] not in text} == {}, number
        assert {key: ours(text) for key, text in live.items()} == {key: wants.get(key, set()) for key in live}, number
        said |= {sid for text in live.values() for sid in ours(text)}
    assert len(said) > 3 * min(rounds, 6), "the rounds were about something"
    withdrawn(before)
    assert ground.policies() == before
