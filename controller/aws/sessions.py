"""botocore sessions: the caller's own, and one per assumed role, all on one set of loaded service models."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.credentials import AssumeRoleCredentialFetcher, Credentials, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError, ProfileNotFound
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from controller.core.errors import HubwrightError

Prepare = Callable[[Session], None]
Tags = tuple[tuple[str, str], ...]

SESSION_SECONDS = 3600
"""Also the most that role chaining allows; botocore refreshes anything shorter than 15 minutes on every request."""

_FOREIGN = re.compile(r"[^A-Za-z0-9_+=,.@-]+")


@functools.cache
def loader() -> Loader:
    """The process's one loader: sessions that share it cost about a fifteenth of sessions that do not."""
    return create_loader(_configured(Session()).get_config_variable("data_path"))


@functools.cache
def _handlers() -> HierarchicalEmitter:
    """botocore's own handlers, registered once: that is nine tenths of what a session costs."""
    emitter = HierarchicalEmitter()
    Session(event_hooks=emitter)
    return emitter


def _configured(session: Session) -> Session:
    """The session. A profile that is not there stops it here: whatever is asked of it later would fail on that."""
    try:
        session.get_scoped_config()
    except ProfileNotFound:
        name = session.get_config_variable("profile")
        raise HubwrightError(
            f"there is no AWS profile {json.dumps(name)}",
            "AWS_PROFILE names it: aws configure list-profiles shows which there are; or unset it",
        ) from None
    return session


def own_session() -> Session:
    """A session with the caller's own credentials, found as the AWS command line finds them.

    `HubwrightError` when the environment names a profile that is not there.
    """
    session = _configured(Session(event_hooks=copy.copy(_handlers()), include_builtin_handlers=False))
    session.register_component("data_loader", loader())
    return session


@dataclass(frozen=True, slots=True)
class Role:
    """A role to assume: its ARN, the external id its trust policy expects, the run, and the session's tags."""

    arn: str
    external_id: str | None
    run: str
    tags: Tags = ()


def role_session(role: Role, caller: Credentials | None, create_sts: Callable[..., Any]) -> Session:
    """A session of `role`, assumed at its first request and again before it expires.

    `caller` are the credentials that assume it; `create_sts` gives an STS client that has them (botocore passes the
    service's name and the keys).
    No caller's credentials: botocore's `NoCredentialsError`.
    """
    if caller is None:
        raise NoCredentialsError
    extra: dict[str, Any] = {"RoleSessionName": session_name(role.run), "DurationSeconds": SESSION_SECONDS}
    if role.external_id:
        extra["ExternalId"] = role.external_id
    if role.tags:
        extra["Tags"] = [{"Key": key, "Value": value} for key, value in role.tags]
    cache: dict[str, Any] = {}
    fetcher = AssumeRoleCredentialFetcher(create_sts, caller, role.arn, extra_args=extra, cache=cache)
    session = own_session()
    held = Renewable(fetcher.fetch_credentials, cache.clear)
    session.register_component("credential_provider", _Held(held))
    return session


class Renewable(DeferredRefreshableCredentials):
    """Credentials of a role that can also be renewed before their time, when AWS says that they have expired."""

    def __init__(self, fetch: Callable[[], dict[str, Any]], forget: Callable[[], None]) -> None:
        super().__init__(self._fetched, method="assume-role")
        self._fetch = fetch
        self._forget = forget
        self._refused = False
        self.number = 0

    def renew(self, number: int) -> None:
        """Fetches others at the next use, unless those at hand are others than the `number`-th already."""
        if self.number == number:
            self._refused = True

    def refresh_needed(self, refresh_in: int | None = None) -> bool:
        """As botocore's, and while the ones at hand were refused."""
        return self._refused or super().refresh_needed(refresh_in)

    def _fetched(self) -> dict[str, Any]:
        self._forget()  # the fetcher would give the old ones again while they look fresh
        found = self._fetch()
        self._refused = False
        self.number += 1
        return found


def session_name(run: str) -> str:
    """`hubwright-RUN` as a RoleSessionName: 2 to 64 characters of AWS's set; a longer run is cut and keeps a hash."""
    name = _FOREIGN.sub("-", f"hubwright-{run}").rstrip("-")
    if len(name) <= 64:
        return name
    return f"{name[:55]}-{hashlib.sha256(run.encode()).hexdigest()[:8]}"


class _Held:
    """A credential provider that has the credentials already: botocore's own way to put some into a session."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Credentials:
        return self._credentials
