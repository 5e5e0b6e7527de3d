"""A world per test behind clients that are made once: a client takes 30 ms and more, a world microseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.session import Session

from controller.sandbox import local
from controller.sandbox.principals import user_keys
from controller.sandbox.world import World

HUB, CHURN, VISION = "111111111111", "222222222222", "333333333333"
REGION = "eu-west-1"
REFUSED = dict[str, Any]


@dataclass
class Bench:
    """The world at hand and clients of its accounts."""

    world: World = field(default_factory=lambda: World(logical=True))
    made: dict[tuple[str, str, str, int], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session = Session()
        local.attach(lambda: self.world, self.session, lambda url: ConnectionClosedError(endpoint_url=url))

    def client(self, service: str, account: str = HUB, *, region: str = REGION, attempts: int = 1) -> Any:
        """A client as the account's administrator, by default without retries; botocore checks nothing, so that the server has to."""
        name = (service, account, region, attempts)
        if name not in self.made:
            self.made[name] = self.session.create_client(
                service,
                region_name=region,
                endpoint_url="http://sandbox.localhost",
                aws_access_key_id=user_keys(account)["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key="secret",
                config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, parameter_validation=False),
            )
        return self.made[name]


@pytest.fixture(scope="session")
def _bench() -> Bench:
    return Bench()


@pytest.fixture
def bench(_bench: Bench) -> Iterator[Bench]:
    _bench.world = World(logical=True)
    yield _bench


@pytest.fixture
def world(bench: Bench) -> World:
    return bench.world


@pytest.fixture
def sm(bench: Bench) -> Any:
    """SageMaker of the hub."""
    return bench.client("sagemaker")


@pytest.fixture
def s3(bench: Bench) -> Any:
    """S3 as the hub."""
    return bench.client("s3")


@pytest.fixture
def ecr(bench: Bench) -> Any:
    """ECR of the hub."""
    return bench.client("ecr")


@pytest.fixture
def refused() -> Callable[..., Any]:
    """`with refused("Code", 400, "words"):` — the call fails with exactly this code and status, and says these words."""

    @contextmanager
    def expect(code: str, status: int = 400, words: str = "") -> Iterator[None]:
        with pytest.raises(ClientError) as caught:
            yield
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer
        assert words in answer["Error"]["Message"]

    return expect
