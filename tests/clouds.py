"""The clouds of test beds, used again: what makes a client takes milliseconds, and a bed has thirty of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud, Roles
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


_FREE: dict[Settings, list[Pair]] = {}


def lent(owner: object, roles: dict[str, Roles], answer: Answer) -> Pair:
    """A pair that knows nothing yet, for as long as `owner` lives; all owners have the same roles."""
    free = _FREE.setdefault(settings(), [])
    pair = free.pop() if free else Pair(roles, answer)
    pair.answer = answer
    weakref.finalize(owner, _back, pair, free).atexit = False
    return pair


def settings() -> Settings:
    """What the environment says of AWS: clients keep what it said when they were made."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if _counts(name, value)))


def _counts(name: str, value: str) -> bool:
    return name.startswith("AWS_") and not (name.endswith("_FILE") and not Path(value).exists())


def _back(pair: Pair, free: list[Pair]) -> None:
    """Forgets whose it was. Clients that had to try again are not used again: botocore counts tries for ever."""
    if any(call.attempts > 1 or call.status == 0 for call in pair.log.calls):
        return
    pair.answer = _nobody
    pair.log._kept.clear()
    pair.log.total = 0
    for cloud in (pair.reader, pair.writer):
        forget(cloud)
    free.append(pair)


def forget(cloud: AwsCloud, keys: Mapping[str, str] | None = None) -> None:
    """Leaves the cloud its sessions and clients, and nothing that they were told: another world may answer now.

    `keys` are others for the caller, as environment variables.
    """
    for (account, _), entry in cloud._entries.items():
        entry._account, entry._caller, entry._refusals = "", "", ()
        entry._watch.account = account
        entry.direct._places.clear()
        entry.direct._broken.clear()
        held = entry.session._credentials
        if isinstance(held, Renewable):
            held.renew(held.number)
        elif keys is not None and held is not None:
            held.access_key, held.secret_key = keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]
            held.token = keys.get("AWS_SESSION_TOKEN")


def _nobody(request: Any) -> Any:
    raise AssertionError(f"{request.url} was asked by nobody's client")
