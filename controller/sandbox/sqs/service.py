"""SQS's operations, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from controller.sandbox.principals import Caller
from controller.sandbox.sqs import messages, queues
from controller.sandbox.sqs.queues import Document
from controller.sandbox.world import World

Operation = Callable[[World, Caller, Document], Document]

OPERATIONS: dict[str, Operation] = {
    "CreateQueue": queues.create_queue,
    "GetQueueUrl": queues.get_queue_url,
    "ListQueues": queues.list_queues,
    "DeleteQueue": queues.delete_queue,
    "PurgeQueue": queues.purge_queue,
    "GetQueueAttributes": queues.get_queue_attributes,
    "SetQueueAttributes": queues.set_queue_attributes,
    "ListQueueTags": partial(queues.queue_tags, deed="list"),
    "TagQueue": partial(queues.queue_tags, deed="tag"),
    "UntagQueue": partial(queues.queue_tags, deed="untag"),
    "SendMessage": messages.send_message,
    "SendMessageBatch": messages.send_message_batch,
    "ReceiveMessage": messages.receive_message,
    "DeleteMessage": messages.delete_message,
    "DeleteMessageBatch": messages.delete_message_batch,
    "ChangeMessageVisibility": messages.change_message_visibility,
    "ChangeMessageVisibilityBatch": messages.change_message_visibility_batch,
}
