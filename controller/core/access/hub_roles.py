"""The hub's roles: reading, registering and approving apart, each trusted by whoever may use it and nobody else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import TAG, Facts, HubSide, SpokeSide
from controller.core.access.pen import Pen
from controller.core.access.records import (
    read_judged,
    read_recorded,
    usable,
    write_chained,
    write_recorded,
    write_told,
)
from controller.core.access.statement import statement
from controller.core.arn import domain_of
from controller.core.hold import TAG as HOLD
from controller.core.model import Key

_NAMED = 20
"""Up to so many groups are named one by one; a role's policies hold 10,240 characters."""
UNTAGGED = {"Null": {f"aws:PrincipalTag/{TAG}": ["true"]}}
_NO_HOLD = {"ForAllValues:StringNotEquals": {"aws:TagKeys": [HOLD]}}
_HOLD_ONLY = {"ForAllValues:StringEquals": {"aws:TagKeys": [HOLD]}}
_BEEN = "sagemaker:CustomerMetadataProperties/hubwright/approved"
"""What says so was approved before, and passes every gate: only who approves may say it."""
_OWN = "${aws:PrincipalTag/" + TAG + "}"


def write_hub_roles(pen: Pen, hub: HubSide) -> None:
    """The roles that the hub's manifest names; one that stands for several purposes gets what they all need."""
    access = hub.access
    if access.read:
        key = _role(pen, hub, access.read, "read", hub.callers)
        _reads(pen, hub, key)
        _reads_store(pen, hub, key)
        _reads_sources(pen, hub, key)
        read_recorded(pen, hub, key)
        _asks(pen, hub, key, access.register, access.approve)
    if access.register:
        key = _role(pen, hub, access.register, "register", hub.writers)
        _pushers(pen, hub, access.register)
        _registers(pen, hub, key)
        _writes_store(pen, hub, key)
        _writes_images(pen, hub, key)
        _copies_sources(pen, hub, key)
        write_chained(pen, hub, key)
        write_told(pen, hub, key)
        write_recorded(pen, hub, key)
    if access.approve:
        _approves(pen, hub, _role(pen, hub, access.approve, "approve", hub.writers))


def role_name(arn: str) -> str:
    return arn.rpartition("/")[2]


def role_of(pen: Pen, side: Any, arn: str, why: str, *needs: Key) -> Key:
    """A role by its ARN: its trust policy. Gives its key."""
    path = "/" + arn.partition(":role/")[2].rpartition("/")[0]
    spec: dict[str, Any] = {"arn": arn, "path": path if path == "/" else path + "/"}
    if side.iam.permissions_boundary:
        spec["boundary"] = f"arn:{side.partition}:iam::{side.account}:policy/{side.iam.permissions_boundary}"
    return pen.policy(side, "role", role_name(arn), why, *needs, **spec)


def trust(pen: Pen, key: Key, side: Any, by: Any, principals: Sequence[str], external_id: str | None) -> None:
    """Lets principals of the account `by` assume a role of `side`; without any, whomever that account allows."""
    conditions: dict[str, dict[str, list[str]]] = {}
    if external_id:
        conditions["StringEquals"] = {"sts:ExternalId": [external_id]}
    if principals:
        conditions["ArnEquals"] = {"aws:PrincipalArn": sorted(principals)}
    wished = statement(may.ASSUME, principal={"AWS": [by.root]}, conditions=pen.facts.organized(conditions))
    pen.say(key, ("TrustsHub", by.account), wished, side.path)


def inline(pen: Pen, side: Any, role: Key) -> Key:
    """The role's own policy; all of it is ours."""
    return pen.policy(side, "role_policy", role.name, f"what the role {role.name} may do", role)


def _role(pen: Pen, hub: HubSide, arn: str, purpose: str, callers: Sequence[str]) -> Key:
    role = role_of(pen, hub, arn, f"the hub's role to {purpose}")
    trust(pen, role, hub, hub, callers, hub.access.external_id)
    for other in pen.facts.hubs:  # one run enters all hubs
        if other.account != hub.account:
            theirs = other.callers if purpose == "read" else other.writers
            trust(pen, role, hub, other, theirs, hub.access.external_id)
    return inline(pen, hub, role)


