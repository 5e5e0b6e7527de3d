"""FIFO queues: the messages of a group in order, and what is sent twice within five minutes once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from controller.sandbox.sqs.state import Message, Queue
from controller.sandbox.wire import ServiceError

SUFFIX = ".fifo"
INTERVAL = 300.0  # seconds in which SQS knows a message that was sent before, received and deleted ones too
ATTRIBUTES = ("FifoQueue", "ContentBasedDeduplication")


def is_fifo(queue: Queue) -> bool:
    """By its name, which says it."""
    return queue.name.endswith(SUFFIX)


def identity(queue: Queue, body: str, group: str | None, asked: str | None) -> str:
    """What a message is known by: the id that was given, else the sha256 of its body where the queue says so."""
    if not group:
        raise ServiceError("MissingParameter", "The request must contain the parameter MessageGroupId.")
    if asked:
        return asked
    if queue.attributes.get("ContentBasedDeduplication") != "true":
        said = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
        raise ServiceError("InvalidParameterValue", f"{said} explicitly")
    return hashlib.sha256(body.encode()).hexdigest()


def before(queue: Queue, name: str, now: float) -> Message | None:
    """The message of this identity that was sent less than five minutes ago."""
    queue.sent = {key: item for key, item in queue.sent.items() if now - item.sent < INTERVAL}
    return queue.sent.get(name)


def receivable(queue: Queue, now: float) -> Iterator[Message]:
    """What may be given now: of a group nothing beyond a message that is hidden."""
    held: set[str | None] = set()
    for item in queue.messages:
        if item.visible > now:
            held.add(item.group)
        elif item.group not in held or not is_fifo(queue):
            yield item
