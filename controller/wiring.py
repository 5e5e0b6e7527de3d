"""What every entry point needs before a run: how accounts are entered, and what the environment says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from controller.aws.cloud import Roles
from controller.core.access.facts import TAG
from controller.core.acting import CALLER
from controller.core.errors import UsageError
from controller.core.manifest import Access
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.kinds.base import Cloud

REGISTRIES = "HUBWRIGHT_REGISTRIES"
COPY_LIMIT = "HUBWRIGHT_COPY_LIMIT"
S3_COPY_LIMIT = 5 * 1024**3
PARTS_FROM = "HUBWRIGHT_PARTS_FROM"
S3_PARTS_FROM = 1024**3


def roles_of(manifests: Manifests) -> dict[str, Roles]:
    """How each account is entered. A hub's roles go before those of a spoke in the same account.

    A push spoke's run tags its sessions in the hub with its account: the hub's policies confine it by that.
    """
    pushing = [entry.spec for entry in manifests.spokes.values() if entry.spec.access == Access(read=CALLER)]
    tags = tuple((TAG, spoke.account) for spoke in pushing)
    roles = {
        entry.spec.account: _roles(entry.spec.access, writing=False)
        for entry in manifests.spokes.values()
        if entry.spec.access is not None
    }
    hubs = {entry.spec.account: _roles(entry.spec.access, writing=True) for entry in manifests.hubs.values()}
    return roles | {account: replace(entered, tags=tags) for account, entered in hubs.items()}


def _roles(access: Access, *, writing: bool) -> Roles:
    if access.read == CALLER:
        return Roles()
    if not writing:  # nothing is ever written to a spoke
        return Roles(read=access.read, external_id=access.external_id)
    return Roles(access.read, access.register, access.approve, access.external_id)


def roleless(manifests: Manifests) -> frozenset[str]:
    """The accounts of spokes that are read with the credentials of the hub that a promotion goes to."""
    return frozenset(
        entry.spec.account
        for entry in manifests.spokes.values()
        if entry.spec.access is None or entry.spec.access.read is None
    )


def registry_bases(environment: Mapping[str, str]) -> dict[str, str]:
    """Base URLs by registry host, from the environment; `UsageError` when it is not a JSON object of them."""
    text = environment.get(REGISTRIES, "")
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(map(_is_url, found.values())):
        hint = "unset it to use the registries themselves"
        raise UsageError(f"{REGISTRIES} is not a JSON object from registry host to base URL", hint)
    return found


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def copy_limit(environment: Mapping[str, str]) -> int:
    """How many bytes one CopyObject may move: S3's 5 GiB, or what the environment says of a stand-in for S3."""
    return _bytes(environment, COPY_LIMIT, S3_COPY_LIMIT)


def parts_from(environment: Mapping[str, str]) -> int:
    """Above how many bytes an object is copied in parts, several at a time, though one CopyObject could move it."""
    return _bytes(environment, PARTS_FROM, S3_PARTS_FROM)


def _bytes(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not int(text):
        raise UsageError(f"{name}={text!r} is not a number of bytes")
    return int(text)


def prove(cloud: Cloud, manifests: Manifests, spoke: str) -> None:
    """`AccountError` unless the caller's own credentials are of the spoke's account: before anything is believed."""
    entry = manifests.spokes[spoke].spec
    cloud.client(Target(entry.account, entry.region or ""), "sts").call("GetCallerIdentity")
