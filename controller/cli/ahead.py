"""`prefetch`: artifacts and images of what is locked, ahead of the run that registers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from controller.cli.auditing import audited
from controller.cli.line import Telling
from controller.cli.output import write
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.core.errors import UsageError
from controller.core.plan import ahead
from controller.core.problems import did_you_mean, shown
from controller.core.reasons import EXITS, exit_code
from controller.core.report import Report
from controller.core.totals import Totals, totals
from controller.reconcile import Thought
from controller.reconcile import reconcile as bring_about
from controller.render.escape import terminal
from controller.render.words import number, size


def prefetch(settings: Settings, names: Sequence[str]) -> int:
    """Copies what the locked promotions (by default all) need and the hub lacks; registers and approves nothing."""
    with opened(settings) as run:
        chosen = _chosen(run, names)
        thought = run.think()
        part = replace(thought, plan=ahead(thought.plan, chosen))
        with STOP.gentle():
            report, unrecorded = audited(
                run,
                "prefetch",
                part,
                None,
                lambda some: _brought(run, some),
            )
    write("".join(f"{terminal(line)}\n" for line in _lines(thought, report, chosen)))
    return STOP.code or unrecorded or _code(thought, report, chosen)


def _brought(run: Run, part: Thought) -> Report:
    telling = Telling(run, len(part.plan.actions))
    return bring_about(run.world(part), part, run.manifests, run.pool, telling)


def _chosen(run: Run, names: Sequence[str]) -> frozenset[str]:
    locked = {name for name in run.manifests.promotions if name in run.manifests.locks}
    for name in names:
        if name not in run.manifests.promotions:
            raise UsageError(f"there is no promotion {shown(name)}", did_you_mean(name, run.manifests.promotions))
        if name not in locked:
            raise UsageError(f"the promotion {name} has no lock", f"pin its source: hubwright lock {name}")
    return frozenset(names or locked)


def _lines(thought: Thought, report: Report, chosen: frozenset[str]) -> Iterator[str]:
    if not chosen:
        yield "no promotion has a lock: nothing is fetched ahead (pin sources: hubwright lock)"
    done = {outcome.action: outcome for outcome in report.outcomes}
    for row in thought.report_rows():
        if row.name not in chosen:
            continue
        ended = [done[action.id] for action in report.plan.actions if row.name in action.origins]
        failed = [outcome for outcome in ended if outcome.status != "done"]
        if failed:
            yield from (f"{row.name}: {outcome.status}: {outcome.detail}" for outcome in failed)
        elif row.why:
            yield f"{row.name}: {row.standing}: {row.why[0]}" + "".join(f" ({hint})" for hint in row.hints[:1])
        else:
            yield f"{row.name}: {_did(totals(report.plan.actions, ended))}"


def _did(done: Totals) -> str:
    if not done.copies:
        return "everything is there"
    made = f"{number(done.copies, 'copy', 'copies')} made in {done.seconds:.1f} s"
    through = f" ({size(done.relayed)} of them through this machine)" if done.relayed else ""
    return f"{made}, {size(done.bytes)} moved{through}, {size(done.skipped)} were there"


def _code(thought: Thought, report: Report, chosen: frozenset[str]) -> int:
    standings = [row.standing for row in thought.report_rows() if row.name in chosen]
    codes = [EXITS[name] for name in standings if name in EXITS]
    return exit_code([*codes, *(5 for outcome in report.outcomes if outcome.status in ("failed", "skipped"))])
