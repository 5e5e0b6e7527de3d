"""Digests that the platform has revoked: what carries one is never approved, whatever a promotion says. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping

from controller.core.fields import images
from controller.core.gates import Evidence
from controller.core.globs import any_matches
from controller.core.manifest import Guardrails
from controller.core.manifests import Entry, Lock, Manifests
from controller.core.record import Record
from controller.core.release import Release
from controller.core.view import Package
from controller.core.wish import Hold, Subject

_HINT = "it stays out until the platform takes the digest off its list"


def revoking(subject: Subject, manifests: Manifests) -> list[Entry[Guardrails]]:
    """The guardrails that revoke digests for a promotion's group, by name."""
    return [
        entry
        for _, entry in sorted(manifests.guardrails.items())
        if entry.spec.revoked
        and (entry.spec.select is None or any_matches(entry.spec.select.groups, subject.group_name))
    ]


def revoked_holds(
    subject: Subject, release: Release | None, manifests: Manifests, evidence: Evidence | None
) -> tuple[Hold, ...]:
    """Why nothing of a promotion is made or approved: one hold for each rule that names something it consists of."""
    rules_of = revoking(subject, manifests) if subject.promotion.approval != "Rejected" else []
    if not rules_of:
        return ()
    held: list[Hold] = []
    digests = {*consists(subject, release, manifests), *(evidence.digests if evidence is not None else ())}
    if evidence is not None and evidence.unread:
        held.append(Hold("approval", f"whether it consists of something revoked is not known: {evidence.unread}"))
    for entry in rules_of:
        name, rules = entry.name, entry.spec
        hit = [rule for rule in rules.revoked if rule.digest in digests]
        held += [Hold("all", f"{name}/revoked: {rule.digest[:26]}… is revoked: {rule.reason}", _HINT) for rule in hit]
    return tuple(held)


def consists(subject: Subject, release: Release | None, manifests: Manifests) -> Iterator[str]:
    """The digests of all that a promotion is known to consist of: release, images, and objects with a sha256."""
    if subject.release:
        yield subject.release
    if subject.live is not None:
        yield from of_package(subject.live)
    lock = manifests.locks.get(subject.name)
    if lock is not None:
        yield from of_lock(lock.spec)
    if release is not None:
        yield from of_release(release)


def of_package(live: Package) -> Iterator[str]:
    """Of a live version: its release and the images it names."""
    yield live.mark("release")
    for _, uri in images(live.body):
        _, found, digest = uri.partition("@")
        if found:
            yield digest


def of_release(release: Release) -> Iterator[str]:
    yield release.digest
    yield from (image.digest for image in release.images)
    yield from _sums(release.checksums.values())


def of_lock(lock: Lock) -> Iterator[str]:
    yield lock.release
    yield from (image.digest for image in lock.images)
    yield from _sums(item.checksums for item in lock.objects)


def of_record(record: Record) -> Iterator[str]:
    yield from of_release(record.release)
    yield from _sums(item.checksums for item in record.objects)


def _sums(all_of_them: Iterable[object]) -> Iterator[str]:
    """`sha256:` digests of objects, from our own sums (hexadecimal) and S3's (base64, of whole objects)."""
    for sums in all_of_them:
        if not isinstance(sums, Mapping):
            continue
        if len(own := str(sums.get("sha256", ""))) == 64:
            yield f"sha256:{own}"
        stated = str(sums.get("SHA256", ""))
        if stated and "-" not in stated:
            try:
                yield f"sha256:{base64.b64decode(stated, validate=True).hex()}"
            except binascii.Error:
                continue
