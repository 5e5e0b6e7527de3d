"""What was approved when: from the history of the manifests, and from the records of runs. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from controller.core.manifests import Manifests

Asked = tuple[str, str, str]  # ModelGroup, source, approval; empty where it does not say
NOWHERE: Asked = ("", "", "")


class Step(Protocol):
    """One commit of `source.history`."""

    @property
    def commit(self) -> str: ...

    @property
    def at(self) -> str: ...

    @property
    def author(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def pull(self) -> str: ...

    @property
    def changes(self) -> Mapping[tuple[str, str], Mapping[str, Any] | None]: ...


@dataclass(frozen=True, slots=True)
class Event:
    """A commit that changed what is asked of a promotion, by itself or by its group's `current`. `group` is the
    ModelGroup's name; `before` and `after` are the approvals asked for, empty where it was not there."""

    at: str
    commit: str
    pull: str
    author: str
    subject: str
    promotion: str
    group: str
    source: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did about a promotion's approval: from an audit record."""

    at: str
    run: str
    revision: str
    hub: str
    pull: str
    promotion: str
    arn: str
    before: str
    after: str
    status: str
    caller: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A promotion that Git asked to be Approved at some time; `since` is the commit that did."""

    group: str
    promotion: str
    source: str
    since: Event | None = None


def events(steps: Iterable[Step], group: str = "") -> tuple[Event, ...]:
    """Every change of an approval, oldest first; of one ModelGroup or of all.

    Where a group names its `current` promotion, its others are not asked to be Approved, whatever they say themselves.
    """
    asks: dict[str, Asked] = {}
    heads: dict[str, tuple[str, str]] = {}
    stands: dict[str, Asked] = {}
    found = []
    for step in steps:
        for name in sorted(_touched(step, asks, heads)):
            was, now = stands.get(name, NOWHERE), _stands(name, asks[name], heads)
            if now == was:
                continue
            stands[name] = now
            target = now[0] or was[0]
            if group in ("", target) or group == was[0]:
                source = now[1] or was[1]
                row = (step.at, step.commit, step.pull, step.author, step.subject, name, target, source, was[2], now[2])
                found.append(Event(*row))
    return tuple(found)


def _touched(step: Step, asks: dict[str, Asked], heads: dict[str, tuple[str, str]]) -> set[str]:
    """Takes a commit in; gives the promotions that it is about, itself or through their group."""
    groups, names = set(), set()
    for (kind, name), document in step.changes.items():
        if kind == "Promotion":
            asks[name] = asked(document)
            names.add(name)
        elif kind == "ModelGroup":
            heads[name] = headed(document)
            groups.add(name)
    return names | {name for name, (target, _, _) in asks.items() if target in groups}


def _stands(name: str, ask: Asked, heads: Mapping[str, tuple[str, str]]) -> Asked:
    target, source, approval = ask
    current, others = heads.get(target, ("", ""))
    return target, source, others if approval == "Approved" and current not in ("", name) else approval


def headed(document: Mapping[str, Any] | None) -> tuple[str, str]:
    """(the promotion that a ModelGroup calls current or empty, what its other Approved ones are to be)."""
    spec = (document or {}).get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    superseded = spec.get("superseded")
    other = superseded.get("approval") if isinstance(superseded, Mapping) else ""
    return str(spec.get("current") or ""), str(other or "PendingManualApproval")


def asked(document: Mapping[str, Any] | None) -> Asked:
    """(ModelGroup, source, approval) of a promotion as written; empty where it does not say."""
    spec = (document or {}).get("spec")
    if not isinstance(spec, Mapping):
        return "", "", ""
    to, origin = spec.get("to"), spec.get("from")
    group = to.get("group") if isinstance(to, Mapping) else ""
    return str(group or ""), source_of(origin), str(spec.get("approval") or "")


def source_of(origin: Any) -> str:
    """`spoke/group/version`, or the name of the promotion it is from."""
    if not isinstance(origin, Mapping):
        return ""
    named = origin.get("promotion")
    return str(named) if named else "/".join(str(origin.get(name, "")) for name in ("spoke", "group", "version"))


def approved(manifests: Manifests, happened: Sequence[Event], group: str = "") -> tuple[Standing, ...]:
    """The promotions that these manifests ask to be Approved, by group and name, with what made each so."""
    found = []
    for name, entry in manifests.promotions.items():
        spec = entry.spec
        if spec.approval != "Approved" or group not in ("", spec.to.group):
            continue
        if manifests.groups[spec.to.group].spec.current not in (None, name):
            continue
        last = next((one for one in reversed(happened) if one.promotion == name and one.after == "Approved"), None)
        found.append(Standing(spec.to.group, name, source_of(entry.body["spec"]["from"]), last))
    return tuple(sorted(found, key=lambda one: (one.group, one.promotion)))


def applied(records: Iterable[Mapping[str, Any]]) -> tuple[Applied, ...]:
    """What runs did to approvals, in the order of the records."""
    found: list[Applied] = []
    for record in records:
        if record.get("kind") != "outcome":
            continue
        for action in record.get("actions", ()):
            if "/approval/" not in str(action.get("key", "")):
                continue
            found += [_applied(record, action, str(name)) for name in action.get("origins", ())]
    return tuple(found)


def _applied(record: Mapping[str, Any], action: Mapping[str, Any], name: str) -> Applied:
    return Applied(
        at=str(record["ended"]),
        run=str(record["run"]),
        revision=str(record["revision"]),
        hub=str(record["hub"]),
        pull=str(record["pullRequest"]),
        promotion=name,
        arn=str(action.get("arn", "")),
        before=str((action.get("before") or {}).get("approval", "")),
        after=str((action.get("after") or {}).get("approval", "")),
        status=str(action.get("status", "")),
        caller=str(record["caller"]),
    )


@dataclass(frozen=True, slots=True)
class Back:
    """Where a group can go back from and to, by promotion; empty where there is none. `left`: what was gone back from
    since, and is not gone back to."""

    current: str
    before: str
    left: tuple[str, ...] = ()


def previous(happened: Sequence[Event], group: str, now: Iterable[str], barred: Container[str] = ()) -> Back:
    """The promotion that became Approved last and still is, and the last before it that was Approved at the time.

    Going back to one leaves what came after it, whether it rises for that or stood all the time: whoever goes back
    again, goes further. Approved anew by hand it counts again. `now` are those that are Approved, `barred` those that
    nobody goes back to.
    """
    standing = {*now}
    order: list[str] = []
    ever: dict[str, None] = {}
    stood: set[str] = set()
    mine = [one for one in happened if one.group == group]
    for _, step in groupby(mine, key=lambda one: one.commit):
        changed = list(step)
        stood -= {one.promotion for one in changed if one.after != "Approved"}
        for one in changed:
            if one.after == "Approved" and one.before != "Approved":
                order = _risen(order, one.promotion, stood)
                stood.add(one.promotion)
                ever[one.promotion] = None
        if not any(one.after == "Approved" for one in changed):
            order = _fallen(order, stood)
    current = next((name for name in reversed(order) if name in standing), "")
    place = order.index(current) if current else len(order)
    before = next((name for name in reversed(order[:place]) if name not in barred), "")
    return Back(current, before, tuple(name for name in ever if name not in order and name not in barred))


def _risen(order: Sequence[str], name: str, stood: Container[str]) -> list[str]:
    """The order with this one last; of what came after it only what stands beside it stays."""
    place = order.index(name) if name in order else len(order)
    return [*order[:place], *(other for other in order[place + 1 :] if other in stood), name]


def _fallen(order: Sequence[str], stood: Container[str]) -> list[str]:
    """The order once something fell and nothing rose: without what came after the last that stands; all where none."""
    last = next((place for place in range(len(order) - 1, -1, -1) if order[place] in stood), len(order))
    return [*order[: last + 1]]
