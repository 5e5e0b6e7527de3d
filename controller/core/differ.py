"""Tells apart why a live thing is not as Git says: Git is ahead of it, or somebody changed it. Pure.

Three sides: what Git says now, what Git said when the thing was last written, and what is live.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.arn import group_arn
from controller.core.canonical import digest
from controller.core.drift import Evidence, Item, Mend
from controller.core.fields import comparable, outline
from controller.core.manifest import ModelGroup, Promotion, Stage
from controller.core.marks import PREFIX, is_keys_mark, owned_keys
from controller.core.mode import mode_of
from controller.core.model import Change
from controller.core.record import Record
from controller.core.view import Package
from controller.core.wish import GroupWish, Subject

_NONE = object()
_STATUS = PREFIX + "approval"


@dataclass(frozen=True, slots=True)
class Past:
    """What Git said of a promotion when its version was last written; `known` is false when nobody can tell."""

    promotion: Promotion | None = None
    known: bool = True


def brought(subject: Subject) -> Mend:
    """The command that makes it as Git says."""
    return Mend((f"hubwright reconcile --scope promotion={subject.name}",))


def anew(subject: Subject) -> Mend:
    """The commands that register it once more, from its source. What a Subscription brought has no attempt to raise."""
    if subject.following is not None:
        return Mend()
    return Mend((f"hubwright retry {subject.name}", *brought(subject).commands), commit=True)


def item(subject: Subject, kind: Any, severity: Any, field: str, why: str, **more: Any) -> Item:
    """An item about a promotion."""
    live = subject.live
    known: dict[str, Any] = {
        "hub": subject.place.name,
        "group": subject.group_name,
        "arn": live.version.arn if live else "",
        "mode": mode_of(subject),
        "mend": brought(subject),
    }
    return Item(kind, severity, subject.name, field, why, **known | more)


def standing(subject: Subject, live: Package, change: Change, past: Past) -> Iterator[Item]:
    """What became of a version's approval, description, stage and metadata. One item for each that was changed, and
    one for all in which Git is ahead."""
    before, after = change.before, change.after
    ahead: list[Evidence] = []
    who = {"by": live.modified_by, "at": live.modified, "arn": live.version.arn}
    if before["approval"] != after["approval"]:
        evidence = Evidence("approval", after["approval"], before["approval"])
        if live.mark("approval") == before["approval"]:
            ahead.append(evidence)
        else:
            yield _approval(subject, live, evidence, who)
    for field, said in _said(past).items():
        if before[field] != after[field]:
            evidence = Evidence(field, after[field], before[field])
            if said is None or (said is not _NONE and before[field] == said):
                ahead.append(evidence)
            else:
                why = f"somebody changed its {field} outside Git"
                yield item(subject, "drift", "warning", field, why, evidence=(evidence,), **who)
    changed, later = _metadata(before["metadata"], after["metadata"], past)
    if changed:
        why = "somebody changed its metadata outside Git"
        yield item(subject, "drift", "warning", "metadata", why, evidence=tuple(changed), **who)
    if ahead or later:
        yield item(
            subject, "pending", "info", "version", "Git is ahead of it", evidence=(*ahead, *later), arn=who["arn"]
        )


def _approval(subject: Subject, live: Package, evidence: Evidence, who: Mapping[str, str]) -> Item:
    marked = live.mark("approval") or "no status"
    why = f"somebody made it {live.approval} outside Git; Hubwright had left it {marked}"
    mend = brought(subject)
    if live.rejected_by_person and evidence.expected == "Approved":
        mend = Mend((f"hubwright accept {subject.name}", *mend.commands), commit=True)
        why += ". A person's Rejected stands until Git takes it over, or overrules it"
    return item(subject, "drift", "critical", "approval", why, evidence=(evidence,), mend=mend, **who)


def _said(past: Past) -> dict[str, Any]:
    """Description and stage as they were last written: `_NONE` where nobody can tell, None where Git was silent."""
    if not past.known:
        return {"description": _NONE, "stage": _NONE}
    if past.promotion is None:
        return {"description": None, "stage": None}
    return {"description": past.promotion.reason, "stage": staged(past.promotion.stage)}


def staged(stage: Stage | None) -> dict[str, str] | None:
    """A manifest's stage as SageMaker has it."""
    if stage is None:
        return None
    named = {"Stage": stage.name, "StageStatus": stage.status}
    return named | ({"StageDescription": stage.description} if stage.description else {})


def _metadata(before: Mapping[str, str], after: Mapping[str, str], past: Past) -> tuple[list[Evidence], list[Evidence]]:
    """What of the metadata somebody changed, and in what Git is ahead."""
    changed: list[Evidence] = []
    ahead: list[Evidence] = []
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            found = ahead if _is_ahead(name, before, after, past) else changed
            found.append(Evidence(name, after.get(name), before.get(name)))
    return changed, ahead


def _is_ahead(name: str, before: Mapping[str, str], after: Mapping[str, str], past: Past) -> bool:
    was = past.promotion.metadata if past.promotion else {}
    if is_keys_mark(name):
        return past.known and owned_keys(before) == {*was}
    if name.startswith(PREFIX):
        return before.get(_STATUS) != after.get(_STATUS)
    if name not in after:  # it was ours, and is to go
        return True
    return past.known and (name not in was or was[name] == before.get(name))


def tags(wish: GroupWish, change: Change, pasts: Iterable[ModelGroup]) -> Item:
    """A group whose tags are not as declared: Git is ahead when they are as it once said."""
    before, after = change.before["tags"], change.after["tags"]
    rows = tuple(
        Evidence(name, after[name], before.get(name)) for name in sorted(after) if before.get(name) != after[name]
    )
    fleet = PREFIX + "fleet"
    known: dict[str, Any] = {"hub": wish.place.name, "group": wish.name, "mode": wish.group.mode, "evidence": rows}
    once = any(all(past.tags.get(row.field) == row.found for row in rows if row.field != fleet) for past in pasts)
    mend = Mend((f"hubwright reconcile --scope group={wish.manifest}",))
    if change.verb == "conflict":
        arn = group_arn(wish.place.target.account, wish.place.target.region, wish.name)
        words = f"aws sagemaker add-tags --resource-arn {arn} --tags Key={fleet},Value={wish.place.fleet}"
        why = f"its tag says that it belongs to the fleet {before[fleet]!r}"
        return Item("drift", "critical", wish.path, "tags", why, mend=Mend((words,)), **known)
    if once and not any(row.field == fleet for row in rows):
        return Item("pending", "info", wish.path, "tags", "Git is ahead of its tags", mend=mend, **known)
    return Item("drift", "warning", wish.path, "tags", "somebody changed its tags outside Git", mend=mend, **known)


def contents(subject: Subject, record: object) -> tuple[Evidence, ...]:
    """In which fields a live version is not what its record says, named by digest so that no content is shown."""
    live = subject.live
    if live is None:
        return ()
    rows = [Evidence("spec", live.mark("spec"), live.spec)]
    if isinstance(record, Record):
        was, now = outline(comparable(record.body)), outline(live.body)
        changed = [path for path in sorted({*was, *now}) if was.get(path) != now.get(path)]
        rows += [Evidence(path, _hashed(was, path), _hashed(now, path)) for path in changed]
    return tuple(rows)


def _hashed(side: Mapping[str, Any], path: str) -> str | None:
    return digest(side[path]) if path in side else None
