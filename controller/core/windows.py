"""When a freeze or a window covers a moment. Times are local to a named zone; daylight saving never shortens a freeze.

`zoneinfo` reads the time zone database, which is data and not the environment's time; the moment itself is handed in.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from controller.core.limits import parse_moment
from controller.core.rules import Freeze, Window

_BEGIN, _END = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def frozen(freeze: Freeze, now: dt.datetime) -> bool:
    """Whether the freeze covers `now`: its begin included, its end not. ValueError without such a zone or time."""
    zone = zone_of(freeze.zone)
    return instant(freeze.from_, zone, late=False) <= now < instant(freeze.until, zone, late=True)


def is_open(window: Window, now: dt.datetime) -> bool:
    """Whether a weekly window is open: on one of its days, from its begin until before its end, by the local clock."""
    local = now.astimezone(zone_of(window.zone))
    begin, end = (dt.time.fromisoformat(text) for text in (window.from_, window.until))
    return DAYS[local.weekday()] in (window.days or DAYS) and begin <= local.time() < end


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name; ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def instant(text: str, zone: ZoneInfo, *, late: bool) -> dt.datetime:
    """When clocks in the zone come to a local time, in UTC.

    A time that clocks show twice is the first one, or the second if `late`; one that they leap over is the leap.
    """
    local = parse_moment(text).replace(tzinfo=zone)
    first, second = (_in_utc(local.replace(fold=fold)) for fold in (0, 1))
    if second >= first:
        return second if late else first
    return _leap(local.replace(tzinfo=None), zone, second, first)


def _in_utc(local: dt.datetime) -> dt.datetime:
    """The moment in UTC; what lies beyond the calendar's ends there is its end."""
    try:
        return local.astimezone(dt.UTC)
    except OverflowError:
        return _BEGIN if local.year == dt.MINYEAR else _END


def _leap(local: dt.datetime, zone: ZoneInfo, before: dt.datetime, after: dt.datetime) -> dt.datetime:
    """The first second, between two, at which clocks are past a local time that they never show."""
    while after - before > dt.timedelta(seconds=1):
        middle = before + (after - before) / 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            after = middle
        else:
            before = middle
    return after
