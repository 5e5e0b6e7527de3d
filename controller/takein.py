"""`import`: manifests for what already exists, so that a fleet begins with an empty plan. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from controller.amend import Amendment
from controller.core import inverse
from controller.core.errors import HubwrightError, UsageError, told
from controller.core.follow import followed_of
from controller.core.globs import any_matches
from controller.core.identify import subject_of
from controller.core.inverse import Found
from controller.core.lock import lock_document
from controller.core.manifest import API_VERSION
from controller.core.manifests import Manifests
from controller.core.marks import foreign
from controller.core.record import Record
from controller.core.scope import Scope
from controller.core.view import Group, Package, View
from controller.core.wish import Place, Subject
from controller.kinds import artifact
from controller.kinds.base import Cloud
from controller.observe import observe
from controller.pin import lock_path
from controller.source.write import to_yaml


@dataclass(frozen=True, slots=True)
class Asked:
    """What to take in: from which hubs, of which spoke (empty: of all), into which group (empty: all); whether with
    locks, and where to (empty: beside what is there, or where the guardrails let it stand)."""

    hubs: tuple[str, ...]
    spoke: str = ""
    group: str = ""
    locked: bool = False
    folder: str = ""
    now: str = ""


@dataclass(slots=True)
class _Work:
    """What is being put together."""

    manifests: Manifests
    asked: Asked
    path: str
    made: dict[str, str] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def take_in(cloud: Cloud, manifests: Manifests, asked: Asked, pool: Executor, path: str) -> Amendment:
    """New manifests for all that is in the hubs and in no manifest; what cannot be taken in is left open, and why.

    `path` is the manifests folder from the repository's root.
    """
    places = [Place(name, manifests.hubs[name].spec, manifests.fleet.name) for name in asked.hubs]
    views = observe(cloud, places, pool)
    work = _Work(manifests, asked, path, names={*manifests.promotions, *manifests.groups})
    claimed = _claimed(manifests, views.values())
    for place in places:
        _hub(cloud, place, views[place.target], work, claimed, pool)
    if not work.made and not work.open:
        work.says.append("everything that is there is in a manifest")
    return Amendment(made=work.made, says=tuple(work.says), open=tuple(work.open))


def _claimed(manifests: Manifests, views: Iterable[View]) -> set[str]:
    """The versions that promotions name already, or subscriptions bring."""
    found = [subject_of(entry, manifests) for entry in manifests.promotions.values()]
    subjects = [item for item in found if isinstance(item, Subject)]
    following, _ = followed_of(manifests, Scope())
    asked = {(one.place.target, one.group.spec.group or one.group.name, one.source.identity[:4]) for one in following}
    claimed = set()
    for view in views:
        mine = [item for item in subjects if item.place.target == view.target]
        named = {
            live.version for item in mine for live in view.made_from(item.place.fleet, item.group_name, item.source)
        }
        for live in view.packages:
            source = live.source
            followed = source is not None and (view.target, live.version.group, source.identity[:4]) in asked
            if followed or live.version in named:
                claimed.add(live.version.arn)
    return claimed


def _hub(cloud: Cloud, place: Place, view: View, work: _Work, claimed: set[str], pool: Executor) -> None:
    if why := view.blind.get("packages") or view.blind.get("groups"):
        raise HubwrightError(f"the hub {place.name} could not be read: {why}")
    asked = work.asked
    if asked.group and asked.group not in view.groups:
        raise UsageError(f"the hub {place.name} has no package group {asked.group}")
    groups = {name: group for name, group in view.groups.items() if asked.group in ("", name)}
    ours, strange = _sorted(view, place.fleet, groups, claimed, work)
    if asked.spoke:
        ours = [live for live in ours if _spoke(live, work.manifests) == asked.spoke]
    names = {name: _group(name, groups[name], place, work) for name in sorted({one.version.group for one in ours})}
    found = _promotions(cloud, place, view, ours, names, work, pool)
    for one in found:
        _write(one, work)
    for name, count in strange.items():
        work.open.append(
            f"{name}: {count} of its versions have no marks of this fleet and are never touched; "
            "to have one here, promote its source: hubwright promote SPOKE/GROUP/VERSION --to GROUP"
        )


def _sorted(
    view: View, fleet: str, groups: Mapping[str, Group], claimed: set[str], work: _Work
) -> tuple[list[Package], dict[str, int]]:
    """The newest version of each promotion that is nobody's yet, and how many are not ours, by group."""
    newest: dict[tuple[Any, ...], Package] = {}
    strange: dict[str, int] = {}
    for live in view.packages:
        name = live.version.group
        if name not in groups or live.version.arn in claimed:
            continue
        if live.mark("fleet") != fleet or live.source is None:
            if not work.asked.spoke:
                strange[name] = strange.get(name, 0) + 1
        elif not live.superseded and not live.mark("duplicate-of"):
            newest[name, *live.source.identity] = live
    return list(newest.values()), strange


