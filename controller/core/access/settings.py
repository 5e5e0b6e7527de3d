"""What manifests say of access: names of roles, who may assume them, who brings documents about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Manage = Literal["apply", "render", "observe"]


@dataclass(frozen=True, slots=True)
class Iam:
    """How roles are called and bounded; `callers` are ARNs. The boundary is a policy's name in each account."""

    path: str = "/"
    permissions_boundary: str | None = None
    callers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HubSubjects:
    plan: tuple[str, ...] = ()
    reconcile: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HubCi:
    issuer: str
    audience: str
    subjects: HubSubjects


@dataclass(frozen=True, slots=True)
class SpokeSubjects:
    push: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpokeCi:
    issuer: str
    audience: str
    subjects: SpokeSubjects
