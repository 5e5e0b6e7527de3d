"""How far a run may go with a promotion or a group: `enforce`, `warn` or `observe`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.core.manifest import Mode
from controller.core.manifests import Entry, Manifests
from controller.core.wish import Subject

OBSERVED = "its mode is observe: it is only reported, by hubwright drift"
_CARE: tuple[Mode, ...] = ("enforce", "warn", "observe")


def mode_of(subject: Subject) -> Mode:
    """The more careful of the promotion's own mode and its group's."""
    return max(subject.promotion.mode, subject.group.mode, key=_CARE.index)


def enforced(manifests: Manifests) -> Manifests:
    """The manifests as if every mode were `enforce`: what there would be to do if something were done."""
    return replace(manifests, groups=_all(manifests.groups), promotions=_all(manifests.promotions))


def _all(entries: Mapping[str, Entry[Any]]) -> dict[str, Entry[Any]]:
    return {name: replace(entry, spec=replace(entry.spec, mode="enforce")) for name, entry in entries.items()}
