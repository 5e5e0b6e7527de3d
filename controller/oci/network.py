"""Where registry traffic may go. The one place that decides: every address, name and redirect is judged here.

| what | rule |
|---|---|
| a registry | https; http only on loopback; a host and a port, nothing else |
| a token's realm, an upload's place | on the registry's own scheme, host and port |
| a blob's redirect | https to another host, without credentials; from loopback also http, to loopback |
| an address | looked up once, judged, and connected to as judged |
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from controller.core.errors import RegistryError

Address = IPv4Address | IPv6Address
Block = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Iterable[str]]
"""The addresses of a host; OSError when it has none."""

_LONGEST = 8192
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9a-fA-F:.]{2,45}", re.ASCII)
_PLAIN = re.compile(r"[!-\[\]-~]+", re.ASCII)  # printable, no blanks, no backslash
PORTS = {"https": 443, "http": 80}
_NAT64 = ip_network("64:ff9b::/96")

NEVER: tuple[tuple[Block, str], ...] = tuple(
    (ip_network(block), what)
    for block, what in (
        ("0.0.0.0/8", "unspecified"),
        ("169.254.0.0/16", "link-local, where metadata services are"),
        ("100.100.100.200/32", "a metadata service"),
        ("168.63.129.16/32", "a metadata service"),
        ("192.0.0.192/32", "a metadata service"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/96", "unspecified"),
        ("::ffff:0:0/96", "an IPv4 address in disguise"),
        ("2001::/32", "an IPv4 address in disguise"),
        ("2002::/16", "an IPv4 address in disguise"),
        ("fd00:ec2::/32", "a metadata service"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)
"""Blocks that no option opens, and why."""


class Origin(NamedTuple):
    """What credentials belong to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def origin(url: str) -> Origin:
    """The origin of a URL without user information; `RegistryError` for anything that two readers may read apart."""
    try:
        parts = urlsplit(url)
        found = Origin(parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))
    except ValueError:
        found = Origin("", "", 0)
    usual = len(url) <= _LONGEST and _PLAIN.fullmatch(url) and found.scheme in PORTS and found.port
    if not usual or not _HOST.fullmatch(found.host) or "@" in urlsplit(url).netloc:
        raise RegistryError("a registry sent or was given an address that is not one", code="ADDRESS_INVALID")
    return found


def joined(url: str, reference: str) -> str:
    """Where a header leads, seen from `url`; `RegistryError` for what is no address."""
    try:
        return urljoin(url, reference)
    except ValueError as error:
        raise RegistryError("a registry sent an address that is not one", code="ADDRESS_INVALID") from error


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by a name that cannot lead elsewhere."""
    return host in {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Home:
    """The registry that a connection is for. `named` by AWS itself: it may then have a private address."""

    origin: Origin
    named: bool = False

    @property
    def loopback(self) -> bool:
        return is_loopback(self.origin.host)


def home(base_url: str, *, named: bool = False) -> Home:
    """The registry at a base URL; `RegistryError` unless it is https, or http on loopback, without a path."""
    found, parts = origin(base_url), urlsplit(base_url)
    if found.scheme != "https" and not is_loopback(found.host):
        raise RegistryError(f"{base_url} is neither https nor on this machine", code="ADDRESS_INVALID")
    if parts.path or parts.query or parts.fragment:
        raise RegistryError(f"{base_url} has more than a host and a port", code="ADDRESS_INVALID")
    return Home(found, named)


def check_realm(url: str, at: Home) -> None:
    """Logins are traded for tokens on the registry itself, or not at all."""
    if origin(url) != at.origin or urlsplit(url).fragment:
        raise RegistryError(
            f"{at.origin.host} sends logins to another host, which is refused", status=401, code="REALM_REFUSED"
        )


def check_location(url: str, at: Home) -> None:
    """Where an upload goes on gets our credentials, so it must be on the registry itself."""
    if origin(url) != at.origin:
        raise RegistryError("the registry sends uploads to another host, which is refused", code="LOCATION")


def look_up(host: str, port: int) -> list[str]:
    """As `Resolve`, by the system."""
    return list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


@dataclass(frozen=True, slots=True)
class Network:
    """What the person allows: private `allowed` blocks, an http `proxy` (`http://host:port`), trusted roots (PEM).

    Nothing is taken from the environment.
    """

    allowed: tuple[Block, ...] = ()
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    resolve: Resolve = look_up

    def check_redirect(self, url: str, at: Home) -> None:
        """A blob may come from elsewhere, over https; a registry on loopback may send to loopback."""
        to = origin(url)
        if at.loopback and is_loopback(to.host):
            return
        if to.scheme != "https" or is_loopback(to.host):
            raise RegistryError(f"a blob is redirected to {to.scheme}://{to.host}, which is refused", code="REDIRECT")
        if (literal := _literal(to.host)) is not None and (why := self._objection(literal, to, at)):
            raise RegistryError(f"a blob is redirected to {to.host}, which is refused: it is {why}", code="REDIRECT")

    def addresses(self, to: Origin, at: Home) -> list[str]:
        """Where to connect to for `to`, all judged; `RegistryError` if a single one of them is forbidden."""
        try:
            found = list(self.resolve(to.host, to.port))
        except (OSError, UnicodeError) as error:
            raise OSError(f"{to.host} has no address") from error
        for text in found:
            address = _literal(text)
            why = self._objection(address, to, at) if address is not None else "not an address"
            if why:
                raise RegistryError(
                    f"{to.host} is at {text[:60]}, which is refused: it is {why}",
                    code="ADDRESS_REFUSED",
                    hint=_HINT if why == _PRIVATE else "",
                )
        return found

    def _objection(self, address: Address, to: Origin, at: Home) -> str:
        """Why an address must not be connected to, or an empty text."""
        if isinstance(address, IPv6Address) and address in _NAT64:
            return self._objection(IPv4Address(int(address) & 0xFFFFFFFF), to, at)
        if address.is_loopback:
            return "" if at.loopback and is_loopback(to.host) else "this machine"
        for block, what in NEVER:
            if address in block:
                return what
        if address.is_global or any(address in block for block in self.allowed):
            return ""
        return "" if at.named and to == at.origin else _PRIVATE


_PRIVATE = "private"
_HINT = "if it is a private link of yours, allow its network: --allow-network CIDR"


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_proxy(url: str) -> bool:
    """Whether it is `http://host:port`, with a login or not, and nothing more."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    bare = not (parts.path.strip("/") or parts.query or parts.fragment)
    return parts.scheme == "http" and bool(_HOST.fullmatch(host)) and bool(port) and bare


def blocks(texts: Iterable[str]) -> tuple[Block, ...]:
    """Networks from CIDR texts; ValueError naming the first that is not one."""
    return tuple(ip_network(text) for text in texts)
