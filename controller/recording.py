"""Keeps the record of a run: what it is about to do before it does it, and what became of it.

Every entry point that changes something keeps it, `reconcile` and an event's handler alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller import __version__
from controller.core import audit
from controller.core.errors import HubwrightError
from controller.core.manifest import Hub
from controller.core.manifests import Manifests
from controller.core.model import Action, Target
from controller.core.plan import Plan
from controller.core.report import Report
from controller.kinds.audit import write
from controller.kinds.base import Cloud
from controller.source.changed import commit_of


@dataclass(frozen=True, slots=True)
class Journal:
    """A run that is to be recorded: its name and command, in which hubs, and on whose behalf.

    `cloud` may write; `calls` gives the changing calls so far, oldest first; `tell` hears (what, hint) of what could
    not be recorded. `repo` is where the revision's commit is read, None where there is no clone: then a bundle may
    say it. `everywhere`: each hub's record has all of the run, not only what happens in that hub. `idle`: runs with
    nothing to do leave an outcome too.
    """

    manifests: Manifests
    name: str
    command: str
    cloud: Cloud
    hubs: Mapping[str, Hub]
    calls: Callable[[], Iterable[Any]]
    tell: Callable[[str, str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    repo: Path | None = None
    review: Mapping[str, Any] = field(default_factory=dict)
    everywhere: bool = False
    idle: bool = True


def hubs_of(manifests: Manifests) -> dict[str, Hub]:
    """The hubs that keep records."""
    return {name: entry.spec for name, entry in manifests.hubs.items() if entry.spec.audit is not None}


def recorded(journal: Journal, chosen: Plan, bring: Callable[[Plan], Report]) -> tuple[Report, bool]:
    """The report of what `bring` did of the plan `chosen`, and whether that was recorded.

    Where the record of what is to be done cannot be written, nothing is done but revoking, which nothing ever stops.
    """
    if not journal.hubs or not (chosen.actions or journal.idle):
        return bring(chosen), True
    book = _Book(journal)
    good = book.begin(chosen)
    if not good:
        chosen = replace(chosen, actions=tuple(action for action in chosen.actions if action.facts.get("revokes")))
    report = bring(chosen)
    return report, book.end(chosen, report) and good


@dataclass(slots=True)
class _Book:
    journal: Journal
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    intents: dict[str, str] = field(default_factory=dict)
    who: audit.Who = field(default_factory=audit.Who)

    def begin(self, chosen: Plan) -> bool:
        """Records what is to be done; whether that could be written everywhere it has to be."""
        self.who = _who(self.journal)
        good = True
        for name, hub in self.journal.hubs.items():
            actions = self._of(hub, chosen)
            if actions:
                document = audit.intent(self._head(name), actions)
                good = self._put(hub, "intent", document) and good
                self.intents[name] = document["digest"]
        return good

    def end(self, chosen: Plan, report: Report) -> bool:
        """Records what became of it."""
        calls = [_call(call) for call in self.journal.calls()]
        ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        good = True
        for name, hub in self.journal.hubs.items():
            mine = [call for call in calls if self.journal.everywhere or call["account"] == hub.account]
            document = audit.outcome(
                self._head(name),
                self._of(hub, chosen),
                report.outcomes,
                mine,
                ended=ended,
                before=self.intents.get(name, ""),
                exit_code=report.exit_code(),
            )
            good = self._put(hub, "outcome", document) and good
        return good

    def _of(self, hub: Hub, chosen: Plan) -> list[Action]:
        here = Target(hub.account, hub.region)
        return [one for one in chosen.actions if self.journal.everywhere or one.key.target == here]

    def _head(self, hub: str) -> audit.Run:
        manifests = self.journal.manifests
        at = self.began.strftime("%Y-%m-%dT%H:%M:%SZ")
        platform, revision = manifests.platform_revision or "", manifests.revision
        journal = self.journal
        return audit.Run(journal.name, at, __version__, journal.command, revision, platform, hub, self.who)

    def _put(self, hub: Hub, kind: str, document: dict[str, Any]) -> bool:
        place = hub.audit
        if place is None:
            return True
        try:
            client = self.journal.cloud.client(Target(hub.account, hub.region), "s3", "register")
            write(client, hub.account, place, audit.name_of(self.journal.name, kind, self.began), document, self.began)
        except HubwrightError as error:
            means = "nothing but revoking is done" if kind == "intent" else "what was done stands"
            said = f"the {kind} of this run could not be recorded in {place.bucket}: {error}; {means}"
            self.journal.tell(said, error.hint)
            return False
        return True


def _call(call: Any) -> dict[str, Any]:
    names = ("service", "operation", "account", "region", "resource", "status", "code", "request")
    return {name: value for name, value in asdict(call).items() if name in names}


def _who(journal: Journal) -> audit.Who:
    caller = ""
    hub = next(iter(journal.hubs.values()))
    try:
        client = journal.cloud.client(Target(hub.account, hub.region), "sts", "register")
        caller = str(client.call("GetCallerIdentity")["Arn"])
    except HubwrightError as error:
        journal.tell(f"who this run is could not be told: {error}", "")
    said = journal.environment
    place = f"{said.get('GITHUB_SERVER_URL', '')}/{said.get('GITHUB_REPOSITORY', '')}"
    link = f"{place}/actions/runs/{said['GITHUB_RUN_ID']}" if said.get("GITHUB_RUN_ID") else ""
    commit = journal.manifests.commit
    if commit is None and journal.repo is not None:
        commit = commit_of(journal.repo, journal.manifests.revision)
    pull, author = (commit.pull, commit.author) if commit else ("", "")
    return audit.Who(caller, said.get("GITHUB_ACTOR", ""), link, pull, author, journal.review)
