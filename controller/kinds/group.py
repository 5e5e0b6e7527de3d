"""Model package groups in the hub: their existence and tags. Nothing deletes one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controller.core.arn import group_arn
from controller.core.errors import CloudError, PreconditionError, SafetyError
from controller.core.hold import TAG as HOLD
from controller.core.hold import hold_text, read_hold
from controller.core.marks import PREFIX
from controller.core.model import Action, Key, Resource, Target
from controller.core.view import Group, View
from controller.core.wish import Wishes
from controller.kinds.base import Client, Facts, World

NAME = "group"
FLEET = PREFIX + "fleet"


def key(target: Target, group: str) -> Key:
    return Key(target, NAME, group)


def desire(wishes: Wishes) -> Iterator[Resource]:
    for wish in wishes.groups:
        tags = {**wish.group.tags, FLEET: wish.place.fleet}
        facts = {"description": wish.group.description or ""}
        yield Resource(key(wish.place.target, wish.name), {"tags": tags}, origins=(wish.path,), facts=facts)


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    for wish in wishes.groups:
        live = views[wish.place.target].groups.get(wish.name)
        if live is not None:
            asked = {*wish.group.tags, FLEET}
            tags = {name: value for name, value in live.tags.items() if name in asked}
            yield Resource(key(wish.place.target, wish.name), {"tags": tags})


def reason(before: Any, after: Any) -> str:
    if before is None:
        return "absent"
    owner = before["tags"].get(FLEET)
    return "tags" if owner in (None, after["tags"][FLEET]) else "taken"


def read(client: Client, names: Iterable[str] | None = None) -> dict[str, Group]:
    """All groups of an account by name, from Search; with `names`, only those, each read consistently."""
    if names is not None:
        return {name: group for name in names if (group := reread(client, name))}
    found = client.pages("Search", "Results", Resource="ModelPackageGroup", MaxResults=100)
    groups = [item["ModelPackageGroup"] for item in found]
    return {item["ModelPackageGroupName"]: _group(item, item.get("Tags", [])) for item in groups}


def _group(item: Mapping[str, Any], tags: Iterable[Mapping[str, str]]) -> Group:
    return Group(
        item["ModelPackageGroupName"],
        {tag["Key"]: tag["Value"] for tag in tags},
        item.get("ModelPackageGroupDescription"),
    )


def reread(client: Client, name: str) -> Group | None:
    """One group as it is now, or None when there is none."""
    try:
        item = client.call("DescribeModelPackageGroup", ModelPackageGroupName=name)
    except CloudError as error:
        if error.missing:
            return None
        raise
    tags = client.pages("ListTags", "Tags", ResourceArn=item["ModelPackageGroupArn"])
    return _group(item, list(tags))


def check_hold(world: World, target: Target, name: str) -> None:
    """PreconditionError where somebody has put a hold on a group since this run read it: a run may take hours."""
    view = world.views.get(target)
    known = view.groups.get(name) if view is not None else None
    tags = world.cloud.client(target, "sagemaker").pages(
        "ListTags", "Tags", ResourceArn=group_arn(target.account, target.region, name)
    )
    now = next((str(tag["Value"]) for tag in tags if tag["Key"] == HOLD), None)
    if now is not None and now != (known.tags.get(HOLD) if known is not None else None):
        raise PreconditionError(hold_text(name, read_hold(now)), "run it again once it is over")


def create(world: World, action: Action) -> Facts:
    client = world.cloud.client(action.key.target, "sagemaker", "register")
    request: dict[str, Any] = {"ModelPackageGroupName": action.key.name, "Tags": _tags(action)}
    if action.facts["description"]:
        request["ModelPackageGroupDescription"] = action.facts["description"]
    try:
        client.call("CreateModelPackageGroup", **request)
    except CloudError:
        if reread(client, action.key.name) is None:
            raise
        return update(world, action)  # another run was first; its tags are ours to set
    return {}


def update(world: World, action: Action) -> Facts:
    target = action.key.target
    client = world.cloud.client(target, "sagemaker", "register")
    live = reread(client, action.key.name)
    wished = action.after["tags"]
    if live is not None and live.tags.get(FLEET, wished[FLEET]) != wished[FLEET]:
        owner = live.tags[FLEET]
        raise PreconditionError(f"the group {action.key.name} belongs to the fleet {owner!r}", "give it another name")
    if live is None or any(live.tags.get(name) != value for name, value in wished.items()):
        client.call(
            "AddTags", ResourceArn=group_arn(target.account, target.region, action.key.name), Tags=_tags(action)
        )
    return {}


def _tags(action: Action) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in sorted(action.after["tags"].items())]


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"package groups are never deleted: {action.key}")
