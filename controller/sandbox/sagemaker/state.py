"""What the model registry of one account and region keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """A package's body from a call and a time on; None: deleted. Bodies are replaced, never changed."""

    number: int
    time: float
    body: Document | None


@dataclass(slots=True)
class Package:
    """One model package. `history` ends with what is true now; lagging readers may still see earlier ones."""

    key: str  # lower-case "group/3", or the name of an unversioned one
    arn: str
    group: str | None
    version: int | None
    born: float
    script: tuple[str, ...]
    history: list[Version] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    looks: int = 0  # how often its status was described
    told: str = ""  # the status that the last event told

    @property
    def body(self) -> Document | None:
        """What is true now; None when deleted."""
        return self.history[-1].body


@dataclass(slots=True)
class Group:
    """One package group. `last` is the highest version number ever given."""

    name: str
    arn: str
    body: Document
    tags: dict[str, str]
    number: int  # the call that created it
    born: float
    policy: str | None = None
    last: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A remembered ClientToken: the digest of what came with it and the package it made."""

    digest: str
    arn: str
    number: int
    time: float


@dataclass(slots=True)
class Models:
    """Groups by lower-case name, packages by lower-case key, tokens by caller account and token.

    `jobs` are training jobs by name, `executions` pipeline runs by ARN with their steps; `made` are models by
    lower-case name.
    """

    account: str
    region: str
    groups: dict[str, Group] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)
    tokens: dict[tuple[str, str], Token] = field(default_factory=dict)
    jobs: dict[str, Document] = field(default_factory=dict)
    executions: dict[str, tuple[Document, list[Document]]] = field(default_factory=dict)
    made: dict[str, Document] = field(default_factory=dict)
