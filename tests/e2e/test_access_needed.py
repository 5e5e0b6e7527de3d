"""Which statement of access is needed by a flow, and which action is used by one. Prints the figures.

What no flow plays is listed, one by one, in tests/cases/access/unplayed.json: the list is exact, both ways.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.access import think_access
from controller.sandbox.authz.record import Record
from controller.sandbox.world import World
from tests.admins import ROOT
from tests.bed import CHURN, HUB, VISION, Inline
from tests.flows import EDGE, FLOWS, SCORING, everything
from tests.granted import Granted

pytestmark = pytest.mark.slow
Grant = tuple[str, str]  # where a statement stands, as the sandbox calls it, and its Sid
UNSEEN = {
    # What the sandbox has no call for: CreateModel is not one of its operations.
    ("ReadersDeploy", "sagemaker:CreateModel"),
}
UNPLAYED = json.loads((ROOT / "tests" / "cases" / "access" / "unplayed.json").read_text())
ALIKE = {
    # Said in a key's policy although the account's own statement in it says the same of everybody: not every key has it.
    "key",
}


def named(place: str) -> str:
    """A place without a key's id, which is another in every run."""
    return "key" if place.startswith("key ") else place


@dataclass
class Story:
    """The flows, each with the world before it and the statements that it used."""

    world: Granted
    before: list[World] = field(default_factory=list)
    used: list[set[Grant]] = field(default_factory=list)
    actions: set[tuple[Grant, str]] = field(default_factory=set)
    calls: int = 0


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    try:
        return told(everything(tmp_path_factory.mktemp("fleet")))
    finally:
        patch.undo()


def told(world: Granted) -> Story:
    anyone = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    trusted = {"Effect": "Allow", "Principal": {"AWS": SCORING}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    world.admins.call(SCORING, "iam", "CreateRole", RoleName="scoring", AssumeRolePolicyDocument=trust)
    world.admins.call(
        SCORING, "iam", "PutRolePolicy", RoleName="scoring", PolicyName="all", PolicyDocument=json.dumps(anyone)
    )
    world.apply(HUB, CHURN, VISION, EDGE)
    story = Story(world)
    live = world.admins.world
    for flow in FLOWS:
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
    for account in (HUB, CHURN, VISION, EDGE):
        cloud = world.admins.cloud(account, writable=False)
        for item in think_access(cloud, world.fleet, [account], Inline(), lambda _: None).documents:
            name = item.key.name
            place = {
                "role": f"trust {account}/{name}",
                "role_policy": f"role {account}/{name}/hubwright-growth-b49831",
                "bucket_policy": f"bucket {name}",
                "repository_policy": f"repository {account}/{name}",
                "group_policy": f"group {account}/{name}",
                "key_policy": f"key {name.rpartition('/')[2]}",
                "bus_policy": f"bus {account}/{name}",
                "queue_policy": f"queue {name}",
            }.get(item.key.kind, "")
            found |= {(place, sid): (said, item) for sid, said in item.statements.items()}
    return found


@pytest.fixture(scope="module")
def granted(story):
    return derived(story)


def test_no_action_is_granted_that_no_flow_uses(story, granted):
    given = {(grant, action) for grant, (said, _) in granted.items() for action in said["Action"]}
    unused = {(place, sid, action) for (place, sid), action in given - story.actions}
    unseen = {item for item in unused if any(word in item[1] and item[2] == action for word, action in UNSEEN)}
    print(f"\n{len(granted)} statements, {len(given)} actions in them; {story.calls} requests evaluated")
    assert sorted([named(place), sid, action] for place, sid, action in unused - unseen) == [
        item[:3] for item in UNPLAYED["actions"]
    ]


def test_every_statement_is_needed(story, granted):
    unneeded, tried = [], 0
    for grant, (_, item) in sorted(granted.items()):
        if grant[0].partition(" ")[0] in ALIKE:
            continue
        flows = [index for index, used in enumerate(story.used) if grant in used]
        tried += 1
        if not any(fails(story, FLOWS[index], story.before[index], item, grant[1]) for index in flows):
            unneeded.append([named(grant[0]), grant[1]])
    print(f"\n{tried} statements taken away, one at a time")
    assert sorted(unneeded) == [item[:2] for item in UNPLAYED["statements"]]


def fails(story: Story, flow: Callable[[Granted], None], before: World, item: Any, sid: str) -> bool:
    """Whether a flow goes wrong in the world before it without this statement."""
    admins = story.world.admins
    kept, admins.world = admins.world, before.copy()
    admins.door.world = admins.world
    try:
        take_away(admins.world, item, sid)
        seen = len(admins.world.decisions)
        flow(story.world)
    except Exception:
        return named_denial(admins.world, item.statements[sid], seen)
    else:
        return False
    finally:
        admins.world = admins.door.world = kept


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
    elif item.key.kind == "bus_policy":
        bus = world.buses_of(account, region).buses[name]
        bus.policy = without(bus.policy)
    else:
        attributes = world.queues[account, region, name].attributes
        attributes["Policy"] = without(attributes["Policy"])
