"""What is not our own goes to moto, in the caller's account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import CHURN, Bench


@pytest.fixture(autouse=True)
def clean(bench: Bench) -> Iterator[None]:
    yield
    bench.world.reset()


def test_accounts_are_kept_apart_and_reset(bench: Bench) -> None:
    """aws.md 8.2: x-moto-account-id routes."""
    table = {"TableName": "ledger", "BillingMode": "PAY_PER_REQUEST"}
    table |= {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}  # type: ignore[dict-item]
    table |= {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}  # type: ignore[dict-item]
    bench.client("dynamodb", CHURN).create_table(**table)
    assert bench.client("dynamodb", CHURN).list_tables()["TableNames"] == ["ledger"]
    assert bench.client("dynamodb").list_tables()["TableNames"] == []
    bench.world.reset()
    assert bench.client("dynamodb", CHURN).list_tables()["TableNames"] == []


def test_other_sagemaker_calls(bench: Bench) -> None:
    """What the registry does not cover is moto's."""
    assert bench.client("sagemaker").list_endpoint_configs()["EndpointConfigs"] == []


def test_what_moto_lacks_is_not_retried(bench: Bench) -> None:
    """aws.md 8.2 #15: a 500 would be retried by botocore; the sandbox says 501."""
    with pytest.raises(Exception, match="NotImplemented"):
        bench.client("sagemaker", attempts=3).list_hubs()
    assert [call.status for call in bench.world.calls] == [501]
