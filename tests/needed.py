"""Statements of access taken away, one at a time, from fleets that play all their flows; and what is missed then.

Two fleets: one hub with push, pull, readers, events and CI; and two hubs without push, with gates and strict keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.access import think_access
from controller.core.access import actions as may
from controller.sandbox.authz.record import Record
from controller.sandbox.kms.service import named_key
from controller.sandbox.world import World
from tests import flows_onward
from tests.bed import CHURN, HUB, VISION, Inline
from tests.flows import EDGE, FLOWS, everything
from tests.granted import Granted

Fleet = tuple[Callable[[Path], Granted], Sequence[Callable[[Granted], None]], Sequence[str]]
Grant = tuple[str, str]  # where a statement stands, as the sandbox calls it, and its Sid
FLEETS: dict[str, Fleet] = {
    "one-hub": (everything, FLOWS, (HUB, CHURN, VISION, EDGE)),
    "two-hubs": (flows_onward.two_hubs, flows_onward.FLOWS, flows_onward.ACCOUNTS),
}
"""How each fleet is made, what it does, and whose access is brought about before that."""


def listed(rows: Iterable[tuple[str, ...]]) -> str:
    """For reading: one row a line."""
    return "\n".join(sorted(" ".join(row) for row in rows))


@dataclass
class Story:
    """The flows, each with the world before it and the statements that it used."""

    world: Granted
    flows: Sequence[Callable[[Granted], None]]
    accounts: Sequence[str]
    before: list[World] = field(default_factory=list)
    used: list[set[Grant]] = field(default_factory=list)
    actions: set[tuple[Grant, str]] = field(default_factory=set)
    calls: int = 0


@contextmanager
def own_environment() -> Iterator[None]:
    """Nobody's credentials and no machine's: what a module's fixture has to do itself."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    try:
        yield
    finally:
        patch.undo()


def told(story: Story) -> Story:
    world = story.world
    world.apply(*story.accounts)
    live = world.admins.world
    for flow in story.flows:
        story.before.append(live.copy())
        live.decisions.clear()
        flow(world)
        found = [
            record for record in live.decisions if "administrator" not in record.principal or record.decision.reason
        ]
        story.calls += len(live.decisions)
        story.used.append({grant for record in found for grant in grants_of(record)})
        story.actions |= {(grant, record.action) for record in found for grant in grants_of(record)}
    return story


def grants_of(record: Record) -> list[Grant]:
    return [(item.source, item.sid) for item in record.decision.matched if item.sid.startswith("Hubwright")]


def derived(story: Story) -> dict[Grant, Any]:
    """All statements that were brought about, by where the sandbox finds them."""
    found: dict[Grant, Any] = {}
    world = story.world
    for account in story.accounts:
        cloud = world.admins.cloud(account, writable=False)
        for item in think_access(cloud, world.fleet, [account], Inline(), lambda _: None).documents:
            name = item.key.name
            place = {
                "role": f"trust {account}/{name}",
                "role_policy": f"role {account}/{name}/hubwright-growth-b49831",
                "bucket_policy": f"bucket {name}",
                "repository_policy": f"repository {account}/{name}",
                "group_policy": f"group {account}/{name}",
                "key_policy": f"key {key_id(world, item) if item.key.kind == 'key_policy' else ''}",
                "bus_policy": f"bus {account}/{name}",
                "queue_policy": f"queue {name}",
            }.get(item.key.kind, "")
            found |= {(place, sid): (said, item) for sid, said in item.statements.items()}
    return found


def key_id(world: Granted, item: Any) -> str:
    """A key may be named by its alias."""
    key = named_key(world.admins.world, item.key.target.account, item.key.target.region, item.key.name)
    assert key is not None
    return key.id


def rule(grant: Grant, item: Any) -> str:
    """What derives a statement: one rule makes one for each bucket, spoke, hub and store."""
    return f"{item.key.kind} {re.sub('[0-9]+', '', grant[1][:-6])}"


def missed(story: Story, item: Any, grant: Grant) -> bool:
    """Whether any flow goes wrong without this statement. Only those are played that use it."""
    return any(fails(story, index, item, grant) for index in range(len(story.flows)))


def fails(story: Story, index: int, item: Any, grant: Grant) -> bool:
    """Whether a flow goes wrong in the world before it without this statement."""
    if grant not in story.used[index]:
        return False
    admins, sid = story.world.admins, grant[1]
    kept, admins.world = admins.world, story.before[index].copy()
    admins.door.world = admins.world
    story.world.foresees = may.SIMULATE[0] in item.statements[sid]["Action"]  # else the deed itself is to be refused
    try:
        take_away(admins.world, item, sid)
        seen = len(admins.world.decisions)
        story.flows[index](story.world)
    except Exception:
        return named_denial(admins.world, item.statements[sid], seen)
    else:
        return False
    finally:
        admins.world = admins.door.world = kept
        story.world.foresees = True


def named_denial(world: World, said: Any, seen: int) -> bool:
    """Whether what went wrong was for the statement: one of its actions was refused, or of a denial let through."""
    wrong = said["Effect"] == "Deny"
    return any(
        record.action in said["Action"] and record.decision.allowed is wrong for record in list(world.decisions)[seen:]
    )


def take_away(world: World, item: Any, sid: str) -> None:
    """Removes one statement where it stands, behind everybody's back."""
    account, region, name = item.key.target.account, item.key.target.region, item.key.name

    def without(text: str) -> str:
        left = {
            "Version": "2012-10-17",
            "Statement": [one for one in json.loads(text)["Statement"] if one["Sid"] != sid],
        }
        return json.dumps(left)

    iam = world.iam_of(account)
    if item.key.kind == "role":
        iam.roles[name].trust = without(iam.roles[name].trust)
    elif item.key.kind == "role_policy":
        iam.roles[name].inline = {key: without(text) for key, text in iam.roles[name].inline.items()}
    elif item.key.kind == "bucket_policy":
        settings = world.buckets[name].settings
        settings["policy"] = without(settings["policy"].decode()).encode()
    elif item.key.kind == "repository_policy":
        repository = world.registry_of(account, region).repositories[name]
        repository.policy = without(repository.policy)
    elif item.key.kind == "group_policy":
        group = world.models_of(account, region).groups[name]
        group.policy = without(group.policy)
    elif item.key.kind == "key_policy":
        key = named_key(world, account, region, name)
        assert key is not None
        key.policy = without(key.policy)
    elif item.key.kind == "bus_policy":
        bus = world.buses_of(account, region).buses[name]
        bus.policy = without(bus.policy)
    else:
        attributes = world.queues[account, region, name].attributes
        attributes["Policy"] = without(attributes["Policy"])
