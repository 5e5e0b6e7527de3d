"""The records of runs, read back from the hubs' audit buckets."""

from __future__ import annotations

from typing import Any

from controller.cli.run import opened
from controller.cli.settings import Settings
from controller.core.errors import HubwrightError, told
from controller.core.model import Target
from controller.core.past import Applied, applied
from controller.kinds.audit import records

Found = list[tuple[str, dict[str, Any], str]]


def recorded(settings: Settings) -> tuple[tuple[Applied, ...], str]:
    """What runs did to approvals, from the hubs' audit buckets; and why not all of it is known."""
    found, unread = records_of(settings)
    return applied(data for _, data, wrong in found if not wrong), unread


def records_of(settings: Settings) -> tuple[Found, str]:
    """(place, record, what is wrong with it) of all; and why not all of them are known."""
    found: Found = []
    with opened(settings) as run:
        cloud = run.cloud()
        for name, entry in sorted(run.manifests.hubs.items()):
            hub = entry.spec
            if hub.audit is None:
                continue
            client = cloud.client(Target(hub.account, hub.region), "s3")
            try:
                found += records(client, hub.account, hub.audit)
            except HubwrightError as error:
                return found, f"of the hub {name}: {told(error)}"
    wrong = [f"{place}: {why}" for place, _, why in found if why]
    return found, "; ".join(wrong)
