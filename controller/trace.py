"""Reads what a trace needs: the hubs, and of the versions it finds their records and lineage documents."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from controller.core.errors import HubwrightError, told
from controller.core.lineage import Lineage, lineage_key
from controller.core.manifests import Manifests
from controller.core.record import Record
from controller.core.trace import Asked, Traced, disagreements, found, others, readers, to_json
from controller.core.view import Package, View
from controller.core.wish import Place
from controller.kinds import artifact, lineage
from controller.kinds.base import Cloud
from controller.observe import observe


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found. `blind` maps what could not be read of a hub to why: there may be more than is here."""

    asked: Asked
    versions: tuple[Traced, ...]
    blind: Mapping[str, str]

    @property
    def sound(self) -> bool:
        """Whether everything was read and agrees."""
        return not self.blind and not any(item.faults for item in self.versions)

    def to_json(self) -> dict[str, Any]:
        return to_json(self.asked, self.versions, self.blind)


def trace(cloud: Cloud, manifests: Manifests, asked: Asked, pool: Executor) -> Trace:
    """Every hub version that is, holds or was made from what is asked; reads only."""
    places = [Place(name, entry.spec, manifests.fleet.name) for name, entry in sorted(manifests.hubs.items())]
    views = observe(cloud, places, pool)
    by_target = {place.target: place for place in places}
    started = [
        pool.submit(_traced, cloud, by_target[target], item, views, manifests)
        for target, view in views.items()
        for item in found(asked, [view])
    ]
    blind = {f"{target} {part}": why for target, view in views.items() for part, why in _blind(view).items()}
    return Trace(asked, tuple(item.result() for item in started), blind)


def _blind(view: View) -> dict[str, str]:
    return {**view.blind, **{f"store {name}": why for name, why in view.stores.items() if why}}


def _traced(cloud: Cloud, place: Place, package: Package, views: Mapping[Any, View], manifests: Manifests) -> Traced:
    faults: list[str] = []
    bucket, record, document = _evidence(cloud, place, package, views[place.target], faults)
    faults += disagreements(package, record, document)
    every = tuple(views.values())
    return Traced(
        place.name,
        package,
        document,
        record,
        tuple(dict.fromkeys(faults)),
        others(package, every),
        readers(package, place.name, manifests),
        bucket,
    )


def _evidence(
    cloud: Cloud, place: Place, package: Package, view: View, faults: list[str]
) -> tuple[str, Record | None, Lineage | None]:
    where = view.records.get(package.mark("promotion"))
    store = place.store(where.store) if where else None
    if where is None or store is None:
        return "", None, None
    client = cloud.client(place.target, "s3")
    record = document = None
    try:
        record = artifact.read_back(client, place.target.account, store.bucket, where.key)
        artifact.compare(client, place.target.account, store.bucket, record)
    except HubwrightError as error:
        faults.append(told(error))
    try:
        document = lineage.read(client, place.target.account, store.bucket, lineage_key(where.key))
    except HubwrightError as error:
        faults.append(told(error))
    return store.bucket, record, document
