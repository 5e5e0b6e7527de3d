"""Images in the hub's registry: one tag of our own on one digest. Nothing moves or deletes one."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Set
from typing import Any

from controller.core.arn import registry_host
from controller.core.draft import ImageCopy
from controller.core.errors import SafetyError
from controller.core.model import Action, Key, Resource, Target
from controller.core.view import View
from controller.core.wish import Wishes
from controller.kinds import repository
from controller.kinds.base import Client, Facts, World

NAME = "image"


def key(target: Target, copy: ImageCopy) -> Key:
    return Key(target, NAME, f"{copy.repository}:{copy.tag}")


def desire(wishes: Wishes) -> Iterator[Resource]:
    for wish in wishes.promotions:
        target = wish.subject.place.target
        for copy in wish.images:
            yield Resource(
                key(target, copy),
                {"digest": copy.digest},
                needs=(repository.key(target, copy.repository),),
                origins=(wish.subject.name,),
                facts={
                    "source": copy.source,
                    "repository": copy.repository,
                    "tag": copy.tag,
                    "lost": not copy.source,
                    "bytes": copy.size,
                },
            )


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    for wish in wishes.promotions:
        target = wish.subject.place.target
        for copy in wish.images:
            digest = views[target].images.get((copy.repository, copy.tag))
            if digest is not None:
                yield Resource(key(target, copy), {"digest": digest})


def reason(before: Any, after: Any) -> str:
    return "absent" if before is None else "taken"


def read(client: Client, account: str, repository: str) -> dict[tuple[str, str], str]:
    """Digests by (repository, tag) of all tagged images of a repository."""
    pages = client.pages(
        "DescribeImages", "imageDetails", registryId=account, repositoryName=repository, maxResults=1000
    )
    return {(repository, tag): item["imageDigest"] for item in pages for tag in item.get("imageTags", [])}


def create(world: World, action: Action) -> Facts:
    target = action.key.target
    facts = action.facts
    place = f"{registry_host(target.account, target.region)}/{facts['repository']}"
    digest = action.after["digest"]
    seen = world.views[target].images if target in world.views else {}
    held = sorted({name for (name, _), live in seen.items() if live == digest and name != facts["repository"]})
    tell = functools.partial(world.moved, action.key)
    others = _others(seen, {*held, facts["repository"]})
    return world.registries.copy(facts["source"], place, digest, facts["tag"], held, tell, others)


def _others(seen: Mapping[tuple[str, str], str], known: Set[str]) -> dict[str, str]:
    """One image of every other repository; what cosign keeps under tags of its own is none."""
    return {name: live for (name, tag), live in sorted(seen.items()) if name not in known and tag.startswith("hw-")}


def update(world: World, action: Action) -> Facts:
    raise SafetyError(f"image tags are never moved: {action.key}")


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"images are never deleted: {action.key}")
