"""With authorisation on: nothing granted, nothing happens; after `hubwright access apply` push and pull work."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.access.derive import derive
from controller.preflight import explained
from tests.bed import CHURN, HUB, STORE, VISION, promotion, standing, why
from tests.core.test_access_many import labs
from tests.flows_more import access_looked_at, tampered
from tests.granted import PLATFORM, Granted, role, spoke

PULL = PLATFORM | {"churn-lab": spoke("churn-lab", CHURN, access=role(CHURN))}
ROLELESS = PLATFORM | {"vision-lab": spoke("vision-lab", VISION, copy="relay")}
PUSH = PLATFORM | {"vision-lab": spoke("vision-lab", VISION, pattern="push")}


def wish(name: str, **more: Any) -> dict[str, Any]:
    return promotion(f"{name}-1", spoke=name, source=f"{name}-experiments", **more)


@pytest.fixture
def granted(tmp_path):
    def made(platform, *documents, **more) -> Granted:
        found = Granted(tmp_path, documents, platform, **more)
        found.admins.bucket(HUB, STORE)
        return found

    return made


def test_a_pull_spoke_is_promoted_once_access_is_granted(granted):
    world = granted(PULL, wish("churn-lab"))
    world.source("churn-lab", CHURN)
    before = explained(world.plan(), world.fleet)
    hints = " ".join(hint for row in before.rows for hint in row.hints)
    assert before.exit_code() == 5
    assert f"lacks sts:AssumeRole on arn:aws:iam::{HUB}:role/hubwright-read" in hints
    assert f"hubwright access apply --account {HUB}" in hints
    world.apply(HUB, CHURN)
    done = world.run()
    assert (standing(done, "churn-lab-1"), why(done, "churn-lab-1"), done.exit_code()) == ("converged", (), 0)


def test_a_spoke_without_a_role_is_promoted_once_access_is_granted(granted):
    world = granted(ROLELESS, wish("vision-lab"))
    world.source("vision-lab", VISION)
    assert world.plan().exit_code() == 5
    world.apply(HUB, VISION)
    done = world.run()
    assert (standing(done, "vision-lab-1"), why(done, "vision-lab-1"), done.exit_code()) == ("converged", (), 0)


def test_a_push_spoke_registers_and_the_hub_approves_once_access_is_granted(granted):
    world = granted(PUSH, wish("vision-lab"))
    world.source("vision-lab", VISION)
    refused = explained(world.push("vision-lab"), world.fleet)
    hints = " ".join(hint for row in refused.rows for hint in row.hints)
    assert refused.exit_code() == 5
    assert f"lacks sts:AssumeRole on arn:aws:iam::{HUB}:role/hubwright-register" in hints
    assert f"hubwright access apply --account {HUB}" in hints
    world.apply(HUB, VISION)
    pushed = world.push("vision-lab")
    assert (standing(pushed, "vision-lab-1"), why(pushed, "vision-lab-1")[1:]) == ("deferred", ())
    assert pushed.exit_code() == 0
    done = world.run()
    assert (standing(done, "vision-lab-1"), why(done, "vision-lab-1"), done.exit_code()) == ("converged", (), 0)


@pytest.mark.parametrize(
    "shape", [{"access": role}, {}, {"pattern": "push"}], ids=["with a role", "without", "that pushes"]
)
def test_one_of_so_many_that_they_are_granted_by_account(granted, shape):
    own = {name: make(VISION) if callable(make) else make for name, make in shape.items()}
    world = granted(
        PLATFORM | labs(35, 2, **shape) | {"vision-lab": spoke("vision-lab", VISION, **own)}, wish("vision-lab")
    )
    said = str([item.statements for item in derive(world.fleet) if item.key.target.account == HUB])
    assert ("arn:aws:s3:::*/*" in said, "lab-00-models" in said) == (True, False)
    world.source("vision-lab", VISION)
    world.apply(HUB, VISION)
    if shape == {"pattern": "push"}:
        assert (standing(world.push("vision-lab"), "vision-lab-1")) == "deferred"
    done = world.run()
    assert (standing(done, "vision-lab-1"), why(done, "vision-lab-1"), done.exit_code()) == ("converged", (), 0)


def test_drift_looks_at_access_once_it_is_granted(granted):
    world = granted(PULL, wish("churn-lab"))
    world.source("churn-lab", CHURN)
    world.apply(HUB, CHURN)
    world.run()
    world.apply(HUB)
    # The hub's bucket, group, three roles with their policies; the spoke's bucket, and role with its policy.
    assert access_looked_at(world) == (11, [])
    tampered(world)
