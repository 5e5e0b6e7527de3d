"""A sandbox in which nothing is allowed but what `hubwright access apply` has granted, and the runs that live in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.aws.calls import CallLog
from controller.aws.registries import EcrRegistries
from controller.core.acting import acting, registering, scope_of
from controller.core.manifests import Manifests
from controller.core.report import Report
from controller.core.scope import Scope
from controller.kinds.base import World as Effects
from controller.oci.registry import Registry
from controller.preflight import Foresight, foresee, held_back
from controller.reconcile import reconcile, think
from controller.sandbox.principals import user_keys
from controller.wiring import roleless, roles_of
from tests import bed as beds
from tests.admins import Admins
from tests.bed import HUB, REGION, STORE, VISION, Inline

EDGE = VISION
MEBI = 1 << 20
PLATFORM: dict[str, dict[str, Any]] = {
    "fleet": {"kind": "Fleet", "metadata": {"name": "growth"}, "spec": {"organization": "o-hubwright01"}},
    "central": {
        "kind": "Hub",
        "metadata": {"name": "central"},
        "spec": {
            "account": HUB,
            "region": REGION,
            "access": {
                **{name: f"arn:aws:iam::{HUB}:role/hubwright-{name}" for name in ("read", "register", "approve")},
                "externalId": "growth-central",
            },
            "stores": [{"name": "main", "bucket": STORE}],
        },
    },
    "churn": {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {}},
}


def spoke(name: str, account: str, **more: Any) -> dict[str, Any]:
    """A spoke whose things are called after it."""
    allow = {"groups": [f"{name}-*"], "buckets": [f"{name}-models"], "repositories": [f"{name}/*"]}
    spec = {"account": account, "region": REGION, "allow": allow, **more}
    return {"kind": "Spoke", "metadata": {"name": name}, "spec": spec}


def registries(admins: Admins) -> dict[str, str]:
    """All accounts' registries: where they are called after themselves."""
    hosts = [f"{account}.dkr.ecr.{REGION}.amazonaws.com" for account in admins.world.accounts]
    return {host: f"https://{host}" for host in hosts}


def role(account: str) -> dict[str, str]:
    return {"read": f"arn:aws:iam::{account}:role/hubwright-read", "externalId": "growth-spoke"}


@dataclass
class Setup:
    """What the helpers of the test bed need to put things into accounts: their administrators."""

    admins: Admins

    def client(self, account: str, service: str) -> Any:
        return self.admins.cloud(account, writable=True).client(beds.Target(account, REGION), service, "register")

    @property
    def registries(self) -> Setup:
        return self

    def registry(self, host: str, purpose: Any) -> Registry:
        account = host.partition(".")[0]
        cloud, log = self.admins.cloud(account, writable=True), self.admins.logs[account]
        made = EcrRegistries(cloud, registries(self.admins), writable=True, log=log, transport=self.admins.door)
        return made.registry(host, purpose)


