"""The seams between the kinds and the outside, and what a kind is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from controller.core.arn import Version
from controller.core.model import Action, Key, Resource, Target
from controller.core.view import View
from controller.core.wish import Wishes
from controller.kinds.flow import Inline
from controller.kinds.room import Room

Purpose = Literal["read", "register", "approve"]
Facts = Mapping[str, Any]


class Client(Protocol):
    """One AWS service of one account and region, through one role. Every failure is a `core.errors.CloudError`."""

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call by its API name, such as `DescribeModelPackage`; the parsed answer without its metadata."""
        ...

    def pages(self, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All items of the list `result`, page after page; a repeated token, or too many pages, is an error."""
        ...

    def many(
        self, operation: str, requests: Sequence[Mapping[str, Any]], told: Callable[[int], bool] = lambda _: True
    ) -> list[dict[str, Any] | None]:
        """The answers to many small calls of one operation on one bucket, where they can be sent at once.

        None for each that was not sent or did not go well: those are for `call`. `told` hears the index of each that
        went well, in any order, and says whether more are to be begun.
        """
        ...


class Cloud(Protocol):
    """Clients for everything that a run may touch. While planning, only known reads are sent."""

    def client(self, target: Target, service: str, purpose: Purpose = "read", *, brief: bool = False) -> Client:
        """`service` is botocore's name: sagemaker, s3, ecr, sts. At first use the account is proven: `AccountError`.

        `brief`: for what can be done without. No answer within seconds is an error, and it is not asked again.
        """
        ...


class Registries(Protocol):
    """Image registries by their host name, with the credentials of an account."""

    def copy(
        self,
        source: str,
        destination: str,
        digest: str,
        tag: str,
        held: Sequence[str] = (),
        tell: Callable[[int, int], None] | None = None,
        others: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Copies an image by `digest` between repositories (`host/name`) and tags it; `{"bytes", "skipped"}`.

        `held`: repositories of the destination's registry that are known to hold this image already; `others`: digests
        by repository of images there that may share blobs with it. `tell` hears how many bytes of how many are there.
        """
        ...


@dataclass(slots=True)
class Made:
    """What this run has made so far, by action id: later effects of the run build on it. Safe to share by threads."""

    _facts: dict[str, Facts] = field(default_factory=dict)
    _promotions: dict[str, dict[int, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, action: str, facts: Facts) -> None:
        with self._lock:
            self._facts[action] = facts

    def of(self, actions: Iterable[str], name: str) -> Any:
        """The first fact of this name among the given actions, or None."""
        with self._lock:
            return next(
                (facts[name] for action in actions if (facts := self._facts.get(action)) and name in facts), None
            )

    def identify(self, version: Version, promotion: str) -> None:
        """Remembers whose version this is (its promotion id; empty: nobody's, or gone)."""
        with self._lock:
            self._promotions.setdefault(_group_of(version), {})[version.number] = promotion

    def identified(self, group: Version) -> dict[int, str]:
        """The promotion ids of the versions of this one's group, as far as this run knows them, by number."""
        with self._lock:
            return dict(self._promotions.get(_group_of(group), {}))


def _group_of(version: Version) -> str:
    return f"{version.account}/{version.region}/{version.group.casefold()}"


@dataclass(frozen=True, slots=True)
class World:
    """What effects may use: clients, registries, what was read of the hubs, the revision to show, and how to wait.

    `pause` sleeps for so many seconds; `patience` is how long, in seconds, an effect waits for AWS to finish something.
    Once `stopped`, no further action is started. `copiers` run the pieces of copies, `moved` hears of their bytes (the
    action's key, bytes done, bytes in all), `checked` of those that are read only to prove what stands there (the same;
    in all: as far as is known by then), `clock` gives seconds. One CopyObject moves at most `copy_limit` bytes, and
    objects above `parts_from` go in parts; `room` bounds the bytes that pass through this machine's memory, on the few
    threads of `relays`.
    `about` says whose run this is (`run`), and `asked` who asked for a promotion (by its name and manifest's path, as
    far as it is known: `author`, `review`), for what is written down.
    """

    cloud: Cloud
    registries: Registries
    views: Mapping[Target, View]
    revision: str
    pause: Callable[[float], None]
    patience: float = 120.0
    made: Made = field(default_factory=Made)
    copy_limit: int = 5 * 1024**3
    parts_from: int = 1024**3
    stopped: Callable[[], bool] = lambda: False
    copiers: Executor = field(default_factory=Inline)
    moved: Callable[[Key, int, int], None] = lambda *_: None
    checked: Callable[[Key, int, int], None] = lambda *_: None
    clock: Callable[[], float] = time.monotonic
    room: Room = field(default_factory=Room)
    relays: Executor = field(default_factory=Inline)
    about: Mapping[str, Any] = field(default_factory=dict)
    asked: Callable[[str, str], Mapping[str, Any]] = lambda *_: {}


class Effects(Protocol):
    """What brings a kind of resource about: each effect atomic, and safe to repeat."""

    def create(self, world: World, action: Action) -> Facts: ...

    def update(self, world: World, action: Action) -> Facts: ...


class Kind(Effects, Protocol):
    """A kind of resource: one module with these names, and one entry in `KINDS`. Effects are atomic and repeatable."""

    @property
    def NAME(self) -> str: ...  # noqa: N802  (a constant of the module)

    def desire(self, wishes: Wishes) -> Iterable[Resource]:
        """The resources of this kind that the wishes ask for. Pure."""
        ...

    def observe(self, wishes: Wishes, views: Mapping[Target, View]) -> Iterable[Resource]:
        """The live ones, keyed as `desire` keys them. Complete for what the views cover."""
        ...

    def reason(self, before: Any, after: Any) -> str:
        """Why two specs differ, from `core.reasons`; one of its `CONFLICTS` means: no update can mend it. Pure."""
        ...

    def delete(self, world: World, action: Action) -> Facts: ...
