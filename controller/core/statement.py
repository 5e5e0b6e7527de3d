"""In-toto statements on hub versions, and what in them a live version must agree with. Pure.

Source: in-toto Attestation Framework, Statement v1; SLSA Verification Summary v1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from controller.core.canonical import canonical
from controller.core.draft import split_image
from controller.core.dsse import parsed
from controller.core.lineage import Lineage
from controller.core.record import Record
from controller.core.trace import images
from controller.core.view import Package

STATEMENT = "https://in-toto.io/Statement/v1"
PROMOTION = "https://hubwright.io/attestation/promotion/v1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://hubwright.io/verifier"
Kind = Literal["promotion", "summary"]
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WHOLE = 64 << 20  # above it our own digest is one of digests: see kinds.prove


@dataclass(frozen=True, slots=True)
class Evidence:
    """A version with everything a statement says of it. `sums` are sha256 in hexadecimal by object key."""

    package: Package
    record: Record
    lineage: Lineage | None
    bucket: str
    sums: Mapping[str, str]
    tool: str


def recorded_sums(record: Record) -> dict[str, str]:
    """sha256 in hexadecimal of the objects that the record has it of, by key: S3's own, or ours of small ones."""
    found = {}
    for item in record.objects:
        if text := item.checksums.get("SHA256", ""):
            found[item.key] = base64.b64decode(text).hex()
        elif item.size <= _WHOLE and (ours := item.checksums.get("sha256", "")):
            found[item.key] = ours
    return found


def subjects(evidence: Evidence) -> list[dict[str, Any]]:
    """Every object, every image and the version's own body, each with its sha256, sorted by name."""
    package = evidence.package
    named = {f"s3://{evidence.bucket}/{item.key}": evidence.sums[item.key] for item in evidence.record.objects}
    for uri in images(package):
        host, repository, _, digest = split_image(uri)
        named[f"{host}/{repository}@{digest}"] = digest.removeprefix("sha256:")
    named[package.version.arn] = package.spec.rpartition(":")[2]
    return [{"name": name, "digest": {"sha256": value}} for name, value in sorted(named.items())]


def statement(evidence: Evidence, kind: Kind, now: str, faults: tuple[str, ...]) -> bytes:
    """A statement's bytes: on the promotion, or the summary that policy engines read. `now`: `2026-11-20T09:14:03Z`."""
    predicate = _promotion(evidence) if kind == "promotion" else _summary(evidence, now, faults)
    body = {
        "_type": STATEMENT,
        "subject": subjects(evidence),
        "predicateType": PROMOTION if kind == "promotion" else SUMMARY,
        "predicate": predicate,
    }
    return canonical(body).encode()


def _promotion(evidence: Evidence) -> dict[str, Any]:
    package, lineage = evidence.package, evidence.lineage
    source = lineage.data["source"] if lineage else {}
    return {
        "version": package.version.arn,
        "source": package.mark("source"),
        "promotion": package.mark("promotion"),
        "release": package.mark("release"),
        "lineage": lineage.digest if lineage else None,
        "approval": package.approval,
        "revision": package.mark("revision"),
        "commit": source.get("commit"),
        "objects": [
            {"uri": f"s3://{evidence.bucket}/{item.key}", "versionId": item.version, "size": item.size}
            for item in evidence.record.objects
        ],
        "tool": {"name": "hubwright", "version": evidence.tool},
    }


def _summary(evidence: Evidence, now: str, faults: tuple[str, ...]) -> dict[str, Any]:
    package = evidence.package
    passed = not faults and package.approval == "Approved"
    revision = package.mark("revision")
    return {
        "verifier": {"id": VERIFIER, "version": {"hubwright": evidence.tool}},
        "timeVerified": now,
        "resourceUri": package.version.arn,
        "policy": {"uri": f"git+hubwright:{revision}", "digest": {"gitCommit": revision} if revision else {}},
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": ["HUBWRIGHT_PROMOTED"] if passed else [],
    }


def read_statement(payload: bytes) -> dict[str, Any]:
    """A statement from a payload whose signature was checked; ValueError says what is wrong with it."""
    found = parsed(payload)
    if not isinstance(found, dict) or found.get("_type") != STATEMENT:
        raise ValueError(f"its payload is not a statement ({STATEMENT})")
    if found.get("predicateType") not in (PROMOTION, SUMMARY):
        raise ValueError(f"its predicateType is {found.get('predicateType')!r}, which is none of ours")
    if not isinstance(found.get("predicate"), dict):
        raise ValueError("its predicate is missing")
    rows = found.get("subject")
    if not isinstance(rows, list) or not rows:
        raise ValueError("it has no subject")
    names = [_subject(row) for row in rows]
    if len(set(names)) != len(names):
        raise ValueError("it names a subject twice")
    if not isinstance(version_of(found), str):
        raise ValueError("it does not say of which version it is")
    return found


def _subject(row: Any) -> str:
    digest = row.get("digest") if isinstance(row, dict) else None
    if not isinstance(digest, dict) or not isinstance(row.get("name"), str) or set(digest) != {"sha256"}:
        raise ValueError("a subject of it has no name, or another digest than sha256")
    if not isinstance(digest["sha256"], str) or not _HEX.fullmatch(digest["sha256"]):
        raise ValueError(f"the digest of its subject {row['name']} is not one")
    return str(row["name"])


def version_of(found: Mapping[str, Any]) -> Any:
    """The ARN that a statement is about."""
    predicate = found["predicate"]
    return predicate.get("version") if found["predicateType"] == PROMOTION else predicate.get("resourceUri")


def disagreements(found: Mapping[str, Any], evidence: Evidence) -> Iterator[str]:
    """Where a statement says otherwise than what is live, one sentence each."""
    package = evidence.package
    stated = {row["name"]: row["digest"]["sha256"] for row in found["subject"]}
    live = {row["name"]: row["digest"]["sha256"] for row in subjects(evidence)}
    for name in sorted({*stated, *live}):
        if name not in live:
            yield f"it vouches for {name}, which is no part of the version"
        elif name not in stated:
            yield f"it does not vouch for {name}"
        elif stated[name] != live[name]:
            yield f"{name} has sha256 {live[name]}, and {stated[name]} is stated"
    predicate = found["predicate"]
    if found["predicateType"] == SUMMARY:
        if predicate.get("verificationResult") != "PASSED":
            yield f"its result is {predicate.get('verificationResult')!r}, not PASSED"
        if predicate.get("verifier", {}).get("id") != VERIFIER:
            yield "it is of another verifier"
    else:
        wanted = _promotion(evidence)
        for name in ("source", "promotion", "release", "lineage", "objects"):
            if predicate.get(name) != wanted[name]:
                yield f"its {name} is not the version's"
    if package.approval != "Approved":
        yield f"the version is {package.approval} now"
