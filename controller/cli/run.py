"""Sets a run up: manifests, sessions, workers; and takes it down again."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from controller.asking import asking
from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.aws.registries import EcrRegistries
from controller.cli.gauge import Gauge
from controller.cli.reading import read_manifests
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.cli.term import Progress
from controller.core.acting import acting, registering, scope_of, spoke_named
from controller.core.errors import UsageError
from controller.core.given import Given
from controller.core.manifests import Manifests
from controller.core.metrics import Measured
from controller.core.scope import Scope, parse_scope
from controller.figures import figures
from controller.kinds.base import World
from controller.oci.network import Network, blocks, is_proxy
from controller.reconcile import Thought, think
from controller.source.review import read_review
from controller.wiring import copy_limit, parts_from, prove, registry_bases, roleless, roles_of

_COPIERS, _RELAYS = 64, 8


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the straight line: what it reads, what it may use, and where it says what it is doing."""

    settings: Settings
    manifests: Manifests
    scope: Scope
    name: str
    calls: CallLog
    pool: ThreadPoolExecutor
    copiers: ThreadPoolExecutor
    relays: ThreadPoolExecutor
    progress: Progress
    gauge: Gauge
    ending: ExitStack

    def think(self) -> Thought:
        """Reads and concludes, with clients that cannot write."""
        cloud = self.cloud()
        if self.settings.acting:
            prove(cloud, self.manifests, spoke_named(self.settings.acting))
        thought = think(cloud, self.manifests, self.scope, self.pool, self.progress.step, self.given())
        return replace(thought, plan=registering(thought.plan)) if self.settings.acting else thought

    def figures(self, thought: Thought) -> dict[str, Measured]:
        """The metric reports of the models that a plan brings, and of the approved ones beside them."""
        return figures(self.cloud(), thought.wishes.promotions, thought.views, self.pool)

    def given(self) -> Given:
        """The time, and the review that the options name."""
        file = self.settings.review
        review = read_review(file, Path(self.settings.repo), self.manifests) if file is not None else None
        return Given(datetime.now(UTC), review)

    def cloud(self, *, writable: bool = False) -> AwsCloud:
        """Clients for the accounts that the manifests name."""
        roles = roles_of(self.manifests)
        cloud = AwsCloud(roles, run=self.name, writable=writable, log=self.calls, workers=self.settings.workers)
        self.ending.callback(cloud.close)
        return cloud

    def world(self, thought: Thought) -> World:
        """What effects may use. The only place where clients that write are made."""
        cloud = self.cloud(writable=True)
        bases, through = registry_bases(os.environ), roleless(self.manifests)
        registries = EcrRegistries(
            cloud,
            bases,
            writable=True,
            log=self.calls,
            through=through,
            network=network_of(self.settings),
            streams=self.settings.streams,
            stopped=STOP.asked,
            pause=STOP.pause,
        )
        self.ending.callback(registries.close)
        return World(
            cloud=cloud,
            registries=registries,
            views=thought.views,
            revision=self.manifests.revision,
            pause=STOP.pause,
            stopped=STOP.asked,
            copy_limit=copy_limit(os.environ),
            parts_from=parts_from(os.environ),
            copiers=self.copiers,
            relays=self.relays,
            moved=self.gauge,
            checked=self.gauge.checked,
            about={"run": self.name},
            asked=asking(Path(self.settings.repo), self.manifests, thought, self.given().review),
        )


@contextmanager
def opened(settings: Settings, added: Mapping[str, bytes] | None = None) -> Iterator[Run]:
    """A run over the manifests that the settings name, with files `added`. `SourceError` where there are none."""
    scope = parse_scope(settings.scope)
    registry_bases(os.environ)  # a mistake in it shows before anything is read
    copy_limit(os.environ)
    parts_from(os.environ)
    network_of(settings)
    manifests = read_manifests(settings, added)
    if settings.acting:
        name = spoke_named(settings.acting)
        manifests, scope = acting(manifests, name), scope_of(scope, name)
    calls = CallLog(sys.stderr if settings.debug else None)
    pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="hubwright")
    copiers = ThreadPoolExecutor(_COPIERS, thread_name_prefix="copier")  # threads begin when there is work
    relays = ThreadPoolExecutor(_RELAYS, thread_name_prefix="relay")
    try:
        with Progress(settings.log) as progress, ExitStack() as ending:
            name, gauge = secrets.token_hex(6), Gauge(progress)
            yield Run(settings, manifests, scope, name, calls, pool, copiers, relays, progress, gauge, ending)
    finally:
        copiers.shutdown(wait=not STOP.asked(), cancel_futures=True)
        relays.shutdown(wait=not STOP.asked(), cancel_futures=True)
        pool.shutdown(wait=not STOP.asked(), cancel_futures=True)


def network_of(settings: Settings) -> Network:
    """What the options say of the network that image registries are in; `UsageError` for what they cannot mean."""
    try:
        allowed = blocks(settings.allow_network)
    except ValueError as error:
        raise UsageError(f"--allow-network: {error}", "a network is written like 10.20.0.0/16") from error
    if settings.proxy is not None and not is_proxy(settings.proxy):
        raise UsageError("--proxy is not an address like http://proxy.example.com:3128")
    return Network(allowed, settings.proxy, settings.ca_bundle)
