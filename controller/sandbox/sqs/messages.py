"""Messages: send, receive, change visibility, delete, one by one and in batches of ten."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from controller.sandbox.principals import Caller
from controller.sandbox.sqs.fifo import receivable
from controller.sandbox.sqs.queues import Document, by_arn, enqueue, error, find_queue
from controller.sandbox.sqs.state import Message, Queue
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_ALLOWED = "\t\n\r"


def _attributes_digest(attributes: dict[str, Any]) -> str:
    """The MD5 that clients compare with their own."""
    state = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        item = attributes[name]
        kind = item["DataType"]
        state.update(struct.pack("!I", len(name.encode())) + name.encode())
        state.update(struct.pack("!I", len(kind)) + kind.encode())
        value = str(item.get("StringValue", "")).encode()
        state.update(b"\x01" + struct.pack("!I", len(value)) + value)
    return state.hexdigest()


def _send(world: World, caller: Caller, queue: Queue, document: Document) -> Document:
    body = document["MessageBody"]
    limit = int(queue.attributes.get("MaximumMessageSize", "262144"))
    if not body or any(ord(char) < 32 and char not in _ALLOWED for char in body):
        raise error("InvalidMessageContents", "Message contains characters outside the allowed set.")
    if len(body.encode()) > limit:
        raise error(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.",
        )
    attributes = document.get("MessageAttributes") or {}
    message = enqueue(
        world,
        queue,
        body,
        attributes,
        sender=caller.id,
        delay=document.get("DelaySeconds"),
        group=document.get("MessageGroupId"),
        known_by=document.get("MessageDeduplicationId"),
    )
    found = {"MessageId": message.id, "MD5OfMessageBody": message.digest}
    return found | ({"MD5OfMessageAttributes": _attributes_digest(attributes)} if attributes else {})


def send_message(world: World, caller: Caller, document: Document) -> Document:
    """Puts one message in."""
    return _send(world, caller, find_queue(world, caller, document), document)


def _retire(world: World, queue: Queue) -> None:
    """Moves messages received too often to the dead-letter queue, and forgets those that are too old."""
    now = world.clock.now()
    age = float(queue.attributes.get("MessageRetentionPeriod", "345600"))
    queue.messages[:] = [item for item in queue.messages if now - item.sent <= age]
    text = queue.attributes.get("RedrivePolicy")
    policy = json.loads(text) if text else None
    dead = by_arn(world, policy["deadLetterTargetArn"]) if policy else None
    if policy is None or dead is None:
        return
    most = int(policy["maxReceiveCount"])
    for item in [item for item in queue.messages if item.received >= most and item.visible <= now]:
        queue.messages.remove(item)
        item.receipt, item.received, item.visible = "", 0, now
        dead.messages.append(item)


def _take(world: World, queue: Queue, document: Document) -> list[Message]:
    _retire(world, queue)
    now = world.clock.now()
    limit = document.get("MaxNumberOfMessages") or 1
    usual = queue.attributes.get("VisibilityTimeout", "30")
    asked = document.get("VisibilityTimeout")
    hidden = float(usual) if asked is None else float(asked)
    taken = [*islice(receivable(queue, now), limit)]
    for item in taken:
        item.received += 1
        item.first = item.first or now
        item.visible = now + hidden
        item.receipt = hashlib.sha256(f"receipt {world.next_serial()}".encode()).hexdigest()
    return taken


def receive_message(world: World, caller: Caller, document: Document) -> Document:
    """Up to ten visible messages; waits for the first up to WaitTimeSeconds, without holding anybody up.

    With a logical clock the wait only moves the clock.
    """
    limit = document.get("MaxNumberOfMessages") or 1
    if not 1 <= limit <= 10:
        raise error(
            "InvalidParameterValue",
            f"Value {limit} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10.",
        )
    queue = find_queue(world, caller, document)
    wait = document.get("WaitTimeSeconds")
    seconds = float(queue.attributes.get("ReceiveMessageWaitTimeSeconds", "0") if wait is None else wait)
    ends = time.monotonic() + seconds
    while not (taken := _take(world, queue, document)) and seconds:
        left = ends - time.monotonic()
        if world.clock.logical:
            world.clock.advance(seconds)
            seconds = 0
        elif left <= 0:
            break
        else:
            world.arrivals.wait(min(left, 0.2))  # hidden messages come back by the clock alone
            queue = find_queue(world, caller, document)
    asked = [*(document.get("MessageSystemAttributeNames") or ()), *(document.get("AttributeNames") or ())]
    names = document.get("MessageAttributeNames") or []
    rows = [_shown(item, asked, names) for item in taken]
    return {"Messages": rows} if rows else {}


def _shown(item: Message, asked: list[str], names: list[str]) -> Document:
    found: Document = {
        "MessageId": item.id,
        "ReceiptHandle": item.receipt,
        "MD5OfBody": item.digest,
        "Body": item.body,
    }
    system = {
        "SenderId": item.sender,
        "SentTimestamp": str(int(item.sent * 1000)),
        "ApproximateReceiveCount": str(item.received),
        "ApproximateFirstReceiveTimestamp": str(int(item.first * 1000)),
    }
    chosen = {name: value for name, value in system.items() if "All" in asked or name in asked}
    found |= {"Attributes": chosen} if chosen else {}
    every = {"All", ".*"} & set(names)
    kept = {name: value for name, value in item.attributes.items() if every or name in names}
    return found | ({"MessageAttributes": kept, "MD5OfMessageAttributes": _attributes_digest(kept)} if kept else {})


def _held(queue: Queue, receipt: str) -> Message | None:
    return next((item for item in queue.messages if item.receipt and item.receipt == receipt), None)


def _delete(_world: World, queue: Queue, document: Document) -> Document:
    """With the receipt of the last time it was received; an older one, or one of a deleted message, does nothing."""
    if len(document["ReceiptHandle"]) != 64:
        raise error("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
    item = _held(queue, document["ReceiptHandle"])
    if item is not None:
        queue.messages.remove(item)
    return {}


def _change(world: World, queue: Queue, document: Document) -> Document:
    seconds = document["VisibilityTimeout"]
    if not 0 <= seconds <= 43_200:
        raise error(
            "InvalidParameterValue",
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.",
        )
    item = _held(queue, document["ReceiptHandle"])
    if item is None or item.visible <= world.clock.now():
        raise error(
            "InvalidParameterValue",
            f"Value {document['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: Message does not exist "
            "or is not available for visibility timeout change.",
        )
    item.visible = world.clock.now() + seconds
    world.arrivals.notify_all()
    return {}


def delete_message(world: World, caller: Caller, document: Document) -> Document:
    """Deletes by receipt."""
    return _delete(world, find_queue(world, caller, document), document)


def change_message_visibility(world: World, caller: Caller, document: Document) -> Document:
    """Hides a received message for so long from now on; 0 shows it again."""
    return _change(world, find_queue(world, caller, document), document)


def _batch(document: Document, deed: Callable[[Document], Document]) -> Document:
    entries = document.get("Entries") or []
    if not entries:
        raise error(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
            "AWS.SimpleQueueService.EmptyBatchRequest",
        )
    if len(entries) > 10:
        raise error(
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        )
    if len({entry["Id"] for entry in entries}) != len(entries):
        raise error("BatchEntryIdsNotDistinct", "Id repeated.", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
    good, bad = [], []
    for entry in entries:
        try:
            good.append({"Id": entry["Id"], **deed(entry)})
        except ServiceError as fault:
            bad.append({"Id": entry["Id"], "SenderFault": True, "Code": fault.code, "Message": fault.message})
    return {"Successful": good, "Failed": bad}


def send_message_batch(world: World, caller: Caller, document: Document) -> Document:
    """Up to ten messages."""
    queue = find_queue(world, caller, document)
    return _batch(document, lambda entry: _send(world, caller, queue, entry))


def delete_message_batch(world: World, caller: Caller, document: Document) -> Document:
    """Up to ten deletions."""
    queue = find_queue(world, caller, document)
    return _batch(document, lambda entry: _delete(world, queue, entry))


def change_message_visibility_batch(world: World, caller: Caller, document: Document) -> Document:
    """Up to ten changes."""
    queue = find_queue(world, caller, document)
    return _batch(document, lambda entry: _change(world, queue, entry))
