"""What the hub's roles do beside promoting: word of it, the audit's records, what gates look at, other hubs' stores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import Chain, Facts, HubSide
from controller.core.access.pen import Pen
from controller.core.access.statement import statement
from controller.core.arn import domain_of
from controller.core.draft import split_uri
from controller.core.manifest import Store
from controller.core.model import Key

_TOLD = "hubwright"
"""The source of our own events."""


def write_told(pen: Pen, hub: HubSide, key: Key) -> None:
    """Telling of registered versions: an item in the table, an event on the bus, as the hub asks."""
    told = hub.hub.lineage
    if told is not None and told.table:
        table = told.table if told.table.startswith("arn:") else hub.arn("dynamodb", f"table/{told.table}")
        pen.allow(key, "TellsTable", may.TELL_TABLE, [table], origin=hub.path)
    if told is not None and told.bus:
        bus = told.bus if told.bus.startswith("arn:") else hub.arn("events", f"event-bus/{told.bus}")
        ours = {"StringEquals": {"events:source": [_TOLD]}}
        pen.allow(key, "TellsBus", may.PUT_EVENTS, [bus], ours, origin=hub.path)


def write_recorded(pen: Pen, hub: HubSide, key: Key) -> None:
    """Writing what the audit keeps; once, whoever writes it."""
    kept = hub.hub.audit
    if kept is None:
        return
    below = hub.bucket(f"{kept.bucket}/{kept.prefix}/*")
    pen.allow(key, "Records", (*may.AUDIT, *(may.RETAIN if kept.retention else ())), [below], origin=hub.path)
    if kept.retention:
        pen.allow(key, "SeesRetention", may.BUCKET_LOCK, [hub.bucket(kept.bucket)], origin=hub.path)
    policy = pen.policy(hub, "bucket_policy", kept.bucket, f"the audit of the hub {hub.name}: written once")
    write_once(pen, hub, policy, "audit", below)


def write_once(pen: Pen, hub: HubSide, policy: Key, word: str, below: str) -> None:
    """Nobody replaces an object below a prefix, hides it or removes a version of it. Ending an upload is not that."""
    created = {"Null": {"s3:if-none-match": ["true"]}, "Bool": {"s3:ObjectCreationOperation": ["true"]}}
    everyone = {"AWS": ["*"]}
    once = statement(("s3:PutObject",), [below], principal=everyone, conditions=created, effect="Deny")
    pen.say(policy, ("WrittenOnce", word), once, hub.path)
    gone = ("s3:DeleteObject", "s3:DeleteObjectVersion")
    pen.say(policy, ("NeverDeleted", word), statement(gone, [below], principal=everyone, effect="Deny"), hub.path)


def read_recorded(pen: Pen, hub: HubSide, key: Key) -> None:
    """Reading it back: `history` and `evidence`."""
    kept = hub.hub.audit
    if kept is not None:
        listed = {"StringLike": {"s3:prefix": [f"{kept.prefix}/*"]}}
        below = hub.bucket(f"{kept.bucket}/{kept.prefix}/*")
        pen.allow(key, "ReadsAudit", ("s3:GetObject",), [below], origin=hub.path)
        pen.allow(key, "ListsAudit", may.LIST_OBJECTS, [hub.bucket(kept.bucket)], listed, origin=hub.path)


def read_judged(pen: Pen, hub: HubSide, key: Key) -> None:
    """What gates look at beside what is promoted: documents of validators, and scans of images."""
    for item in pen.facts.judged:
        if item.hub == hub.name and not item.evidence:
            images = hub.arn("ecr", f"repository/{hub.hub.images.prefix}/*")
            pen.allow(key, "SeesScans", may.SEE_SCANS, [images], origin=item.path)
        elif item.hub == hub.name:
            bucket, prefix = split_uri(item.evidence)
            where = {"StringLikeIfExists": {"s3:prefix": [f"{prefix}*"]}}
            proofs = [hub.bucket(f"{bucket}/{prefix}*")]
            pen.allow(key, "ReadsProofs", ("s3:GetObject",), proofs, origin=item.path)
            pen.allow(key, "ListsProofs", may.LIST_OBJECTS, [hub.bucket(bucket)], where, origin=item.path)


def _chained(facts: Facts, *, first: str = "", second: str = "") -> list[tuple[HubSide, HubSide, Chain]]:
    """Chains whose objects the second hub's register role copies itself: (first hub, second hub, chain)."""
    hubs = {hub.name: hub for hub in facts.hubs}
    direct = {spoke.name for spoke in facts.promoted_from if spoke.copied_by_hub}
    return [
        (hubs[item.first], hubs[item.second], item)
        for item in facts.chains
        if item.spoke in direct and item.first in hubs and item.second in hubs
        if first in ("", item.first) and second in ("", item.second)
    ]


