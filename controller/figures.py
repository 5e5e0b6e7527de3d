"""Reads what plans and pages show beside what a run reads anyway; what cannot be read is said, and never an error.

The metric reports of the models that a plan brings, and of the approved ones beside them: a plan that brings no model
makes no call here. And for a page the lineage documents of what is promoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future
from functools import partial

from controller.core.arn import Version
from controller.core.compare import brings, incumbent
from controller.core.errors import HubwrightError
from controller.core.gates import Reading
from controller.core.lineage import Lineage, lineage_key
from controller.core.metrics import REPORTS, Measured
from controller.core.model import Target
from controller.core.view import View
from controller.core.wish import Subject, Wish
from controller.gather import Documents, documents, documents_of
from controller.kinds import lineage
from controller.kinds.base import Cloud

MOST = 200
LINEAGES = 500
_TOO_MANY = f"was not read: more than {MOST} models change at once"


def figures(cloud: Cloud, wishes: Iterable[Wish], views: Mapping[Target, View], pool: Executor) -> dict[str, Measured]:
    """The reports by promotion, of the first 200 models that change; of the others it is said that none was read."""
    brought = [wish for wish in wishes if brings(wish.subject)]
    started: dict[str, tuple[Future[Documents], Future[Documents] | None]] = {}
    beside: dict[Version, Future[Documents]] = {}
    for wish in brought[:MOST]:
        subject = wish.subject
        view = views[subject.place.target]
        made = wish.draft.release if wish.draft is not None else None
        own = pool.submit(partial(documents, cloud, subject, view, made, REPORTS))
        old = incumbent(subject, view)
        if old is not None and old.version not in beside:
            beside[old.version] = pool.submit(partial(documents_of, cloud, subject, view, old, REPORTS))
        started[subject.name] = (own, beside[old.version] if old is not None else None)
    found = {name: Measured(own.result(), old.result() if old else {}) for name, (own, old) in started.items()}
    unread = Measured({name: Reading("", fault=_TOO_MANY) for name in REPORTS})
    return found | {wish.subject.name: unread for wish in brought[MOST:]}


def lineages(
    cloud: Cloud, subjects: Iterable[Subject], views: Mapping[Target, View], pool: Executor
) -> dict[str, Lineage | None]:
    """The lineage documents of promoted versions by promotion, of 500 at most: the approved and the newest first."""
    known = [item for item in subjects if item.recorded_as in views[item.place.target].records and item.live]
    ranked = sorted(known, key=_precedence)[:LINEAGES]
    started = {item.name: pool.submit(partial(_lineage, cloud, item, views[item.place.target])) for item in ranked}
    return {name: future.result() for name, future in started.items()}


def _precedence(subject: Subject) -> tuple[bool, int, str]:
    live = subject.live
    return (live is None or live.approval != "Approved", -(live.number if live else 0), subject.name)


def _lineage(cloud: Cloud, subject: Subject, view: View) -> Lineage | None:
    target, where = subject.place.target, view.records[subject.recorded_as]
    store = subject.place.store(where.store)
    if store is None:
        return None
    try:
        return lineage.read(cloud.client(target, "s3"), target.account, store.bucket, lineage_key(where.key))
    except HubwrightError:
        return None
