"""About how long a plan's copies take and what they cost: an estimate from the plan alone, never a bill.

The assumptions are stated with it. Prices differ by region and contract and none is asked for, so that the same plan
has the same estimate everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.core.arn import parse_version, registry_place
from controller.core.model import Action
from controller.core.report import facts_of
from controller.core.totals import load

WITHIN = 500_000_000  # bytes a second that S3 copies by itself
THROUGH = 100_000_000  # bytes a second through the machine that runs
BETWEEN = 0.02  # USD for a GB from one region to another
REQUESTS = 0.005  # USD for 1,000 requests that write
PART = 64 << 20
_GB = 1_000_000_000
ASSUMED = (
    f"assumed: S3 copies {WITHIN // 1_000_000} MB/s by itself, this machine passes {THROUGH // 1_000_000} MB/s on;"
    f" within a region only requests cost, {REQUESTS:g} USD for 1,000; from one region to another {BETWEEN:g} USD"
    " a GB; storage, KMS and what leaves AWS are not in it"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` and `usd` of a plan's copies; `abroad` is how many of the bytes go from one region to another."""

    seconds: float
    usd: float
    abroad: int


def estimate(actions: Iterable[Action]) -> Estimate | None:
    """The estimate of a plan; None where nothing is to be copied, as far as is known."""
    every = tuple(actions)
    whole = load(every)
    if not whole.bytes:
        return None
    seconds = (whole.bytes - whole.relayed) / WITHIN + whole.relayed / THROUGH
    requests = sum(_requests(action) for action in every)
    abroad = load(action for action in every if _abroad(action)).bytes
    return Estimate(seconds, abroad / _GB * BETWEEN + requests / 1000 * REQUESTS, abroad)


def _requests(action: Action) -> int:
    """Requests to S3 that write: one for each object, or for each part of a large one."""
    if action.key.kind != "artifact" or not facts_of(action).get("objects"):
        return 0
    return sum(1 + item[1] // PART for item in action.facts["release"]["objects"])


def _abroad(action: Action) -> bool:
    if action.key.kind == "artifact":
        source = parse_version(str(action.facts.get("release", {}).get("source", "")))
        return source is not None and source.region != action.key.target.region
    if action.key.kind == "image":
        place = registry_place(str(action.facts["source"]).partition("/")[0])
        return place is not None and place[1] != action.key.target.region
    return False
