"""All state of the sandbox: accounts, clock, faults, lag, the call log, and what each service keeps."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller.sandbox.calls import Call
from controller.sandbox.clock import Clock
from controller.sandbox.ecr.state import Login, Registry
from controller.sandbox.faults import Fault
from controller.sandbox.others import reset_moto
from controller.sandbox.s3.state import Bucket
from controller.sandbox.sagemaker.state import Models

GIB = 1 << 30
ROLES = ("hubwright", "hubwright-read", "hubwright-register", "hubwright-approve")
Watcher = Callable[[str, Call], None]


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `region` is where its own things are by default."""

    id: str
    name: str
    region: str = "eu-west-1"


ACCOUNTS = (Account("111111111111", "hub"), Account("222222222222", "churn-lab"), Account("333333333333", "vision-lab"))


@dataclass(frozen=True, slots=True)
class Span:
    """A time measured in later API calls, in seconds, or both; None is not measured at all."""

    calls: int | None = None
    seconds: float | None = None

    def over(self, calls: int, seconds: float) -> bool:
        """Whether it has passed; an unmeasured span has passed at once."""
        return calls >= (self.calls or 0) and seconds >= (self.seconds or 0.0)


@dataclass(slots=True)
class Settings:
    """What tests may turn.

    `search`, `list`: how long they stay behind. `token`: how long a ClientToken is remembered (None: for ever).
    `status`: by package (`churn/3`), group (`churn`) or `*`, the ModelPackageStatus that successive descriptions show,
    the last of them for ever; each also passes after `status_seconds` (0: never).
    `copy_limit`: bytes that one CopyObject may move; `part_minimum`: least size of a part that is not the last.
    `login_seconds`: life of a registry password. `mounting`: registries mount blobs between repositories.
    `redirect`: they answer GET of a blob with 307 to another address, as ECR does.
    """

    search: Span = Span()
    list: Span = Span()
    token: Span | None = None
    status: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"*": ("InProgress", "Completed")})
    status_seconds: float = 2.0
    copy_limit: int = 5 * GIB
    part_minimum: int = 5 << 20
    login_seconds: float = 12 * 3600.0
    mounting: bool = True
    redirect: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """An assumed role; `ends` in wall-clock seconds, because clients compare it with their own clock."""

    account: str
    role: str
    name: str
    ends: float
    external_id: str | None
    parent: str


class World:
    """One sandbox. Calls of several threads are taken one at a time under `lock`.

    Everything but what moto keeps (services that are not our own) belongs to the instance: worlds are independent,
    cheap to make and to `copy()`. `logical=True` gives equal times and ids in equal runs.
    `watchers` are told "before" and "after" each call, outside the lock: a test may block or raise there.
    """

    def __init__(self, *, logical: bool = False, accounts: tuple[Account, ...] = ACCOUNTS) -> None:
        self.lock = threading.RLock()
        self.watchers: list[Watcher] = []
        self.accounts = {account.id: account for account in accounts}
        self.origin = "http://sandbox.localhost"  # where the AWS endpoint is reached; the server sets it
        self._begin(logical=logical)

    def _begin(self, *, logical: bool) -> None:
        self.clock = Clock(logical)
        self.settings = Settings()
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.count = 0  # of all calls ever, also after the log was cleared
        self.serial = 0
        self.sessions: dict[str, Session] = {}
        self.roles = {f"arn:aws:iam::{account}:role/{role}" for account in self.accounts for role in ROLES}
        self.models: dict[tuple[str, str], Models] = {}
        self.registries: dict[tuple[str, str], Registry] = {}
        self.logins: dict[str, Login] = {}
        self.buckets: dict[str, Bucket] = {}

    def reset(self) -> None:
        """Back to accounts and roles only; forgets what moto keeps, too, if it was used."""
        with self.lock:
            self._begin(logical=self.clock.logical)
            self.watchers.clear()
            reset_moto()

    def copy(self) -> World:
        """An independent world in the same state, without watchers; what moto keeps is not copied."""
        with self.lock:
            twin = World(accounts=tuple(self.accounts.values()))
            kept = {name: value for name, value in vars(self).items() if name not in ("lock", "watchers")}
            calls = list(kept.pop("calls"))
            vars(twin).update(copy.deepcopy(kept))
            twin.calls = calls
        return twin

    def next_serial(self) -> int:
        """A number never given before, for ids."""
        self.serial += 1
        return self.serial

    def models_of(self, account: str, region: str) -> Models:
        """The model registry of an account and region."""
        return self.models.setdefault((account, region), Models(account, region))

    def registry_of(self, account: str, region: str) -> Registry:
        """The image registry of an account and region."""
        return self.registries.setdefault((account, region), Registry(account, region))

    def begin(self, call: Call) -> list[Fault]:
        """Writes a call into the log and says which faults hit it."""
        with self.lock:
            self.count += 1
            call.number = self.count
            self.clock.step()
            call.time = self.clock.now()
            self.calls.append(call)
            return [fault for fault in self.faults if fault.due(call)]

    def notify(self, phase: str, call: Call) -> None:
        """Tells the watchers."""
        for watcher in tuple(self.watchers):
            watcher(phase, call)

    def fault(self, **rule: Any) -> Fault:
        """Adds a fault rule (the fields of `faults.Fault`) and gives it back; its `seen` counts matching calls."""
        fault = Fault(**rule)
        with self.lock:
            self.faults.append(fault)
        return fault

    def mutations(self) -> list[Call]:
        """The logged calls that can change something."""
        return [call for call in self.calls if call.mutating]
