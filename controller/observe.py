"""Reads every hub that the manifests name, once, all parts at the same time. What fails is blindness, never absence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from controller.core.arn import Version
from controller.core.errors import HubwrightError, told
from controller.core.manifest import Store
from controller.core.model import Change, Resource, Snapshot, Target
from controller.core.view import Group, Package, View
from controller.core.wish import Place, Subject, Wishes
from controller.kinds import KINDS, announcement, artifact, group, image, repository, versions
from controller.kinds.base import Cloud

Name = TypeVar("Name")
Found = TypeVar("Found")


def observe(cloud: Cloud, hubs: Iterable[Place], pool: Executor) -> dict[Target, View]:
    """What is live in each hub. Sources are not read here."""
    started = [(place, _start(cloud, place, pool)) for place in hubs]
    return {place.target: _gathered(place, parts) for place, parts in started}


def _start(cloud: Cloud, place: Place, pool: Executor) -> dict[str, Future[Any]]:
    target, settings = place.target, place.settings
    reads: dict[str, Callable[[], Any]] = {
        "packages": lambda: versions.read(cloud.client(target, "sagemaker")),
        "groups": lambda: group.read(cloud.client(target, "sagemaker")),
        "images": lambda: _read_images(cloud, target, settings.images.prefix),
    }
    for store in settings.stores:
        reads[f"store {store.name}"] = partial(_read_store, cloud, target, store)
    return {name: pool.submit(read) for name, read in reads.items()}


def _read_images(cloud: Cloud, target: Target, prefix: str) -> tuple[frozenset[str], dict[Any, str], dict[str, str]]:
    client = cloud.client(target, "ecr")
    names = repository.read(client, target.account, prefix)
    images: dict[Any, str] = {}
    blind: dict[str, str] = {}
    for name in sorted(names):
        try:
            images |= image.read(client, target.account, name)
        except HubwrightError as error:
            blind[name] = told(error)
    return names, images, blind


def _read_store(cloud: Cloud, target: Target, store: Store) -> tuple[str, dict[str, Any]]:
    """Why the store cannot be used, or its records."""
    client = cloud.client(target, "s3")
    try:
        if why := artifact.unfit(client, target.account, store):
            return why, {}
        return "", artifact.read(client, target.account, store)
    except HubwrightError as error:
        return told(error), {}


def _gathered(place: Place, parts: Mapping[str, Future[Any]]) -> View:
    found: dict[str, Any] = {}
    blind: dict[str, str] = {}
    for name, part in parts.items():
        try:
            found[name] = part.result()
        except HubwrightError as error:
            blind[name] = told(error)
    stores = {store.name: parts[f"store {store.name}"].result() for store in place.settings.stores}
    noted = {name: where for _, records in stores.values() for name, where in records.items()}
    packages, unread_groups = found.get("packages", ((), {}))
    repositories, images, unread_images = found.get("images", (frozenset(), {}, {}))
    blind |= {f"packages {name}": why for name, why in unread_groups.items()}
    blind |= {f"images {name}": why for name, why in unread_images.items()}
    return View(
        target=place.target,
        groups=found.get("groups", {}),
        packages=packages,
        repositories=repositories,
        images=images,
        records={name: where for name, where in noted.items() if "." not in name},
        announced=frozenset(name.partition(".")[0] for name in noted if name.endswith(announcement.SUFFIX)),
        stores={name: why for name, (why, _) in stores.items()},
        blind=blind,
    )


def revocable(
    cloud: Cloud, views: Mapping[Target, View], subjects: Iterable[Subject], pool: Executor
) -> dict[Target, View]:
    """The views with what can still be read of groups whose hub is blind, as far as a rejection needs it."""
    asked = sorted(
        {
            (item.place.target, item.group_name)
            for item in subjects
            if item.promotion.approval == "Rejected" and "packages" in views[item.place.target].blind
        }
    )
    started = [(target, pool.submit(_read_group, cloud, target, name)) for target, name in asked]
    result = dict(views)
    for target, future in started:
        with suppress(HubwrightError):  # that the hub is blind is already said
            result[target] = result[target].with_packages({item.version: item for item in future.result()})
    return result


def _read_group(cloud: Cloud, target: Target, name: str) -> tuple[Package, ...]:
    return versions.read_group(cloud.client(target, "sagemaker"), name)


def snapshot(wishes: Wishes, views: Mapping[Target, View]) -> Snapshot:
    """What of the wishes is live, keyed as the wishes are."""
    live: dict[Any, Resource] = {item.key: item for kind in KINDS for item in kind.observe(wishes, views)}
    return Snapshot(live, _blindness(wishes, views))


_PARTS = {"groups": ("group",), "images": ("repository", "image")}


def _blindness(wishes: Wishes, views: Mapping[Target, View]) -> dict[str, str]:
    blind: dict[str, str] = {}
    for target, view in views.items():
        for part, why in view.blind.items():
            blind |= {f"{target}/{kind}": why for kind in _PARTS.get(part, ())}
            if part.startswith("groups "):
                blind[str(group.key(target, part.removeprefix("groups ")))] = why
    for wish in wishes.promotions:
        target, view = wish.subject.place.target, views[wish.subject.place.target]
        if why := view.stores.get(wish.store.name) or ("" if wish.subject.new else view.unread_store):
            blind[str(artifact.key(wish))] = why  # what was promoted may be recorded in any store
            blind[str(announcement.key(wish))] = why
        for copy in wish.images:
            if why := view.unread("images", copy.repository):
                blind[str(image.key(target, copy))] = why
    return blind


def confirm(
    cloud: Cloud, views: Mapping[Target, View], changes: Iterable[Change], wishes: Wishes, pool: Executor
) -> dict[Target, View]:
    """The views with everything read again, consistently, that is about to see anything but keep: Search may lag."""
    unsure = _unsure(changes, wishes)
    read = {version: pool.submit(_package, cloud, version) for version in unsure}
    groups = [change.key for change in changes if change.key.kind == "group" and change.verb in ("create", "update")]
    reread = {key: pool.submit(_group, cloud, key.target, key.name) for key in groups}
    result = {}
    for target, view in views.items():
        fresh, unread = _settled({version: read[version] for version in unsure if _lives_in(version, target)})
        named, unread_groups = _settled({key.name: reread[key] for key in groups if key.target == target})
        blind = {f"packages {version.group}": why for version, why in unread.items()}
        blind |= {f"groups {name}": why for name, why in unread_groups.items()}
        known = view.with_packages(fresh).with_groups(named | dict.fromkeys(unread_groups))
        result[target] = replace(known, blind={**view.blind, **blind})
    return result


def _settled(read: Mapping[Name, Future[Found]]) -> tuple[dict[Name, Found], dict[Name, str]]:
    """What was read, and why the rest could not be."""
    found: dict[Name, Found] = {}
    blind: dict[Name, str] = {}
    for name, future in read.items():
        try:
            found[name] = future.result()
        except HubwrightError as error:
            blind[name] = told(error)
    return found, blind


def _unsure(changes: Iterable[Change], wishes: Wishes) -> list[Version]:
    """Live versions behind a promotion that is to change, as far as they were only seen through Search."""
    named = {origin for change in changes if change.verb != "keep" for origin in change.origins}
    subjects = [wish.subject for wish in wishes.promotions if wish.subject.name in named]
    mine = [item for subject in subjects for item in subject.mine]
    mine += [item.after.live for item in subjects if item.after is not None and item.after.live is not None]
    mine += [item.adopts for item in subjects if item.adopts is not None]
    return sorted({item.version for item in mine if not item.sure})


def _lives_in(version: Version, target: Target) -> bool:
    return (version.account, version.region) == (target.account, target.region)


def _package(cloud: Cloud, version: Version) -> Package | None:
    target = Target(version.account, version.region)
    found = versions.describe(cloud.client(target, "sagemaker"), version.arn)
    return replace(found, sure=True) if found else None


def _group(cloud: Cloud, target: Target, name: str) -> Group | None:
    found = group.reread(cloud.client(target, "sagemaker"), name)
    return replace(found, sure=True) if found else None
