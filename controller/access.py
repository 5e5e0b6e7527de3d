"""Access as reconciled resources: manifests → documents → live → diff → plan → apply. In its own scope: accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from controller.apply import Tell, apply
from controller.core.access.derive import documents, looked_for
from controller.core.access.document import Document
from controller.core.access.facts import Side, facts_of
from controller.core.arn import parse_version
from controller.core.diff import diff
from controller.core.errors import HubwrightError, WaitingError, told
from controller.core.manifests import Manifests
from controller.core.model import Change, Key, Outcome, Resource, Snapshot, Target
from controller.core.plan import Plan, plan
from controller.core.report import Report
from controller.core.wish import Finding, Wishes
from controller.kinds import versions
from controller.kinds.access import ACCESS_BY_NAME, ACCESS_KINDS
from controller.kinds.access.base import reason
from controller.kinds.base import Cloud, World

Names = Mapping[tuple[str, str, str], frozenset[str]]
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class AccessThought:
    """What access needs in the accounts in scope, and what to do about it."""

    documents: tuple[Document, ...]
    plan: Plan
    findings: tuple[Finding, ...]

    def report(self, manifests: Manifests) -> Report:
        """The plan as a report."""
        return Report("access-plan", self.plan, (), self._said(), manifests.problems)

    def result(self, manifests: Manifests, outcomes: tuple[Outcome, ...]) -> Report:
        """What became of it."""
        return Report("access-result", self.plan, (), self._said(), manifests.problems, outcomes)

    def _said(self) -> tuple[Finding, ...]:
        return (*self.findings, *self.plan.findings)


def think_access(
    cloud: Cloud,
    manifests: Manifests,
    accounts: Iterable[str] | None,
    pool: Executor,
    step: Step,
    *,
    left: bool = True,
) -> AccessThought:
    """Reads what is live in these accounts (None: in all) and concludes what to do. Writes nothing.

    `left`: looks also at the policies of a hub's groups and repositories that nothing asks for any more.
    """
    facts = facts_of(manifests)
    every = {side.account for side in (*facts.hubs, *facts.spokes)}
    chosen = every if accounts is None else every & set(accounts)
    step("reading names")
    names, blind = _names(cloud, looked_for(facts, left=left), chosen, pool)
    asked = [item for item in documents(facts, names) if item.key.target.account in chosen]
    step("reading policies, roles and rules")
    live, findings, unread = _observed(cloud, asked, facts.fleet, pool)
    said = {key: found.spec.get("statements", {}) for key, found in live.items()}
    wished = [item for item in documents(facts, names, said) if item.key.target.account in chosen]
    if wished != asked:  # somebody may go on pulling what no manifest tells of: whether it is there, versions tell
        step("reading versions")
        promoted, unknown = _promoted(cloud, facts.hubs, chosen, pool)
        names, blind = {**names, **promoted}, (*blind, *unknown)
        wished = [item for item in documents(facts, names, said) if item.key.target.account in chosen]
    waiting = {finding.about for finding in findings if finding.standing == "waiting"}
    desired = {item.key: _resource(item, facts.fleet) for item in wished if str(item.key) not in waiting}
    changes = diff(desired, Snapshot(live, unread), lambda _key, old, new: reason(old, new))
    mine, others = _split(changes, {item.key: item for item in wished})
    made = plan(manifests.revision, desired, mine, Wishes(), [kind.NAME for kind in ACCESS_KINDS])
    complete = made.complete and not blind
    return AccessThought(tuple(wished), replace(made, complete=complete), (*blind, *findings, *others, *_unknown(mine)))


def apply_access(world: World, thought: AccessThought, manifests: Manifests, pool: Executor, tell: Tell) -> Report:
    """Brings the plan about and says what became of it."""
    return thought.result(manifests, apply(world, thought.plan, pool, tell, ACCESS_BY_NAME))


def _names(
    cloud: Cloud, lists: Iterable[tuple[str, Side]], accounts: set[str], pool: Executor
) -> tuple[Names, tuple[Finding, ...]]:
    """The live repositories and groups that documents are about."""
    asked = [(kind, side) for kind, side in lists if side.account in accounts]
    started = {
        (kind, side.account, side.region): pool.submit(_listed, cloud, kind, Target(side.account, side.region))
        for kind, side in asked
    }
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    blind: list[Finding] = []
    for place, future in sorted(started.items()):
        try:
            found[place] = future.result()
        except HubwrightError as error:
            kind, account, region = place
            why = f"the {kind} policies needed there are not known: {error}"
            blind.append(Finding(f"{account}/{region}", "unknown", why, error.hint))
    return found, tuple(blind)


def _promoted(
    cloud: Cloud, hubs: Iterable[Side], accounts: set[str], pool: Executor
) -> tuple[Names, tuple[Finding, ...]]:
    """From which accounts the hubs' groups have versions. What cannot be read is left out: nothing is taken for it."""
    places = sorted({(hub.account, hub.region) for hub in hubs if hub.account in accounts})
    started = {place: pool.submit(versions.read, cloud.client(Target(*place), "sagemaker")) for place in places}
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    blind: list[Finding] = []
    for (account, region), future in started.items():
        try:
            packages, unread = future.result()
        except HubwrightError as error:
            why = f"which images are of live versions is not known, and who pulls them goes on: {error}"
            blind.append(Finding(f"{account}/{region}", "unknown", why, error.hint))
            continue
        had = {(item.version.group, parse_version(item.mark("source"))) for item in packages}
        told_of = {f"{group.casefold()}/{source.account}" for group, source in had if source}
        found["promoted", account, region] = frozenset(told_of | {f"{group.casefold()}/*" for group in unread})
    return found, tuple(blind)


