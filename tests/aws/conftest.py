from collections.abc import Iterator

import pytest

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import World
from tests.aws.wire import HUB, SECRETS, Aws
from tests.clouds import NOWHERE


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own credentials, and nothing of the machine's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIACALLER",
        "AWS_SECRET_ACCESS_KEY": SECRETS[0],
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": NOWHERE,
        "AWS_SHARED_CREDENTIALS_FILE": NOWHERE,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def serving() -> Iterator[Serving]:
    running = serve(World())
    yield running
    running.close()


@pytest.fixture
def log() -> CallLog:
    return CallLog()


@pytest.fixture
def cloud(serving: Serving, log: CallLog, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCloud]:
    for name, value in serving.environment(HUB).items():
        monkeypatch.setenv(name, value)
    made = AwsCloud({}, run="test", writable=True, log=log)
    yield made
    made.close()
