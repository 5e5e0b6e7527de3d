"""What is not our own goes to moto, in the caller's account."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import CHURN, HUB, Bench

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "sts:AssumeRole"}]})


@pytest.fixture(autouse=True)
def clean(bench: Bench) -> Iterator[None]:
    yield
    bench.world.reset()


def test_accounts_are_kept_apart_and_reset(bench: Bench) -> None:
    """aws.md 8.2: x-moto-account-id routes; a role made in a spoke can be assumed (trust is not asked yet)."""
    made = bench.client("iam", CHURN).create_role(RoleName="pusher", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    assert made == f"arn:aws:iam::{CHURN}:role/pusher"
    assert bench.client("iam").list_roles()["Roles"] == []
    assert bench.client("sts").assume_role(RoleArn=made, RoleSessionName="run")["AssumedRoleUser"]["Arn"].endswith("pusher/run")
    assert [call.operation for call in bench.world.mutations()] == ["CreateRole"]
    bench.world.reset()
    assert bench.client("iam", CHURN).list_roles()["Roles"] == []


def test_events_and_other_sagemaker_calls(bench: Bench) -> None:
    """JSON services keep their own error shapes."""
    events = bench.client("events")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
    assert bench.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []


def test_what_moto_lacks_is_not_retried(bench: Bench) -> None:
    """aws.md 8.2 #15: a 500 would be retried by botocore; the sandbox says 501."""
    with pytest.raises(Exception, match="NotImplemented"):
        bench.client("sagemaker", attempts=3).list_hubs()
    assert [call.status for call in bench.world.calls] == [501]
