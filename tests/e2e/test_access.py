"""Access against the sandbox: planned, brought about, and then left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.access import apply_access, think_access
from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.aws.registries import EcrRegistries
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.report import Report
from controller.kinds.base import World
from controller.sandbox.others import reset_moto
from controller.sandbox.principals import user_keys
from controller.source.load import load
from tests import bed as beds
from tests.bed import CHURN, HUB, REGION, VISION, Bed, Inline

CASE = "tests/cases/access/full/manifests"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def moto():
    reset_moto()
    yield
    reset_moto()


def full() -> Manifests:
    return load(ROOT, worktree=True, path=CASE, attribution=False)


class Admin:
    """An administrator of one account, with a bed's world behind."""

    def __init__(self, bed: Bed, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in user_keys(account).items():
            monkeypatch.setenv(name, value)
        self.account = account
        self.log = CallLog()
        self._bed = bed
        self.writer = self.cloud(writable=True)

    def cloud(self, *, writable: bool) -> AwsCloud:
        cloud = AwsCloud({}, run="test", writable=writable, log=self.log, prepare=self._bed.door.prepare)
        cloud.identity(REGION)
        return cloud

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.writer.client(Target(self.account, REGION), service, "register").call(operation, **parameters)

    def plan(self, manifests: Manifests) -> Report:
        return self._think(manifests).report(manifests)

    def _think(self, manifests: Manifests):
        return think_access(self.cloud(writable=False), manifests, [self.account], Inline(), lambda _: None)

    def apply(self, manifests: Manifests) -> Report:
        thought = self._think(manifests)
        registries = EcrRegistries(self.writer, {}, writable=False, log=self.log)
        world = World(self.writer, registries, {}, manifests.revision, pause=lambda _: None)
        return apply_access(world, thought, manifests, Inline(), lambda *_: None)


def things(bed: Bed) -> None:
    """What the full fleet's documents are put on: buckets, repositories and groups. Keys are somebody else's."""
    beds.bucket(bed, HUB, "acme-old-store")
    for account, name in ((CHURN, "churn-lab-models"), (VISION, "vision-lab-models")):
        beds.bucket(bed, account, name)
    bed.client(VISION, "ecr").call("CreateRepository", repositoryName="vision/serve")
    beds.group(bed, VISION, "defects-lab")
    for name in ("churn", "edge-models"):
        beds.group(bed, HUB, name)


def keyless(manifests: Manifests) -> Manifests:
    """moto makes keys with ids of its own choice: the fleet without any."""
    from dataclasses import replace

    hub = manifests.hubs["central"]
    stores = tuple(replace(store, kms_key_arn=None) for store in hub.spec.stores)
    spoke = manifests.spokes["churn-lab"]
    allow = replace(spoke.spec.allow, kms_key_arns=())
    return replace(
        manifests,
        hubs={"central": replace(hub, spec=replace(hub.spec, stores=stores))},
        spokes={**manifests.spokes, "churn-lab": replace(spoke, spec=replace(spoke.spec, allow=allow))},
    )


@pytest.mark.parametrize("account", [HUB, CHURN, VISION])
def test_access_is_brought_about_once_and_then_left_alone(bed, moto, monkeypatch, account):
    things(bed)
    fleet = keyless(full())
    admin = Admin(bed, account, monkeypatch)
    first = admin.plan(fleet)
    assert (first.exit_code(detailed=True), [str(item) for item in first.others]) == (2, [])
    assert admin.log.mutations == ()
    done = admin.apply(fleet)
    assert [(item.status, item.detail) for item in done.outcomes if item.status != "done"] == []
    assert done.exit_code() == 0
    before = len(admin.log.mutations)
    again = admin.apply(fleet)
    assert again.plan.actions == ()
    assert [str(finding) for finding in again.others] == []
    assert len(admin.log.mutations) == before
    assert admin.plan(fleet).exit_code(detailed=True) == 0
