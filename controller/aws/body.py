"""The bytes of an object as they come: a stream whose faults are `CloudError`s like everybody else's."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ReadTimeoutError, ResponseStreamingError
from botocore.response import StreamingBody

from controller.aws.failures import cloud_error
from controller.aws.pool import Arriving
from controller.core.model import Target


class Body:
    """Reads at most what is asked for; close it, or use it in a `with`, if it is not read to its end."""

    def __init__(self, stream: StreamingBody | Arriving, target: Target) -> None:
        self._stream = stream
        self._target = target

    def read(self, limit: int | None = None) -> bytes:
        """Up to `limit` bytes, all that is left without one; empty at the end. A broken connection: `CloudError`."""
        try:
            data: bytes = self._stream.read(limit)
        except (BotoCoreError, OSError) as error:
            raise cloud_error(_told(error), "s3:GetObject", self._target) from error
        return data

    def close(self) -> None:
        """Gives the connection back."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _told(error: Exception) -> Exception:
    """The same fault as botocore calls it."""
    if isinstance(error, BotoCoreError):
        return error
    if isinstance(error, TimeoutError):
        return ReadTimeoutError(endpoint_url="S3", error=error)
    return ResponseStreamingError(error=error)
