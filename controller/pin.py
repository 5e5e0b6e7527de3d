"""Promotions and their locks as files: what `promote` and `lock` write beside the manifests that are there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from controller.core.errors import UsageError
from controller.core.identify import subject_of
from controller.core.lock import differences, lock_document
from controller.core.manifest import API_VERSION
from controller.core.manifests import Manifests
from controller.core.problems import did_you_mean, shown
from controller.core.release import Release
from controller.core.wish import Finding, Subject
from controller.kinds.base import Cloud
from controller.resolve import release_or_finding
from controller.source.load import LOCK_SUFFIX
from controller.source.write import to_yaml

_HEAD = "# Written by `hubwright lock`: what the promotion consists of. To follow a changed source, lock it again.\n"
_SOURCE = re.compile(r"(?P<spoke>[^/]+)/(?P<group>[^/]+)/(?P<version>[1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pin:
    """A promotion's lock as its source is now: the release, or the finding why there is none.

    `path` is the lock file from the repository's root; `text` what it must say, empty when it says so already;
    `differences` of the release from the committed lock; `locked` whether there is one.
    """

    name: str
    path: str
    found: Release | Finding
    text: str = ""
    differences: tuple[str, ...] = ()
    locked: bool = False


def pins(cloud: Cloud, manifests: Manifests, names: Iterable[str], pool: Executor, now: str) -> tuple[Pin, ...]:
    """How the locks of these promotions (of all, without names) stand; `now` is the time that new ones record.

    `UsageError` for a name that is no promotion's.
    """
    wanted = sorted(set(names) or manifests.promotions)
    for name in wanted:
        _known(manifests, name)
    started = {name: pool.submit(partial(_found, cloud, manifests, name)) for name in wanted}
    return tuple(_pin(manifests, name, future.result(), now) for name, future in started.items())


def _known(manifests: Manifests, name: str) -> None:
    if name in manifests.promotions:
        return
    if ("Promotion", name) in manifests.invalid:
        raise UsageError(f"the promotion {shown(name)} is invalid", "see: hubwright validate --worktree")
    raise UsageError(f"there is no promotion {shown(name)}", did_you_mean(name, manifests.promotions))


def _found(cloud: Cloud, manifests: Manifests, name: str) -> Release | Finding:
    # A wrong lock is what is to be replaced.
    repaired = replace(manifests, invalid=manifests.invalid - {("Lock", name)})
    subject = subject_of(manifests.promotions[name], repaired)
    if isinstance(subject, Finding):
        return subject
    return _unreadable(subject) or release_or_finding(cloud, subject)


def _unreadable(subject: Subject) -> Finding | None:
    if subject.spoke.state == "Retired":
        return Finding(subject.name, "blocked", f"the spoke {subject.spoke_name} is Retired and is never contacted")
    if subject.spoke.pattern == "push":
        hint = f"with the spoke's own credentials: --as spoke={subject.spoke_name}"
        return Finding(
            subject.name, "deferred", f"the spoke {subject.spoke_name} pushes: it is not read from here", hint
        )
    return None


def _pin(manifests: Manifests, name: str, found: Release | Finding, now: str) -> Pin:
    lock = manifests.locks.get(name)
    path = lock.path if lock else lock_path(manifests.promotions[name].path, name)
    if isinstance(found, Finding):
        return Pin(name, path, found, locked=lock is not None)
    changed = differences(lock.spec, found) if lock else ()
    if lock is not None and not changed:
        return Pin(name, path, found, locked=True)
    try:
        text = _HEAD + to_yaml(lock_document(name, found, now))
    except ValueError as error:  # S3 allows keys that no manifest may name
        why = f"its lock cannot be written: {error}"
        return Pin(name, path, Finding(name, "refused", why), locked=lock is not None)
    return Pin(name, path, found, text, changed, lock is not None)


def lock_path(promotion: str, name: str) -> str:
    """Where the lock of a promotion lies whose manifest is at the path `promotion`."""
    return str(PurePosixPath(promotion).with_name(name + LOCK_SUFFIX))


@dataclass(frozen=True, slots=True)
class Asked:
    """A promotion that somebody asks for on the command line."""

    source: str  # SPOKE/GROUP/VERSION
    group: str
    approval: str
    reason: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class New:
    """The manifest of a promotion that is about to be written: its name, its path from the root, its text."""

    name: str
    path: str
    text: str


def drafted(asked: Asked, manifests: Manifests) -> New:
    """The manifest, beside that of its group. `UsageError` for what is not there, or there already."""
    source = _SOURCE.fullmatch(asked.source)
    if source is None:
        raise UsageError(f"{shown(asked.source)} is not SPOKE/GROUP/VERSION", "such as churn-lab/churn-experiments/8")
    _named(manifests, "Spoke", source["spoke"], manifests.spokes)
    _named(manifests, "ModelGroup", asked.group, manifests.groups)
    name = asked.name or f"{asked.group}-{source['version']}"
    there = manifests.promotions.get(name)
    if there is not None or ("Promotion", name) in manifests.invalid:
        place = f" in {there.path}" if there else ""
        raise UsageError(f"there is a promotion {shown(name)} already{place}", "change it, or give another --name")
    folder = PurePosixPath(manifests.groups[asked.group].path).parent
    try:
        return New(name, f"{folder}/{name}.yaml", to_yaml(_document(name, source, asked)))
    except ValueError as error:
        raise UsageError(f"the manifest cannot be written: {error}") from error


def _named(manifests: Manifests, kind: str, name: str, known: Mapping[str, Any]) -> None:
    if name in known:
        return
    if (kind, name) in manifests.invalid:
        raise UsageError(f"the {kind} {shown(name)} is invalid", "see: hubwright validate --worktree")
    raise UsageError(f"there is no {kind} {shown(name)}", did_you_mean(name, known))


def _document(name: str, source: re.Match[str], asked: Asked) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "from": {"spoke": source["spoke"], "group": source["group"], "version": int(source["version"])},
        "to": {"group": asked.group},
        "approval": asked.approval,
    }
    if asked.reason is not None:
        spec["reason"] = asked.reason
    return {"apiVersion": API_VERSION, "kind": "Promotion", "metadata": {"name": name}, "spec": spec}
