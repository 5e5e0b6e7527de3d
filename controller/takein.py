"""`import`: manifests for what already exists, so that a fleet begins with an empty plan. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from controller.amend import Amendment
from controller.core import inverse
from controller.core.adopting import marked
from controller.core.arn import Version
from controller.core.errors import HubwrightError, UsageError, told
from controller.core.follow import followed_of
from controller.core.globs import any_matches
from controller.core.identify import subject_of
from controller.core.inverse import Found
from controller.core.lock import lock_document
from controller.core.manifest import API_VERSION, Promotion, To
from controller.core.manifests import Manifests
from controller.core.marks import foreign
from controller.core.problems import did_you_mean, shown
from controller.core.record import Record
from controller.core.redact import secret_in
from controller.core.scope import Scope
from controller.core.view import Group, Package, View
from controller.core.wish import Place, Subject
from controller.kinds import artifact
from controller.kinds.base import Cloud
from controller.match import Match, Sources, matched
from controller.observe import observe
from controller.pin import lock_path
from controller.source.write import to_yaml

_UNFIT = "what looks like a secret is in it, and Git is no place for one; change it in the hub"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to take in: from which hubs, of which spoke (empty: of all), into which group (empty: all); whether with
    locks, whether all bytes are proven; and where to (empty: beside what is there, or where the guardrails let it)."""

    hubs: tuple[str, ...]
    spoke: str = ""
    group: str = ""
    locked: bool = False
    prove: bool = False
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
        raise UsageError(
            f"the hub {place.name} has no package group {shown(asked.group)}", did_you_mean(asked.group, view.groups)
        )
    groups = {name: group for name, group in view.groups.items() if asked.group in ("", name)}
    ours, strangers = _sorted(view, place.fleet, groups, claimed)
    if asked.spoke:
        ours = [live for live in ours if _spoke(live, work.manifests) == asked.spoke]
    adopted, strange = _adopted(cloud, place, view, strangers, work)
    taken = sorted({one.version.group for one in (*ours, *(one.live for one in adopted))})
    names = {name: _group(name, groups[name], place, work) for name in taken}
    found = _promotions(cloud, place, view, ours, names, work, pool)
    for one in found:
        _write(one, work)
    for match in adopted:
        _write((_into(match, names), None), work)
    for name, count in strange.items():
        work.open.append(
            f"{name}: {count} of its versions have no marks of this fleet and are never touched; "
            "to have one here, promote its source: hubwright promote SPOKE/GROUP/VERSION --to GROUP"
        )


def _sorted(
    view: View, fleet: str, groups: Mapping[str, Group], claimed: set[str]
) -> tuple[list[Package], list[Package]]:
    """The newest version of each promotion that is nobody's yet, and the versions that are not ours."""
    newest: dict[tuple[Any, ...], Package] = {}
    strangers: list[Package] = []
    for live in view.packages:
        name = live.version.group
        if name not in groups or live.version.arn in claimed:
            continue
        if live.mark("fleet") != fleet or live.source is None:
            strangers.append(live)
        elif not live.superseded and not live.mark("duplicate-of"):
            newest[name, *live.source.identity] = live
    return list(newest.values()), strangers


