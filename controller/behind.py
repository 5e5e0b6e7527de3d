"""What is behind a promoted version, judged: its source, its record, its objects, its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.core.differ import anew, brought, item
from controller.core.drift import Evidence, Item, Mend
from controller.core.errors import PreconditionError
from controller.core.lock import changed_between
from controller.core.model import Target
from controller.core.record import Record
from controller.core.release import Release, spec_digest
from controller.core.view import View
from controller.core.wish import Subject, Wish
from controller.kinds.stored import Wrong, remover
from controller.stocktake import Taken

_WHY = {
    "gone": "objects of it are gone from the store",
    "hidden": "objects of it were deleted; their recorded versions are still there",
    "replaced": "objects of it were overwritten",
    "added": "objects were added to it in the store",
}


def behind(subject: Subject, wish: Wish | None, taken: Taken, views: Mapping[Target, View]) -> Iterator[Item]:
    """Every item about what is behind one promotion."""
    yield from _source(subject, taken)
    if wish is None or subject.live is None:
        return
    yield from _record(subject, taken)
    yield from _objects(wish, taken, views)
    yield from _bytes(wish, taken, views)
    yield from _lineage(wish, taken, views)


def _source(subject: Subject, taken: Taken) -> Iterator[Item]:
    found = taken.releases.get(subject.name)
    live = subject.live
    if isinstance(found, Release):
        if live is None or live.mark("release") == found.digest:
            return
        record = taken.records.get(subject.name)
        lines = changed_between(record.release, found) if isinstance(record, Record) else ()
        rows = [Evidence("release", live.mark("release"), found.digest)]
        rows += [Evidence("difference", None, line) for line in lines]
        mend = Mend((f"hubwright lock {subject.name}", *brought(subject).commands), commit=True)
        if subject.following is not None:
            mend = Mend()
        why = "its source is not what it was when it was promoted"
        yield item(subject, "source-moved", "warning", "source", why, evidence=tuple(rows), mend=mend)
    elif found is not None and found.standing == "unknown":
        yield item(subject, "blind", "warning", "source", found.why, mend=Mend())
    elif found is not None and live is not None:
        why = f"its source can no longer be promoted, and what was promoted stands by its record: {found.why}"
        yield item(subject, "source-moved", "info", "source", why, mend=Mend())


def _record(subject: Subject, taken: Taken) -> Iterator[Item]:
    live, found = subject.live, taken.records.get(subject.name)
    if live is None:
        return
    if isinstance(found, PreconditionError):
        yield item(subject, "lost", "critical", "record", str(found), mend=anew(subject))
    elif isinstance(found, str):
        yield item(subject, "blind", "warning", "record", f"its record could not be read: {found}", mend=Mend())
    elif found is not None:
        sides = (
            ("promotion", live.mark("promotion"), found.promotion),
            ("spec", live.mark("spec"), spec_digest(found.body)),
            ("release", live.mark("release"), found.release.digest),
        )
        rows = tuple(Evidence(name, mark, said) for name, mark, said in sides if mark != said)
        if rows:
            why = "its record and the marks on the version do not say the same"
            yield item(subject, "drift", "critical", "record", why, evidence=rows, mend=anew(subject))


def _objects(wish: Wish, taken: Taken, views: Mapping[Target, View]) -> Iterator[Item]:
    subject, found = wish.subject, taken.wrong.get(wish.subject.name)
    if isinstance(found, str):
        why = f"its objects could not be listed: {found}"
        yield item(subject, "blind", "warning", "objects", why, mend=Mend())
        return
    store = subject.place.store(views[subject.place.target].records[subject.recorded_as].store) if found else None
    for fault in ("gone", "hidden", "replaced", "added"):
        some = [one for one in found or () if one.fault == fault]
        if some and store is not None:
            rows = tuple(Evidence(f"s3://{store.bucket}/{one.key}", one.expected, one.found) for one in some)
            kind = "drift" if fault == "added" else "lost"
            mend = _mend(subject, store.bucket, some, taken)
            yield item(subject, kind, "critical", f"objects-{fault}", _WHY[fault], evidence=rows, mend=mend)


def _bytes(wish: Wish, taken: Taken, views: Mapping[Target, View]) -> Iterator[Item]:
    """What a deep look found: one item for the objects, one for the images, one for what could not be read."""
    subject, found = wish.subject, taken.spoiled.get(wish.subject.name, ())
    for what in ("object", "image"):
        for unread in (False, True):
            some = [one for one in found if one.what == what and one.unread == unread]
            rows = tuple(Evidence(one.name, one.expected, one.found) for one in some)
            if some and unread:
                why = f"the bytes of its {what}s could not all be read"
                yield item(subject, "blind", "warning", f"{what}-bytes", why, evidence=rows, mend=Mend())
            elif some:
                why = f"the bytes of its {what}s are not those that were promoted"
                mend = _removed(wish, [one.name for one in some], taken, views) if what == "object" else anew(subject)
                yield item(subject, "lost", "critical", f"{what}-bytes", why, evidence=rows, mend=mend)


def _lineage(wish: Wish, taken: Taken, views: Mapping[Target, View]) -> Iterator[Item]:
    """What a deep look found of its lineage document. What lies over the right one is for somebody to take away."""
    subject = wish.subject
    for one in taken.spoiled.get(subject.name, ()):
        if one.what != "lineage":
            continue
        if one.unread:
            yield item(
                subject, "blind", "warning", "lineage", f"its lineage could not be read: {one.found}", mend=Mend()
            )
            continue
        store = subject.place.store(views[subject.place.target].records[subject.recorded_as].store)
        bucket = store.bucket if store else ""
        mend = Mend(tuple(remover(bucket, one.name, version) for version in one.over)) if one.over else anew(subject)
        rows = (Evidence(f"s3://{bucket}/{one.name}", one.expected, one.found),)
        why = "its lineage document is not the one that was written when it was promoted"
        yield item(subject, "lost", "critical", "lineage", why, evidence=rows, mend=mend)


def _removed(wish: Wish, keys: list[str], taken: Taken, views: Mapping[Target, View]) -> Mend:
    """What is spoiled has to go before it can be copied anew: nothing is ever written over."""
    subject, record = wish.subject, taken.records[wish.subject.name]
    store = subject.place.store(views[subject.place.target].records[subject.recorded_as].store)
    again = anew(subject)
    if store is None or not isinstance(record, Record):
        return again
    versions = {one.key: one.version for one in record.objects}
    first = tuple(remover(store.bucket, key, versions[key] or "null") for key in keys)
    return Mend((*first, *again.commands), commit=True)


def _mend(subject: Subject, bucket: str, some: list[Wrong], taken: Taken) -> Mend:
    """Hubwright never deletes: what lies over a recorded object is taken away by somebody who may."""
    if some[0].fault == "gone":
        return anew(subject)
    markers = taken.markers
    found = [(one.key, one.version or markers.get((bucket, one.key), "")) for one in some]
    return Mend(tuple(remover(bucket, key, version) for key, version in found if version))
