"""`rollback` and `revoke`: the changes of manifests that take a version back. Neither is applied by what writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path, PurePosixPath
from typing import Any

from controller.amend import SPEC, Amendment, changed
from controller.core.errors import HubwrightError, UsageError, told
from controller.core.identify import subject_of
from controller.core.manifest import API_VERSION
from controller.core.manifests import Manifests
from controller.core.past import Event, asked, previous
from controller.core.problems import Where, did_you_mean, shown
from controller.core.revoked import of_lock, of_package, of_record
from controller.core.view import Package, View
from controller.core.wish import Place, Subject
from controller.kinds import artifact
from controller.kinds.base import Cloud
from controller.observe import observe
from controller.source.history import Step
from controller.source.write import to_yaml

PROMOTION = "Promotion"
REVOKED = "revoked"  # the Guardrails that revoke writes into


def rolled_back(
    manifests: Manifests, top: Path, group: str, happened: Sequence[Event], steps: Sequence[Step], reason: str
) -> Amendment:
    """The change that makes the previously approved version of a group the approved one again.

    A group that says `current` is pointed at it; otherwise the one that stands now is held. A promotion that has been
    deleted since comes back as it was, with its lock.
    """
    entry = manifests.groups.get(group)
    if entry is None:
        raise UsageError(f"there is no ModelGroup {shown(group)}", did_you_mean(group, manifests.groups))
    standing = [name for name, one in manifests.promotions.items() if one.spec.to.group == group]
    now = [name for name in standing if manifests.promotions[name].spec.approval == "Approved"]
    if entry.spec.current:
        now = [entry.spec.current]
    back = previous(happened, group, now, _barred(manifests, group, steps))
    current, before = back.current, back.before
    if not before:
        stands = f"nothing before {current} was approved" if current else "nothing was ever approved"
        hint = f"what was left since ({', '.join(back.left)}) is approved again by hand" if back.left else ""
        raise UsageError(f"there is nothing to go back to in {group}: {stands} that is not Rejected now", hint)
    texts: dict[str, str] = {}
    made: dict[str, str] = {}
    if before in manifests.promotions:
        if manifests.promotions[before].spec.approval != "Approved":
            texts |= changed(top, manifests.promotions[before], {(SPEC, "approval"): "Approved"})
    else:
        made |= _restored(before, steps, str(PurePosixPath(entry.path).parent))
    if entry.spec.current:
        texts |= changed(top, entry, {(SPEC, "current"): before})
    elif current:
        held: dict[Where, Any] = {(SPEC, "approval"): "PendingManualApproval"}
        if reason:
            held[SPEC, "reason"] = reason
        texts |= changed(top, manifests.promotions[current], held)
    says = (
        f"{group}: back from {current} to {before}" if current else f"{group}: back to {before}",
        "nothing is changed in the hub before this is committed and reconciled",
    )
    return Amendment(texts, made, says + _stageless(manifests, before))


def _stageless(manifests: Manifests, name: str) -> tuple[str, ...]:
    """SageMaker takes no stage away: a version that was superseded keeps the one it got then, unless Git names one."""
    promotion = manifests.promotions.get(name)
    if promotion is None or promotion.spec.stage is not None:
        return ()
    return (f"{name} names no stage: if it was superseded, its version keeps the stage it got then, such as Retired",)


def _barred(manifests: Manifests, group: str, steps: Sequence[Step]) -> set[str]:
    """What nobody goes back to: promotions that are Rejected, or were when they went, or are of another group now."""
    last = {
        name: asked(said) for step in steps for (kind, name), said in step.changes.items() if said and kind == PROMOTION
    }
    gone = {name for name, (_, _, approval) in last.items() if approval == "Rejected"} - set(manifests.promotions)
    return gone | {
        name
        for name, entry in manifests.promotions.items()
        if entry.spec.approval == "Rejected" or entry.spec.to.group != group
    }


def _restored(name: str, steps: Sequence[Step], folder: str) -> dict[str, str]:
    """A promotion that was deleted, and its lock, as they were last."""
    found: dict[str, str] = {}
    for kind, path in ((PROMOTION, f"{folder}/{name}.yaml"), ("Lock", f"{folder}/{name}.lock.yaml")):
        said = [step.changes[kind, name] for step in steps if step.changes.get((kind, name)) is not None]
        if said and said[-1] is not None:
            document = {**said[-1]}
            if kind == PROMOTION:
                document["spec"] = {**document["spec"], "approval": "Approved"}
            found[path] = to_yaml(document)
    return found


def revoked(
    cloud: Cloud, manifests: Manifests, top: Path, digest: str, reason: str, pool: Executor, path: str
) -> Amendment:
    """The change that rejects everything that consists of a digest, and puts it on the platform's list.

    `path` is the manifests folder. What is in a hub and in no manifest is left open: nothing rejects it yet.
    """
    places = [Place(name, entry.spec, manifests.fleet.name) for name, entry in sorted(manifests.hubs.items())]
    views = observe(cloud, places, pool)
    hit = _hit(cloud, manifests, places, views, digest, pool)
    texts: dict[str, str] = {}
    says, open_ = [], []
    for name in sorted(hit.names):
        entry = manifests.promotions[name]
        if entry.spec.approval != "Rejected":
            texts |= changed(top, entry, {(SPEC, "approval"): "Rejected", (SPEC, "reason"): f"Revoked: {reason}"})
            says.append(f"{name}: Rejected, it consists of this digest")
    for live in hit.loose:
        arn = live.version.arn
        open_.append(f"{arn} consists of it and is in no manifest: take it in with hubwright import, and revoke again")
    open_ += [f"the hub {place.name} could not be read whole: {why}" for place, why in hit.blind]
    if not hit.names and not hit.loose:
        says.append("nothing that was promoted consists of this digest; it is only kept from coming")
    listed = _listed(manifests, top, digest, reason, path)
    if listed is None:
        says.append(f"it is on the list of the Guardrails {REVOKED} already")
    return Amendment(texts | (listed or {}), {}, tuple(says), tuple(open_))


class _Hit:
    def __init__(self) -> None:
        self.names: set[str] = set()
        self.loose: list[Package] = []
        self.blind: list[tuple[Place, str]] = []


def _hit(
    cloud: Cloud, manifests: Manifests, places: Iterable[Place], views: Mapping[Any, View], digest: str, pool: Executor
) -> _Hit:
    hit = _Hit()
    hit.names = {name for name, lock in manifests.locks.items() if digest in {*of_lock(lock.spec)}}
    hit.names &= set(manifests.promotions)
    found = [subject_of(entry, manifests) for entry in manifests.promotions.values()]
    subjects = [item for item in found if isinstance(item, Subject)]
    for place in places:
        view = views[place.target]
        hit.blind += [(place, why) for why in (*view.blind.values(), *filter(None, view.stores.values()))]
        ours = [live for live in view.packages if live.mark("fleet") == place.fleet]
        started = [(live, pool.submit(_has, cloud, place, view, live, digest)) for live in ours]
        owners = {
            live.version: item.name
            for item in subjects
            if item.place.target == place.target
            for live in view.made_from(place.fleet, item.group_name, item.source)
        }
        for live, future in started:
            try:
                if not future.result():
                    continue
            except HubwrightError as error:
                hit.blind.append((place, f"what {live.version.arn} consists of is not known: {told(error)}"))
                continue
            if live.version in owners:
                hit.names.add(owners[live.version])
            elif live.approval != "Rejected":
                hit.loose.append(live)
    return hit


def _has(cloud: Cloud, place: Place, view: View, live: Package, digest: str) -> bool:
    """Whether a version consists of a digest; of objects only its record knows. An unreadable one is an error."""
    if digest in {*of_package(live)}:
        return True
    where = view.records.get(live.mark("promotion"))
    store = place.store(where.store) if where else None
    if where is None or store is None:
        return False
    client = cloud.client(place.target, "s3")
    return digest in {*of_record(artifact.read_back(client, place.target.account, store.bucket, where.key))}


def _listed(manifests: Manifests, top: Path, digest: str, reason: str, path: str) -> dict[str, str] | None:
    """The platform's list with this digest: a manifest of its own, so that nobody's comments are lost."""
    row = {"digest": digest, "reason": reason}
    there = manifests.guardrails.get(REVOKED)
    if there is None:
        beside = next(iter(manifests.hubs.values())).path if manifests.platform_revision is None else f"{path}/x"
        document = {
            "apiVersion": API_VERSION,
            "kind": "Guardrails",
            "metadata": {"name": REVOKED},
            "spec": {"revoked": [row]},
        }
        head = "# Digests that are never approved again; written by `hubwright revoke`.\n"
        return {str(PurePosixPath(beside).with_name("guardrails-revoked.yaml")): head + to_yaml(document)}
    if digest in {one.digest for one in there.spec.revoked}:
        return None
    rows = [{"digest": one.digest, "reason": one.reason} for one in there.spec.revoked]
    return changed(top, there, {(SPEC, "revoked"): [*rows, row]})
