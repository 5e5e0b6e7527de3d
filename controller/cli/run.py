"""Sets a run up: manifests, sessions, workers; and takes it down again."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud, Roles
from controller.aws.registries import EcrRegistries
from controller.cli.gauge import Gauge
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.cli.term import Progress
from controller.core.errors import UsageError
from controller.core.manifest import Access
from controller.core.manifests import Manifests
from controller.core.scope import Scope, parse_scope
from controller.kinds.base import World
from controller.oci.network import Network, blocks, is_proxy
from controller.reconcile import Thought, think
from controller.source.load import load

REGISTRIES = "HUBWRIGHT_REGISTRIES"
COPY_LIMIT = "HUBWRIGHT_COPY_LIMIT"
S3_COPY_LIMIT = 5 * 1024**3
PARTS_FROM = "HUBWRIGHT_PARTS_FROM"
S3_PARTS_FROM = 1024**3
_COPIERS = 64


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
    progress: Progress
    gauge: Gauge
    ending: ExitStack

    def think(self) -> Thought:
        """Reads and concludes, with clients that cannot write."""
        return think(self.cloud(), self.manifests, self.scope, self.pool, self.progress.step)

    def cloud(self, *, writable: bool = False) -> AwsCloud:
        """Clients for the accounts that the manifests name."""
        roles = roles_of(self.manifests)
        return AwsCloud(roles, run=self.name, writable=writable, log=self.calls, workers=self.settings.workers)

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
            moved=self.gauge,
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
    calls = CallLog(sys.stderr if settings.debug else None)
    pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="hubwright")
    copiers = ThreadPoolExecutor(_COPIERS, thread_name_prefix="copier")  # threads begin when there is work
    try:
        with Progress(settings.log) as progress, ExitStack() as ending:
            name, gauge = secrets.token_hex(6), Gauge(progress)
            yield Run(settings, manifests, scope, name, calls, pool, copiers, progress, gauge, ending)
    finally:
        copiers.shutdown(wait=not STOP.asked(), cancel_futures=True)
        pool.shutdown(wait=not STOP.asked(), cancel_futures=True)


def read_manifests(settings: Settings, added: Mapping[str, bytes] | None = None) -> Manifests:
    """The manifests, checked, as if the files `added` by path were among them; their faults are in `problems`."""
    return load(
        Path(settings.repo),
        ref=settings.ref,
        worktree=settings.worktree,
        path=settings.path,
        platform=settings.platform,
        attribution=False,
        added=added,
    )


def roles_of(manifests: Manifests) -> dict[str, Roles]:
    """How each account is entered. A hub's roles go before those of a spoke in the same account."""
    roles = {
        entry.spec.account: _roles(entry.spec.access, writing=False)
        for entry in manifests.spokes.values()
        if entry.spec.access is not None
    }
    return roles | {entry.spec.account: _roles(entry.spec.access, writing=True) for entry in manifests.hubs.values()}


def _roles(access: Access, *, writing: bool) -> Roles:
    if not writing:  # nothing is ever written to a spoke
        return Roles(read=access.read, external_id=access.external_id)
    return Roles(access.read, access.register, access.approve, access.external_id)


def roleless(manifests: Manifests) -> frozenset[str]:
    """The accounts of spokes that are read with the credentials of the hub that a promotion goes to."""
    return frozenset(
        entry.spec.account
        for entry in manifests.spokes.values()
        if entry.spec.access is None or entry.spec.access.read is None
    )


def registry_bases(environment: Mapping[str, str]) -> dict[str, str]:
    """Base URLs by registry host, from the environment; `UsageError` when it is not a JSON object of them."""
    text = environment.get(REGISTRIES, "")
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(map(_is_url, found.values())):
        hint = "unset it to use the registries themselves"
        raise UsageError(f"{REGISTRIES} is not a JSON object from registry host to base URL", hint)
    return found


def network_of(settings: Settings) -> Network:
    """What the options say of the network that image registries are in; `UsageError` for what they cannot mean."""
    try:
        allowed = blocks(settings.allow_network)
    except ValueError as error:
        raise UsageError(f"--allow-network: {error}", "a network is written like 10.20.0.0/16") from error
    if settings.proxy is not None and not is_proxy(settings.proxy):
        raise UsageError("--proxy is not an address like http://proxy.example.com:3128")
    return Network(allowed, settings.proxy, settings.ca_bundle)


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def copy_limit(environment: Mapping[str, str]) -> int:
    """How many bytes one CopyObject may move: S3's 5 GiB, or what the environment says of a stand-in for S3."""
    return _bytes(environment, COPY_LIMIT, S3_COPY_LIMIT)


def parts_from(environment: Mapping[str, str]) -> int:
    """Above how many bytes an object is copied in parts, several at a time, though one CopyObject could move it."""
    return _bytes(environment, PARTS_FROM, S3_PARTS_FROM)


def _bytes(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not int(text):
        raise UsageError(f"{name}={text!r} is not a number of bytes")
    return int(text)
