"""The manifests as types. `schemas/` is their public form; a test holds both to each other.

Field names are the manifests' own in snake case (`from` becomes `source`). `build` trusts data that passed the schema.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal

from controller.core.access.settings import HubCi, Iam, Manage, SpokeCi
from controller.core.rules import Approvals, Caps, Freeze, Gate, Window
from controller.core.watching import Audit, DriftRules, Revoked

API_VERSION = "hubwright.io/v1beta1"
PLATFORM_KINDS = ("Fleet", "Hub", "Spoke", "Guardrails", "Waiver")
TEAM_KINDS = ("ModelGroup", "Promotion", "Subscription")

Approval = Literal["Approved", "PendingManualApproval", "Rejected"]
Carry = Literal["copy", "reference"]
Mode = Literal["enforce", "warn", "observe"]


@dataclass(frozen=True, slots=True)
class Access:
    """Roles to assume in an account, by purpose; `role` stands for all three. None: the caller's own credentials."""

    role: str | None = None
    role_name: str | None = None
    read: str | None = None
    register: str | None = None
    approve: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class SpokeDefaults:
    region: str | None = None
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class FleetDefaults:
    spoke: SpokeDefaults = SpokeDefaults()


@dataclass(frozen=True, slots=True)
class Fleet:
    requires: str | None = None
    defaults: FleetDefaults = FleetDefaults()
    drift: DriftRules = field(default_factory=DriftRules)
    organization: str | None = None
    iam: Iam = field(default_factory=Iam)
    manage: Manage = "apply"


@dataclass(frozen=True, slots=True)
class Store:
    name: str
    bucket: str
    state: Literal["Active", "Closed"] = "Active"
    prefix: str = "models"
    kms_key_arn: str | None = None
    verify: Literal["checksum", "deep"] = "checksum"


@dataclass(frozen=True, slots=True)
class Images:
    prefix: str = "models"
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Events:
    bus: str
    queue: str = "hubwright-events"


@dataclass(frozen=True, slots=True)
class Lineage:
    table: str | None = None
    bus: str | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    account: str
    region: str
    stores: tuple[Store, ...]
    access: Access = Access()
    images: Images = Images()
    events: Events | None = None
    lineage: Lineage | None = None
    audit: Audit | None = None
    iam: Iam | None = None  # absent: the Fleet's
    ci: HubCi | None = None
    manage: Manage | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """What may leave a spoke: glob patterns of groups and repositories, names of buckets, and their keys."""

    groups: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    kms_key_arns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoke:
    account: str
    allow: Allow
    region: str | None = None  # absent: the Fleet's default
    state: Literal["Active", "Frozen", "Retired"] = "Active"
    pattern: Literal["pull", "push"] = "pull"
    access: Access | None = None
    copy: Literal["server", "relay"] = "server"
    iam: Iam | None = None
    ci: SpokeCi | None = None
    manage: Manage | None = None


@dataclass(frozen=True, slots=True)
class Select:
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    paths: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    spokes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guardrails:
    select: Select | None = None  # absent: all groups
    owners: tuple[Owner, ...] = ()
    require_lock: bool = False
    allow_reference: bool = False
    allow_subscription_approval: bool = False
    keep_approved: bool = False
    approvals: Approvals | None = None
    gates: tuple[Gate, ...] = ()
    caps: Caps | None = None
    freezes: tuple[Freeze, ...] = ()
    windows: tuple[Window, ...] = ()
    revoked: tuple[Revoked, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiver:
    of: str
    for_: tuple[str, ...]
    until: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    status: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Superseded:
    approval: Literal["PendingManualApproval", "Rejected"] = "PendingManualApproval"
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class ModelGroup:
    hub: str | None = None
    group: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    current: str | None = None
    superseded: Superseded = Superseded()
    acknowledges: tuple[str, ...] = ()
    mode: Mode = "enforce"


@dataclass(frozen=True, slots=True)
class From:
    """A source: a version of a spoke's group, or another promotion by name."""

    spoke: str | None = None
    group: str | None = None
    version: int | None = None
    promotion: str | None = None


@dataclass(frozen=True, slots=True)
class To:
    group: str


@dataclass(frozen=True, slots=True)
class Environment:
    set: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inference:
    content_types: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    environment: Environment = Environment()


@dataclass(frozen=True, slots=True)
class After:
    promotion: str
    approved_for: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    source: From
    to: To
    approval: Approval
    reason: str | None = None
    stage: Stage | None = None
    artifacts: Carry = "copy"
    images: Carry = "copy"
    metadata: Mapping[str, str] = field(default_factory=dict)
    inference: Inference = Inference()
    after: After | None = None
    attempt: int = 1
    adopts: int | None = None
    overrules: str | None = None
    mode: Mode = "enforce"


@dataclass(frozen=True, slots=True)
class Follow:
    spoke: str
    group: str
    approval: tuple[Approval, ...] = ()
    versions: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    source: Follow
    to: To
    approval: Approval = "PendingManualApproval"
    artifacts: Carry = "copy"
    images: Carry = "copy"


KINDS: Mapping[str, type] = {
    "Fleet": Fleet,
    "Hub": Hub,
    "Spoke": Spoke,
    "Guardrails": Guardrails,
    "Waiver": Waiver,
    "ModelGroup": ModelGroup,
    "Promotion": Promotion,
    "Subscription": Subscription,
}

_WORDS = {"from_": "from", "for_": "for"}


def manifest_name(cls: type, name: str) -> str:
    """The manifest's spelling of a dataclass field: `kms_key_arn` is `kmsKeyArn`, `source` of a promotion is `from`."""
    if name == "source" and cls in (Promotion, Subscription):
        return "from"
    if name in _WORDS:
        return _WORDS[name]
    return re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name)


@cache
def _shape(cls: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    hints = typing.get_type_hints(cls)
    return tuple(
        (f.name, manifest_name(cls, f.name), hints[f.name], f.default is MISSING and f.default_factory is MISSING)
        for f in fields(cls)
    )


def build(cls: Any, data: Mapping[str, Any]) -> Any:
    """An instance of the dataclass `cls` from the manifest mapping `data` that passed the schema."""
    values = {name: _value(hint, data[spelling]) for name, spelling, hint, _ in _shape(cls) if spelling in data}
    return cls(**values)


def _value(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        inner = next((part for part in typing.get_args(hint) if is_dataclass(part)), None)
        return _value(inner, value) if inner is not None and isinstance(value, Mapping) else value
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, item) for item in value)
    return value