def _pushers(pen: Pen, hub: HubSide, arn: str) -> None:
    """Lets push spokes assume the register role, each with its own account as the session's tag and no other.

    A trust policy holds 2,048 characters. So spokes whose pushers are called alike are named together: the accounts are
    the principals, and who of an account it may be is said once for all of them.
    """
    role = hub.key("role", role_name(arn))
    alike: dict[tuple[str, ...], list[SpokeSide]] = {}
    for spoke in pen.facts.spokes:
        if spoke.pushes:
            names = tuple(sorted(name.replace(f"::{spoke.account}:", "::*:") for name in spoke.pushers))
            alike.setdefault(names, []).append(spoke)
    for names, spokes in sorted(alike.items()):
        equal = {f"aws:RequestTag/{TAG}": ["${aws:PrincipalAccount}"]}
        named = {"ArnLike": {"aws:PrincipalArn": list(names)}} if names else {}
        sent = {"sts:ExternalId": [hub.access.external_id]} if hub.access.external_id else {}
        roots = sorted(spoke.root for spoke in spokes)
        for purpose, deed, conditions in (
            ("TrustsPush", may.ASSUME, {"StringEquals": equal | sent, **named}),
            ("TagsPush", may.TAG_SESSION, {"StringEquals": dict(equal), **named}),
        ):
            wished = statement(deed, principal={"AWS": roots}, conditions=pen.facts.organized(conditions))
            for spoke in spokes:
                pen.say(role, (purpose,), wished, spoke.path)


