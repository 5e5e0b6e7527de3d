"""Queues: create, find, attributes, tags, and putting messages in."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from controller.core.arn import partition_of
from controller.sandbox.authz.documents import PolicyError, read_policy
from controller.sandbox.iam.common import check_principals
from controller.sandbox.principals import Caller
from controller.sandbox.sqs.fifo import ATTRIBUTES, SUFFIX, before, identity, is_fifo
from controller.sandbox.sqs.state import Message, Queue
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

Document = dict[str, Any]
_DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
}
_BOUNDS = {
    "VisibilityTimeout": (0, 43_200),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_OTHERS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled")


def error(code: str, said: str, query: str | None = None) -> ServiceError:
    """An error of SQS, with the code that clients of the older protocol know."""
    fault = ServiceError(code, said)
    fault.headers["x-amzn-query-error"] = f"{query or code};Sender"
    return fault


def url_of(world: World, queue: Queue) -> str:
    """A queue's address."""
    return f"{world.origin}/{queue.account}/{queue.name}"


def by_arn(world: World, arn: str) -> Queue | None:
    """A queue by its ARN, None when there is none."""
    parts = arn.split(":")
    if len(parts) != 6:
        return None
    return world.queues.get((parts[4], parts[3], parts[5]))


def find_queue(world: World, caller: Caller, document: Document) -> Queue:
    """The queue of a request's QueueUrl, in the called region; QueueDoesNotExist."""
    found = re.fullmatch(r".*/(\d{12})/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)/?", document["QueueUrl"])
    queue = world.queues.get((found[1], caller.region, found[2])) if found else None
    if queue is None:
        raise error(
            "QueueDoesNotExist", "The specified queue does not exist.", "AWS.SimpleQueueService.NonExistentQueue"
        )
    return queue


def _check_redrive(text: str) -> None:
    try:
        policy = json.loads(text)
        good = policy["deadLetterTargetArn"].startswith("arn:") and 1 <= int(policy["maxReceiveCount"]) <= 1000
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise error("InvalidParameterValue", f"Value {text} for parameter RedrivePolicy is invalid.")


