"""What access consists of: documents with a place, who brings them about, and how long each may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.access.settings import Manage
from controller.core.access.statement import policy_text
from controller.core.model import Key

LIMITS: Mapping[str, int] = {
    "bucket_policy": 20_480,
    "repository_policy": 10_240,
    "group_policy": 20_480,
    "key_policy": 32_768,
    "bus_policy": 10_240,
    "queue_policy": 8_192,
    "role": 2_048,  # its trust policy; the quota can be raised to 8,192
    "role_policy": 10_240,
    "rule": 2_048,
}
"""The most characters that AWS takes of each kind's document."""


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that access needs.

    `spec` is what of it is ours: `{"statements": {Sid: statement}}` of a policy. `why` says in one line what it is for;
    `needs` must exist first; `origins` are the manifests that ask for it; `where` is their files.
    """

    key: Key
    spec: Mapping[str, Any]
    why: str
    manage: Manage = "apply"
    needs: tuple[Key, ...] = ()
    origins: tuple[str, ...] = ()

    @property
    def statements(self) -> Mapping[str, Any]:
        """The statements by Sid; none of what is no policy."""
        found: Mapping[str, Any] = self.spec.get("statements", {})
        return found

    @property
    def size(self) -> int:
        """Characters of the document, as far as it is ours."""
        if self.key.kind == "rule":
            return len(str(self.spec["pattern"]))
        return len(policy_text(self.statements)) if self.statements else 0
