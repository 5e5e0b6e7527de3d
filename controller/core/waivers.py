"""Waivers: a rule lifted by its name, for named promotions, until a time. Anything else lifts nothing."""

from __future__ import annotations

import datetime as dt

from controller.core.limits import parse_moment
from controller.core.manifest import Waiver
from controller.core.manifests import Entry, Manifests


def waived(rule: str, promotion: str, manifests: Manifests, now: dt.datetime | None) -> Entry[Waiver] | None:
    """The waiver that lifts `GUARDRAILS/SECTION/NAME` for a promotion now, the first by name."""
    for _, entry in sorted(manifests.waivers.items()):
        waiver = entry.spec
        if waiver.of == rule and promotion in waiver.for_ and now is not None and now < parse_moment(waiver.until):
            return entry
    return None
