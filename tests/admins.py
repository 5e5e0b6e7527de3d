"""Administrators of a sandbox's accounts, each with credentials of its own: what `hubwright access` runs with."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from botocore import UNSIGNED
from botocore.config import Config

from controller.access import AccessThought, apply_access, think_access
from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud, Roles
from controller.aws.registries import EcrRegistries
from controller.aws.sessions import own_session
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.report import Report
from controller.kinds.base import World as Effects
from controller.sandbox.principals import user_keys
from controller.sandbox.world import ACCOUNTS, Account, World
from controller.source.load import load
from tests.bed import CHURN, HUB, REGION, VISION, Door, Inline
from tests.clouds import forget, settings

__all__ = ["CHURN", "HUB", "REGION", "VISION", "Admins", "full"]
ROOT = Path(__file__).parent.parent
CASE = "tests/cases/access/full/manifests"


class Admins:
    """A world with nothing but administrators, and a cloud for each of them."""

    def __init__(self, *more: Account) -> None:
        world = World(logical=True, bare=True, accounts=(*ACCOUNTS, *more))
        world.settings.status = {"*": ("Completed",)}
        world.settings.authorize = True
        self.world = world
        self.door = Door(world)
        self.logs: dict[str, CallLog] = {}
        self._clouds: dict[tuple[str, bool], AwsCloud] = {}
        self._entered: dict[tuple[Any, ...], AwsCloud] = {}

    def cloud(self, account: str, *, writable: bool) -> AwsCloud:
        """Clients with the credentials of an account's administrator."""
        if (account, writable) not in self._clouds:
            log = self.logs.setdefault(account, CallLog())
            self._clouds[account, writable] = self.entered(user_keys(account), {}, log, writable=writable)
        return self._clouds[account, writable]

    def entered(self, keys: Mapping[str, str], roles: Mapping[str, Roles], log: CallLog, *, writable: bool) -> AwsCloud:
        """A cloud whose caller has these keys.

        It is that until the same principal enters again in the same way; then it is used again, as clients take long
        to make, with the keys of then.
        """
        name = (settings(), self._who(keys), *sorted(roles.items()), id(log), writable)
        if name in self._entered:
            cloud = self._entered[name]
            forget(cloud, keys)
        else:
            cloud = AwsCloud(roles, run="test", writable=writable, log=log, prepare=self.door.prepare)
            self._entered[name] = cloud
        with mock.patch.dict(os.environ, keys):
            cloud.identity(REGION)
        return cloud

    def _who(self, keys: Mapping[str, str]) -> tuple[str, ...]:
        """Whose keys these are: the account and role of a session, or a user's access key."""
        key = keys["AWS_ACCESS_KEY_ID"]
        session = self.world.sessions.get(key)
        return (session.account, session.role, *map(str, session.tags)) if session else (key,)

    @functools.cached_property
    def sts(self) -> Any:
        """STS as those call it who have no credentials yet."""
        session = own_session()
        self.door.prepare(session)
        unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        return session.create_client("sts", REGION, config=unsigned)

    def call(self, account: str, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        client = self.cloud(account, writable=True).client(Target(account, REGION), service, "register")
        return client.call(operation, **parameters)

    def bucket(self, account: str, name: str) -> None:
        place = {"LocationConstraint": REGION}
        self.call(account, "s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
        self.call(account, "s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def mutations(self, account: str) -> int:
        """How many calls `access` has made as this administrator that are not reads."""
        return len(self.logs[account].mutations)

    def think(self, account: str, fleet: Manifests) -> AccessThought:
        return think_access(self.cloud(account, writable=False), fleet, [account], Inline(), lambda _: None)

    def plan(self, account: str, fleet: Manifests) -> Report:
        return self.think(account, fleet).report(fleet)

    def apply(self, account: str, fleet: Manifests) -> Report:
        cloud = self.cloud(account, writable=True)
        registries = EcrRegistries(cloud, {}, writable=False, log=self.logs[account])
        effects = Effects(cloud, registries, {}, fleet.revision, pause=lambda _: None)
        return apply_access(effects, self.think(account, fleet), fleet, Inline(), lambda *_: None)


def full(keys: Mapping[str, str] | None = None) -> Manifests:
    """The case `full`, with other KMS keys by account where they are given."""
    fleet = load(ROOT, worktree=True, path=CASE, attribution=False)
    if keys is None:
        return fleet
    hub, spoke = fleet.hubs["central"], fleet.spokes["churn-lab"]
    stores = tuple(replace(store, kms_key_arn=store.kms_key_arn and keys[HUB]) for store in hub.spec.stores)
    allow = replace(spoke.spec.allow, kms_key_arns=(keys[CHURN],))
    return replace(
        fleet,
        hubs={"central": replace(hub, spec=replace(hub.spec, stores=stores))},
        spokes={**fleet.spokes, "churn-lab": replace(spoke, spec=replace(spoke.spec, allow=allow))},
    )
