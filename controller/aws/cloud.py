"""Clients for everything a run may touch: one session per account and role, each proven to be of its account."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from controller import __version__
from controller.aws.calls import CallLog
from controller.aws.client import AwsClient, method_of
from controller.aws.direct import Direct
from controller.aws.failures import cloud_error
from controller.aws.sessions import Prepare, Renewable, Role, Tags, own_session, role_session
from controller.aws.watch import Watch
from controller.core.errors import AccountError, CloudError, HubwrightError
from controller.core.model import Target
from controller.kinds.base import Purpose

_AT_ONCE = 8
_COPIES = 128  # S3 takes many at a time; how many are sent is decided by what that brings (`kinds.flow`, `aws.volley`)
BRIEF = (3, 5)
"""Seconds to connect, and to be answered, of clients that are `brief`."""
_FALLBACK_REGION = "us-east-1"
_ENDPOINT = (
    "AWS_ENDPOINT_URL, or endpoint_url in the AWS configuration, is a whole URL: https://HOST or http://HOST:PORT"
)


@dataclass(frozen=True, slots=True)
class Roles:
    """How an account is entered, per purpose: a role's ARN, or None for the caller's own credentials.

    `tags` are those of the session: what its policies say depends on them.
    """

    read: str | None = None
    register: str | None = None
    approve: str | None = None
    external_id: str | None = None
    tags: Tags = ()

    def of(self, purpose: Purpose) -> str | None:
        """The ARN for one purpose."""
        return {"read": self.read, "register": self.register, "approve": self.approve}[purpose]


class AwsCloud:
    """Implements `kinds.base.Cloud`.

    `roles` maps account to its `Roles`; an account not in it is entered with the caller's own credentials. `run` names
    the run in CloudTrail. Unless `writable`, and always for the purpose `read`, only known reads are sent. `workers` is
    the number of threads that will call; at most 8 of them are let into one account at a time, besides S3. `prepare`
    sees every session before its first use (tests attach themselves there).
    """

    def __init__(
        self,
        roles: Mapping[str, Roles],
        *,
        run: str,
        writable: bool,
        log: CallLog,
        workers: int = 16,
        prepare: Prepare | None = None,
    ) -> None:
        self._roles = roles
        self._run = run
        self._writable = writable
        self._log = log
        self._workers = workers
        self._prepare = prepare
        self._lock = threading.RLock()
        self._gates: dict[tuple[str, bool], threading.Semaphore] = {}
        self._entries: dict[tuple[str, str | None], _Entry] = {}

    def client(self, target: Target, service: str, purpose: Purpose = "read", *, brief: bool = False) -> AwsClient:
        """A client; nothing is sent before its first call. A role of another account: `AccountError`.

        `brief`: a call is tried once, and ends after `BRIEF` seconds to connect and to be answered.
        """
        roles = self._roles.get(target.account, Roles())
        arn = roles.of(purpose)
        if arn is not None and arn.split(":")[4:5] != [target.account]:
            raise AccountError(f"{arn} is not a role of account {target.account}")
        with self._lock:
            most = _COPIES if service == "s3" else min(_AT_ONCE, self._workers)
            gate = self._gates.setdefault((target.account, service == "s3"), threading.BoundedSemaphore(most))
        return AwsClient(
            target,
            service,
            functools.partial(self._connect, target, service, arn, roles, brief=brief),
            gate=gate,
            writable=self._writable and purpose != "read",
            renew=functools.partial(self._renewal, target.account, arn),
            direct=functools.partial(self._direct, target.account, arn) if service == "s3" else None,
            batch=functools.partial(self._batch, target.account, arn) if service == "s3" else None,
        )

    def identity(self, region: str | None = None) -> str:
        """The account of the caller's own credentials. `CloudError` when there are none that work."""
        entry = self._own()
        place = region or str(entry.session.get_config_variable("region") or _FALLBACK_REGION)
        return entry.identity(place)[0]

    def caller(self, region: str) -> str:
        """The ARN of the caller's own credentials, whatever roles are assumed. `CloudError` as for `identity`."""
        return self._own().identity(region)[1]

    def close(self) -> None:
        """Ends all connections; the cloud may still be used, and opens new ones."""
        with self._lock:
            entries = tuple(self._entries.values())
        for entry in entries:
            entry.close()

    def _connect(self, target: Target, service: str, arn: str | None, roles: Roles, *, brief: bool) -> BaseClient:
        role = None if arn is None else Role(arn, roles.external_id, self._run, roles.tags)
        entry = self._own() if role is None else self._assumed(target, role)
        entry.prove(target, arn)
        return entry.client(service, target.region, brief=brief)

    def _direct(
        self, account: str, arn: str | None, connection: BaseClient, operation: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """S3's short way, of a session that has connected."""
        return self._connected(account, arn).direct.answer(connection, operation, parameters)

    def _batch(self, account: str, arn: str | None, connection: BaseClient, *asked: Any) -> list[dict[str, Any] | None]:
        """S3's way of many at once, of a session that has connected."""
        return self._connected(account, arn).direct.many(connection, *asked)

    def _connected(self, account: str, arn: str | None) -> _Entry:
        with self._lock:
            return self._entries[(account, arn) if arn is not None else ("", None)]

    def _renewal(self, account: str, arn: str | None) -> Callable[[], None]:
        """What renews the role's credentials if they are still those at hand now; the caller's own are not ours."""
        with self._lock:
            entry = self._entries.get((account, arn))
        held = entry.session.get_credentials() if entry is not None and arn is not None else None
        return functools.partial(held.renew, held.number) if isinstance(held, Renewable) else lambda: None

    def _own(self) -> _Entry:
        return self._entry(("", None), own_session)

    def _assumed(self, target: Target, role: Role) -> _Entry:
        own = self._own()

        def make() -> Session:
            # The keys that botocore hands over are the caller's, with which this client signs anyway.
            return role_session(role, own.session.get_credentials(), lambda *_, **__: own.client("sts", target.region))

        return self._entry((target.account, role.arn), make)

    def _entry(self, key: tuple[str, str | None], make: Callable[[], Session]) -> _Entry:
        with self._lock:
            if key not in self._entries:
                session = make()
                if self._prepare is not None:
                    self._prepare(session)
                watch = Watch(session, self._log, account=key[0], writable=self._writable)
                direct = Direct(session, watch, self._log, writable=self._writable)
                self._entries[key] = _Entry(session, watch, self._workers, direct)
            return self._entries[key]


class _Entry:
    """One session with its clients. Sessions are not safe for threads, so one thread at a time makes a client."""

    def __init__(self, session: Session, watch: Watch, workers: int, direct: Direct) -> None:
        self.session = session
        self.direct = direct
        self._watch = watch
        self._workers = workers
        self._lock = threading.RLock()
        self._proving = threading.Lock()
        self._clients: dict[tuple[str, str, bool], BaseClient] = {}
        self._account = ""
        self._caller = ""
        self._refusals: tuple[Exception, ...] = ()

    def create(self, service: str, region: str, *, brief: bool) -> BaseClient:
        """A new botocore client, with our settings."""
        with self._lock:
            config = _config(service, self._workers).merge(Config(user_agent=_agent(self.session)))
            if brief:
                config = config.merge(_briefly())
            try:
                made: BaseClient = self.session.create_client(service, config=config, region_name=region)
            except BotoCoreError:  # some are ValueErrors, too
                raise
            except ValueError as error:  # botocore's word for an endpoint that is no URL
                raise HubwrightError(f"no client of {service}: {error}", _ENDPOINT) from error
            return made

    def client(self, service: str, region: str, *, brief: bool = False) -> BaseClient:
        """The session's client, made at first use."""
        with self._lock:
            if (service, region, brief) not in self._clients:
                self._clients[service, region, brief] = self.create(service, region, brief=brief)
            return self._clients[service, region, brief]

    def close(self) -> None:
        """Ends the connections of its clients and forgets them."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
            self.direct.close()

    def identity(self, region: str) -> tuple[str, str]:
        """(account, ARN) of the credentials, asked once. `CloudError` when AWS does not say."""
        before = self._refusals
        with self._proving:
            if self._account:
                return self._account, self._caller
            if len(self._refusals) > len(before):  # to others while this thread waited: not to be tried by each in turn
                raise self._refused(self._refusals[-1], region)
            try:
                answer = method_of(self.client("sts", region), "GetCallerIdentity")()
            except (ClientError, BotoCoreError) as error:
                self._refusals = (*self._refusals, error)
                raise self._refused(error, region) from error
            self._account, self._caller = answer["Account"], answer["Arn"]
            self._watch.account = self._account
            return self._account, self._caller

    def _refused(self, error: Exception, region: str) -> CloudError:
        return cloud_error(error, "sts:GetCallerIdentity", Target(self._watch.account or "caller", region))

    def prove(self, target: Target, arn: str | None) -> None:
        """`AccountError` unless the credentials are of the target's account."""
        account, caller = self.identity(target.region)
        if account == target.account:
            return
        raise AccountError(
            f"account {target.account} was expected, but the credentials are of account {account} ({caller})",
            f"look at what {arn} leads to"
            if arn
            else f"use credentials of {target.account}, or name its role in `access`",
        )


def _agent(session: Session) -> str:
    """What requests say they are from; botocore puts its own together twice for each, which is an eighth of a call."""
    app = session.get_config_variable("user_agent_appid")
    return f"{session.user_agent()} app/{app}" if app else str(session.user_agent())


def _config(service: str, workers: int) -> Config:
    return Config(
        retries={"mode": "standard", "total_max_attempts": 6},
        connect_timeout=10,
        read_timeout=300 if service == "s3" else 60,  # a copy of 5 GB answers when it is done
        max_pool_connections=_COPIES if service == "s3" else workers,
        request_checksum_calculation="when_required" if service == "s3" else None,
        tcp_keepalive=True,
        user_agent_extra=f"hubwright/{__version__}",
    )


def _briefly() -> Config:
    """For a service that may not be reached at all, such as IAM from a network without a way to it."""
    connect, read = BRIEF
    return Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=connect, read_timeout=read)
