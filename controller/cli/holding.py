"""`hold`: a person's word that a group is not to be changed for a while, as a tag on it in the hub."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace

from controller.cli.auditing import journal
from controller.cli.output import write
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.core.arn import group_arn
from controller.core.errors import HubwrightError, PreconditionError, UsageError, told
from controller.core.hold import TAG, GroupHold, hold_text, read_hold
from controller.core.limits import parse_duration, parse_moment
from controller.core.model import Action, Key, Outcome, Target
from controller.core.plan import Plan, action_id
from controller.core.problems import did_you_mean, shown
from controller.core.report import Report
from controller.core.view import Group
from controller.kinds import group as groups
from controller.kinds.base import Client
from controller.recording import recorded
from controller.render.escape import terminal

_UNUSUAL = re.compile(r"[^A-Za-z0-9_.:/=+@-]+")


def hold(settings: Settings, name: str, until: str | None, reason: str | None, *, release: bool) -> int:
    """Sets the hold, or ends it, and writes how the group stands to stdout."""
    now = dt.datetime.now(dt.UTC)
    if release and (until is not None or reason is not None):
        raise UsageError("--release takes neither --until nor --reason")
    if not release and (until is None or not reason):
        raise UsageError("a hold needs an end and a reason", "give --until and --reason, or --release")
    end = None if until is None else moment(until, now)
    with opened(settings) as run:
        target, group = place_of(run, name)
        cloud = run.cloud(writable=True)
        client = cloud.client(target, "sagemaker", "register")
        live = _own(client, group, run.manifests.fleet.name)
        if end is None and TAG not in live.tags:
            write(f"the group {terminal(live.name)} is not held\n")
            return 0
        wanted = ""
        if end is not None:
            who = _UNUSUAL.sub("-", cloud.caller(target.region).rpartition("/")[2]) or "somebody"
            wanted = _text(GroupHold(end, who, reason or ""))
        said, good = _recorded(run, _action(target, live, wanted), lambda: _done(client, target, live, wanted))
    write(f"{terminal(said)}\n" if said else "")
    return int(not good)


def _action(target: Target, live: Group, wanted: str) -> Action:
    """What is done as the record of a run names it: the group's hold before and after, empty for none."""
    key, before, after = Key(target, groups.NAME, live.name), {"hold": live.tags.get(TAG, "")}, {"hold": wanted}
    return Action(action_id("update", key, before, after), "update", key, before, after, reason="hold")


def _recorded(run: Run, action: Action, deed: Callable[[], str]) -> tuple[str, bool]:
    """What the deed says, and whether all was recorded; an empty text where it could not be beforehand, and so was not
    done."""
    book = journal(run, "hold")
    mine = {name: hub for name, hub in book.hubs.items() if Target(hub.account, hub.region) == action.key.target}
    said: list[str] = []
    errors: list[HubwrightError] = []

    def bring(part: Plan) -> Report:
        outcomes = []
        for one in part.actions:
            try:
                said.append(deed())
                outcomes.append(Outcome(one.id, "done"))
            except HubwrightError as error:
                errors.append(error)
                outcomes.append(Outcome(one.id, "failed", told(error)))
        return Report("result", part, outcomes=tuple(outcomes))

    _, good = recorded(replace(book, hubs=mine), Plan(run.manifests.revision, (action,), ()), bring)
    if errors:
        raise errors[0]
    return "".join(said), good


def _done(client: Client, target: Target, live: Group, wanted: str) -> str:
    return _set(client, target, live, wanted) if wanted else _released(client, target, live)


def _text(wanted: GroupHold) -> str:
    try:
        return wanted.text()
    except ValueError as error:
        raise UsageError(str(error)) from error


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """A time to come, in UTC: written with its zone, or as a duration from now. `UsageError` for anything else."""
    try:
        found = now + dt.timedelta(seconds=parse_duration(text))
    except OverflowError:
        raise UsageError(f"--until {shown(text)} is beyond the calendar") from None
    except ValueError:
        try:
            found = parse_moment(text)
        except ValueError:
            found = now.replace(tzinfo=None)
    if found.tzinfo is None:
        raise UsageError(f"--until {shown(text)} is not a time", "such as 2026-12-24T18:00Z, or a duration such as 8h")
    if found <= now:
        raise UsageError(f"--until {shown(text)} is over already")
    return _in_utc(found, text)


def _in_utc(found: dt.datetime, text: str) -> dt.datetime:
    try:
        return found.astimezone(dt.UTC)
    except OverflowError:
        raise UsageError(f"--until {shown(text)} is beyond the calendar") from None


def place_of(run: Run, name: str) -> tuple[Target, str]:
    """Where a group is and its name there; by its manifest's name. `UsageError` when there is none."""
    entry = run.manifests.groups.get(name)
    hub = run.manifests.hubs.get(entry.spec.hub or "") if entry is not None else None
    if entry is None or hub is None:
        close = did_you_mean(name, run.manifests.groups) if entry is None else ""
        raise UsageError(f"there is no ModelGroup {shown(name)} that is valid", close or "see: hubwright validate")
    return Target(hub.spec.account, hub.spec.region), entry.spec.group or name


def _own(client: Client, name: str, fleet: str) -> Group:
    live = groups.reread(client, name)
    if live is None:
        raise PreconditionError(f"the group {name} is not in the hub yet", "hubwright reconcile makes it")
    if live.tags.get(groups.FLEET) != fleet:
        raise PreconditionError(f"the group {name} is not of the fleet {fleet}")
    return live


def _set(client: Client, target: Target, live: Group, text: str) -> str:
    arn = group_arn(target.account, target.region, live.name)
    client.call("AddTags", ResourceArn=arn, Tags=[{"Key": TAG, "Value": text}])
    now = groups.reread(client, live.name)
    found = now.tags.get(TAG, "") if now is not None else ""
    if found != text:
        raise HubwrightError(f"the hold on {live.name} was set, and now reads {found!r}", "somebody else set it too")
    return hold_text(live.name, read_hold(found))


def _released(client: Client, target: Target, live: Group) -> str:
    client.call("DeleteTags", ResourceArn=group_arn(target.account, target.region, live.name), TagKeys=[TAG])
    return f"no longer: {hold_text(live.name, read_hold(live.tags[TAG]))}"
