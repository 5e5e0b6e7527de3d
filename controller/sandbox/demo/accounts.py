"""Accounts of a world, entered as their administrators: what people do there by hand or with their own pipelines."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.aws.registries import EcrRegistries
from controller.aws.sessions import Prepare
from controller.core.model import Target
from controller.oci.registry import Registry
from controller.oci.transport import Response
from controller.sandbox import local
from controller.sandbox.principals import Caller, user_keys
from controller.sandbox.sagemaker.jobs import record_execution
from controller.sandbox.world import World


class Bytes(io.BytesIO):
    """A body as `oci.transport.Stream`."""

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(buffer)


@dataclass(frozen=True, slots=True)
class Straight:
    """Implements `oci.transport.Transport`: requests to the world's registries, without sockets."""

    world: World

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterator[memoryview] | None = None,
    ) -> Response:
        """As `Transport.request`."""
        data = body if body is None or isinstance(body, bytes) else b"".join(bytes(piece) for piece in body)
        status, answered, whole = local.send(self.world, method, url, headers, data)
        return Response(status, {name.lower(): value for name, value in answered.items()}, Bytes(whole))


@dataclass(frozen=True, slots=True)
class Team:
    """One account and its registry, in the account's own region."""

    target: Target
    cloud: AwsCloud
    registry: Registry
    host: str
    world: World

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call by its API name; `CloudError` for what is refused."""
        return self.cloud.client(self.target, service, "register").call(operation, **parameters)

    def pages(self, service: str, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All items of a paged list."""
        return self.cloud.client(self.target, service, "register").pages(operation, result, **parameters)

    def ran(self, pipeline: str, run: str, jobs: dict[str, str], experiment: str) -> str:
        """Notes that a pipeline ran, with the training jobs of its steps; the run's ARN. The sandbox runs none."""
        account, region = self.target.account, self.target.region
        caller = Caller(account, f"arn:aws:iam::{account}:user/administrator", f"AIDA{account}", region, "sagemaker")
        config = {"ExperimentName": experiment, "TrialName": run}
        with self.world.lock:
            return record_execution(self.world, caller, pipeline, run, jobs, PipelineExperimentConfig=config)


def enter(world: World, account: str) -> Team:
    """An account's team with all rights there, in this process and without a socket. See `detached`."""
    target = Target(account, world.accounts[account].region)
    cloud = AwsCloud({}, run="demo", writable=True, log=(log := CallLog()), prepare=_as_administrator(world, target))
    host = world.registry_of(account, target.region).host
    registries = EcrRegistries(cloud, {}, writable=True, log=log, transport=Straight(world))
    return Team(target, cloud, registries.registry(host, "register"), host, world)


@contextmanager
def detached() -> Iterator[None]:
    """Within it, this process has none of the person's AWS settings: botocore reads them wherever it looks.

    The environment belongs to the whole process, so this is for the main thread of a command.
    """
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name in kept:
        del os.environ[name]
    os.environ.update(nowhere, AWS_EC2_METADATA_DISABLED="true")
    try:
        yield
    finally:
        for name in (*nowhere, "AWS_EC2_METADATA_DISABLED"):
            os.environ.pop(name, None)
        os.environ.update(kept)


def _as_administrator(world: World, target: Target) -> Prepare:
    keys = user_keys(target.account)

    def prepare(session: Any) -> None:
        session.set_credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
        session.set_config_variable("region", target.region)
        local.attach(world, session)

    return prepare