def _reads(pen: Pen, hub: HubSide, key: Key) -> None:
    """What a plan reads of a hub, whoever makes it: the hub's own run, or with the register role a push spoke's."""
    versions, groups = hub.arn("sagemaker", "model-package/*"), hub.arn("sagemaker", "model-package-group/*")
    repositories = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/*")
    _say(pen, hub, key, "ReadsVersions", may.DESCRIBE_VERSIONS, [versions])
    _say(pen, hub, key, "ReadsGroups", (*may.DESCRIBE_GROUPS, *may.GROUP_TAGS), [groups])
    _say(pen, hub, key, "Searches", may.SEARCH, ["*"])
    _say(pen, hub, key, "ListsRepositories", may.LIST_REPOSITORIES, [hub.arn("ecr", "repository/*")])
    _say(pen, hub, key, "ListsImages", may.LIST_IMAGES, [repositories])
    for store in hub.hub.stores:
        _say(pen, hub, key, f"SeesStore{store.name}", may.BUCKET_STATE, [hub.bucket(store.bucket)])
    read_judged(pen, hub, key)


def _asks(pen: Pen, hub: HubSide, key: Key, *roles: str | None) -> None:
    """Asking what the roles that write may do, so that a plan says what they lack."""
    named = sorted({role for role in roles if role})
    if named:
        _say(pen, hub, key, "Asks", may.SIMULATE, named)


def _reads_store(pen: Pen, hub: HubSide, key: Key) -> None:
    """What `drift`, `trace`, `attest` and gates read of what was promoted: records, objects, images."""
    for store in hub.hub.stores:
        below = f"{store.prefix}/*"
        listed = {"StringLikeIfExists": {"s3:prefix": [below]}}
        lists = (*may.LIST_OBJECTS, *may.LIST_VERSIONS)
        _say(pen, hub, key, f"ReadsStore{store.name}", may.READ_OBJECTS, [hub.bucket(f"{store.bucket}/{below}")])
        _say(pen, hub, key, f"ListsStore{store.name}", lists, [hub.bucket(store.bucket)], listed)
    images = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/*")
    _say(pen, hub, key, "PullsImages", may.PULL, [images])
    _say(pen, hub, key, "LogsIn", may.LOG_IN, ["*"])
    _keys(pen, hub, key, "ReadsKeys", may.DECRYPT, hub.keys)


def _registers(pen: Pen, hub: HubSide, key: Key) -> None:
    groups, versions = groups_of(pen, hub, "model-package-group/{}"), groups_of(pen, hub, "model-package/{}/*")
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": ["PendingManualApproval"]}, "Null": {_BEEN: ["true"]}}
    if not groups:
        return
    _say(pen, hub, key, "Registers", may.REGISTER, [*groups, *versions], pending)
    if pen.facts.pushes:  # a push spoke's run reads the hub with this role, and no person's hold is its to end
        _say(pen, hub, key, "MakesGroups", may.MAKE_GROUPS, groups, dict(_NO_HOLD))
        _say(pen, hub, key, "HoldsGroups", may.HOLD_GROUPS, groups, {**UNTAGGED, **_HOLD_ONLY})
        _reads(pen, hub, key)
        _asks(pen, hub, key, hub.access.register)
        for store in hub.hub.stores:  # of records only the names: a push spoke reads its own alone
            listed = {"StringLike": {"s3:prefix": [f"{store.prefix}/.releases/*"]}}
            _say(pen, hub, key, f"ListsRecords{store.name}", may.LIST_OBJECTS, [hub.bucket(store.bucket)], listed)
    else:
        made = (*may.MAKE_GROUPS, *may.HOLD_GROUPS, *may.DESCRIBE_GROUPS, *may.GROUP_TAGS)
        _say(pen, hub, key, "MakesGroups", sorted(set(made)), groups)
        _say(pen, hub, key, "SeesVersions", may.DESCRIBE_VERSIONS, versions)


def _writes_store(pen: Pen, hub: HubSide, key: Key) -> None:
    """The store that takes new artifacts; a push spoke's session only below its own account."""
    for store in hub.hub.stores:
        deeds = may.WRITE_OBJECTS if store is hub.active else ()
        names = ["{}/*", ".releases/{}/*"]
        for purpose, account, conditions in _sessions(pen.facts):
            below = [f"{store.prefix}/{name.format(account)}" for name in names]
            places = [hub.bucket(f"{store.bucket}/{name}") for name in below]
            listed = {**conditions, "StringLikeIfExists": {"s3:prefix": below}}
            word = f"{purpose}{store.name}"
            _say(pen, hub, key, f"Stores{word}", (*may.READ_OBJECTS, *deeds), places, conditions)
            seen = () if purpose else may.LIST_VERSIONS  # what is approved is compared, by the hub's run alone
            lists = (*may.LIST_OBJECTS, *seen, *(may.LIST_UPLOADS if deeds else ()))
            _say(pen, hub, key, f"ListsStore{word}", lists, [hub.bucket(store.bucket)], listed)
    _keys(pen, hub, key, "StoreKeys", may.ENCRYPT, hub.keys)
    if hub.active and hub.active.kms_key_arn:
        _keys(pen, hub, key, "LendsKey", may.LEND_KEY, (hub.active.kms_key_arn,), "ecr")


def _writes_images(pen: Pen, hub: HubSide, key: Key) -> None:
    seen = () if pen.facts.pushes else may.LIST_IMAGES  # said of all images where spokes push
    deeds = (*may.PULL, *may.PUSH, *seen, *may.MAKE_REPOSITORIES)
    _say(pen, hub, key, "LogsIn", may.LOG_IN, ["*"])
    for purpose, account, conditions in _sessions(pen.facts):
        place = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/{account}/*")
        _say(pen, hub, key, f"Images{purpose}", deeds, [place], conditions)


def _sessions(facts: Facts) -> list[tuple[str, str, dict[str, Any]]]:
    """Whose sessions there are: purpose, the accounts they reach, conditions."""
    if not facts.pushes:
        return [("", "*", {})]
    return [("", "*", dict(UNTAGGED)), ("Pushed", _OWN, {"Null": {f"aws:PrincipalTag/{TAG}": ["false"]}})]


def _copies_sources(pen: Pen, hub: HubSide, key: Key) -> None:
    """Reading what is copied server-side: pull spokes by the hub's run, a push spoke by its own alone."""
    for spoke in pen.facts.spokes:
        if not spoke.copied_by_hub:
            continue
        conditions = session_of(pen.facts, spoke)
        word = spoke.account if spoke.pushes else ""
        reads_bucket(pen, hub, key, f"CopiesFrom{word}", spoke, conditions, versions=False)


def session_of(facts: Facts, spoke: SpokeSide) -> dict[str, Any]:
    """That a session of the register role is one that may read this spoke."""
    if spoke.pushes:
        return {"StringEquals": {f"aws:PrincipalTag/{TAG}": [spoke.account]}}
    return dict(UNTAGGED) if facts.pushes else {}


def _reads_sources(pen: Pen, hub: HubSide, key: Key) -> None:
    """Reading spokes that have no role of their own for that."""
    for spoke in pen.facts.spokes:
        if spoke.read_by_hub:
            reads_spoke(pen, hub, key, spoke)


def reads_spoke(pen: Pen, side: Any, key: Key, spoke: SpokeSide) -> None:
    """What resolving a source takes, and with `relay` reading it."""
    allow = spoke.spoke.allow
    if allow.groups:
        versions = [spoke.arn("sagemaker", f"model-package/{group}/*") for group in allow.groups]
        _say(pen, side, key, f"ReadsSources{spoke.account}", may.DESCRIBE_VERSIONS[:1], versions, {}, spoke.path)
    followed = sorted({item.group for item in pen.facts.follows if item.spoke == spoke.name})
    if followed:
        versions = [spoke.arn("sagemaker", f"model-package/{group}/*") for group in followed]
        _say(pen, side, key, f"FollowsSources{spoke.account}", may.DESCRIBE_VERSIONS[1:], versions, {}, spoke.path)
    reads_bucket(pen, side, key, f"ReadsObjects{spoke.account}", spoke, {}, versions=True)
    if allow.repositories:
        images = [spoke.arn("ecr", f"repository/{name}") for name in allow.repositories]
        _say(pen, side, key, f"PullsImages{spoke.account}", may.PULL, images, {}, spoke.path)
        _say(pen, side, key, "LogsIn", may.LOG_IN, ["*"], {}, spoke.path)
    if side is spoke:  # what it was made by is asked of its own account alone
        _reads_origins(pen, spoke, key)


def _reads_origins(pen: Pen, spoke: SpokeSide, key: Key) -> None:
    """The jobs and pipeline runs that versions come from, and whether a key is one that AWS manages."""
    jobs, runs = spoke.arn("sagemaker", "training-job/*"), spoke.arn("sagemaker", "pipeline/*/execution/*")
    _say(pen, spoke, key, "ReadsJobs", may.DESCRIBE_JOBS, [jobs])
    _say(pen, spoke, key, "ReadsRuns", may.DESCRIBE_RUNS, [runs])
    if spoke.spoke.copy == "server" and spoke.spoke.allow.buckets:
        managed = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/aws/s3"]}}
        _say(pen, spoke, key, "SeesManagedKey", may.SEE_KEY, [spoke.arn("kms", "key/*")], managed)


def reads_bucket(
    pen: Pen, side: Any, key: Key, purpose: str, spoke: SpokeSide, conditions: dict[str, Any], *, versions: bool
) -> None:
    """Reading a spoke's buckets and using their keys."""
    buckets = spoke.spoke.allow.buckets
    if not buckets:
        return
    lists = (*may.LIST_OBJECTS, *may.LIST_VERSIONS) if versions else may.LIST_OBJECTS
    objects = [spoke.bucket(f"{name}/*") for name in buckets]
    _say(pen, side, key, purpose, may.READ_OBJECTS, objects, conditions, spoke.path)
    _say(pen, side, key, f"{purpose}Lists", lists, [spoke.bucket(name) for name in buckets], conditions, spoke.path)
    keys = spoke.spoke.allow.kms_key_arns
    _keys(pen, side, key, f"{purpose}Keys", may.DECRYPT, keys, conditions=conditions, origin=spoke.path)


def _approves(pen: Pen, hub: HubSide, key: Key) -> None:
    versions = groups_of(pen, hub, "model-package/{}/*")
    if versions:
        _say(pen, hub, key, "Approves", may.APPROVE, versions)
        _say(pen, hub, key, "SeesVersions", may.DESCRIBE_VERSIONS, versions)


def groups_of(pen: Pen, hub: HubSide, form: str) -> list[str]:
    """The hub's groups as resources, one by one or, where they are many, all at once."""
    names = [group.name for group in pen.facts.groups_of(hub)]
    return [hub.arn("sagemaker", form.format(name)) for name in (names if len(names) <= _NAMED else ["*"])]


def _keys(
    pen: Pen,
    side: Any,
    key: Key,
    purpose: str,
    deeds: Iterable[str],
    keys: Iterable[str],
    service: str = "s3",
    *,
    conditions: dict[str, Any] | None = None,
    origin: str = "",
) -> None:
    for arn in keys:
        region = arn.split(":")[3]
        via = {"kms:ViaService": [f"{service}.{region}.{domain_of(region)}"]}
        found = {**(conditions or {})}
        found["StringEquals"] = {**found.get("StringEquals", {}), **via}
        _say(pen, side, key, purpose, deeds, [usable(arn, found)], found, origin)


def _say(
    pen: Pen,
    side: Any,
    key: Key,
    purpose: str,
    deeds: Iterable[str],
    resources: Sequence[str],
    conditions: dict[str, Any] | None = None,
    origin: str = "",
) -> None:
    pen.say(key, (purpose,), statement(deeds, resources, conditions=conditions), origin or side.path)
