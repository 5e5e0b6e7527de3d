"""From manifests to documents: everything that access needs."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.access.ci import write_hub_ci, write_spoke_ci
from controller.core.access.document import Document
from controller.core.access.events import write_events
from controller.core.access.facts import Facts, HubSide, SpokeSide, facts_of
from controller.core.access.hub_roles import write_hub_roles
from controller.core.access.looks import write_looks
from controller.core.access.pen import Live, Pen
from controller.core.access.spokes import Names, write_spoke
from controller.core.access.stores import write_left, write_readers, write_stores
from controller.core.access.worker import write_worker
from controller.core.manifests import Manifests


def derive(manifests: Manifests, names: Names | None = None) -> tuple[Document, ...]:
    """All documents that the fleet's valid manifests need, by key.

    `names` are the live repositories and groups that globs and readers are about; without them only what is written
    out whole has a document of its own.
    """
    return documents(facts_of(manifests), names or {})


def documents(facts: Facts, names: Names, live: Live | None = None) -> tuple[Document, ...]:
    """As `derive`, of facts. `live`: our statements as they are, by the documents' keys, where those are known."""
    pen = Pen(facts, live or {})
    for hub in facts.hubs:
        write_hub_roles(pen, hub)
        write_stores(pen, hub)
        write_readers(pen, hub, names)
        write_events(pen, hub)
        write_hub_ci(pen, hub)
        write_worker(pen, hub)
    for spoke in facts.spokes:
        write_spoke(pen, spoke, names)
        write_spoke_ci(pen, spoke)
    for hub in facts.hubs:
        write_left(pen, hub, names)
    write_looks(pen)
    return pen.documents()


def looked_for(facts: Facts, *, left: bool) -> Iterator[tuple[str, HubSide | SpokeSide]]:
    """Which lists of live names `derive` needs: (kind, side). `left`: also to find what nothing asks for any more."""
    for hub in facts.hubs:
        if left or any(group.readers for group in facts.groups_of(hub)):
            yield "repository", hub
        if left:
            yield "group", hub
    for spoke in facts.spokes:
        if spoke.read_by_hub:
            yield "repository", spoke
            yield "group", spoke
