"""One SQS queue: messages taken, held while they are worked on, and done with."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.core.errors import HubwrightError, UsageError
from controller.core.model import Target
from controller.kinds.base import Client

_PATH = re.compile(r"/([0-9]{12})/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)")
_HOST = re.compile(r"sqs(?:-fips)?\.([a-z0-9-]+)\.")
_MOST = 10  # messages in one call
_VISIBILITY = 30


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received; `receipt` is what it is deleted by."""

    id: str
    receipt: str
    body: str


def queue_place(url: str, region: str) -> Target:
    """The account and region of a queue by its URL; `region` where the URL has none. UsageError for no queue's URL."""
    parts = urlsplit(url)
    path, host = _PATH.fullmatch(parts.path), _HOST.match(parts.hostname or "")
    if parts.scheme not in ("http", "https") or path is None:
        raise UsageError(f"--queue {url!r} is not the URL of a queue", "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    return Target(path[1], host[1] if host else region)


class Queue:
    """A queue by its URL, through a client of its account."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url
        self._visibility = 0

    @property
    def visibility(self) -> int:
        """For how many seconds a received message stays hidden, as the queue says, or 30; asked once."""
        if not self._visibility:
            names = ["VisibilityTimeout"]
            answer = self._client.call("GetQueueAttributes", QueueUrl=self._url, AttributeNames=names)
            self._visibility = int(answer.get("Attributes", {}).get("VisibilityTimeout") or 0) or _VISIBILITY
        return self._visibility

    def receive(self, wait: int) -> list[Message]:
        """Up to ten messages; waits at most so many seconds for the first."""
        answer = self._client.call(
            "ReceiveMessage", QueueUrl=self._url, MaxNumberOfMessages=_MOST, WaitTimeSeconds=wait
        )
        rows = answer.get("Messages") or []
        return [Message(row["MessageId"], row["ReceiptHandle"], row.get("Body", "")) for row in rows]

    def done(self, messages: Sequence[Message]) -> None:
        """Deletes them. One that cannot be deleted comes again, and then changes nothing."""
        rows = [{"Id": str(index), "ReceiptHandle": item.receipt} for index, item in enumerate(messages)]
        if rows:
            self._client.call("DeleteMessageBatch", QueueUrl=self._url, Entries=rows)

    @contextmanager
    def held(self, messages: Sequence[Message], failed: Callable[[HubwrightError], None]) -> Iterator[None]:
        """Keeps them hidden for as long as the work takes; a kill shows them again after the queue's own time."""
        ended = threading.Event()
        thread = threading.Thread(target=self._hold, args=(messages, ended, failed), daemon=True, name="holder")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _hold(self, messages: Iterable[Message], ended: threading.Event, failed: Callable[..., None]) -> None:
        try:
            seconds = self.visibility
        except HubwrightError as error:
            failed(error)
            seconds = _VISIBILITY
        while not ended.wait(seconds / 3):
            rows = [
                {"Id": str(index), "ReceiptHandle": item.receipt, "VisibilityTimeout": seconds}
                for index, item in enumerate(messages)
            ]
            try:
                self._client.call("ChangeMessageVisibilityBatch", QueueUrl=self._url, Entries=rows)
            except HubwrightError as error:
                failed(error)
