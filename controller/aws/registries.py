"""ECR's registries: their logins from ECR itself, their images copied by the registry client."""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from controller.aws.calls import Call, CallLog
from controller.core.errors import RegistryError, SafetyError
from controller.core.model import Target
from controller.kinds.base import Client, Cloud, Purpose
from controller.oci.auth import Login
from controller.oci.copy import Means, Place, Tell, copy_image
from controller.oci.http import HttpTransport
from controller.oci.ledger import Ledger
from controller.oci.network import Home, Network, home
from controller.oci.reference import parse
from controller.oci.registry import Registry
from controller.oci.stream import Buffers
from controller.oci.transport import ReadOnly, Seen, Transport

_ECR = re.compile(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2})\.[a-z0-9.-]+")
_EARLY = timedelta(minutes=5)


class EcrRegistries:
    """Implements `kinds.base.Registries` for ECR hosts (`ACCOUNT.dkr.ecr.REGION.SUFFIX`).

    `bases` maps such a host to another base URL (the sandbox's). Unless `writable`, `copy` is a `SafetyError` and every
    registry refuses all but GET and HEAD. Registries of the accounts `through` are read with the credentials of the
    account that the image goes to. Requests are recorded in `log` as service `oci`. At most `streams` blobs are on
    their way at a time, of all images together; with one, everything happens on the caller's thread, in an order that
    is always the same. Once `stopped`, copies end soon, as waiting ones; `pause` sleeps between tries. `network` is
    what the person allows; `transport` replaces HTTP (tests).
    """

    def __init__(
        self,
        cloud: Cloud,
        bases: Mapping[str, str],
        *,
        writable: bool,
        log: CallLog,
        through: Collection[str] = (),
        transport: Transport | None = None,
        network: Network | None = None,
        streams: int = 1,
        stopped: Callable[[], bool] = lambda: False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cloud = cloud
        self._bases = bases
        self._writable = writable
        self._through = through
        self._log = log
        self._given = transport
        self._network = network or Network()
        self._stopped = stopped
        self._pause = pause
        self._threads = ThreadPoolExecutor(streams, thread_name_prefix="oci") if streams > 1 else None
        self._buffers = Buffers()
        self._ledgers: dict[str, Ledger] = {}
        self._pools: list[HttpTransport] = []
        self._lock = threading.Lock()
        self._open: dict[tuple[str, Purpose, str], Registry] = {}

    def copy(
        self,
        source: str,
        destination: str,
        digest: str,
        tag: str,
        held: Sequence[str] = (),
        tell: Tell | None = None,
        others: Mapping[str, str] | None = None,
    ) -> Mapping[str, int]:
        """As `kinds.base.Registries.copy`. `PreconditionError` if the tag names another image."""
        if not self._writable:
            raise SafetyError(f"copying an image to {destination} is a write, and this run only reads")
        origin, target = parse(source), parse(destination)
        moved = copy_image(
            Place(self.registry(origin.host, reader=self._reader(origin.host, target.host)), origin.repository),
            Place(self.registry(target.host, "register"), target.repository),
            digest,
            tag,
            self._means(target.host, tell),
            held,
            others,
        )
        return {"bytes": moved.bytes, "skipped": moved.skipped + moved.mounted}

    def registry(self, host: str, purpose: Purpose = "read", reader: str = "") -> Registry:
        """The registry of an ECR host, entered for a purpose; for `read` it refuses to write.

        `reader` is the account whose credentials are used; by default the registry's own.
        """
        target = _target(host)
        key = (host, purpose, reader or target.account)
        with self._lock:
            if key not in self._open:
                self._open[key] = self._make(host, target, purpose, key[2])
            return self._open[key]

    def _reader(self, origin: str, target: str) -> str:
        return _target(target).account if _target(origin).account in self._through else ""

    def _make(self, host: str, target: Target, purpose: Purpose, reader: str) -> Registry:
        base = self._bases.get(host)
        # What AWS named may have a private address (a VPC endpoint); what else was named may not, unless it is allowed.
        at = home(base or f"https://{host}", named=base is None)
        transport = self._given or self._pool(target, at)
        if purpose == "read" or not self._writable:
            transport = ReadOnly(transport)
        token = _Token(self._cloud.client(Target(reader, target.region), "ecr", purpose), None if base else host)
        return Registry(base or f"https://{host}", transport, token, network=self._network, pause=self._pause)

    def _means(self, host: str, tell: Tell | None) -> Means:
        """What a copy to a registry may use: threads and buffers are shared by all, what was seen by its own."""
        with self._lock:
            ledger = self._ledgers.setdefault(host, Ledger())
        return Means(self._threads, self._buffers, ledger, tell, self._stopped)

    def close(self) -> None:
        """Ends all connections; nothing may be asked afterwards."""
        if self._threads is not None:
            self._threads.shutdown(wait=not self._stopped(), cancel_futures=True)
        with self._lock:
            for pool in self._pools:
                pool.close()

    def _pool(self, target: Target, at: Home) -> HttpTransport:
        self._pools.append(HttpTransport(at, self._network, seen=_recorder(self._log, target)))
        return self._pools[-1]


def _target(host: str) -> Target:
    found = _ECR.fullmatch(host)
    if found is None:
        raise RegistryError(f"{host} is not a private ECR registry", code="NAME_INVALID")
    return Target(found[1], found[2])


class _Token:
    """ECR's login (12 hours), fetched when first needed, again shortly before its end or when it is refused."""

    def __init__(self, client: Client, host: str | None) -> None:
        self._client = client
        self._host = host
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    def __call__(self, fresh: bool) -> Login:  # noqa: FBT001 - the shape of oci.auth.Credentials
        with self._lock:
            if fresh or self._login is None or datetime.now(UTC) + _EARLY > self._until:
                self._login = self._fetch()
            return self._login

    def _fetch(self) -> Login:
        given = self._client.call("GetAuthorizationToken")["authorizationData"][0]
        endpoint = urlsplit(given.get("proxyEndpoint", "")).hostname or ""
        # A login goes only to what AWS itself calls its registries: same region and domain, whatever the account.
        if self._host is not None and _domain(endpoint) != _domain(self._host):
            raise RegistryError(f"{self._host} is not among the registries of ECR ({endpoint})", code="NAME_INVALID")
        try:
            username, _, password = base64.b64decode(given["authorizationToken"], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise RegistryError("ECR gave a login that is not one", code="UNAUTHORIZED") from error
        self._until = given.get("expiresAt", self._until)
        return Login(username, password)


def _domain(host: str) -> str:
    """What all registries of a region share; FIPS endpoints take the same logins."""
    return host.partition(".")[2].replace("ecr-fips.", "ecr.", 1)


def _recorder(log: CallLog, target: Target) -> Seen:
    def seen(method: str, url: str, status: int) -> None:
        path = urlsplit(url).path
        # An upload's address may carry the registry's own state: its place is enough.
        place = path.partition("/blobs/uploads/")[0] + "/blobs/uploads/" if "/blobs/uploads/" in path else path
        log.record(Call("oci", method, target.account, target.region, place, status))

    return seen
