"""`plan` and `reconcile`: the straight line from the command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from controller.cli.auditing import audited
from controller.cli.files import write_whole
from controller.cli.output import also_of, shown, write, write_also
from controller.cli.run import Run, opened
from controller.cli.saved import saved_ids
from controller.cli.settings import Settings
from controller.cli.since import brought_since
from controller.cli.staging import staged
from controller.cli.stop import STOP
from controller.cli.term import Progress
from controller.cli.unseen import remark_unseen
from controller.core.access.facts import PLAN
from controller.core.model import Action, Outcome
from controller.core.plan import Plan, within
from controller.core.report import Report
from controller.preflight import Foresight, explained, foresee, held_back
from controller.reconcile import Thought
from controller.reconcile import reconcile as bring_about
from controller.render.document import document, to_json
from controller.render.sections import copied


def plan(
    settings: Settings,
    form: str,
    out: Path | None,
    *,
    since: str | None,
    detailed: bool,
    also: Sequence[str] = (),
    html: Path | None = None,
    before: Path | None = None,
) -> int:
    """Writes the plan to stdout, as JSON to `out`, and in further forms; `since` tells apart what a branch brings, and
    a page what is otherwise than in the plan `before`."""
    further = also_of(also, html)
    with opened(settings) as run:
        thought = run.think()
        report = thought.report(run.manifests, run.figures(thought))
        if any(name == "html" for name, _ in further):
            report = staged(run, thought, report, before)
        foresight = foreseen(run, report.plan, planning=True)
        report = explained(replace(report, others=(*report.others, *foresight.findings)), run.manifests)
    if since is not None:
        report = replace(report, brought=brought_since(settings, run.manifests, since))
    if out is not None:
        write_whole(out, to_json(document(report)))
    write_also(report, further)
    write(shown(report, form))
    remark_unseen(settings)
    if out is not None and report.plan.actions:
        Progress(settings.log).note(
            f"saved; to do exactly this: hubwright reconcile --plan {shlex.quote(str(out))}{settings.again()}"
        )
    return report.exit_code(detailed=detailed)


def reconcile(
    settings: Settings, form: str, plans: Sequence[Path], also: Sequence[str] = (), html: Path | None = None
) -> int:
    """Brings the plan about, all of it or what the saved plans have, and writes the result to stdout."""
    further = also_of(also, html)
    saved = saved_ids(plans) if plans else None
    with opened(settings) as run:
        thought = run.think()
        foresight = foreseen(run, thought.plan if saved is None else within(thought.plan, saved))
        thought = held_back(thought, foresight)
        with STOP.gentle():
            report, unrecorded = audited(run, "reconcile", thought, saved, lambda part: _applied(run, part, saved))
            report = explained(report, run.manifests)
    write_also(report, further)
    write(shown(report, form))
    remark_unseen(settings)
    return STOP.code or unrecorded or report.exit_code()


def _applied(run: Run, thought: Thought, saved: frozenset[str] | None) -> Report:
    telling = Telling(run, len(thought.plan.actions))
    return bring_about(run.world(thought), thought, run.manifests, run.pool, telling, saved)


def foreseen(run: Run, plan: Plan, *, planning: bool = False) -> Foresight:
    """What the roles lack for a plan's actions; nothing is asked where there is nothing to do.

    A job that may only ever plan is not told that it cannot enter the roles that write.
    """
    if not plan.actions:
        return Foresight()
    run.progress.step("asking what the roles may do")
    cloud = run.cloud()
    enters = not (planning and f":assumed-role/{PLAN}/" in cloud.caller(plan.actions[0].key.target.region))
    return foresee(cloud, plan.actions, run.manifests, run.pool, enters=enters)


class Telling:
    """Turns starts and ends of actions into progress."""

    def __init__(self, run: Run, total: int) -> None:
        self._progress = run.progress
        self._gauge = run.gauge
        self._total = total
        self._ended = 0

    def __call__(self, action: Action, outcome: Outcome | None) -> None:
        if outcome is None:
            self._gauge.begin(action.key, copied(action))
            self._progress.event("begin", action=action.id, verb=action.verb, key=str(action.key))
        else:
            self._ended += 1
            self._gauge.over(action.key)
            said = {"status": outcome.status, "detail": outcome.detail}
            self._progress.event("end", action=action.id, key=str(action.key), **said)
        self._progress.step(f"{self._ended} of {self._total} done, {action.verb} {action.key.kind} {action.key.name}")
