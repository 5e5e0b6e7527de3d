"""What `validate` says of access: documents that AWS would not take, and jobs' tokens that anybody could have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from controller.core.access.derive import derive
from controller.core.access.document import LIMITS, Document
from controller.core.manifests import Entry, Manifests
from controller.core.problems import Problem, shown

_OWNED = re.compile(r"[a-z_]+:[^/:*?]+[/:]")
"""How a subject begins before its first `*` or `?`: `repo:acme/`, `project_path:acme/`, `repository_owner:acme:`."""

_HINTS = {
    "role": (
        "fewer spokes that push to one hub, or pushers that are called alike in all of them; this is AWS's default of "
        "its quota `Role trust policy length`: whether yours was raised is not known here"
    ),
    "role_policy": "spokes that are read in a role of their own (spec.access.read), or another hub for some of them",
    "bus_policy": "fewer followed spokes on one bus: another hub for some of them",
}
_HINT = "fewer readers, buckets or spokes in one place: another store, or another hub"


def troubles(manifests: Manifests) -> list[Problem]:
    """The faults of access that only all manifests together show, by file and place; of a fleet's valid manifests."""
    entries: list[Entry[Any]] = [
        entry
        for kind in (manifests.hubs, manifests.spokes, manifests.groups, manifests.promotions, manifests.subscriptions)
        for entry in kind.values()
    ]
    found = [*_open(entries), *_too_long(manifests, {entry.path: entry for entry in entries})]
    return sorted(found)


def _open(entries: list[Entry[Any]]) -> Iterator[Problem]:
    for entry in entries:
        ci = getattr(entry.spec, "ci", None)
        for purpose in ("plan", "reconcile", "push"):
            for index, subject in enumerate(getattr(ci.subjects, purpose, ()) if ci else ()):
                fixed = re.split(r"[*?]", subject, maxsplit=1)[0]
                if fixed != subject and not _OWNED.match(fixed):
                    where = ("spec", "ci", "subjects", purpose, index)
                    yield entry.problem(
                        "access",
                        where,
                        f"{shown(subject)} lets in jobs of others: a wildcard stands before whose they are",
                        expected="`*` and `?` only after the organisation's or group's name",
                        hint="such as repo:ORGANISATION/REPOSITORY:ref:refs/heads/main",
                    )


def _too_long(manifests: Manifests, entries: dict[str, Entry[Any]]) -> Iterator[Problem]:
    for item in derive(manifests):
        limit = LIMITS.get(item.key.kind)
        entry = next((entries[path] for path in item.origins if path in entries), None)
        if limit is not None and item.size > limit and entry is not None:
            yield _large(entry, item, limit)


def _large(entry: Entry[Any], item: Document, limit: int) -> Problem:
    kind, place = item.key.kind.replace("_", " "), item.key.target
    return entry.problem(
        "access",
        ("metadata", "name"),
        f"the {kind} of {item.key.name} in {place.account} would have {item.size} characters",
        expected=f"at most {limit}",
        hint=_HINTS.get(item.key.kind, _HINT),
    )
