"""What access is derived from: the hubs and spokes of a fleet with their settings written out, groups, follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.access.settings import Iam, Manage
from controller.core.arn import partition_of
from controller.core.guards import covering
from controller.core.manifest import Access, Fleet, Hub, ModelGroup, Promotion, Spoke, Store, Subscription
from controller.core.manifests import Entry, Manifests
from controller.core.model import Key, Target

PUSH, PLAN, RECONCILE = "hubwright-push", "hubwright-ci-plan", "hubwright-ci-reconcile"
WORKER = "hubwright-worker"
TAG = "hubwright-spoke"
"""The session tag that confines a push spoke's session of the register role; its value is the spoke's account."""
UNTAGGED = {"Null": {f"aws:PrincipalTag/{TAG}": ["true"]}}
"""The condition of a session that is no push spoke's."""
_OWN = "${aws:PrincipalTag/" + TAG + "}"


@dataclass(frozen=True, slots=True)
class Side:
    """A hub or a spoke as a place in AWS. `home` is the region under which the account's global things are kept."""

    name: str
    path: str
    account: str
    region: str
    home: str
    access: Access
    iam: Iam
    manage: Manage

    @property
    def partition(self) -> str:
        return partition_of(self.region)

    @property
    def root(self) -> str:
        """The account as a principal: whoever its own policies allow, within the statement's conditions."""
        return f"arn:{self.partition}:iam::{self.account}:root"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def bucket(self, rest: str) -> str:
        return f"arn:{self.partition}:s3:::{rest}"

    def role(self, name: str) -> str:
        """The ARN of a role that is called by us."""
        return f"arn:{self.partition}:iam::{self.account}:role{self.iam.path}{name}"

    def key(self, kind: str, name: str) -> Key:
        everywhere = kind in ("role", "role_policy", "oidc_provider")
        return Key(Target(self.account, self.home if everywhere else self.region), kind, name)


