"""What a kind of access is: read where it stands, compared, and brought about with an administrator's credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from controller.core.access.document import Document
from controller.core.errors import CloudError
from controller.core.model import Action, Key
from controller.kinds.base import Client, Cloud, Effects, Facts, World

__all__ = ["AccessKind", "Facts", "World", "absent", "reader", "reason", "writer"]

_ABSENT = frozenset(
    {
        "NoSuchEntity",
        "NoSuchEntityException",
        "NoSuchBucketPolicy",
        "RepositoryPolicyNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    }
)


class AccessKind(Effects, Protocol):
    """A kind of access. Nothing of it is ever deleted: an update takes our statements out."""

    @property
    def NAME(self) -> str: ...  # noqa: N802  (as of all kinds)

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        """What of the document is there and ours, in the shape of its spec; None when nothing is.

        `CloudError` for what cannot be read; `PreconditionError` for what cannot be understood; `WaitingError` where
        the thing that it belongs to is not there yet.
        """
        ...


def reason(before: Any, after: Any) -> str:
    """Why two specs differ; another role by the same name is not ours to change."""
    if before is None:
        return "absent"
    return "taken" if before.get("arn") != after.get("arn") else "access"


def absent(error: CloudError) -> bool:
    """Whether AWS says that the thing asked for is not there."""
    return error.code in _ABSENT


def reader(cloud: Cloud, key: Key, service: str) -> Client:
    """A client that looks."""
    return cloud.client(key.target, service, "read")


def writer(world: World, action: Action, service: str) -> Client:
    """A client that changes."""
    return world.cloud.client(action.key.target, service, "register")
