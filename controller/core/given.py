"""What a run is told beside Git and AWS: the time, and who reviewed the change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from controller.core.review import Review


@dataclass(frozen=True, slots=True)
class Given:
    """`now` has its zone. Without it, everything that depends on the time is held back and nothing is waived.

    `by_event`: an event or a timer started the run, and nobody decided that it may do as much as one run may.
    """

    now: dt.datetime | None = None
    review: Review | None = None
    by_event: bool = False
