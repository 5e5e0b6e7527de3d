"""The sandbox's own paths about authorisation and events, and what `--seed bare` starts with."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from controller.sandbox import control
from controller.sandbox.seed import SEEDS
from controller.sandbox.wire import Request
from controller.sandbox.world import World
from tests.sandbox.conftest import CHURN, HUB, REGION, Bench


def ask(world: World, method: str, name: str, document: Any = None) -> Any:
    body = io.BytesIO(json.dumps(document).encode() if document is not None else b"")
    answer = control.answer(world, Request(method, "x", f"/_sandbox/{name}", {}, {}, body))
    assert answer is not None
    return json.loads(answer.whole()) | ({"status": answer.status} if answer.status != 200 else {})


def test_authorisation_is_switched_and_recorded(bench: Bench, refused: Any) -> None:
    """What is refused is in the record with its reason; without authorisation nothing is asked."""
    bench.world = world = World(logical=True, bare=True)
    arn = f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package-group/lab"
    ask(world, "POST", "control", {"authorize": True})
    with refused("AccessDeniedException", 400, "because no resource-based policy allows"):
        bench.client("sagemaker").describe_model_package_group(ModelPackageGroupName=arn)
    (row,) = ask(world, "GET", "decisions")["decisions"]
    assert (row["principal"], row["action"], row["resource"], row["allowed"]) == (
        f"arn:aws:iam::{HUB}:user/administrator",
        "sagemaker:DescribeModelPackageGroup",
        arn,
        False,
    )
    ask(world, "POST", "control", {"authorize": False})
    with refused("ValidationException", 400, "does not exist"):
        bench.client("sagemaker").describe_model_package_group(ModelPackageGroupName=arn)
    assert len(world.decisions) == 1


def test_events_are_told_how_to_come_and_delivered(bench: Bench) -> None:
    """`events` turns copies and loss; `deliver` says how many met their bus; `deliveries` what became of them."""
    world, events = bench.world, bench.client("events")
    ask(world, "POST", "control", {"events": {"copies": 3}})
    events.put_rule(Name="all", EventPattern='{"source": ["aws.sagemaker"]}')
    arn = f"arn:aws:sqs:{REGION}:{HUB}:absent"
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": arn}])
    sm = bench.client("sagemaker")
    sm.create_model_package_group(ModelPackageGroupName="churn")
    sm.create_model_package(ModelPackageGroupName="churn", ModelPackageRegistrationType="Logged")
    assert ask(world, "POST", "control", {"deliver": True})["delivered"] == 3
    rows = ask(world, "GET", "deliveries")["deliveries"]
    assert [(row["target"], row["error"]) for row in rows] == [(arn, "RESOURCE_NOT_FOUND")] * 3
    assert ask(world, "POST", "control", {"events": {"copy": 3}})["status"] == 400


@pytest.mark.parametrize("bare", [True, False])
def test_a_bare_seed_has_the_data_and_nobody_who_may_use_it(bench: Bench, bare: bool, refused: Any) -> None:
    """`--seed bare`: the demo's data, no role, no policy; the controller may assume roles and nothing else."""
    bench.world = world = World(logical=True, bare=bare)
    world.settings.authorize = True
    SEEDS["bare" if bare else "demo"](world)
    assert sorted(world.buckets) == ["acme-model-store", "churn-lab-models", "vision-lab-models"]
    assert sorted(world.iam[CHURN].roles) == (
        [] if bare else ["hubwright", "hubwright-approve", "hubwright-read", "hubwright-register"]
    )
    assert not any("policy" in bucket.settings for bucket in world.buckets.values())
    if bare:
        with refused("AccessDenied", 403):
            bench.client("sts").assume_role(RoleArn=f"arn:aws:iam::{HUB}:role/hubwright-read", RoleSessionName="run")
