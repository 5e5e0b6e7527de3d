"""What a set-up needs before anything is planned: each part looked at by itself, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from controller.core.errors import HubwrightError
from controller.core.manifest import Hub, Spoke, Store
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.problems import did_you_mean
from controller.kinds import artifact
from controller.kinds.base import Cloud, Purpose

Status = Literal["ok", "warn", "fail"]
_SKEW = 60.0  # seconds; AWS refuses signatures from five minutes on


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its area, what exactly, how it is, and what to do."""

    area: str
    about: str
    status: Status
    says: str
    hint: str = ""


def tried(area: str, about: str, look: Callable[[], Check], hint: str = "") -> Check:
    """The outcome of a look; what it raises is a failed check with its reason."""
    try:
        return look()
    except HubwrightError as error:
        return Check(area, about, "fail", str(error), error.hint or hint)


def examine(cloud: Cloud, manifests: Manifests) -> Iterator[Check]:
    """Every hub and spoke: roles, stores, repositories, buses. Reads only."""
    for name, hub in sorted(manifests.hubs.items()):
        yield from _hub(cloud, name, hub.spec)
    for name, spoke in sorted(manifests.spokes.items()):
        if spoke.spec.state != "Retired":
            yield from _spoke(cloud, name, spoke.spec)


def _hub(cloud: Cloud, name: str, hub: Hub) -> Iterator[Check]:
    target = Target(hub.account, hub.region)
    purposes: tuple[Purpose, ...] = ("read", "register", "approve")
    for purpose in purposes:
        yield _entered(cloud, target, f"hub {name}, to {purpose}", purpose)
    for store in hub.stores:
        yield tried("store", store.bucket, partial(_store, cloud, target, store))
    yield tried("images", f"hub {name}", lambda: _immutable(cloud, target, hub.images.prefix))
    if hub.events is not None:
        bus = hub.events.bus
        yield tried(
            "bus",
            bus,
            lambda: _bus(cloud, target, bus),
            "make it, with its rules: hubwright access apply",
        )


def _spoke(cloud: Cloud, name: str, spoke: Spoke) -> Iterator[Check]:
    if spoke.pattern == "push":
        yield Check("role", f"spoke {name}", "ok", "pushes: it is not entered from here")
    elif spoke.access is None or spoke.access.read is None:
        says = "has no role of its own: the hub reads it by name, which its own policies must allow"
        yield Check("role", f"spoke {name}", "warn", says, "give it `access: {roleName: …}`")
    else:
        yield _entered(cloud, Target(spoke.account, spoke.region or ""), f"spoke {name}", "read")


def _entered(cloud: Cloud, target: Target, about: str, purpose: Purpose) -> Check:
    def look() -> Check:
        answer = cloud.client(target, "sts", purpose).call("GetCallerIdentity")
        return Check("role", about, "ok", f"is entered as {answer['Arn']}")

    return tried("role", about, look, "make it, or let it be assumed: hubwright access render")


def _store(cloud: Cloud, target: Target, store: Store) -> Check:
    client, bucket = cloud.client(target, "s3"), store.bucket
    why, hint = artifact.examined(client, target.account, store)
    if why:
        return Check("store", bucket, "fail", why, hint)
    region = client.call("HeadBucket", Bucket=bucket, ExpectedBucketOwner=target.account).get("BucketRegion")
    if region and region != target.region:
        hint = f"is `region: {target.region}` of the Hub right? A store elsewhere works; what leaves a region costs"
        return Check("store", bucket, "warn", f"is in {region}, and the hub in {target.region}", hint)
    return Check("store", bucket, "ok", "is the hub's own, and versioned")


def _immutable(cloud: Cloud, target: Target, prefix: str) -> Check:
    pages = cloud.client(target, "ecr").pages("DescribeRepositories", "repositories", registryId=target.account)
    mine = [item for item in pages if item["repositoryName"].startswith(prefix + "/")]
    loose = [item["repositoryName"] for item in mine if item.get("imageTagMutability") != "IMMUTABLE"]
    if loose:
        says = f"{len(loose)} of {len(mine)} repositories let tags be moved, such as {loose[0]}"
        hint = f"aws ecr put-image-tag-mutability --image-tag-mutability IMMUTABLE --repository-name {loose[0]}"
        return Check("images", target.account, "fail", says, f"nothing else must write there: {hint}")
    return Check("images", target.account, "ok", f"all tags of {len(mine)} repositories below {prefix}/ are immutable")


def _bus(cloud: Cloud, target: Target, bus: str) -> Check:
    cloud.client(target, "events").call("DescribeEventBus", Name=bus)
    pages = cloud.client(target, "events").call("ListRules", EventBusName=bus).get("Rules", [])
    wired = [item["Name"] for item in pages if item.get("State") == "ENABLED"]
    if not wired:
        return Check("bus", bus, "warn", "has no rule that is enabled", "make them: hubwright access apply")
    return Check("bus", bus, "ok", f"has {len(wired)} enabled rules")


def regions(manifests: Manifests, known: Collection[str]) -> Iterator[Check]:
    """The regions that nobody knows by such a name; no network is asked."""
    said = {f"hub {name}": entry.spec.region for name, entry in sorted(manifests.hubs.items())}
    said |= {f"spoke {name}": entry.spec.region or "" for name, entry in sorted(manifests.spokes.items())}
    for about, region in said.items():
        if region and region not in known:
            hint = did_you_mean(region, known) or "look for a slip; a newer boto3 knows newer regions"
            yield Check("region", about, "warn", f"{region} is no region that boto3 knows", hint)


def clock(off: float) -> Check:
    """How far this machine's clock is from AWS's, in seconds."""
    if abs(off) > _SKEW:
        way = "ahead of" if off > 0 else "behind"
        says = f"is {abs(off):.0f} s {way} AWS, which refuses signatures that are 300 s off"
        return Check("clock", "this machine", "fail", says, "set it by NTP")
    return Check("clock", "this machine", "ok", "agrees with AWS")
