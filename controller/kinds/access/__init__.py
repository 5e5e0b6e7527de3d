"""The kinds of access: policies, roles, buses, queues and rules, in an order that each comes after what it needs."""

from __future__ import annotations

from collections.abc import Mapping

from controller.kinds.access.base import AccessKind
from controller.kinds.access.oidc import OIDC_PROVIDER
from controller.kinds.access.policies import (
    BUCKET_POLICY,
    BUS_POLICY,
    GROUP_POLICY,
    KEY_POLICY,
    QUEUE_POLICY,
    REPOSITORY_POLICY,
)
from controller.kinds.access.roles import ROLE, ROLE_POLICY
from controller.kinds.access.wires import BUS, DEAD_QUEUE, QUEUE, RULE

ACCESS_KINDS: tuple[AccessKind, ...] = (
    OIDC_PROVIDER,
    ROLE,
    ROLE_POLICY,
    BUCKET_POLICY,
    REPOSITORY_POLICY,
    GROUP_POLICY,
    KEY_POLICY,
    BUS,
    BUS_POLICY,
    DEAD_QUEUE,
    QUEUE,
    QUEUE_POLICY,
    RULE,
)
ACCESS_BY_NAME: Mapping[str, AccessKind] = {kind.NAME: kind for kind in ACCESS_KINDS}