def _adopted(
    cloud: Cloud, place: Place, view: View, strangers: Sequence[Package], work: _Work
) -> tuple[list[Found], dict[str, int]]:
    """What is proven to be a spoke's, to be adopted; what nearly is stays open, the rest is counted by group."""
    spokes = {name: one for name, one in work.manifests.spokes.items() if work.asked.spoke in ("", name)}
    sources = Sources(cloud, place, spokes)
    adopting = {(one.spec.to.group, one.spec.adopts) for one in work.manifests.promotions.values()}
    found: dict[tuple[Any, ...], Found] = {}
    strange: dict[str, int] = {}
    unmarked = [live for live in strangers if not marked(live)]
    sources.look(live for live in unmarked if live.approval != "Rejected")
    for live in sorted(unmarked, key=lambda one: (one.approval != "Approved", -one.number)):
        if (_named(work, place, live.version.group), live.number) in adopting:
            continue
        match = matched(sources, live, prove=work.asked.prove)
        if match.promotion is None or match.source is None:
            if match.why:
                work.open.append(f"{live.version.arn}: not adopted: {match.why}")
            elif not work.asked.spoke:
                strange[live.version.group] = strange.get(live.version.group, 0) + 1
            continue
        _keep(match, match.promotion, match.source, place, view, work, found)
    for live in strangers:
        if marked(live) and not work.asked.spoke:
            strange[live.version.group] = strange.get(live.version.group, 0) + 1
    if unmarked:
        work.open.extend(f"the spoke {name} was not looked at: {why}" for name, why in sorted(sources.blind.items()))
    return sorted(found.values(), key=lambda one: one.live.version), strange


def _keep(
    match: Match,
    promotion: Promotion,
    source: Version,
    place: Place,
    view: View,
    work: _Work,
    found: dict[tuple[Any, ...], Found],
) -> None:
    """One source is promoted into a group once: what is there of it already goes before."""
    live = match.live
    key = (live.version.group, *source.identity)
    there = view.made_from(place.fleet, live.version.group, source)
    first = found[key].live.version.arn if key in found else there[0].version.arn if there else ""
    if first:
        work.open.append(f"{live.version.arn}: not adopted: it is a copy of {source.arn}, as is {first}")
        return
    found[key] = Found(live, promotion)
    work.says.append(
        f"{live.version.arn}: its images, and its objects by S3's checksums or their bytes, are those of {source.arn}: "
        "adopted where it stands by the next reconcile, which proves it once more"
        if match.proven
        else f"{live.version.arn}: its images, and its objects' sizes and ETags, are those of {source.arn}: "
        "adopted where it stands by the next reconcile, which proves its bytes first"
    )


def _named(work: _Work, place: Place, group: str) -> str:
    """The name of the group's manifest, where it has one."""
    several = len(work.manifests.hubs) > 1
    for known, entry in work.manifests.groups.items():
        if (entry.spec.group or known) == group and (entry.spec.hub == place.name or not (several or entry.spec.hub)):
            return known
    return ""


def _into(one: Found, names: Mapping[str, str]) -> Found:
    """With the name that its group's manifest has by now."""
    to = To(names[one.live.version.group])
    return replace(one, promotion=replace(one.promotion, to=to) if one.promotion else None)


def _group(name: str, group: Group, place: Place, work: _Work) -> str:
    """The name of the ModelGroup, written if there is none yet."""
    if known := _named(work, place, name):
        return known
    manifest = inverse.named(name, work.names, place.name)
    spec: dict[str, Any] = {"hub": place.name}
    if manifest != name:
        spec["group"] = name
    if group.description:
        spec["description"] = group.description
    if tags := {key: value for key, value in foreign(group.tags).items() if not key.startswith("aws:")}:
        spec["tags"] = dict(sorted(tags.items()))
    for part in [part for part in ("description", "tags") if secret_in(spec.get(part))]:
        del spec[part]
        work.open.append(f"{name}: its {part} left out: {_UNFIT}")
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
    if secret_in(inverse.document("x", one.promotion)):
        work.open.append(f"{arn}: not taken in: {_UNFIT}")
        return
    name = inverse.named(f"{one.promotion.to.group}-{version}", work.names, spoke, one.promotion.source.group or "")
    path = f"{_folder(group, spoke, work)}/{name}.yaml"
    try:
        work.made[path] = to_yaml(inverse.document(name, one.promotion))
        if record is not None and work.asked.locked:
            work.made[lock_path(path, name)] = to_yaml(lock_document(name, record.release, work.asked.now))
    except ValueError as error:
        work.open.append(f"{arn}: not taken in: {error}")
