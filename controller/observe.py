"""Reads every hub that the manifests name, once, all parts at the same time. What fails is blindness, never absence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from typing import Any

from controller.core.arn import Version
from controller.core.errors import HubwrightError
from controller.core.manifest import Store
from controller.core.manifests import Manifests
from controller.core.model import Change, Resource, Snapshot, Target
from controller.core.view import Group, Package, View
from controller.core.wish import Place, Wishes
from controller.kinds import KINDS, artifact, group, image, repository, versions
from controller.kinds.base import Cloud


def places(manifests: Manifests) -> tuple[Place, ...]:
    """The hubs of a fleet, by name."""
    return tuple(Place(name, entry.spec, manifests.fleet.name) for name, entry in sorted(manifests.hubs.items()))


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


def _read_images(cloud: Cloud, target: Target, prefix: str) -> tuple[frozenset[str], dict[tuple[str, str], str]]:
    client = cloud.client(target, "ecr")
    names = repository.read(client, target.account, prefix)
    return names, image.read(client, target.account, names)


def _read_store(cloud: Cloud, target: Target, store: Store) -> tuple[str, dict[str, Any]]:
    client = cloud.client(target, "s3")
    if why := artifact.unfit(client, target.account, store):
        return why, {}
    return "", artifact.read(client, target.account, store)


def _gathered(place: Place, parts: Mapping[str, Future[Any]]) -> View:
    found: dict[str, Any] = {}
    blind: dict[str, str] = {}
    for name, part in parts.items():
        try:
            found[name] = part.result()
        except HubwrightError as error:
            blind["records" if name.startswith("store ") else name] = str(error)
    stores = {store.name: found.get(f"store {store.name}", ("", {})) for store in place.settings.stores}
    repositories, images = found.get("images", (frozenset(), {}))
    return View(
        target=place.target,
        groups=found.get("groups", {}),
        packages=found.get("packages", ()),
        repositories=repositories,
        images=images,
        records={name: where for _, records in stores.values() for name, where in records.items()},
        stores={name: why for name, (why, _) in stores.items()},
        blind=blind,
    )


def snapshot(wishes: Wishes, views: Mapping[Target, View]) -> Snapshot:
    """What of the wishes is live, keyed as the wishes are."""
    live: dict[Any, Resource] = {item.key: item for kind in KINDS for item in kind.observe(wishes, views)}
    return Snapshot(live, _blindness(wishes, views))


_PARTS = {"groups": ("group",), "images": ("repository", "image"), "records": ("artifact",)}


def _blindness(wishes: Wishes, views: Mapping[Target, View]) -> dict[str, str]:
    blind = {
        f"{target}/{kind}": why
        for target, view in views.items()
        for part, why in view.blind.items()
        for kind in _PARTS.get(part, ())
    }
    for wish in wishes.promotions:
        if why := views[wish.subject.place.target].stores.get(wish.store.name, ""):
            blind[str(artifact.key(wish))] = why
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
        fresh = {version: read[version].result() for version in unsure if _lives_in(version, target)}
        named = {key.name: reread[key].result() for key in groups if key.target == target}
        result[target] = view.with_packages(fresh).with_groups(named)
    return result


def _unsure(changes: Iterable[Change], wishes: Wishes) -> list[Version]:
    """Live versions behind a promotion that is to change, as far as they were only seen through Search."""
    named = {origin for change in changes if change.verb != "keep" for origin in change.origins}
    mine = [item for wish in wishes.promotions if wish.subject.name in named for item in wish.subject.mine]
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
