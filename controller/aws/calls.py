"""What was asked of AWS and of the registries: enough to count and to debug, never a body, a header or a secret."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from controller.aws.reads import is_read

_NAMES = (
    "ModelPackageArn",
    "ModelPackageName",
    "ModelPackageGroupName",
    "ResourceArn",
    "RoleArn",
    "registryId",
    "repositoryName",
    "resourceArn",
    "Resource",
    "TableName",
    "EventBusName",
    "RoleName",
    "KeyId",
    "Name",
)
_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """One answered (or unanswered) call.

    `resource` is the ARN, `bucket/key` or repository that the parameters name, or empty; `status` HTTP's, 0 when no
    answer came; `code` the error code, or empty; `attempts` counts what was sent, botocore's retries included;
    `request` is AWS's own id of the last of them, or empty.
    """

    service: str
    operation: str
    account: str
    region: str
    resource: str = ""
    status: int = 0
    code: str = ""
    seconds: float = 0.0
    attempts: int = 1
    request: str = ""

    @property
    def mutating(self) -> bool:
        """Whether the call is not on the list of reads."""
        return not is_read(self.service, self.operation)


class CallLog:
    """All calls of one run, in the order in which they ended; safe for threads.

    With a `stream`, each is also written to it as one line of JSON. The last 100,000 are kept, `total` counts all.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Call] = deque(maxlen=_KEPT)
        self._stream = stream
        self.total = 0

    def record(self, call: Call) -> None:
        """Adds one call."""
        with self._lock:
            self._kept.append(call)
            self.total += 1
            if self._stream is not None:
                self._stream.write(json.dumps(asdict(call) | {"mutating": call.mutating}, sort_keys=True) + "\n")

    @property
    def calls(self) -> tuple[Call, ...]:
        """What is kept, oldest first."""
        with self._lock:
            return tuple(self._kept)

    @property
    def mutations(self) -> tuple[Call, ...]:
        """The calls that are not reads."""
        return tuple(call for call in self.calls if call.mutating)


def resource_of(service: str, parameters: Mapping[str, Any]) -> str:
    """What the parameters of a call name: an ARN, `bucket/key`, `account/repository`; empty if nothing."""
    if service == "s3":
        return "/".join(str(parameters[name]) for name in ("Bucket", "Key") if name in parameters)
    if service == "ecr":
        named = (parameters.get("registryId"), parameters.get("repositoryName"))
        return "/".join(str(part) for part in named if part) or str(parameters.get("resourceArn", ""))
    return next((str(parameters[name]) for name in _NAMES if isinstance(parameters.get(name), str)), "")
