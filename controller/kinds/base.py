"""The seams between the kinds and the outside: a client per account, purpose and service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

from controller.core.model import Target

Purpose = Literal["read", "register", "approve"]


class Client(Protocol):
    """One AWS service of one account and region, seen through one role. Every failure is a `core.errors.CloudError`."""

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call by its API name: `call("DescribeModelPackage", ModelPackageName=arn)`; the parsed answer without metadata."""
        ...

    def pages(self, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All items of the list `result` over all pages; a page that repeats its token, or too many pages, is an error."""
        ...


class Cloud(Protocol):
    """Clients for everything that a run may touch. While planning it refuses every operation that is not a known read."""

    def client(self, target: Target, service: str, purpose: Purpose = "read") -> Client:
        """`service` is botocore's name: sagemaker, s3, ecr, sts. The account is proven on first use, else `AccountError`."""
        ...


class Registries(Protocol):
    """Image registries by their host name, with the credentials of an account."""

    def copy(self, source: str, destination: str, digest: str, tag: str) -> Mapping[str, Any]:
        """Copies one image by `digest` between repositories (`host/name`) and tags it; {"bytes": moved, "skipped": bytes}."""
        ...
