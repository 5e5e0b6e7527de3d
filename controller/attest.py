"""Statements on hub versions, made from what is live, and checked against it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor

from controller import __version__
from controller.core.dsse import Envelope
from controller.core.errors import HubwrightError, PreconditionError
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.statement import Evidence, disagreements, read_statement, recorded_sums, version_of
from controller.core.trace import Asked, Traced, parse_asked
from controller.kinds.base import Client, Cloud
from controller.kinds.prove import place_of
from controller.trace import trace

_BUFFER = 1 << 20
Check = Callable[[bytes, bytes], bool]
Step = Callable[[str], None]


def evidence_of(cloud: Cloud, manifests: Manifests, arn: str, pool: Executor, step: Step) -> tuple[Evidence, Traced]:
    """Everything a statement on a hub version says; `PreconditionError` when there is no such version or no record."""
    asked = parse_asked(arn)
    found = [item for item in trace(cloud, manifests, asked, pool).versions if _named(item, asked)]
    if not found:
        raise PreconditionError(f"{arn} is no version of a hub that was promoted")
    (item,) = found
    if item.record is None:
        raise PreconditionError(f"there is no record of {arn}: {'; '.join(item.faults)}")
    bucket, target = item.bucket, item.package.version
    client = cloud.client(Target(target.account, target.region), "s3")
    sums = recorded_sums(item.record)
    for stored in item.record.objects:
        if stored.key not in sums:
            step(f"reading s3://{bucket}/{stored.key}")
            where = place_of(bucket, stored.key, target.account, stored.version, stored.etag)
            sums[stored.key] = _sha256(client, where)
    return Evidence(item.package, item.record, item.lineage, bucket, sums, __version__), item


def _named(item: Traced, asked: Asked) -> bool:
    return item.package.version.arn == asked.text


def _sha256(client: Client, where: dict[str, str]) -> str:
    state = hashlib.sha256()
    with client.call("GetObject", **where)["Body"] as body:
        while data := body.read(_BUFFER):
            state.update(data)
    return state.hexdigest()


def verify(
    cloud: Cloud, manifests: Manifests, envelope: Envelope, check: Check, pool: Executor, step: Step
) -> tuple[str, tuple[str, ...]]:
    """(the version's ARN, what is wrong). The ARN is empty as long as no signature was found good."""
    if not any(check(signature, envelope.signed) for _, signature in envelope.signatures):
        return "", ("no signature of it was made with this key",)
    try:
        found = read_statement(envelope.payload)
    except ValueError as error:
        return "", (str(error),)
    arn = str(version_of(found))
    try:
        evidence, item = evidence_of(cloud, manifests, arn, pool, step)
    except HubwrightError as error:
        return arn, (str(error),)
    return arn, (*item.faults, *disagreements(found, evidence))
