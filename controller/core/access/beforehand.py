"""What the actions of a plan will ask of the hub's roles, so that IAM can be asked about it before anything is done.

Only what writes is asked about: that roles can be entered, and what a run reads, the plan itself has shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from controller.core.access import actions as may
from controller.core.arn import domain_of, partition_of
from controller.core.draft import split_uri
from controller.core.manifest import Hub
from controller.core.manifests import Manifests
from controller.core.model import Action, Target

Role = Literal["register", "approve"]
Context = tuple[tuple[str, str], ...]
ALIAS = ":alias/"
"""What tells a key that is named by its alias."""


@dataclass(frozen=True, slots=True)
class Need:
    """What an action asks of a role: deeds on one resource, in the context of a request.

    Needs of one `scope` have one answer: the resources in it are granted together. `resource` stands for them.
    """

    target: Target
    role: Role
    deeds: tuple[str, ...]
    scope: str
    context: Context = ()
    resource: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Question:
    """One simulation: whether the role of this ARN may do the deeds on each of the resources."""

    target: Target
    arn: str
    deeds: tuple[str, ...]
    context: Context
    resources: tuple[str, ...]


def needs_of(actions: Iterable[Action], manifests: Manifests) -> dict[Need, list[Action]]:
    """Each need with the actions that have it; revoking is never asked about, because nothing stops it."""
    hubs = {Target(entry.spec.account, entry.spec.region): entry.spec for entry in manifests.hubs.values()}
    found: dict[Need, list[Action]] = {}
    for action in actions:
        hub = hubs.get(action.key.target)
        if hub is None or action.facts.get("revokes"):
            continue
        for need in (*_OF.get(action.key.kind, _nothing)(action, hub), *_recorded(action, hub)):
            found.setdefault(need, []).append(action)
    return found


def questions(needs: Iterable[Need], manifests: Manifests, session: Context = ()) -> dict[Question, list[Need]]:
    """The simulations that answer the needs; none for a role that no manifest names. `session`: the run's own tags."""
    roles = {
        (Target(entry.spec.account, entry.spec.region), role): getattr(entry.spec.access, role)
        for entry in manifests.hubs.values()
        for role in ("register", "approve")
    }
    batches: dict[tuple[Target, str, tuple[str, ...], Context], list[Need]] = {}
    for need in needs:
        arn = roles[need.target, need.role]
        if arn:
            batches.setdefault((need.target, arn, need.deeds, (*need.context, *session)), []).append(need)
    return {
        Question(*batch, tuple(dict.fromkeys(need.resource for need in items))): items
        for batch, items in batches.items()
    }


def _arn(hub: Hub, service: str, rest: str) -> str:
    return f"arn:{partition_of(hub.region)}:{service}:{hub.region}:{hub.account}:{rest}"


def _need(
    action: Action,
    deeds: tuple[str, ...],
    resource: str,
    context: Context = (),
    *,
    scope: str = "",
    role: Role = "register",
) -> Need:
    return Need(action.key.target, role, deeds, scope or resource, context, resource)


def _nothing(_action: Action, _hub: Hub) -> Iterator[Need]:
    yield from ()


def _group(action: Action, hub: Hub) -> Iterator[Need]:
    deeds = may.MAKE_GROUPS if action.verb == "create" else may.MAKE_GROUPS[:1]
    yield _need(action, deeds, _arn(hub, "sagemaker", f"model-package-group/{action.key.name}"))


def _repository(action: Action, hub: Hub) -> Iterator[Need]:
    place = _arn(hub, "ecr", f"repository/{action.key.name}")
    yield _need(action, may.MAKE_REPOSITORIES, place, scope=_account_of(action.key.name))
    yield from _key(action, may.LEND_KEY, action.facts["kms"], "ecr")


def _image(action: Action, hub: Hub) -> Iterator[Need]:
    name = action.facts["repository"]
    yield _need(action, may.LOG_IN, "*")
    yield _need(action, may.PUSH, _arn(hub, "ecr", f"repository/{name}"), scope=_account_of(name))


def _account_of(name: str) -> str:
    """Repositories and objects are granted by the account that they come from: `models/222222222222`."""
    return "/".join(name.split("/")[:2])