@dataclass
class Granted:
    """The accounts and their manifests; `run` is the hub's own, `push` a spoke's."""

    folder: Path
    documents: tuple[Mapping[str, Any], ...]
    platform: Mapping[str, Any]
    admins: Admins = field(default_factory=Admins)
    copy_limit: int = 5 << 30
    foresees: bool = True
    """Whether runs ask beforehand what the roles may do; otherwise AWS says it when it is done."""
    job: Callable[[], Mapping[str, str]] = lambda: user_keys(HUB, "CO")
    """The keys of the hub's own runs: by default of the controller's user, who may only assume roles."""

    def __post_init__(self) -> None:
        self.setup = Setup(self.admins)
        self.fleet = beds.manifests(self.folder, *self.documents, platform=self.platform)
        self.log = CallLog()

    @contextmanager
    def tried(self) -> Iterator[Granted]:
        """Itself, in a world and with a fleet that are as before again afterwards."""
        kept, fleet = self.admins.world, self.fleet
        self.admins.world = self.admins.door.world = kept.copy()
        yield self
        self.admins.world = self.admins.door.world = kept
        self.fleet = fleet

    def apply(self, *accounts: str) -> None:
        """`hubwright access apply`, by each account's administrator."""
        for account in accounts:
            report = self.admins.apply(account, self.fleet)
            assert report.exit_code() == 0, (*report.others, *report.outcomes)

    def run(
        self,
        keys: Mapping[str, str] | None = None,
        stopped: Callable[[], bool] = lambda: False,
        only: tuple[str, ...] = (),
    ) -> Report:
        """The hub's own run, with these keys or its job's; of all promotions, or `only` of these."""
        return self._straight(keys or self.job(), self.fleet, Scope(frozenset(only)), stopped=stopped)

    def push(self, name: str, keys: Mapping[str, str] | None = None) -> Report:
        """A spoke's own run, `--as spoke=NAME`, with these keys or those of the spoke's administrator."""
        fleet, scope = acting(self.fleet, name), scope_of(Scope(), name)
        own = keys or user_keys(self.fleet.spokes[name].spec.account)
        return self._straight(own, fleet, scope, pushes=True)

    def plan(self, keys: Mapping[str, str] | None = None) -> Report:
        roles = roles_of(self.fleet)
        cloud = self.admins.entered(keys or self.job(), roles, self.log, writable=False)
        return think(cloud, self.fleet, Scope(), Inline(), lambda _: None).report(self.fleet)

    def foreseen(self, keys: Mapping[str, str] | None = None, *, enters: bool = True) -> Foresight:
        """What the preflight of the hub's own run finds."""
        cloud = self.admins.entered(keys or self.job(), roles_of(self.fleet), self.log, writable=False)
        thought = think(cloud, self.fleet, Scope(), Inline(), lambda _: None)
        return foresee(cloud, thought.plan.actions, self.fleet, Inline(), enters=enters)

    def _straight(
        self,
        keys: Mapping[str, str],
        fleet: Manifests,
        scope: Scope,
        *,
        pushes: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Report:
        roles = roles_of(fleet)
        reader = self.admins.entered(keys, roles, self.log, writable=False)
        writer = self.admins.entered(keys, roles, self.log, writable=True)
        thought = think(reader, fleet, scope, Inline(), lambda _: None)
        if pushes:
            thought = replace(thought, plan=registering(thought.plan))
        if self.foresees:
            thought = held_back(thought, foresee(reader, thought.plan.actions, fleet, Inline()))
        images = EcrRegistries(
            writer,
            registries(self.admins),
            writable=True,
            log=self.log,
            transport=self.admins.door,
            through=roleless(fleet),
        )
        effects = Effects(
            writer, images, thought.views, fleet.revision, pause=lambda _: None, patience=1.0,
            stopped=stopped,
            copy_limit=self.copy_limit,
        )  # fmt: skip
        return reconcile(effects, thought, fleet, Inline(), lambda *_: None)

    def source(
        self,
        name: str,
        account: str,
        version: int = 1,
        *,
        body: bytes = b"",
        key: str | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        """A source version with a model, a prefix, and an image; `beside` are repositories with the same image."""
        setup: Any = self.setup
        if version == 1:
            self.admins.bucket(account, f"{name}-models")
            beds.group(setup, account, f"{name}-experiments")
            if key is not None:
                rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
                settings = {"Rules": [rule]}
                self.admins.call(
                    account, "s3", "PutBucketEncryption", Bucket=f"{name}-models",
                    ServerSideEncryptionConfiguration=settings,
                )  # fmt: skip
        base = f"s3://{name}-models/v{version}"
        beds.put(setup, account, f"{base}/model.tar.gz", body or beds.model(f"{name} {version}"))
        beds.put(setup, account, f"{base}/metrics/a.json", b'{"auc": 0.9}')
        beds.push(setup, account, f"{name}/serve", str(version), f"{name} serves {version}")
        more = {
            "ModelDataSource": {
                "S3DataSource": {"S3Uri": f"{base}/metrics/", "S3DataType": "S3Prefix", "CompressionType": "None"}
            }
        }
        image = f"{name}/serve:{version}"
        for other in beside:
            beds.push(setup, account, f"{name}/{other}", str(version), f"{name} serves {version}")
        others = [beds.container(account, f"{name}/{other}:{version}", f"{base}/model.tar.gz") for other in beside]
        beds.register(
            setup, account, f"{name}-experiments",
            InferenceSpecification=beds.inference(
                beds.container(account, image, f"{base}/model.tar.gz"),
                {"Image": beds.container(account, image, "")["Image"], **more},
                *others,
            ),
        )  # fmt: skip
