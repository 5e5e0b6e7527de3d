"""All state of the sandbox: accounts, clock, faults, lag, the call log, and what each service keeps."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller.core.arn import partition_of
from controller.sandbox.authz.record import Record
from controller.sandbox.calls import Call
from controller.sandbox.clock import Clock
from controller.sandbox.ecr.state import Login, Registry
from controller.sandbox.events.state import Bus, Buses, Delivery, Pending
from controller.sandbox.faults import Fault
from controller.sandbox.iam.standing import standing
from controller.sandbox.iam.state import Iam
from controller.sandbox.kms.state import Key
from controller.sandbox.others import reset_moto
from controller.sandbox.s3.state import Bucket
from controller.sandbox.sagemaker.state import Models
from controller.sandbox.sqs.state import Queue

GIB = 1 << 30
ORGANIZATION = "o-hubwright01"
Watcher = Callable[[str, Call], None]
Function = Callable[[Any, Any], Any]  # (event, context), as of Lambda


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
class Telling:
    """How SageMaker's events come: `copies` of each, `delay` seconds late, a share `loss` (0 to 1) never, shuffled.
    `deliveries`: how often a bus hands each event on, whosever it is."""

    copies: int = 1
    delay: float = 0.0
    loss: float = 0.0
    shuffle: bool = False
    deliveries: int = 1


@dataclass(slots=True)
class Settings:
    """What tests may turn.

    `search`, `list`: how long they stay behind. `token`: how long a ClientToken is remembered (None: for ever).
    `status`: by package (`churn/3`), group (`churn`) or `*`, the ModelPackageStatus that successive descriptions show,
    the last of them for ever; each also passes after `status_seconds` (0: never).
    `copy_limit`: bytes that one CopyObject may move; `part_minimum`: least size of a part that is not the last.
    `login_seconds`: life of a registry password. `mounting`: registries mount blobs between repositories.
    `scans`: by image digest, the state of its scan and its findings by severity.
    `redirect`: they answer GET of a blob with 307 to another address, as ECR does.
    `events`: how SageMaker's events come. `authorize`: policies are asked.
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
    scans: dict[str, tuple[str, dict[str, int]]] = field(default_factory=dict)
    events: Telling = field(default_factory=Telling)
    authorize: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """An assumed role; `ends` in wall-clock seconds, because clients compare it with their own clock.

    `tags` with those of `transitive` go on into sessions begun from this one; `policies` and `policy_arns` narrow it.
    """

    account: str
    role: str
    name: str
    ends: float
    external_id: str | None
    parent: str
    begun: float = 0.0
    id: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    transitive: frozenset[str] = frozenset()
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    source_identity: str = ""
    provider: str = ""


_RECORDS = 200_000
_NOT_COPIED = ("lock", "arrivals", "watchers", "functions")


class World:
    """One sandbox. Calls of several threads are taken one at a time under `lock`.

    Everything but what moto keeps (services that are not our own) belongs to the instance: worlds are independent,
    cheap to make and to `copy()`. `logical=True` gives equal times and ids in equal runs.
    `watchers` are told "before" and "after" each call, outside the lock: a test may block or raise there.
    `functions` are what event rules call by ARN. `bare=True`: administrators, and no roles at all.
    """

    def __init__(self, *, logical: bool = False, accounts: tuple[Account, ...] = ACCOUNTS, bare: bool = False) -> None:
        self.lock = threading.RLock()
        self.arrivals = threading.Condition(self.lock)
        self.watchers: list[Watcher] = []
        self.functions: dict[str, Function] = {}
        self.bare = bare
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
        self.iam = standing([account.id for account in self.accounts.values()], bare=self.bare)
        self.models: dict[tuple[str, str], Models] = {}
        self.registries: dict[tuple[str, str], Registry] = {}
        self.logins: dict[str, Login] = {}
        self.buckets: dict[str, Bucket] = {}
        self.keys: dict[str, Key] = {}
        self.events: dict[tuple[str, str], Buses] = {}
        self.queues: dict[tuple[str, str, str], Queue] = {}
        self.outbox: list[Pending] = []
        self.deliveries: list[Delivery] = []
        self.decisions: deque[Record] = deque(maxlen=_RECORDS)
        self.unsettled: set[tuple[str, str, str]] = set()  # packages whose status has not come to rest

    def reset(self) -> None:
        """Back to accounts and roles only; forgets what moto keeps, too, if it was used."""
        with self.lock:
            self._begin(logical=self.clock.logical)
            self.watchers.clear()
            self.functions.clear()
            reset_moto()

    def copy(self) -> World:
        """An independent world in the same state, without watchers and functions; what moto keeps is not copied."""
        with self.lock:
            twin = World(accounts=tuple(self.accounts.values()), bare=self.bare)
            kept = {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}
            calls, decisions = list(kept.pop("calls")), self.decisions.copy()
            del kept["decisions"]
            vars(twin).update(copy.deepcopy(kept))
            twin.calls, twin.decisions = calls, decisions
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

    def iam_of(self, account: str) -> Iam:
        """What IAM keeps of an account."""
        return self.iam.setdefault(account, Iam(account))

    def buses_of(self, account: str, region: str) -> Buses:
        """The event buses of an account and region."""
        found = self.events.get((account, region))
        if found is None:
            found = self.events[account, region] = Buses(account, region, partition_of(region))
            found.buses["default"] = Bus("default", found.arn("event-bus", "default"), self.clock.now())
        return found

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
