"""Reads the manifests that the settings name; what needs nothing else is spared the AWS SDK."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from controller.cli.settings import Settings
from controller.core.manifests import Manifests
from controller.source.load import load


def read_manifests(settings: Settings, added: Mapping[str, bytes] | None = None) -> Manifests:
    """The manifests, checked, as if the files `added` by path were among them; their faults are in `problems`."""
    return load(
        Path(settings.repo),
        ref=settings.ref,
        worktree=settings.worktree,
        path=settings.path,
        platform=settings.platform,
        attribution=False,
        added=added,
    )
