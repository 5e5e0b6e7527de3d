"""What a fleet of two hubs does, in which nobody pushes: on from hub to hub, past gates, from spokes without roles.

The keys are strict, one is named by its alias, and either hub's account runs the fleet in its turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.core.model import Target
from controller.core.report import Report
from controller.kinds import versions
from controller.preflight import Foresight
from controller.sandbox.principals import user_keys
from controller.sandbox.world import Account
from tests import bed as beds
from tests import flows_more as more
from tests.admins import Admins
from tests.bed import CHURN, HUB, REGION, STORE, VISION, promotion, standing, why
from tests.flows import strict_key, written_once
from tests.granted import PLATFORM, Granted, role, spoke

MIRROR = "666666666666"
MIRRORED, PROOFS = "mirror-store", "hub-proofs"
ALIAS = f"arn:aws:kms:{REGION}:{MIRROR}:alias/models"
FIRST = ("churn-lab-1", "vision-lab-1")
GROUPS = {HUB: "churn", MIRROR: "onward"}
WISHES = ("churn-lab-1", "onward-1", "onward-2", "vision-lab-1")


def two_hubs(folder: Path) -> Granted:
    """A spoke without a role, one with a role, and a second hub that takes from the first and from the spokes."""
    admins = Admins(Account(MIRROR, "mirror"))
    keys = {account: strict_key(admins, account) for account in (HUB, MIRROR, CHURN)}
    admins.call(MIRROR, "kms", "CreateAlias", AliasName="alias/models", TargetKeyId=keys[MIRROR].rpartition("/")[2])
    churn, vision = spoke("churn-lab", CHURN), spoke("vision-lab", VISION, access=role(VISION))
    churn["spec"]["allow"]["kmsKeyArns"] = [keys[CHURN]]
    hub = json.loads(json.dumps(PLATFORM["central"]))
    hub["spec"]["stores"] = [
        {"name": "main", "bucket": STORE, "kmsKeyArn": keys[HUB]},
        {"name": "old", "bucket": "old-store", "state": "Closed", "verify": "deep"},
    ]
    hub["spec"]["audit"] = {"bucket": more.AUDIT}
    mirror = json.loads(json.dumps(PLATFORM["central"]).replace(HUB, MIRROR).replace('"central"', '"mirror"'))
    mirror["spec"]["stores"] = [{"name": "main", "bucket": MIRRORED, "kmsKeyArn": ALIAS}]
    was = json.loads(json.dumps(hub))
    was["spec"]["stores"] = [{"name": "old", "bucket": "old-store", "verify": "deep"}]
    platform = PLATFORM | {"central": hub, "mirror": mirror, "churn-lab": churn, "vision-lab": vision, "rules": gated()}
    platform |= {name: group(name, hub) for name, hub in (("churn", "central"), ("onward", "mirror"))}
    world = Granted(folder, (*wishes(), follow("churn"), follow("onward")), platform, admins)
    assert world.fleet.problems == ()
    for account, name in ((HUB, STORE), (HUB, "old-store"), (HUB, PROOFS), (HUB, more.AUDIT), (MIRROR, MIRRORED)):
        admins.bucket(account, name)
    for name, account in (("churn-lab", CHURN), ("vision-lab", VISION)):
        world.source(name, account, key=keys.get(account))
    _begun(world, folder / "before", platform | {"central": was})
    return world


def _begun(world: Granted, folder: Path, platform: dict[str, Any]) -> None:
    """The first version was registered when another store was the Active one."""
    after, first = world.fleet, wishes()[0]
    first["spec"]["approval"] = "PendingManualApproval"
    world.fleet = beds.manifests(folder, first, platform=platform)
    world.apply(*ACCOUNTS)
    assert standing(world.run(), "churn-lab-1") == "converged"
    world.fleet = after


def group(name: str, hub: str) -> dict[str, Any]:
    return {"kind": "ModelGroup", "metadata": {"name": name}, "spec": {"hub": hub}}


def gated() -> dict[str, Any]:
    gates = [{"name": "scan", "imageScan": {"below": "HIGH"}}, {"name": "fair", "evidence": f"s3://{PROOFS}/fair/"}]
    spec = {"select": {"groups": ["churn"]}, "gates": gates}
    return {"kind": "Guardrails", "metadata": {"name": "rules"}, "spec": spec}


def wishes() -> list[dict[str, Any]]:
    """Into the first hub, and from there on into the second."""
    names = ("churn-lab", "vision-lab")
    first = [promotion(f"{name}-1", spoke=name, source=f"{name}-experiments") for name in names]
    onward = [promotion(f"onward-{number}", to="onward") for number in (1, 2)]
    for item, name in zip(onward, names, strict=True):
        item["spec"]["from"] = {"promotion": f"{name}-1"}
    return [*first, *onward]


def follow(name: str) -> dict[str, Any]:
    source = {"spoke": "churn-lab", "group": "churn-lab-experiments", "approval": ["Approved"], "versions": ">=2"}
    return {
        "kind": "Subscription",
        "metadata": {"name": f"{name}-follow"},
        "spec": {"from": source, "to": {"group": name}},
    }


def of_the_mirror() -> dict[str, str]:
    """The keys of the second hub's own controller."""
    return user_keys(MIRROR, "CO")


def stands(report: Report) -> dict[str, str]:
    return {name: standing(report, name) for name in WISHES}