def _listed(cloud: Cloud, kind: str, target: Target) -> frozenset[str]:
    if kind == "repository":
        client = cloud.client(target, "ecr")
        rows = client.pages("DescribeRepositories", "repositories", registryId=target.account, maxResults=1000)
        return frozenset(str(item["repositoryName"]) for item in rows)
    client = cloud.client(target, "sagemaker")
    found = client.pages("ListModelPackageGroups", "ModelPackageGroupSummaryList", MaxResults=100)
    return frozenset(str(item["ModelPackageGroupName"]) for item in found)


def _observed(
    cloud: Cloud, wished: Iterable[Document], fleet: str, pool: Executor
) -> tuple[dict[Key, Resource], list[Finding], dict[str, str]]:
    """What is live of the documents, what waits for somebody else's thing, and why the rest could not be read."""
    items = tuple(wished)
    started = {item.key: pool.submit(ACCESS_BY_NAME[item.key.kind].live, cloud, item, fleet) for item in items}
    live: dict[Key, Resource] = {}
    findings: list[Finding] = []
    unread: dict[str, str] = {}
    for item in items:
        try:
            spec = started[item.key].result()
        except WaitingError as error:
            findings.append(Finding(str(item.key), "waiting", str(error), "run it again once there is"))
        except HubwrightError as error:
            unread[str(item.key)] = told(error)
        else:
            if spec is not None:
                live[item.key] = Resource(item.key, spec)
    return live, findings, unread


def _resource(item: Document, fleet: str) -> Resource:
    return Resource(item.key, dict(item.spec), item.needs, (), {"fleet": fleet, "why": item.why, "from": item.origins})


def _split(changes: Iterable[Change], wished: Mapping[Key, Document]) -> tuple[tuple[Change, ...], list[Finding]]:
    """The changes that are ours to make, and how documents differ that others bring about."""
    mine: list[Change] = []
    others: list[Finding] = []
    for change in changes:
        manage = wished[change.key].manage
        if manage == "apply" or change.verb in ("keep", "unknown"):
            mine.append(change)
        else:
            why = f"it is not as the fleet needs it, and not ours to change (manage: {manage})"
            hint = "hubwright access render writes what is needed" if manage == "render" else ""
            others.append(Finding(str(change.key), "deferred", why, hint))
    return tuple(mine), others


def _unknown(changes: Iterable[Change]) -> list[Finding]:
    """Documents have no manifest of their own to speak through: each says itself what is wrong with it."""
    found = []
    for change in changes:
        if change.verb == "unknown":
            found.append(Finding(str(change.key), "unknown", change.reason))
        if change.verb == "conflict":
            why = f"{change.before.get('arn', change.key.name)} stands where {change.after.get('arn')} is wished"
            found.append(Finding(str(change.key), "conflict", why, "name the role as it is called, or remove it"))
    return found
