"""The straight line with all it needs at hand, kept from one event to the next."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from controller.asking import asking
from controller.aws.calls import Call, CallLog
from controller.aws.cloud import AwsCloud
from controller.aws.registries import EcrRegistries
from controller.core.acting import registering
from controller.core.errors import HubwrightError
from controller.core.given import Given
from controller.core.manifests import Manifests
from controller.core.plan import Plan
from controller.core.release import Release
from controller.core.report import Report
from controller.core.scope import Scope
from controller.core.wish import Subject
from controller.kinds.base import World
from controller.oci.network import Network
from controller.preflight import foresee, held_back
from controller.reconcile import Thought, reconcile, think, think_of
from controller.recording import Journal, hubs_of, recorded
from controller.render.escape import terminal
from controller.wiring import copy_limit, parts_from, registry_bases, roleless, roles_of

log = logging.getLogger("hubwright.events")
_WORKERS, _COPIERS = 16, 64
Stopped = Callable[[], bool]


@dataclass(slots=True)
class Line:
    """One revision's manifests, with clients and threads. `pushing`: it registers and leaves approvals to others.

    `repo` is the clone that the manifests are of, None for a bundle's, which say themselves who changed them.
    """

    manifests: Manifests
    pushing: bool = False
    network: Network = field(default_factory=Network)
    pause: Callable[[float], None] = time.sleep
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    command: str = "event"
    repo: Path | None = None
    _runs: int = 0
    _log: CallLog = field(default_factory=CallLog)
    _pool: ThreadPoolExecutor = field(init=False)
    _copiers: ThreadPoolExecutor = field(init=False)
    _name: str = field(init=False)
    reader: AwsCloud = field(init=False)
    _writer: AwsCloud = field(init=False)

    def __post_init__(self) -> None:
        run = self._name = secrets.token_hex(6)
        roles = roles_of(self.manifests)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="hubwright")
        self._copiers = ThreadPoolExecutor(_COPIERS, thread_name_prefix="copier")
        self.reader = AwsCloud(roles, run=run, writable=False, log=self._log, workers=_WORKERS)
        self._writer = AwsCloud(roles, run=run, writable=True, log=self._log, workers=_WORKERS)

    def run(self, scope: Scope, stopped: Stopped) -> Report:
        """Plans within the scope and brings it about; nothing more is begun once `stopped`."""
        try:
            thought = think(self.reader, self.manifests, scope, self._pool, lambda _: None, self._given())
            return self._applied(thought, stopped)
        except HubwrightError:
            raise
        except Exception as error:  # whoever takes messages goes on with the next, whatever this one brought about
            log.debug("fault in a run", exc_info=True)
            raise HubwrightError(f"a fault of Hubwright itself: {type(error).__name__}: {error}") from error

    def run_of(self, subject: Subject, release: Release, stopped: Stopped) -> Report:
        """As `run`, for one subject that no manifest names."""
        thought = think_of(self.reader, self.manifests, subject, release, self._pool, self._given())
        return self._applied(thought, stopped)

    def _given(self) -> Given:
        # No review goes with an event: who needs one waits for the run of a merge.
        return Given(datetime.now(UTC), by_event=True)

    def _applied(self, thought: Thought, stopped: Stopped) -> Report:
        if self.pushing:
            thought = replace(thought, plan=registering(thought.plan))
        thought = held_back(thought, foresee(self.reader, thought.plan.actions, self.manifests, self._pool))
        registries = self._registries(stopped)
        try:
            world = self._world(thought, registries, stopped)
            report, good = recorded(self._journal(), thought.plan, lambda part: self._brought(world, thought, part))
        finally:
            registries.close()
        if not good:
            raise HubwrightError("the run could not be recorded, and did nothing but what it could record or revoke")
        return report

    def _brought(self, world: World, thought: Thought, part: Plan) -> Report:
        return reconcile(world, replace(thought, plan=part), self.manifests, self._pool, lambda *_: None)

    def _journal(self) -> Journal:
        """How the next run is recorded: each has a name of its own, which begins with its sessions'."""
        self._runs += 1
        before = self._log.total
        return Journal(
            manifests=self.manifests,
            name=f"{self._name}-{self._runs}",
            command=self.command,
            cloud=self._writer,
            hubs=hubs_of(self.manifests),
            calls=lambda: self._since(before),
            tell=lambda what, hint: log.error("%s", terminal(f"{what} ({hint})" if hint else what)),
            environment=self.environment,
            repo=self.repo,
            idle=False,
        )

    def _since(self, before: int) -> tuple[Call, ...]:
        """The changing calls after the first so many of the log."""
        kept, new = self._log.calls, self._log.total - before
        return tuple(call for call in kept[max(0, len(kept) - new) :] if call.mutating)

    def _registries(self, stopped: Stopped) -> EcrRegistries:
        return EcrRegistries(
            self._writer,
            registry_bases(self.environment),
            writable=True,
            log=self._log,
            through=roleless(self.manifests),
            network=self.network,
            stopped=stopped,
            pause=self.pause,
        )

    def _world(self, thought: Thought, registries: EcrRegistries, stopped: Stopped) -> World:
        return World(
            cloud=self._writer,
            registries=registries,
            views=thought.views,
            revision=self.manifests.revision,
            pause=self.pause,
            stopped=stopped,
            copy_limit=copy_limit(self.environment),
            parts_from=parts_from(self.environment),
            copiers=self._copiers,
            about={"run": self._name},
            asked=asking(self.repo, self.manifests, thought),
        )

    def close(self) -> None:
        """Ends its threads and connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._copiers.shutdown(wait=True, cancel_futures=True)
        self.reader.close()
        self._writer.close()