def _check_attributes(world: World, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        if name in _BOUNDS:
            low, high = _BOUNDS[name]
            if not value.isdecimal() or not low <= int(value) <= high:
                raise error("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        elif name in ATTRIBUTES and value in ("true", "false"):
            continue
        elif name not in _OTHERS:
            raise error("InvalidAttributeName", f"Unknown Attribute {name}.")
        elif name == "RedrivePolicy" and value:
            _check_redrive(value)
        elif name == "Policy" and value:
            try:
                check_principals(world, read_policy(value, "resource"), "InvalidAttributeValue")
            except PolicyError as fault:
                raise error(
                    "InvalidAttributeValue", f"Invalid value for the parameter Policy. Reason: {fault}"
                ) from fault


def create_queue(world: World, caller: Caller, document: Document) -> Document:
    """Creates a queue; again with the same attributes gives the same, with others QueueNameExists."""
    name, attributes = document["QueueName"], dict(document.get("Attributes") or {})
    fifo = attributes.get("FifoQueue") == "true"
    if len(name) > 80 or not re.fullmatch(r"[A-Za-z0-9_-]+" + (re.escape(SUFFIX) if fifo else ""), name):
        raise error(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length; "
            "the name of a FIFO queue ends in .fifo, and no other's does",
        )
    if not fifo and (unfit := sorted({*ATTRIBUTES} & {*attributes})):
        raise error("InvalidAttributeName", f"Unknown Attribute {unfit[0]}.")
    _check_attributes(world, attributes)
    place = (caller.account, caller.region, name)
    kept = world.queues.get(place)
    if kept is not None:
        known = _DEFAULTS | kept.attributes
        if any(known.get(key) != value for key, value in attributes.items()):
            raise error(
                "QueueNameExists",
                "A queue already exists with the same name and a different value for an attribute",
                "QueueAlreadyExists",
            )
        return {"QueueUrl": url_of(world, kept)}
    arn = f"arn:{partition_of(caller.region)}:sqs:{caller.region}:{caller.account}:{name}"
    queue = Queue(
        name, arn, caller.account, caller.region, world.clock.now(), attributes, dict(document.get("tags") or {})
    )
    world.queues[place] = queue
    return {"QueueUrl": url_of(world, queue)}


def get_queue_url(world: World, caller: Caller, document: Document) -> Document:
    """A queue's address by its name."""
    account = document.get("QueueOwnerAWSAccountId") or caller.account
    return {"QueueUrl": url_of(world, find_queue(world, caller, {"QueueUrl": f"/{account}/{document['QueueName']}"}))}


def list_queues(world: World, caller: Caller, document: Document) -> Document:
    """Addresses by a prefix of the name."""
    prefix = document.get("QueueNamePrefix") or ""
    mine = [
        queue
        for (account, region, name), queue in sorted(world.queues.items())
        if (account, region) == (caller.account, caller.region) and name.startswith(prefix)
    ]
    return {"QueueUrls": [url_of(world, queue) for queue in mine]} if mine else {}


def delete_queue(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a queue with its messages."""
    queue = find_queue(world, caller, document)
    del world.queues[queue.account, queue.region, queue.name]
    return {}


def purge_queue(world: World, caller: Caller, document: Document) -> Document:
    """Forgets all messages."""
    find_queue(world, caller, document).messages.clear()
    return {}


def get_queue_attributes(world: World, caller: Caller, document: Document) -> Document:
    """The attributes asked for, or `All`."""
    queue = find_queue(world, caller, document)
    now = world.clock.now()
    counts = {
        "ApproximateNumberOfMessages": sum(item.visible <= now for item in queue.messages),
        "ApproximateNumberOfMessagesNotVisible": sum(
            item.visible > now and item.received > 0 for item in queue.messages
        ),
        "ApproximateNumberOfMessagesDelayed": sum(item.visible > now and item.received == 0 for item in queue.messages),
        "CreatedTimestamp": int(queue.created),
        "LastModifiedTimestamp": int(queue.created),
    }
    found = _DEFAULTS | {"SqsManagedSseEnabled": "true", "QueueArn": queue.arn}
    found |= {name: str(value) for name, value in counts.items()} | queue.attributes
    asked = document.get("AttributeNames") or []
    if "All" not in asked:
        found = {name: value for name, value in found.items() if name in asked}
    return {"Attributes": found} if found else {}


def set_queue_attributes(world: World, caller: Caller, document: Document) -> Document:
    """Sets attributes; an empty Policy or RedrivePolicy takes it away."""
    queue, changes = find_queue(world, caller, document), document["Attributes"]
    _check_attributes(world, changes)
    merged = queue.attributes | changes
    queue.attributes = {name: value for name, value in merged.items() if value}
    return {}


def queue_tags(world: World, caller: Caller, document: Document, deed: str) -> Document:
    """Lists, adds or removes tags."""
    tags = find_queue(world, caller, document).tags
    tags.update(document["Tags"] if deed == "tag" else {})
    for key in document["TagKeys"] if deed == "untag" else ():
        tags.pop(key, None)
    return {"Tags": dict(tags)} if deed == "list" and tags else {}


def enqueue(
    world: World,
    queue: Queue,
    body: str,
    attributes: dict[str, Any],
    *,
    sender: str = "AIDAEVENTS",
    delay: float | None = None,
    group: str | None = None,
    known_by: str | None = None,
) -> Message:
    """Puts a message in and wakes those who wait. `known_by`, else its body, tells a FIFO queue that it is there."""
    now = world.clock.now()
    key = identity(queue, body, group, known_by) if is_fifo(queue) else ""
    if key and (there := before(queue, key, now)):
        return there
    text = hashlib.sha256(f"message {world.next_serial()}".encode()).hexdigest()
    name = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"
    seconds = float(queue.attributes.get("DelaySeconds", "0")) if delay is None else delay
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    message = Message(name, body, digest, attributes, now, now + seconds, sender, group)
    queue.messages.append(message)
    queue.sent |= {key: message} if key else {}
    world.arrivals.notify_all()
    return message
