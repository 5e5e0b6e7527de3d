"""The hub's roles: reading, registering and approving apart, each trusted by whoever may use it and nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import TAG, UNTAGGED, Facts, HubSide, SpokeSide
from controller.core.access.pen import Pen, by_sid
from controller.core.access.records import (
    allow_keys,
    read_judged,
    read_recorded,
    write_chained,
    write_recorded,
    write_told,
)
from controller.core.access.sources import copies_sources, reads_sources
from controller.core.access.statement import Statement, policy_text, statement
from controller.core.hold import TAG as HOLD
from controller.core.model import Key

_NAMED = 20
"""Up to so many groups are named one by one; a role's policies hold 10,240 characters."""
_ROOTS = 1_500
"""Up to so many characters the spokes that push are principals; a role's trust holds 2,048."""
_NO_HOLD = {"ForAllValues:StringNotEquals": {"aws:TagKeys": [HOLD]}}
_HOLD_ONLY = {"ForAllValues:StringEquals": {"aws:TagKeys": [HOLD]}}
_BEEN = "sagemaker:CustomerMetadataProperties/hubwright/approved"
"""What says so was approved before, and passes every gate: only who approves may say it."""


def write_hub_roles(pen: Pen, hub: HubSide) -> None:
    """The roles that the hub's manifest names; one that stands for several purposes gets what they all need."""
    access = hub.access
    if access.read:
        key = _role(pen, hub, access.read, "read", hub.callers)
        _reads(pen, hub, key)
        _reads_store(pen, hub, key)
        reads_sources(pen, hub, key)
        read_recorded(pen, hub, key)
        _asks(pen, hub, key, access.register, access.approve)
    if access.register:
        key = _role(pen, hub, access.register, "register", hub.writers)
        _pushers(pen, hub, access.register)
        _registers(pen, hub, key)
        _writes_store(pen, hub, key)
        _writes_images(pen, hub, key)
        copies_sources(pen, hub, key)
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

    A trust policy holds 2,048 characters. So spokes whose pushers are called alike come to one statement: the accounts
    are the principals, and who of an account it may be is said once for all of them. The tag is let set by whoever
    names his own account, without saying the accounts again: that is worth nothing to who may not assume the role.
    Hubs may, without a tag; so of their accounts only a spoke's pushers may set one.
    """
    role = hub.key("role", role_name(arn))
    hubs = sorted({item.account for item in pen.facts.hubs})
    said = [(spoke, item) for spoke in pen.facts.spokes if spoke.pushes for item in _push(pen.facts, hub, spoke, hubs)]
    roots = by_sid(pen.facts.fleet, [((word,), wished) for _, (word, wished) in said])
    many = len(policy_text(roots)) > _ROOTS
    for spoke, (word, wished) in said:
        short = many and spoke.account not in hubs
        pen.say(role, (word,), _by_account(wished, spoke) if short else wished, spoke.path)


def _push(facts: Facts, hub: HubSide, spoke: SpokeSide, hubs: list[str]) -> Iterator[tuple[str, Statement]]:
    own = {f"aws:RequestTag/{TAG}": ["${aws:PrincipalAccount}"]}
    sent = {"sts:ExternalId": [hub.access.external_id]} if hub.access.external_id else {}
    names = sorted(name.replace(f"::{spoke.account}:", "::*:") for name in spoke.pushers)
    named = {"ArnLike": {"aws:PrincipalArn": names}} if names else {}
    if sent:  # what decides on tags is not told it
        theirs = named if spoke.account in hubs else {"StringNotEquals": {"aws:PrincipalAccount": hubs}}
        who = {"AWS": [spoke.root if spoke.account in hubs else "*"]}
        conditions = facts.organized({"StringEquals": own, **theirs})
        yield "TagsPush", statement(may.TAG_SESSION, principal=who, conditions=conditions)
    deeds = may.ASSUME if sent else (*may.ASSUME, *may.TAG_SESSION)
    conditions = facts.organized({"StringEquals": own | sent, **named})
    yield "TrustsPush", statement(deeds, principal={"AWS": [spoke.root]}, conditions=conditions)


def _by_account(wished: Statement, spoke: SpokeSide) -> Statement:
    """The same with the account as a condition, which takes half the characters."""
    if wished["Principal"] != {"AWS": [spoke.root]}:
        return wished
    tests = wished["Condition"]
    accounts = {**tests["StringEquals"], "aws:PrincipalAccount": [spoke.account]}
    return statement(wished["Action"], principal={"AWS": ["*"]}, conditions={**tests, "StringEquals": accounts})


def _reads(pen: Pen, hub: HubSide, key: Key) -> None:
    """What a plan reads of a hub, whoever makes it: the hub's own run, or with the register role a push spoke's."""
    versions, groups = hub.arn("sagemaker", "model-package/*"), hub.arn("sagemaker", "model-package-group/*")
    repositories = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/*")
    pen.allow(key, "ReadsVersions", may.DESCRIBE_VERSIONS, [versions], origin=hub.path)
    pen.allow(key, "ReadsGroups", (*may.DESCRIBE_GROUPS, *may.GROUP_TAGS), [groups], origin=hub.path)
    pen.allow(key, "Searches", may.SEARCH, ["*"], origin=hub.path)
    pen.allow(key, "ListsRepositories", may.LIST_REPOSITORIES, [hub.arn("ecr", "repository/*")], origin=hub.path)
    pen.allow(key, "ListsImages", may.LIST_IMAGES, [repositories], origin=hub.path)
    for store in hub.hub.stores:
        pen.allow(key, f"SeesStore{store.name}", may.BUCKET_STATE, [hub.bucket(store.bucket)], origin=hub.path)
    read_judged(pen, hub, key)


def _asks(pen: Pen, hub: HubSide, key: Key, *roles: str | None) -> None:
    """Asking what the roles that write may do, so that a plan says what they lack."""
    named = sorted({role for role in roles if role})
    if named:
        pen.allow(key, "Asks", may.SIMULATE, named, origin=hub.path)


def _reads_store(pen: Pen, hub: HubSide, key: Key) -> None:
    """What `drift`, `trace`, `attest` and gates read of what was promoted: records, objects, images."""
    for store in hub.hub.stores:
        below = f"{store.prefix}/*"
        listed = {"StringLikeIfExists": {"s3:prefix": [below]}}
        lists = (*may.LIST_OBJECTS, *may.LIST_VERSIONS)
        pen.allow(
            key, f"ReadsStore{store.name}", may.READ_OBJECTS, [hub.bucket(f"{store.bucket}/{below}")], origin=hub.path
        )
        pen.allow(key, f"ListsStore{store.name}", lists, [hub.bucket(store.bucket)], listed, origin=hub.path)
    images = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/*")
    pen.allow(key, "PullsImages", may.PULL, [images], origin=hub.path)
    pen.allow(key, "LogsIn", may.LOG_IN, ["*"], origin=hub.path)
    allow_keys(pen, key, "ReadsKeys", may.DECRYPT, hub.keys, origin=hub.path)


def _registers(pen: Pen, hub: HubSide, key: Key) -> None:
    groups, versions = groups_of(pen, hub, "model-package-group/{}"), groups_of(pen, hub, "model-package/{}/*")
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": ["PendingManualApproval"]}, "Null": {_BEEN: ["true"]}}
    if not groups:
        return
    pen.allow(key, "Registers", may.REGISTER, [*groups, *versions], pending, origin=hub.path)
    if pen.facts.pushes:  # a push spoke's run reads the hub with this role, and no person's hold is its to end
        pen.allow(key, "MakesGroups", may.MAKE_GROUPS, groups, dict(_NO_HOLD), origin=hub.path)
        pen.allow(key, "HoldsGroups", may.HOLD_GROUPS, groups, {**UNTAGGED, **_HOLD_ONLY}, origin=hub.path)
        _reads(pen, hub, key)
        _asks(pen, hub, key, hub.access.register)
        for store in hub.hub.stores:  # of records only the names: a push spoke reads its own alone
            listed = {"StringLike": {"s3:prefix": [f"{store.prefix}/.releases/*"]}}
            pen.allow(
                key, f"ListsRecords{store.name}", may.LIST_OBJECTS, [hub.bucket(store.bucket)], listed, origin=hub.path
            )
    else:
        made = (*may.MAKE_GROUPS, *may.HOLD_GROUPS, *may.DESCRIBE_GROUPS, *may.GROUP_TAGS)
        pen.allow(key, "MakesGroups", sorted(set(made)), groups, origin=hub.path)
        pen.allow(key, "SeesVersions", may.DESCRIBE_VERSIONS, versions, origin=hub.path)


def _writes_store(pen: Pen, hub: HubSide, key: Key) -> None:
    """The store that takes new artifacts; a push spoke's session only below its own account."""
    for store in hub.hub.stores:
        deeds = may.WRITE_OBJECTS if store is hub.active else ()
        names = ["{}/*", ".releases/{}/*"]
        for purpose, account, conditions in pen.facts.sessions:
            below = [f"{store.prefix}/{name.format(account)}" for name in names]
            places = [hub.bucket(f"{store.bucket}/{name}") for name in below]
            listed = {**conditions, "StringLikeIfExists": {"s3:prefix": below}}
            word = f"{purpose}{store.name}"
            pen.allow(key, f"Stores{word}", (*may.READ_OBJECTS, *deeds), places, conditions, origin=hub.path)
            seen = () if purpose else may.LIST_VERSIONS  # what is approved is compared, by the hub's run alone
            lists = (*may.LIST_OBJECTS, *seen, *(may.LIST_UPLOADS if deeds else ()))
            pen.allow(key, f"ListsStore{word}", lists, [hub.bucket(store.bucket)], listed, origin=hub.path)
    allow_keys(pen, key, "StoreKeys", may.ENCRYPT, hub.keys, origin=hub.path)
    if hub.active and hub.active.kms_key_arn:
        allow_keys(pen, key, "LendsKey", may.LEND_KEY, (hub.active.kms_key_arn,), "ecr", origin=hub.path)


def _writes_images(pen: Pen, hub: HubSide, key: Key) -> None:
    seen = () if pen.facts.pushes else may.LIST_IMAGES  # said of all images where spokes push
    deeds = (*may.PULL, *may.PUSH, *seen, *may.MAKE_REPOSITORIES)
    pen.allow(key, "LogsIn", may.LOG_IN, ["*"], origin=hub.path)
    for purpose, account, conditions in pen.facts.sessions:
        place = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/{account}/*")
        pen.allow(key, f"Images{purpose}", deeds, [place], conditions, origin=hub.path)


def _approves(pen: Pen, hub: HubSide, key: Key) -> None:
    versions = groups_of(pen, hub, "model-package/{}/*")
    if versions:
        pen.allow(key, "Approves", may.APPROVE, versions, origin=hub.path)
        pen.allow(key, "SeesVersions", may.DESCRIBE_VERSIONS, versions, origin=hub.path)


def groups_of(pen: Pen, hub: HubSide, form: str) -> list[str]:
    """The hub's groups as resources, one by one or, where they are many, all at once."""
    names = [group.name for group in pen.facts.groups_of(hub)]
    return [hub.arn("sagemaker", form.format(name)) for name in (names if len(names) <= _NAMED else ["*"])]
