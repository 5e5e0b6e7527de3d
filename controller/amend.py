"""Changes of manifests that commands write for people to review: never applied by what writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.core.differ import staged
from controller.core.errors import SourceError, UsageError
from controller.core.manifests import AnyEntry, Manifests
from controller.core.problems import Where, did_you_mean, shown
from controller.core.redact import secret_in
from controller.core.view import Package
from controller.core.wish import Subject
from controller.source import strict
from controller.source.edit import GONE, edited

SPEC = "spec"
_INSTEAD = "change it in the hub, or reconcile to put back what Git says"


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a command wants written: texts by path from the repository's root (`made` for new files), what to say of
    it, and what it could not do."""

    texts: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def promotion_of(manifests: Manifests, name: str) -> AnyEntry:
    """A promotion by name; `UsageError` when there is none that is valid."""
    found = manifests.promotions.get(name)
    if found is None:
        if ("Promotion", name) in manifests.invalid:
            raise UsageError(f"the promotion {shown(name)} is invalid", "see: hubwright validate --worktree")
        raise UsageError(f"there is no promotion {shown(name)}", did_you_mean(name, manifests.promotions))
    return found


def changed(top: Path, entry: AnyEntry, changes: Mapping[Where, Any]) -> dict[str, str]:
    """The text of an entry's file with these changes, by its path; nothing when it says so already."""
    path = top / entry.path
    try:
        data = path.read_bytes()
        text = edited(data, changes)
    except OSError as error:
        raise SourceError(f"cannot read {entry.path}: {error.strerror}") from error
    except strict.StrictError as error:
        raise SourceError(f"{entry.path} cannot be changed: {error.message}") from error
    except ValueError as error:  # what is live may hold what a manifest must not
        raise UsageError(f"{entry.path} cannot take over what is live: {error}", _INSTEAD) from error
    return {entry.path: text} if text.encode() != data else {}


def retried(manifests: Manifests, top: Path, names: Sequence[str]) -> Amendment:
    """The promotions with their `attempt` raised, so that each is registered anew from its source."""
    texts: dict[str, str] = {}
    says = []
    for name in names:
        entry = promotion_of(manifests, name)
        attempt = entry.spec.attempt + 1
        changes: dict[Where, Any] = {(SPEC, "attempt"): attempt}
        if entry.spec.adopts is not None:  # what is registered anew adopts nothing
            changes[SPEC, "adopts"] = GONE
        texts |= changed(top, entry, changes)
        says.append(f"{name}: attempt {attempt} registers it anew from its source; the version that is there stays")
    return Amendment(texts, says=tuple(says))


def accepted(subject: Subject, entry: AnyEntry, top: Path) -> Amendment:
    """The promotion as its live version stands: what somebody changed outside Git becomes what Git says."""
    live = subject.live
    if live is None:
        raise UsageError(f"{subject.name} has no live version", "see: hubwright plan")
    changes = _as_live(entry, live)
    for where, value in changes.items():
        if value is not GONE and secret_in(value):
            what = f"what looks like a secret is in its {'.'.join(map(str, where[1:]))}"
            raise UsageError(f"{subject.name} cannot take over what is live: {what}", _INSTEAD)
    texts = changed(top, entry, changes) if changes else {}
    says = tuple(f"{subject.name}: {'.'.join(map(str, where[1:]))} as it is live" for where in changes)
    return Amendment(texts, says=says or (f"{subject.name}: its live version is as Git says",))


def _as_live(entry: AnyEntry, live: Package) -> dict[Where, Any]:
    spec = entry.spec
    changes: dict[Where, Any] = {}
    if live.approval != spec.approval:
        changes[SPEC, "approval"] = live.approval
    if spec.reason is not None and live.description != spec.reason:
        changes[SPEC, "reason"] = live.description if live.description else GONE
    if spec.stage is not None and live.stage != staged(spec.stage):
        changes[SPEC, "stage"] = _stage(live.stage) if live.stage else GONE
    for name, value in spec.metadata.items():
        found = live.metadata.get(name)
        if found != value:
            changes[SPEC, "metadata", name] = GONE if found is None else found
    if len(spec.metadata) == sum(value is GONE for where, value in changes.items() if where[1] == "metadata") > 0:
        changes = {where: value for where, value in changes.items() if where[1] != "metadata"}
        changes[SPEC, "metadata"] = GONE
    return changes


def _stage(live: Mapping[str, str]) -> dict[str, str]:
    names = (("name", "Stage"), ("status", "StageStatus"), ("description", "StageDescription"))
    return {name: live[key] for name, key in names if live.get(key)}
