"""`watch`: the worker, set up from the command line."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from pathlib import Path

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.cli.reading import read_manifests
from controller.cli.run import network_of
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.core.errors import UsageError, WaitingError
from controller.events.line import Line
from controller.events.queue import Queue, queue_place
from controller.events.watch import Watcher
from controller.render.escape import terminal
from controller.wiring import copy_limit, parts_from, registry_bases

_UNITS = {"s": 1, "m": 60, "h": 3600}


def watch(
    settings: Settings, url: str, every: str, *, health: Path | None, metrics: Path | None, most: int | None
) -> int:
    """Runs until SIGTERM or SIGINT; 0 after either, as that is how it is meant to end."""
    seconds = _seconds(every)
    for check in (registry_bases, copy_limit, parts_from):  # a mistake in these shows at once
        check(os.environ)
    _log(settings)
    lines = _Lines(settings)
    try:
        region = next(iter(sorted(entry.spec.region for entry in lines().manifests.hubs.values())), "")
        place = queue_place(url, region)
        own = AwsCloud({}, run="watch", writable=True, log=CallLog(sys.stderr if settings.debug else None))
        queue = Queue(own.client(place, "sqs", "register"), url)
        watcher = Watcher(queue, lines, STOP.asked, seconds, _pause, health=health, metrics=metrics)
        with STOP.gentle():
            watcher.run(most)
    finally:
        lines.close()
    return 0


def _pause(seconds: float) -> None:
    try:
        STOP.pause(seconds)
    except WaitingError:
        time.sleep(0)  # the worker looks itself whether it is to end


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6})([smh])", text, re.ASCII)
    if found is None:
        raise UsageError(f"--every {text!r} is not a time like 15m", "s, m or h; 0s: no timer")
    return int(found[1]) * _UNITS[found[2]]


class _Lines:
    """The line of the revision at hand; a new one when the branch has moved."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._line: Line | None = None

    def __call__(self) -> Line:
        manifests = read_manifests(self._settings)
        known = self._line.manifests if self._line else None
        same = known is not None and (known.revision, known.platform_revision) == (
            manifests.revision,
            manifests.platform_revision,
        )
        if self._line is None or not same or self._settings.worktree:
            self.close()
            repo, network = Path(self._settings.repo), network_of(self._settings)
            self._line = Line(manifests, network=network, pause=STOP.pause, command="watch", repo=repo)
        return self._line

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class Plain(logging.Formatter):
    """One line a record, with nothing in it that a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        return terminal(super().format(record))


def _log(settings: Settings) -> None:
    if settings.log == "none":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain("%(levelname)s %(message)s"))
    own = logging.getLogger("hubwright")
    own.handlers[:] = [handler]
    own.setLevel(logging.INFO)
    own.propagate = False
