"""`trace`: from a hub version back to its training job, data and commit, and forward to its readers."""

from __future__ import annotations

from controller.cli.output import write
from controller.cli.run import opened
from controller.cli.settings import Settings
from controller.core.errors import HubwrightError
from controller.core.reasons import EXITS
from controller.core.redact import redacted_all
from controller.core.trace import parse_asked
from controller.render.document import to_json
from controller.render.trace import mermaid, text
from controller.trace import trace as find


def trace(settings: Settings, asked: str, form: str) -> int:
    """Writes what is known to stdout. Evidence that does not agree, or a hub that could not be read: exit 5."""
    wanted = parse_asked(asked)
    with opened(settings) as run:
        run.progress.step("reading the hubs")
        found = find(run.cloud(), run.manifests, wanted, run.pool)
    if not found.versions and not found.blind:
        raise HubwrightError(
            f"no version in any hub is, holds or was made from {asked}",
            "a version that Hubwright did not promote has no lineage",
        )
    document = redacted_all(found.to_json())
    if form == "json":
        write(to_json(document))
    else:
        write(text(document) if form == "text" else mermaid(document))
    return 0 if found.sound else EXITS["conflict"]
