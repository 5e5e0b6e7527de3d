"""The worker: takes events from a queue for as long as it runs, and looks at everything on a timer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.core.errors import HubwrightError, told
from controller.core.report import Report
from controller.core.scope import Scope
from controller.events.batch import Handled, handle, unsettled
from controller.events.health import Counts, State, write_health, write_metrics
from controller.events.line import Line, Stopped
from controller.events.queue import Message, Queue

log = logging.getLogger("hubwright.watch")
_WAIT = 5  # seconds; also how long a stop may take while nothing comes
_REST = 5.0  # after an error, before the next try


@dataclass(slots=True)
class Watcher:
    """`line` gives the line of the manifests as they are now. `every` is in seconds; 0: no timer."""

    queue: Queue
    line: Callable[[], Line]
    stopped: Stopped
    every: float
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    health: Path | None = None
    metrics: Path | None = None
    wait: int = _WAIT
    state: State = field(default_factory=State)
    counts: Counts = field(default_factory=Counts)

    def run(self, most: int | None = None) -> None:
        """Works until it is stopped, or has handled `most` messages, or (0) the queue was found empty once.

        With 0 the first error ends it, too; otherwise errors are told and the work goes on after a rest.
        """
        due = self.clock()  # at once: what came while nobody watched is found now
        while not self.stopped():
            self._tell("waiting")
            try:
                line = self.line()
                self.state.revision = line.manifests.revision
                if self.every and self.clock() >= due:
                    due = self.clock() + self.every
                    self._full(line)
                empty = not self._take(line)
                self.state.error = ""
            except HubwrightError as error:
                empty = False
                self._failed(error)
                if most == 0:  # asked to end when there is nothing left, not to wait for better days
                    raise
                self.pause(_REST)
            if most is not None and ((most == 0 and empty) or (most and self.counts.received >= most)):
                break
        self._tell("stopped")

    def _take(self, line: Line) -> int:
        messages = [] if self.stopped() else self.queue.receive(self.wait)
        if messages:
            self.counts.received += len(messages)
            self.state.last_message = self.clock()
            self._tell("working")
            with self.queue.held(messages, self._failed):
                self._settle(messages, handle(line, {item.id: item.body for item in messages}, self.stopped))
        return len(messages)

    def _settle(self, messages: Sequence[Message], handled: Handled) -> None:
        """Deletes what is done with; what failed and what is refused comes again, or goes to the dead-letter queue."""
        for name, why in sorted(handled.refused.items()):
            log.warning("refused %s: %s", name, why)
        for name, why in sorted(handled.failed.items()):
            log.error("failed %s: %s", name, why)
        left = {*handled.failed, *handled.refused}
        self.counts.failed += len(handled.failed)
        self.counts.refused += len(handled.refused)
        self.counts.idle += handled.idle
        for report in handled.reports:
            self._count(report)
        done = [item for item in messages if item.id not in left]
        self.queue.done(done)
        self.counts.handled += len(done)

    def _full(self, line: Line) -> None:
        self._tell("working")
        report = line.run(Scope(), self.stopped)
        self.counts.full_runs += 1
        self.state.last_full_run = self.clock()
        self._count(report)
        for name, why in sorted(unsettled(report).items()):
            log.error("%s: %s", name, why)

    def _count(self, report: Report) -> None:
        self.counts.runs += 1
        self.counts.actions += sum(outcome.status == "done" for outcome in report.outcomes)
        for row in report.rows:
            log.info("%s: %s", row.name, row.standing)

    def _failed(self, error: HubwrightError) -> None:
        self.counts.errors += 1
        self.state.error = told(error)
        log.error("%s", told(error))
        self._tell("error")

    def _tell(self, status: str) -> None:
        self.state.status, self.state.now = status, self.clock()
        if self.health is not None:
            write_health(self.health, self.state, self.counts)
        if self.metrics is not None:
            write_metrics(self.metrics, self.state, self.counts)
