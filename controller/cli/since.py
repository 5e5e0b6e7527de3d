"""`--since`: what a branch brings, apart from what was so before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from controller.cli.reading import read_manifests
from controller.cli.settings import Settings
from controller.core.brought import brought
from controller.core.errors import HubwrightError
from controller.core.manifests import Manifests
from controller.source.base import merge_base


def brought_since(settings: Settings, manifests: Manifests, since: str) -> frozenset[str]:
    """The origins of what the revision at hand asks for and its merge base with `since` did not."""
    start = merge_base(Path(settings.repo), settings.ref, since)
    try:
        before = read_manifests(replace(settings, ref=start, worktree=False))
    except HubwrightError:
        return brought(None, manifests)  # there was no fleet yet, or none that could be read
    return brought(before, manifests)
