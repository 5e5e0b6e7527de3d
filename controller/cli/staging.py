"""What a page has beside the report: the history of the manifests, and how promotions stood in an earlier plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from controller.cli.run import Run
from controller.cli.saved import saved_plan
from controller.core.errors import UsageError
from controller.core.past import events
from controller.core.report import Report
from controller.core.scene import scene
from controller.figures import lineages
from controller.reconcile import Thought
from controller.render.beside import stands
from controller.source.pasts import Pasts


def staged(run: Run, thought: Thought, report: Report, before: Path | None) -> Report:
    """The report with its scene, for a page. `UsageError` for an earlier plan that is none."""
    settings = run.settings
    earlier = None if before is None else standings(before)
    ref = "HEAD" if settings.worktree else settings.ref
    happened = events(Pasts(Path(settings.repo), ref, settings.path).steps)
    known = lineages(run.cloud(), thought.subjects.values(), thought.views, run.pool)
    return replace(report, scene=replace(scene(thought.subjects, thought.views, happened, known), earlier=earlier))


def standings(file: Path) -> dict[str, str] | None:
    """How each promotion of a saved plan stood, by name; None where the file is not there yet."""
    if not file.exists():
        return None
    rows = saved_plan(file)["promotions"]
    try:
        return {str(row["name"]): stands(str(row["standing"]), str(row["isNow"])) for row in rows}
    except (KeyError, TypeError) as error:
        raise UsageError(f"{file} is not a plan: its promotions cannot be read") from error
