"""`after`: waiting until another promotion of the same release has been Approved for a while.

Since when it is Approved follows from its LastModifiedTime: a version that is Approved now has been so at least since
it was last changed. Any later change of it begins the wait anew, which errs on the safe side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from controller.core.limits import parse_duration, parse_moment
from controller.core.view import Package
from controller.core.wish import Hold, Subject


def soaking(subject: Subject, now: dt.datetime | None) -> Iterator[Hold]:
    """Why it still waits for the promotion that its `after` names."""
    after = subject.promotion.after
    if after is not None and (why := _waits_for(subject, after.approved_for, now)):
        yield Hold("approval", f"after {after.promotion}: {why}", standing="waiting")


def _waits_for(subject: Subject, approved_for: str | None, now: dt.datetime | None) -> str:
    other = subject.after.live if subject.after is not None else None
    if other is None:
        return "it is not in its hub yet"
    if subject.after is not None and subject.after.asks != "Approved":
        return f"Git asks for {subject.after.asks} there"
    if other.mark("release") != subject.release:
        return "it is another release"
    if other.approval != "Approved" or other.status != "Completed":
        return f"it is {other.approval}"
    if other.mark("approved") != "yes":
        return "it was approved by hand, and that is not confirmed yet"
    return _soaked(other, approved_for, now) if approved_for else ""


def _soaked(other: Package, approved_for: str, now: dt.datetime | None) -> str:
    if now is None or not other.modified:
        return "since when it is Approved is not known"
    try:
        ripe = parse_moment(other.modified) + dt.timedelta(seconds=parse_duration(approved_for))
    except OverflowError:
        return f"{approved_for} from {other.modified} on is beyond the calendar"
    if now >= ripe:
        return ""
    return f"it is Approved since {other.modified}, and long enough ({approved_for}) at {ripe:%Y-%m-%dT%H:%M:%SZ}"
