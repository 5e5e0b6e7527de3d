"""The kinds of resources, in reading order. A new kind is one module here and one entry in `KINDS`."""

from __future__ import annotations

from collections.abc import Mapping

from controller.kinds import announcement, approval, artifact, group, image, package, repository
from controller.kinds.base import Kind

KINDS: tuple[Kind, ...] = (group, repository, image, artifact, package, announcement, approval)
BY_NAME: Mapping[str, Kind] = {kind.NAME: kind for kind in KINDS}
