"""`import`: manifests for what already exists."""

from __future__ import annotations

from datetime import UTC, datetime

from controller.cli.amend import put
from controller.cli.run import opened
from controller.cli.settings import Settings
from controller.core.errors import UsageError
from controller.core.problems import did_you_mean, shown
from controller.source.files import clean_folder
from controller.takein import Asked
from controller.takein import take_in as taken_in


def take_in(
    settings: Settings,
    *,
    hub: str | None,
    spoke: str | None,
    group: str | None,
    locks: bool,
    prove: bool,
    out: str | None,
) -> int:
    """Writes what is in no manifest yet; 5 when something of it cannot be taken in."""
    if (hub is None) == (spoke is None):
        raise UsageError("say what to take in: --hub NAME or --spoke NAME")
    folder = _inside(out, clean_folder(settings.path)) if out else ""
    with opened(settings) as run:
        known = run.manifests
        for kind, name, names in (("Hub", hub, known.hubs), ("Spoke", spoke, known.spokes)):
            if name is not None and name not in names:
                raise UsageError(f"there is no {kind} {shown(name)}", did_you_mean(name, names))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        hubs = (hub,) if hub else tuple(sorted(known.hubs))
        asked = Asked(hubs, spoke or "", group or "", locks, prove, folder, now)
        wanted = taken_in(run.cloud(), known, asked, run.pool, clean_folder(settings.path))
    return put(settings, known, wanted)


def _inside(out: str, manifests: str) -> str:
    """The folder to write to; what stands outside the manifests folder is never read."""
    folder = clean_folder(out, "--out")
    if manifests and not f"{folder}/".startswith(f"{manifests}/"):
        raise UsageError(
            f"--out {shown(out)} is not in {manifests}, where manifests are read", f"did you mean {manifests}/{folder}?"
        )
    return folder