def _artifact(action: Action, hub: Hub) -> Iterator[Need]:
    facts = action.facts
    bucket = f"arn:{partition_of(hub.region)}:s3:::{facts['bucket']}"
    for _, name, _ in [] if facts["adopts"] else facts["objects"][:1]:
        yield _need(action, may.PUT_OBJECTS, f"{bucket}/{name}", scope=f"{bucket}/{_account_of(name)}")
    record = facts["record"]
    yield _need(action, may.PUT_OBJECTS[:1], f"{bucket}/{record}", scope=f"{bucket}/{record.rpartition('/')[0]}")
    yield from _key(action, may.ENCRYPT[-1:], facts["kms"], "s3")


def _key(action: Action, deeds: tuple[str, ...], arn: str | None, service: str) -> Iterator[Need]:
    """Using a store's key. One that is named by its alias is known to IAM by another name, to be found out first."""
    if arn:
        region = arn.split(":")[3]
        context: Context = (("kms:ViaService", f"{service}.{region}.{domain_of(region)}"),)
        if ALIAS in arn:
            context = (*context, ("kms:ResourceAliases", arn.rpartition(":")[2]))
        yield _need(action, deeds, arn, context)


def _recorded(action: Action, hub: Hub) -> Iterator[Need]:
    """Writing what the audit keeps of a run: without it nothing is done in the hub but revoking."""
    kept = hub.audit
    if kept is None:
        return
    bucket = f"arn:{partition_of(hub.region)}:s3:::{kept.bucket}"
    deeds = ("s3:PutObject", *(may.RETAIN if kept.retention else ()))
    yield _need(action, deeds, f"{bucket}/{kept.prefix}/intent.json", scope=f"{bucket}/{kept.prefix}")
    if kept.retention:
        yield _need(action, may.BUCKET_LOCK, bucket)


def _package(action: Action, hub: Hub) -> Iterator[Need]:
    if action.facts.get("adopts"):
        yield from _approval(action, hub)
        return
    group = action.facts["group"]
    pending = (("sagemaker:ModelApprovalStatus", "PendingManualApproval"),)
    for rest in (f"model-package-group/{group}", f"model-package/{group}/1"):
        yield _need(action, may.REGISTER, _arn(hub, "sagemaker", rest), pending)


def _approval(action: Action, hub: Hub) -> Iterator[Need]:
    place = _arn(hub, "sagemaker", f"model-package/{action.facts['group']}/1")
    yield _need(action, may.APPROVE, place, role="approve")


def _announcement(action: Action, hub: Hub) -> Iterator[Need]:
    table, bus = action.facts["table"], action.facts["bus"]
    if table:
        place = table if table.startswith("arn:") else _arn(hub, "dynamodb", f"table/{table}")
        yield _need(action, may.TELL_TABLE[-1:], place)
    if bus:
        place = bus if bus.startswith("arn:") else _arn(hub, "events", f"event-bus/{bus}")
        yield _need(action, may.PUT_EVENTS, place, (("events:source", "hubwright"),))


_OF: Mapping[str, Callable[[Action, Hub], Iterator[Need]]] = {
    "announcement": _announcement,
    "approval": _approval,
    "artifact": _artifact,
    "group": _group,
    "image": _image,
    "package": _package,
    "repository": _repository,
}


@dataclass(frozen=True, slots=True)
class Source:
    """An object that is to be copied, and who reads it there: a role of the account of `target`."""

    target: Target
    purpose: Literal["read", "register"]
    bucket: str
    owner: str
    key: str = field(default="", compare=False)
    version: str | None = field(default=None, compare=False)


def sources_of(actions: Iterable[Action]) -> dict[Source, list[Action]]:
    """One object for each bucket that the actions copy from, with the actions."""
    found: dict[Source, list[Action]] = {}
    for action in actions:
        if action.key.kind != "artifact" or action.facts["adopts"] or not action.facts["objects"]:
            continue
        found.setdefault(source_of(action), []).append(action)
    return found


def source_of(action: Action) -> Source:
    """The first object that an action copies."""
    facts = action.facts
    uri = facts["objects"][0][0]
    bucket, key = split_uri(uri)
    version = next((item[3] for item in facts["release"]["objects"] if item[0] == uri), None)
    bucket, key, version, _, owner = facts["held"].get(
        uri, [bucket, key, version, "", facts["release"]["source"].split(":")[4]]
    )
    relay = facts["copy"] == "relay"
    target = Target(*facts["reader"]) if relay else action.key.target
    return Source(target, "read" if relay else "register", bucket, owner, key, version)