@dataclass(frozen=True, slots=True)
class HubSide(Side):
    """A hub. `callers` may assume its read role, `writers` the others; none: whoever the hub's own policies allow."""

    hub: Hub
    callers: tuple[str, ...]
    writers: tuple[str, ...]

    @property
    def active(self) -> Store | None:
        return next((store for store in self.hub.stores if store.state == "Active"), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """The KMS keys of its stores."""
        return tuple(sorted({store.kms_key_arn for store in self.hub.stores if store.kms_key_arn}))


@dataclass(frozen=True, slots=True)
class SpokeSide(Side):
    """A spoke. `pushers` are the principals of it that may push; none: whoever its own policies allow."""

    spoke: Spoke
    pushers: tuple[str, ...]

    @property
    def pushes(self) -> bool:
        return self.spoke.pattern == "push"

    @property
    def read_by_hub(self) -> bool:
        """Whether the hub's own read role reads it, without a role in the spoke."""
        return not self.pushes and self.access.read is None

    @property
    def copied_by_hub(self) -> bool:
        """Whether the hub's register role reads its buckets."""
        return self.spoke.copy == "server"


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A package group of a hub: `spokes` are the names of those it is promoted from, as far as manifests say."""

    name: str
    hub: str
    path: str
    readers: tuple[str, ...]
    spokes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Follow:
    """A subscription: a spoke's group, the approvals that matter (none: all), and the hub it goes to."""

    name: str
    path: str
    spoke: str
    group: str
    approvals: tuple[str, ...]
    hub: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A promotion from one hub on to another: their names, and the spoke that it began in."""

    path: str
    first: str
    second: str
    spoke: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gates of a hub's groups look at: a place of evidence (`s3://BUCKET/PREFIX`), or the images' scans."""

    path: str
    hub: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The fleet as far as access is concerned. `spokes` may be contacted; of the `retired` only what was promoted from
    them counts, which the hub has."""

    fleet: str
    organization: str | None
    hubs: tuple[HubSide, ...]
    spokes: tuple[SpokeSide, ...]
    groups: tuple[GroupFacts, ...]
    follows: tuple[Follow, ...]
    chains: tuple[Chain, ...] = ()
    judged: tuple[Judged, ...] = ()
    retired: tuple[SpokeSide, ...] = ()

    @property
    def promoted_from(self) -> tuple[SpokeSide, ...]:
        """All spokes that the hubs may have versions of."""
        return (*self.spokes, *self.retired)

    @property
    def pushes(self) -> bool:
        """Whether any spoke pushes."""
        return any(spoke.pushes for spoke in self.spokes)

    @property
    def sessions(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Whose sessions of the register role there are: purpose, the accounts they reach, conditions."""
        if not self.pushes:
            return [("", "*", {})]
        return [("", "*", dict(UNTAGGED)), ("Pushed", _OWN, {"Null": {f"aws:PrincipalTag/{TAG}": ["false"]}})]

    def groups_of(self, hub: HubSide) -> tuple[GroupFacts, ...]:
        return tuple(group for group in self.groups if group.hub == hub.name)

    def organized(self, conditions: Mapping[str, Mapping[str, list[str]]] | None = None) -> dict[str, Any]:
        """The conditions, and that the principal is of the organization."""
        found = {test: dict(keys) for test, keys in (conditions or {}).items()}
        if self.organization:
            found.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = [self.organization]
        return found


def facts_of(manifests: Manifests) -> Facts:
    """The facts of a fleet's valid manifests."""
    fleet = manifests.fleet.spec
    homes = _homes(manifests)
    hubs = tuple(_hub(entry, fleet, homes) for _, entry in sorted(manifests.hubs.items()))
    spokes = [_spoke(entry, fleet, homes) for _, entry in sorted(manifests.spokes.items()) if entry.spec.region]
    return Facts(
        manifests.fleet.name, fleet.organization, hubs, tuple(side for side in spokes if side.spoke.state != "Retired"),
        _groups(manifests), tuple(_follows(manifests)), tuple(_chains(manifests)), tuple(_judged(manifests)),
        tuple(side for side in spokes if side.spoke.state == "Retired"),
    )  # fmt: skip


def _homes(manifests: Manifests) -> dict[str, str]:
    """One region per account: a hub's before a spoke's, else the first."""
    spokes = sorted(((e.spec.account, e.spec.region or "") for e in manifests.spokes.values()), reverse=True)
    hubs = sorted(((e.spec.account, e.spec.region) for e in manifests.hubs.values()), reverse=True)
    return dict(spokes) | dict(hubs)


def _hub(entry: Entry[Hub], fleet: Fleet, homes: Mapping[str, str]) -> HubSide:
    hub = entry.spec
    iam, ci = hub.iam or fleet.iam, hub.ci
    own = f"arn:{partition_of(hub.region)}:iam::{hub.account}:role{iam.path}"
    planning = (own + PLAN,) if ci and ci.subjects.plan else ()
    writing = (own + RECONCILE,) if ci and ci.subjects.reconcile else ()
    working = (own + WORKER,) if hub.events and iam.callers + writing else ()  # with none, any caller is let in
    callers = iam.callers + planning + writing + working
    writers = iam.callers + writing + working
    return HubSide(
        entry.name, entry.path, hub.account, hub.region, homes[hub.account], hub.access, iam,
        hub.manage or fleet.manage, hub, callers, writers,
    )  # fmt: skip


def _spoke(entry: Entry[Spoke], fleet: Fleet, homes: Mapping[str, str]) -> SpokeSide:
    spoke = entry.spec
    iam, region = spoke.iam or fleet.iam, spoke.region or ""
    pushing = (f"arn:{partition_of(region)}:iam::{spoke.account}:role{iam.path}{PUSH}",)
    pushers = iam.callers + (pushing if spoke.ci and spoke.ci.subjects.push else ())
    return SpokeSide(
        entry.name, entry.path, spoke.account, region, homes[spoke.account], spoke.access or Access(), iam,
        spoke.manage or fleet.manage, spoke, pushers,
    )  # fmt: skip


def _groups(manifests: Manifests) -> tuple[GroupFacts, ...]:
    found = []
    for name, entry in sorted(manifests.groups.items()):
        group: ModelGroup = entry.spec
        promoted = {_origin(manifests, item) for item in manifests.promotions.values() if item.spec.to.group == name}
        followed = {item.spec.source.spoke for item in manifests.subscriptions.values() if item.spec.to.group == name}
        if group.hub in manifests.hubs:
            spokes = frozenset((promoted | followed) - {""})
            found.append(GroupFacts(group.group or name, group.hub or "", entry.path, group.readers, spokes))
    return tuple(found)


def _origin(manifests: Manifests, entry: Entry[Promotion]) -> str:
    """The spoke at the beginning of a chain of promotions; empty when it is broken."""
    seen: set[str] = set()
    source = entry.spec.source
    while source.promotion is not None and source.promotion not in seen:
        seen.add(source.promotion)
        before = manifests.promotions.get(source.promotion)
        if before is None:
            return ""
        source = before.spec.source
    return source.spoke or ""


def _follows(manifests: Manifests) -> list[Follow]:
    found = []
    for name, entry in sorted(manifests.subscriptions.items()):
        wish: Subscription = entry.spec
        group = manifests.groups.get(wish.to.group)
        if group is not None and group.spec.hub:
            source = wish.source
            found.append(Follow(name, entry.path, source.spoke, source.group, source.approval, group.spec.hub))
    return found


def _hub_of(manifests: Manifests, promotion: str | None) -> str:
    """The hub that a promotion goes to; empty when its manifest, or its group's, is not there."""
    found = manifests.promotions.get(promotion or "")
    group = manifests.groups.get(found.spec.to.group) if found else None
    return (group.spec.hub or "") if group else ""


def _chains(manifests: Manifests) -> Iterator[Chain]:
    found = set()
    for name, entry in sorted(manifests.promotions.items()):
        first, second = _hub_of(manifests, entry.spec.source.promotion), _hub_of(manifests, name)
        spoke = _origin(manifests, entry)
        if first and second and first != second and spoke and (first, second, spoke) not in found:
            found.add((first, second, spoke))
            yield Chain(entry.path, first, second, spoke)


def _judged(manifests: Manifests) -> Iterator[Judged]:
    found = set()
    for name, entry in sorted(manifests.groups.items()):
        rules = covering(entry.spec.group or name, manifests)
        places = [(rule.path, gate) for rule in rules for gate in rule.spec.gates]
        for path, gate in [*places, *((entry.path, gate) for gate in entry.spec.gates)]:
            if gate.evidence is not None or gate.image_scan is not None:
                found.add(Judged(path, entry.spec.hub or "", gate.evidence or ""))
    yield from sorted(found, key=lambda item: (item.hub, item.evidence, item.path))