def _group(name: str, group: Group, place: Place, work: _Work) -> str:
    """The name of the ModelGroup, written if there is none yet."""
    for known, entry in work.manifests.groups.items():
        here = entry.spec.hub or (next(iter(work.manifests.hubs)) if len(work.manifests.hubs) == 1 else "")
        if (entry.spec.group or known, here) == (name, place.name):
            return known
    manifest = inverse.named(name, work.names, place.name)
    spec: dict[str, Any] = {"hub": place.name}
    if manifest != name:
        spec["group"] = name
    if group.description:
        spec["description"] = group.description
    if tags := {key: value for key, value in foreign(group.tags).items() if not key.startswith("aws:")}:
        spec["tags"] = dict(sorted(tags.items()))
    document = {"apiVersion": API_VERSION, "kind": "ModelGroup", "metadata": {"name": manifest}, "spec": spec}
    work.made[f"{_folder(name, '', work)}/{manifest}.yaml"] = to_yaml(document)
    return manifest


def _folder(group: str, spoke: str, work: _Work) -> str:
    """Where manifests about a group belong: as asked, beside its own, or where an owner of it may write."""
    if work.asked.folder:
        return work.asked.folder
    for known, entry in work.manifests.groups.items():
        if (entry.spec.group or known) == group:
            return str(PurePosixPath(entry.path).parent)
    for rules in work.manifests.guardrails.values():
        for owner in rules.spec.owners:
            mine = any_matches(owner.groups or ("*",), group) and (not spoke or spoke in (owner.spokes or (spoke,)))
            open_to = [glob for glob in owner.paths if glob.endswith("/**") and "*" not in glob[:-3]]
            if mine and open_to:
                return str(PurePosixPath(work.path) / open_to[0][:-3])
    return str(PurePosixPath(work.path) / "imported" / group)


def _promotions(
    cloud: Cloud,
    place: Place,
    view: View,
    ours: Sequence[Package],
    names: Mapping[str, str],
    work: _Work,
    pool: Executor,
) -> Iterator[tuple[Found, Record | None]]:
    """What each version says of itself; its record is read only where that does not tell everything."""
    started = []
    for live in ours:
        spoke = _spoke(live, work.manifests)
        source = live.source
        if not spoke or source is None:
            where = f"{source.account}/{source.region}" if source else "an unknown account"
            yield Found(live, None, f"no Spoke is of {where}, where it was made from"), None
            continue
        wanted = inverse.plain(live, source, spoke, names[live.version.group])
        if inverse.fits(live, wanted) and not work.asked.locked:
            yield Found(live, wanted), None
        else:
            started.append((live, wanted, pool.submit(_record, cloud, place, view, live)))
    for live, wanted, future in started:
        record = future.result()
        if isinstance(record, str):
            yield Found(live, None, record), None
            continue
        kept = view.records[live.mark("promotion")].store
        store = next(one for one in place.settings.stores if one.name == kept)
        yield Found(live, wanted) if inverse.fits(live, wanted) else inverse.told(live, wanted, record, store), record


def _spoke(live: Package, manifests: Manifests) -> str:
    source = live.source
    if source is None:
        return ""
    place = (source.account, source.region)
    return next((name for name, one in manifests.spokes.items() if (one.spec.account, one.spec.region) == place), "")


def _record(cloud: Cloud, place: Place, view: View, live: Package) -> Record | str:
    where = view.records.get(live.mark("promotion"))
    store = place.store(where.store) if where else None
    if where is None or store is None:
        return "it has no record in a store of the hub"
    try:
        return artifact.read_back(cloud.client(place.target, "s3"), place.target.account, store.bucket, where.key)
    except HubwrightError as error:
        return told(error)


def _write(found: tuple[Found, Record | None], work: _Work) -> None:
    one, record = found
    group, arn = one.live.version.group, one.live.version.arn
    if one.promotion is None:
        work.open.append(f"{arn}: not taken in: {one.why}")
        return
    spoke, version = one.promotion.source.spoke or "", one.promotion.source.version
    name = inverse.named(f"{one.promotion.to.group}-{version}", work.names, spoke, one.promotion.source.group or "")
    path = f"{_folder(group, spoke, work)}/{name}.yaml"
    try:
        work.made[path] = to_yaml(inverse.document(name, one.promotion))
        if record is not None and work.asked.locked:
            work.made[lock_path(path, name)] = to_yaml(lock_document(name, record.release, work.asked.now))
    except ValueError as error:
        work.open.append(f"{arn}: not taken in: {error}")
