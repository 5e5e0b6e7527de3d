"""A group that a person holds: a tag on the package group, so that no run reverts what was done by hand at night.

The tag `hubwright/hold` is `UNTIL WHO REASON`: a time in UTC, who set it (one word), and the rest of the text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from controller.core.limits import parse_moment, word_expected
from controller.core.marks import PREFIX
from controller.core.model import Target
from controller.core.view import View
from controller.core.wish import Finding, GroupWish, Hold

TAG = PREFIX + "hold"
_ROOM = 256  # characters of a tag's value


@dataclass(frozen=True, slots=True)
class GroupHold:
    """Who holds a group until when (in UTC) and why. `until` is None for a tag that says something else."""

    until: dt.datetime | None
    who: str
    reason: str

    def text(self) -> str:
        """The tag's value; ValueError says what AWS would not take."""
        if self.until is None:
            raise ValueError("a hold needs an end")
        moment = self.until.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = f"{moment} {self.who} {self.reason}"
        if expected := word_expected(text):
            raise ValueError(f"the reason may have {expected}")
        if len(text) > _ROOM:
            raise ValueError(f"the reason is {len(text) - _ROOM} characters too long")
        return text

    def over(self, now: dt.datetime) -> bool:
        """Whether it has ended; one whose end cannot be read has not."""
        return self.until is not None and self.until <= now


def read_hold(tag: str) -> GroupHold:
    """A hold from its tag; one that cannot be understood still holds."""
    moment, _, rest = tag.partition(" ")
    who, _, reason = rest.partition(" ")
    try:
        until = parse_moment(moment)
        if until.tzinfo is not None:
            return GroupHold(until.astimezone(dt.UTC), who, reason)
    except (ValueError, OverflowError):  # the latter at the ends of the calendar
        pass
    return GroupHold(None, "", tag)


def held(group: str, view: View, now: dt.datetime | None) -> Iterator[Hold]:
    """What a person's hold on a group withholds: everything but revocations."""
    if why := view.unread("groups", group):
        said = f"whether somebody holds the group {group} could not be read: {why}"
        yield Hold("group", said, standing="unknown")
        return
    live = view.groups.get(group)
    tag = live.tags.get(TAG) if live is not None else None
    if tag is None:
        return
    found = read_hold(tag)
    if now is None or not found.over(now):
        yield Hold("group", hold_text(group, found), f"to end it: hubwright hold {group} --release")


def hold_text(group: str, found: GroupHold) -> str:
    """The hold in one line."""
    who = f" by {found.who}" if found.who else ""
    until = f" until {found.until:%Y-%m-%dT%H:%M:%SZ}" if found.until else ""
    return f"the group {group} is held{who}{until}: {found.reason or 'no reason was given'}"


def held_groups(
    groups: Iterable[GroupWish], views: Mapping[Target, View], now: dt.datetime | None
) -> Iterator[Finding]:
    """Every hold of a declared group, also where nothing is to be done, and those that have ended."""
    for wish in groups:
        live = views[wish.place.target].groups.get(wish.name)
        tag = live.tags.get(TAG) if live is not None else None
        if tag is None:
            continue
        found, hint = read_hold(tag), f"hubwright hold {wish.manifest} --release"
        if now is not None and found.over(now):
            yield Finding(
                wish.path, "deferred", f"over since then, and still there: {hold_text(wish.name, found)}", hint
            )
        else:
            yield Finding(wish.path, "deferred", hold_text(wish.name, found), f"to end it: {hint}")
