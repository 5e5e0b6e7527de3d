"""The word that a version was registered, with its lineage: an item in a table, an event on a bus, as the hub asks.

The item is written once, conditionally. A bus cannot be asked what it was told, and takes no token that would make a
second event the first one: the event is sent at least once, and after it a note in the store says so; it is only sent
while there is none. Nothing happens between the look for the note, the sending, and the note, so that only a run that
dies right there, or another one that sends in the same moment, makes it two. Whoever listens knows a second one by its
id, the promotion's: of one id all events say the same, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.announce import event, item, same
from controller.core.errors import CloudError, PreconditionError, SafetyError
from controller.core.lineage import Lineage, lineage_key
from controller.core.marks import LINEAGE
from controller.core.model import Action, Key, Resource, Target
from controller.core.record import record_key
from controller.core.view import View
from controller.core.wish import Wish, Wishes
from controller.kinds import lineage
from controller.kinds.base import Client, Facts, World

NAME = "announcement"
SUFFIX = ".announced"


def key(wish: Wish) -> Key:
    subject = wish.subject
    return Key(subject.place.target, NAME, f"{subject.source.account}/{subject.recorded_as}")


def desire(wishes: Wishes) -> Iterator[Resource]:
    for wish in wishes.promotions:
        subject, asked = wish.subject, wish.subject.place.settings.lineage
        if asked is None or not (asked.table or asked.bus) or subject.promotion.approval == "Rejected":
            continue
        known = wish.draft is not None if subject.live is None else LINEAGE in subject.live.metadata
        if not known:  # registered before lineage was kept: there is nothing to tell
            continue
        record = record_key(wish.store.prefix, subject.source.account, subject.recorded_as)
        facts: dict[str, Any] = {
            "bucket": wish.store.bucket,
            "kms": wish.store.kms_key_arn,
            "record": record,
            "table": asked.table,
            "bus": asked.bus,
        }
        if subject.live is not None:
            facts |= {"arn": subject.live.version.arn, "lineage": subject.live.metadata[LINEAGE]}
        yield Resource(key(wish), {"promotion": subject.recorded_as}, (wish.key,), (subject.name,), facts)


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    for wish in wishes.promotions:
        identity = wish.subject.recorded_as
        if identity in views[wish.subject.place.target].announced:
            yield Resource(key(wish), {"promotion": identity})


def reason(before: Any, after: Any) -> str:
    return "absent"


def create(world: World, action: Action) -> Facts:
    facts, target = action.facts, action.key.target
    arn = facts.get("arn") or world.made.of(action.needs, "arn")
    if arn is None:
        raise PreconditionError(f"{action.key.name} has not been registered")
    client = world.cloud.client(target, "s3", "register")
    place = lineage_key(facts["record"])
    found = lineage.read(client, target.account, facts["bucket"], place)
    if found is None:
        raise PreconditionError(f"its lineage s3://{facts['bucket']}/{place} is gone")
    if facts.get("lineage", found.digest) != found.digest:
        why = "find out who wrote below the store's prefix: the version's mark names another document"
        raise PreconditionError(f"its lineage s3://{facts['bucket']}/{place} was changed", why)
    uri = f"s3://{facts['bucket']}/{place}"
    if facts["table"]:
        _put(world.cloud.client(target, "dynamodb", "register"), facts["table"], arn, found, uri)
    bus = world.cloud.client(target, "events", "register") if facts["bus"] else None  # no session begins in between
    if bus is not None and not _noted(client, action):
        _send(bus, facts["bus"], arn, found, uri)
    _note(client, action)
    return {"arn": arn}


def _put(client: Client, table: str, arn: str, found: Lineage, uri: str) -> None:
    new = item(arn, found, uri)
    try:
        client.call(
            "PutItem",
            TableName=table,
            Item=new,
            ConditionExpression="attribute_not_exists(#promotion)",
            ExpressionAttributeNames={"#promotion": "promotion"},
        )
    except CloudError as error:
        if error.code != "ConditionalCheckFailedException":
            raise
        answer = client.call("GetItem", TableName=table, Key={"promotion": new["promotion"]}, ConsistentRead=True)
        if not same(answer.get("Item", {}), new):
            why = "look who wrote it: an item is written once and never changed"
            raise PreconditionError(f"the table {table} says something else of {found.promotion}", why) from error


def _send(client: Client, bus: str, arn: str, found: Lineage, uri: str) -> None:
    answer = client.call("PutEvents", Entries=[event(bus, arn, found, uri)])
    refused = next((entry for entry in answer.get("Entries", []) if entry.get("ErrorCode")), None)
    if refused:
        raise PreconditionError(
            f"the bus {bus} refused the event: {refused['ErrorCode']}: {refused.get('ErrorMessage', '')}"
        )


def _note_key(action: Action) -> str:
    return f"{action.facts['record'].removesuffix('.json')}{SUFFIX}.json"


def _noted(client: Client, action: Action) -> bool:
    """Whether another run has said it since this one looked. Asked last: what is noted is not sent again."""
    place = {"Bucket": action.facts["bucket"], "Key": _note_key(action)}
    try:
        client.call("HeadObject", **place, ExpectedBucketOwner=action.key.target.account)
    except CloudError as error:
        if error.missing:
            return False
        raise
    return True


def _note(client: Client, action: Action) -> None:
    facts = action.facts
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": facts["kms"]} if facts["kms"] else {}
    try:
        client.call(
            "PutObject",
            Bucket=facts["bucket"],
            Key=_note_key(action),
            Body=b"{}",
            ContentType="application/json",
            IfNoneMatch="*",
            ExpectedBucketOwner=action.key.target.account,
            **sealed,
        )
    except CloudError as error:
        if error.code not in lineage.THERE:
            raise


def update(world: World, action: Action) -> Facts:
    raise SafetyError(f"what was said is never changed: {action.key}")


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"what was said is never taken back: {action.key}")