def looked_at_by_both(world: Granted) -> None:
    """Either hub's account plans for both; gates find no evidence and no scan yet."""
    for keys in (world.job(), of_the_mirror()):
        report = world.plan(keys)
        assert [row.standing for row in report.rows if row.standing in ("unknown", "refused", "failed")] == []
        said = " ".join(why(report, "churn-lab-1"))
        assert "rules/gates/fair: the evidence is not there" in said, said
        assert world.foreseen(keys) == Foresight()


def promoted(world: Granted) -> None:
    """The first hub's versions are registered and scanned, their evidence written, then approved."""
    report = world.run(only=FIRST)
    assert [standing(report, name) for name in FIRST] == ["blocked"] * 2, [(row.name, row.why) for row in report.rows]
    live = world.admins.world
    for repository in live.registry_of(HUB, REGION).repositories.values():
        live.settings.scans |= {image: ("COMPLETE", {}) for image in repository.tags.values()}
    for name in FIRST:
        release = next(row.release for row in world.plan().rows if row.name == name)
        proof = json.dumps({"release": release, "passed": True}).encode()
        key = f"fair/{release.rpartition(':')[2]}.json"
        world.admins.call(HUB, "s3", "PutObject", Bucket=PROOFS, Key=key, Body=proof)
    report = world.run(only=FIRST)
    assert [standing(report, name) for name in FIRST] == ["converged"] * 2, [(row.name, row.why) for row in report.rows]


def foreseen(world: Granted) -> None:
    """The second hub's own run is told beforehand that it lacks nothing."""
    assert world.foreseen(of_the_mirror()) == Foresight()


def onward(world: Granted) -> None:
    """The second hub's own run takes it on from the first one's store."""
    report = world.run(of_the_mirror())
    assert stands(report) == dict.fromkeys(WISHES, "converged"), [(row.name, row.why) for row in report.rows]


def again(world: Granted) -> None:
    """Nothing is left to be done, whoever asks."""
    for keys in (world.job(), of_the_mirror()):
        report = world.plan(keys)
        assert (report.plan.actions, report.plan.complete, stands(report)) == ((), True, stands(report))


def subscribed(world: Granted) -> None:
    """A followed version of a spoke without a role is registered in both hubs."""
    world.source("churn-lab", CHURN, 2)
    arn = f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package/churn-lab-experiments/2"
    world.admins.call(CHURN, "sagemaker", "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert world.run().plan.actions
    for account in (HUB, MIRROR):
        found = [item.body or {} for item in world.admins.world.models_of(account, REGION).packages.values()]
        marks = [body.get("CustomerMetadataProperties", {}).get("hubwright/source", "") for body in found]
        assert any(source.endswith("churn-lab-experiments/2") for source in marks), (account, marks)


def held(world: Granted) -> None:
    """A group of either hub is held, and let go."""
    for account, name in GROUPS.items():
        more.held_in(world, account, name)


def origins(world: Granted) -> None:
    """The spoke that has a role is seen with what its versions come from, and with the keys that AWS manages."""
    cloud = more.cloud_of(world, writable=False)
    more.origins_in(cloud, VISION)
    more.managed_in(world, cloud, VISION)


def traced(world: Granted) -> None:
    """Either hub's version is traced to its record and document."""
    for account, name in ((HUB, "churn"), (MIRROR, "onward")):
        more.traced_in(world, account, name)


def asked_by_both(world: Granted) -> None:
    """Objects that are gone are gone, not forbidden; a version is looked at again by whoever changes it.

    Either hub's account asks, in both hubs; a spoke with a role is read in that, and is copied from by the hubs.
    """
    for keys in (world.job(), of_the_mirror()):
        cloud = more.cloud_of(world, writable=True, keys=keys)
        old = {"Bucket": "old-store", "ExpectedBucketOwner": HUB, "Key": "models/222222222222/gone"}
        assert more.is_missing(cloud.client(Target(HUB, REGION), "s3", "register"), "HeadObject", **old)
        for account in (HUB, MIRROR):
            hub = Target(account, REGION)
            for owner, name, purposes in (
                (CHURN, "churn-lab", ("read", "register")),
                (VISION, "vision-lab", ("register",)),
            ):
                for purpose in purposes:
                    _probed(cloud.client(hub, "s3", purpose), owner, f"{name}-models")
            arn = f"arn:aws:sagemaker:{REGION}:{account}:model-package/{GROUPS[account]}/1"
            for purpose in ("register", "approve"):
                assert versions.describe(cloud.client(hub, "sagemaker", purpose), arn) is not None


def _probed(client: Any, owner: str, bucket: str) -> None:
    """An object with its version and without, and one that is not there."""
    place = {"ExpectedBucketOwner": owner, "Bucket": bucket}
    head = client.call("HeadObject", **place, Key="v1/model.tar.gz")
    client.call("GetObject", **place, Key="v1/model.tar.gz", VersionId=head["VersionId"])
    client.call("GetObject", **place, Key="v1/model.tar.gz")
    assert more.is_missing(client, "HeadObject", **place, Key="nothing")


FLOWS: tuple[Callable[[Granted], None], ...] = (
    looked_at_by_both, promoted, foreseen, onward, again, subscribed, written_once, more.recorded, more.kept, held, more.drifted, more.looked,
    more.tampered, origins, traced,
    asked_by_both,
)  # fmt: skip
ACCOUNTS = (HUB, MIRROR, CHURN, VISION)
