"""The clouds of test beds, used again: what makes a client takes milliseconds, and a bed has thirty of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud, Roles, _Entry
from controller.aws.sessions import Renewable

Answer = Callable[[Any], Any]
Settings = tuple[tuple[str, str], ...]
NOWHERE = str(Path(__file__).parent / "none")
"""No file is there: what to name as a person's own settings for AWS."""


@dataclass
class Pair:
    """A cloud that reads and one that writes, on one log. `answer` is where all their requests end.

    It must not hold the owner: what is lent is kept until the owner is no more.
    """

    roles: dict[str, Roles]
    answer: Answer
    log: CallLog = field(default_factory=CallLog)

    def __post_init__(self) -> None:
        self.reader, self.writer = (
            AwsCloud(self.roles, run="test", writable=writable, log=self.log, prepare=self._prepare)
            for writable in (False, True)
        )

    def _prepare(self, session: Any) -> None:
        session.register("before-send", lambda request, **_: self.answer(request))

    def entries(self) -> list[tuple[str, _Entry]]:
        """The sessions of both, with the account of each: empty for the caller's own."""
        clouds = (self.reader, self.writer)
        return [(account, entry) for cloud in clouds for (account, _), entry in cloud._entries.items()]


_FREE: dict[Settings, list[Pair]] = {}


def lent(owner: object, roles: dict[str, Roles], answer: Answer) -> Pair:
    """A pair that knows nothing yet, for as long as `owner` lives; all owners have the same roles."""
    settings = tuple(sorted((name, value) for name, value in os.environ.items() if _counts(name, value)))
    free = _FREE.setdefault(settings, [])
    pair = free.pop() if free else Pair(roles, answer)
    pair.answer = answer
    weakref.finalize(owner, _back, pair, free).atexit = False
    return pair


def _counts(name: str, value: str) -> bool:
    return name.startswith("AWS_") and not (name.endswith("_FILE") and not Path(value).exists())


def _back(pair: Pair, free: list[Pair]) -> None:
    """Forgets whose it was. Clients that had to try again are not used again: botocore counts tries for ever."""
    if any(call.attempts > 1 or call.status == 0 for call in pair.log.calls):
        return
    pair.answer = _nobody
    pair.log._kept.clear()
    pair.log.total = 0
    for account, entry in pair.entries():
        entry._account, entry._caller, entry._refusals = "", "", ()
        entry._watch.account = account
        entry.direct._places.clear()
        entry.direct._broken.clear()
        held = entry.session._credentials
        if isinstance(held, Renewable):
            held.renew(held.number)
    free.append(pair)


def _nobody(request: Any) -> Any:
    raise AssertionError(f"{request.url} was asked by nobody's client")
