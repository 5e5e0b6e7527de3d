"""The call log: what was asked of the sandbox, by whom, and how it ended; never bodies, headers or secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

READS = (
    "Describe",
    "List",
    "Get",
    "Head",
    "Search",
    "Batch",
    "Lookup",
    "Query",
    "Scan",
    "Assume",
    "Render",
    "Decode",
    "Test",
    "Simulate",
)
WRITES = frozenset({"BatchDeleteImage", "BatchWriteItem", "BatchExecuteStatement", "ReceiveMessage"})


def mutates(service: str, operation: str) -> bool:
    """Whether an operation is one that can change something; sessions and tokens change nothing."""
    if service == "registry":
        return not operation.startswith(("Get", "Head"))
    return operation in WRITES or not operation.startswith(READS)


@dataclass(slots=True)
class Call:
    """One call. `account` is the caller's, of a registry request the registry's.

    `status` is HTTP's, 0 while under way and when nothing was applied; `code` is that of an error.
    """

    number: int
    service: str
    operation: str
    account: str
    region: str
    principal: str
    resource: str
    mutating: bool
    time: float
    status: int = 0
    code: str = ""

    def document(self) -> dict[str, Any]:
        """The call as JSON values."""
        return {name: getattr(self, name) for name in Call.__slots__}


_NAMES = (
    "ModelPackageArn",
    "ModelPackageName",
    "ModelPackageGroupName",
    "ResourceArn",
    "repositoryName",
    "resourceArn",
    "RoleArn",
    "Name",
    "TableName",
    "QueueUrl",
    "KeyId",
    "Resource",
)


def named_resource(document: dict[str, Any]) -> str:
    """The thing that a JSON request names first."""
    for name in _NAMES:
        value = document.get(name)
        if isinstance(value, str):
            return value[:2048]
    return ""
