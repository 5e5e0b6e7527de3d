"""Accounts of a world, entered as their administrators: what people do there by hand or with their own pipelines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
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
from controller.sandbox.principals import user_keys
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

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call by its API name; `CloudError` for what is refused."""
        return self.cloud.client(self.target, service, "register").call(operation, **parameters)

    def pages(self, service: str, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All items of a paged list."""
        return self.cloud.client(self.target, service, "register").pages(operation, result, **parameters)


def enter(world: World, account: str) -> Team:
    """An account's team with all rights there, in this process: no socket, no environment variable is looked at."""
    target = Target(account, world.accounts[account].region)
    cloud = AwsCloud({}, run="demo", writable=True, log=(log := CallLog()), prepare=_as_administrator(world, target))
    host = world.registry_of(account, target.region).host
    registries = EcrRegistries(cloud, {}, writable=True, log=log, transport=Straight(world))
    return Team(target, cloud, registries.registry(host, "register"), host)


def _as_administrator(world: World, target: Target) -> Prepare:
    keys = user_keys(target.account)

    def prepare(session: Any) -> None:
        session.set_credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
        for name, value in {"region": target.region, "profile": None, "ignore_configured_endpoint_urls": True}.items():
            session.set_config_variable(name, value)
        local.attach(world, session)

    return prepare