def write_chained(pen: Pen, hub: HubSide, key: Key) -> None:
    """A second hub's side: its register role reads the first one's stores. Images it pulls as the first's reader."""
    for first, _, item in _chained(pen.facts, second=hub.name):
        for store in first.hub.stores:
            for (
                purpose,
                account,
                conditions,
            ) in pen.facts.sessions:  # a pushed one only its own
                below = f"{store.bucket}/{store.prefix}/" + ("*" if account == "*" else f"{account}/*")
                places = [first.bucket(below)]
                pen.allow(key, f"CopiesHub{purpose}", may.READ_VERSIONS, places, conditions, origin=item.path)
        allow_keys(pen, key, "CopiesHubKeys", may.DECRYPT, first.keys, origin=item.path)


def write_handed_on(pen: Pen, hub: HubSide, policy: Key, store: Store) -> None:
    """A first hub's side: its store lets the second one's register role read."""
    below = hub.bucket(f"{store.bucket}/{store.prefix}/*")
    for _, second, item in _chained(pen.facts, first=hub.name):
        if second.access.register and second.account != hub.account:
            principal, conditions = _grantee(pen.facts, second, {})
            wished = statement(may.READ_VERSIONS, [below], principal=principal, conditions=conditions)
            pen.say(policy, ("HandsOn",), wished, item.path)


def write_key_handed_on(pen: Pen, hub: HubSide, policy: Key, arn: str) -> None:
    """As `write_handed_on`, of a store's key."""
    for _, second, item in _chained(pen.facts, first=hub.name):
        if second.access.register:
            principal, conditions = _grantee(pen.facts, second, _via(arn))
            wished = statement(may.DECRYPT, ["*"], principal=principal, conditions=conditions)
            pen.say(policy, ("HandsOn",), wished, item.path)


def _grantee(facts: Facts, hub: HubSide, more: dict[str, Any]) -> tuple[dict[str, list[str]], dict[str, Any]]:
    role = {"ArnEquals": {"aws:PrincipalArn": [hub.access.register or ""]}}
    return {"AWS": [hub.root]}, facts.organized({**more, **role})


def usable(arn: str, conditions: dict[str, Any]) -> str:
    """A key as a resource; policies know an alias only as a condition, which is added."""
    head, kind, alias = arn.partition(":alias/")
    if not kind:
        return arn
    conditions["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": [f"alias/{alias}"]}
    return head + ":key/*"


def allow_keys(
    pen: Pen,
    key: Key,
    purpose: str,
    deeds: Iterable[str],
    keys: Iterable[str],
    service: str = "s3",
    *,
    origin: str,
) -> None:
    """Using KMS keys through a service, in a role's own policy."""
    for arn in keys:
        conditions = _via(arn, service)
        pen.allow(key, purpose, deeds, [usable(arn, conditions)], conditions, origin=origin)


def _via(arn: str, service: str = "s3") -> dict[str, Any]:
    region = arn.split(":")[3]
    return {"StringEquals": {"kms:ViaService": [f"{service}.{region}.{domain_of(region)}"]}}
