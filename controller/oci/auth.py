"""Answers to a registry's 401: Basic, or a Bearer token from the registry's own host and from nowhere else."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from controller.core.errors import RegistryError
from controller.oci.network import Home, check_realm
from controller.oci.transport import TransientError, Transport, read_all

_OFFER = re.compile(r'\b(basic|bearer)\b\s*((?:[a-z_]+="[^"]*"\s*,?\s*)*)', re.IGNORECASE)
_PAIR = re.compile(r'([a-z_]+)="([^"]*)"', re.IGNORECASE)
_LARGEST_TOKEN = 256 * 1024


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a secret; the secret is never shown."""

    username: str
    password: str = field(repr=False)


Credentials = Callable[[bool], Login | None]
"""Gives the login of a registry; True asks for a new one, because the last was refused."""


class Authority:
    """The Authorization headers of one registry, renewed when it says 401. Safe for threads."""

    def __init__(self, at: Home, transport: Transport, credentials: Credentials | None) -> None:
        self._at = at
        self._host = at.origin.host
        self._transport = transport
        self._credentials = credentials
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._tokens: dict[str, str] = {}

    def header(self, scope: str) -> dict[str, str]:
        """What to send along for `scope` (`repository:NAME:pull`, blanks between several): a token, else Basic."""
        with self._lock:
            token = self._tokens.get(scope)
        if token is not None:
            return {"Authorization": f"Bearer {token}"}
        return self._basic(fresh=False)

    def renew(self, challenge: str, scope: str, sent: Mapping[str, str]) -> None:
        """Makes `header` better than `sent`, after a 401 with this WWW-Authenticate; `RegistryError` if nothing can."""
        offers = {scheme.lower(): dict(_PAIR.findall(rest)) for scheme, rest in _OFFER.findall(challenge)}
        if "basic" in offers and self._credentials is not None:
            self.refresh(scope, sent)
        elif "bearer" in offers:
            token = self._token(offers["bearer"], scope)
            with self._lock:
                self._tokens[scope] = token
        else:
            raise RegistryError(f"{self._host} asks for a login that there is none for", status=401)

    def refresh(self, scope: str, sent: Mapping[str, str]) -> None:
        """Takes a new login, unless `sent` is not the one at hand any more: many may find it expired at once."""
        with self._lock:
            self._tokens.pop(scope, None)
        with self._renewing:
            if sent.get("Authorization", "") == self._basic(fresh=False).get("Authorization", ""):
                self._basic(fresh=True)

    def _basic(self, *, fresh: bool) -> dict[str, str]:
        login = self._credentials(fresh) if self._credentials is not None else None
        if login is None:
            return {}
        pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}"}

    def _token(self, offer: dict[str, str], scope: str) -> str:
        """Asks the realm. The scope is what we want, not what the challenge says; no redirect is followed."""
        realm = offer.get("realm", "")
        check_realm(realm, self._at)
        query = urlencode([("service", offer.get("service", "")), *(("scope", part) for part in scope.split())])
        url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}"
        status, body = self._ask(url, fresh=False)
        if status == 401:
            status, body = self._ask(url, fresh=True)
        if status == 429 or status >= 500:
            raise TransientError(f"{self._host} gave no token", status=status)
        if status != 200:
            raise RegistryError(f"{self._host} gave no token", status=status, code="UNAUTHORIZED")
        return self._read_token(body)

    def _ask(self, url: str, *, fresh: bool) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self._basic(fresh=fresh)}
        answer = self._transport.request("GET", url, headers)
        return answer.status, read_all(answer, _LARGEST_TOKEN)

    def _read_token(self, body: bytes) -> str:
        try:
            given = json.loads(body)
            token = given.get("token") or given.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not token.isprintable() or " " in token:
            raise RegistryError(f"{self._host} gave a token that is not one", status=200, code="UNAUTHORIZED")
        return token
