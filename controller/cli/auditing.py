"""Keeps the record of a run: what it is about to do before it does it, and what became of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller import __version__
from controller.cli.run import Run
from controller.cli.term import complain
from controller.core import audit
from controller.core.errors import HubwrightError, SourceError
from controller.core.manifest import Hub
from controller.core.model import Target
from controller.core.plan import Plan, within
from controller.core.report import Report
from controller.kinds.audit import write
from controller.kinds.base import Cloud
from controller.reconcile import Thought
from controller.source import git, history

Bring = Callable[[Thought], Report]
_REVIEW_ROOM = 1 << 20


def audited(run: Run, command: str, thought: Thought, saved: frozenset[str] | None, bring: Bring) -> tuple[Report, int]:
    """The report of what `bring` did, and 1 if it could not be recorded, else 0.

    Where the record of what is to be done cannot be written, nothing is done but revoking, which nothing ever stops.
    """
    hubs = {name: entry.spec for name, entry in run.manifests.hubs.items() if entry.spec.audit is not None}
    if not hubs:
        return bring(thought), 0
    chosen = thought.plan if saved is None else within(thought.plan, saved)
    book = _Book(run, command, hubs)
    failed = not book.begin(chosen)
    if failed:
        thought = replace(thought, plan=_revoking(thought.plan))
        chosen = thought.plan
    report = bring(thought)
    return report, int(not book.end(chosen, report) or failed)


def _revoking(whole: Plan) -> Plan:
    return replace(whole, actions=tuple(action for action in whole.actions if action.facts.get("revokes")))


@dataclass(slots=True)
class _Book:
    run: Run
    command: str
    hubs: Mapping[str, Hub]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    intents: dict[str, str] = field(default_factory=dict)
    who: audit.Who = field(default_factory=audit.Who)
    cloud: Cloud = field(init=False)

    def __post_init__(self) -> None:
        self.cloud = self.run.cloud(writable=True)

    def begin(self, chosen: Plan) -> bool:
        """Records what is to be done; whether that could be written everywhere it has to be."""
        self.who = _who(self.run, self.cloud, self.hubs)
        good = True
        for name, hub in self.hubs.items():
            actions = _of(hub, chosen)
            if actions:
                document = audit.intent(self._head(name), actions)
                good = self._put(name, hub, "intent", document) and good
                self.intents[name] = document["digest"]
        return good

    def end(self, chosen: Plan, report: Report) -> bool:
        """Records what became of it."""
        calls = [_call(call) for call in self.run.calls.mutations]
        ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        good = True
        for name, hub in self.hubs.items():
            mine = [call for call in calls if call["account"] == hub.account]
            document = audit.outcome(
                self._head(name),
                _of(hub, chosen),
                report.outcomes,
                mine,
                ended=ended,
                before=self.intents.get(name, ""),
                exit_code=report.exit_code(),
            )
            good = self._put(name, hub, "outcome", document) and good
        return good

    def _head(self, hub: str) -> audit.Run:
        manifests = self.run.manifests
        at = self.began.strftime("%Y-%m-%dT%H:%M:%SZ")
        platform = manifests.platform_revision or ""
        revision = manifests.revision
        return audit.Run(self.run.name, at, __version__, self.command, revision, platform, hub, self.who)

    def _put(self, name: str, hub: Hub, kind: str, document: dict[str, Any]) -> bool:
        place = hub.audit
        if place is None:
            return True
        client = self.cloud.client(Target(hub.account, hub.region), "s3", "register")
        try:
            write(client, hub.account, place, audit.name_of(self._head(name), kind), document, self.began)
        except HubwrightError as error:
            means = "nothing but revoking is done" if kind == "intent" else "what was done stands"
            complain(f"the {kind} of this run could not be recorded in {place.bucket}: {error}; {means}", error.hint)
            return False
        return True


def _of(hub: Hub, chosen: Plan) -> list[Any]:
    return [one for one in chosen.actions if one.key.target == Target(hub.account, hub.region)]


def _call(call: Any) -> dict[str, Any]:
    names = ("service", "operation", "account", "region", "resource", "status", "code", "request")
    return {name: value for name, value in asdict(call).items() if name in names}


def _who(run: Run, cloud: Cloud, hubs: Mapping[str, Hub]) -> audit.Who:
    caller = ""
    hub = next(iter(hubs.values()))
    try:
        client = cloud.client(Target(hub.account, hub.region), "sts", "register")
        caller = str(client.call("GetCallerIdentity")["Arn"])
    except HubwrightError as error:
        complain(f"who this run is could not be told: {error}")
    said = os.environ
    place = f"{said.get('GITHUB_SERVER_URL', '')}/{said.get('GITHUB_REPOSITORY', '')}"
    link = f"{place}/actions/runs/{said['GITHUB_RUN_ID']}" if said.get("GITHUB_RUN_ID") else ""
    return audit.Who(caller, said.get("GITHUB_ACTOR", ""), link, _pull(run), _review(run))


def _pull(run: Run) -> str:
    if run.manifests.revision == "worktree":
        return ""
    try:
        repo = git.repository(Path(run.settings.repo))
        message = repo.run("log", "-1", "--format=%B", run.manifests.revision).decode("utf-8", "replace")
    except SourceError:
        return ""
    return history.pull_of(message)


def _review(run: Run) -> dict[str, Any]:
    """The review that was handed in, as it stands."""
    file: Path | None = getattr(run.settings, "review", None)
    if file is None:
        return {}
    try:
        with file.open("rb") as stream:
            data = json.loads(stream.read(_REVIEW_ROOM))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
