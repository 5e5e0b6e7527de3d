"""Model package versions in the hub: registered once under the promotion's id, never changed, never deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.arn import parse_version
from controller.core.errors import CloudError, SafetyError
from controller.core.marks import LINEAGE
from controller.core.model import Action, Key, Resource, Target
from controller.core.record import record_key
from controller.core.release import spec_digest
from controller.core.view import Package, View
from controller.core.wish import Wish, Wishes
from controller.kinds import adoption, artifact, group, image, versions
from controller.kinds.base import Facts, World
from controller.kinds.takeover import take_over

NAME = "package"


def needs(wish: Wish) -> tuple[Key, ...]:
    """What must be there before the version is registered."""
    target = wish.subject.place.target
    images = tuple(image.key(target, copy) for copy in wish.images)
    return (group.key(target, wish.subject.group_name), artifact.key(wish), *images)


def desire(wishes: Wishes) -> Iterator[Resource]:
    for wish in wishes.promotions:
        subject = wish.subject
        if subject.promotion.approval == "Rejected":
            continue
        if subject.live is not None:
            spec = _spec(subject.identity, subject.inputs, subject.live.mark("spec"))
            yield Resource(wish.key, spec, origins=(subject.name,))
        elif wish.draft is not None:
            spec = _spec(subject.identity, subject.inputs, spec_digest(wish.draft.body))
            facts = {
                "group": subject.group_name,
                "body": wish.draft.body,
                "metadata": wish.metadata,
                "lineage": wish.lineage,
                "adopts": adoption.facts_of(wish),
                "bucket": wish.store.bucket,
                "record": record_key(wish.store.prefix, subject.source.account, subject.identity),
                "deep": wish.store.verify == "deep",
            }
            yield Resource(wish.key, spec, needs(wish), (subject.name,), facts)


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    for wish in wishes.promotions:
        live = wish.subject.live or (wish.subject.adopts if wish.in_place is not None else None)
        if live is not None:
            yield Resource(wish.key, _live_spec(live))


def _spec(promotion: str, inputs: str, spec: str) -> dict[str, Any]:
    return {"promotion": promotion, "inputs": inputs, "spec": spec, "failed": False}


def _live_spec(live: Package) -> dict[str, Any]:
    failed = live.status == "Failed"
    return {"promotion": live.mark("promotion"), "inputs": live.mark("inputs"), "spec": live.spec, "failed": failed}


def reason(before: Any, after: Any) -> str:
    if before is None:
        return "absent"
    if not before["promotion"] and not before["inputs"]:
        return "adopted"
    if before["failed"]:
        return "failed"
    return "inputs" if before["inputs"] != after["inputs"] else "changed"


def create(world: World, action: Action) -> Facts:
    target, facts = action.key.target, action.facts
    client = world.cloud.client(target, "sagemaker", "register")
    promotion = action.after["promotion"]
    if there := _there(world, action):
        return {"arn": there}
    ancestry = world.made.of(action.needs, "lineage") or facts["lineage"]
    metadata = facts["metadata"] | ({LINEAGE: ancestry} if ancestry else {})
    try:
        answer = client.call(
            "CreateModelPackage",
            **facts["body"],
            ModelPackageGroupName=facts["group"],
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties=metadata,  # without the revision: a token comes with one set of parameters
            ClientToken=promotion,
        )
    except CloudError as error:
        if error.code != "ConflictException" or not (there := _there(world, action)):
            raise
        return {"arn": there}
    arn = str(answer["ModelPackageArn"])
    if version := parse_version(arn):
        world.made.identify(version, promotion)
    return {"arn": arn}


def _there(world: World, action: Action) -> str:
    """The ARN of a version that another run registered since the hub was read, or an empty text."""
    client = world.cloud.client(action.key.target, "sagemaker", "register")
    found = versions.siblings(world, client, action.key.target, action.facts["group"], action.after["promotion"], 0)
    return found[0].version.arn if found else ""


def update(world: World, action: Action) -> Facts:
    if not action.facts.get("adopts"):
        raise SafetyError(f"registered versions are never changed: {action.key}")
    return take_over(world, action)


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"registered versions are never deleted: {action.key}")
