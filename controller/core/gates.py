"""Gates: whether what is known of a version is good enough for its first approval. What is not known is not enough.

Numbers are decimals, so that equal to the bar is equal to the bar.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from controller.core.expression import key_of
from controller.core.manifest import Promotion
from controller.core.release import Release
from controller.core.rules import Gate, ModelCard

LARGEST_DOCUMENT = 4 << 20
SEVERITIES = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_LARGEST_POWER = 308  # as far as a double goes
_COMPARE: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that was looked up: where, what stands there, or why nothing does."""

    where: str
    value: Any = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a registry's scan says of one image. `state` is ECR's word; `counts` are findings by severity."""

    image: str
    state: str
    counts: Mapping[str, int] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What gates look at of one version.

    `readings` are metrics by their name (`ModelQuality.Statistics:a.b`), `current` those of the version that is
    Approved now (None: there is none) and `current_is` its name; `proofs` are validators' documents by their place;
    `scans` are None while no image of it is in the hub. `fault` says why there is no release to look at.
    `expressions` are what those of its gates say (True or False), by `core.expression.key_of`.
    `digests` are what its record consists of, where some digest is revoked for it, and `unread` why that is not known.
    """

    release: Release | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    current: Mapping[str, Reading] | None = None
    current_is: str = ""
    proofs: Mapping[str, Reading] = field(default_factory=dict)
    scans: Sequence[Scan] | None = None
    expressions: Mapping[str, Reading] = field(default_factory=dict)
    fault: str = ""
    digests: frozenset[str] = frozenset()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says."""

    standing: Literal["passed", "blocked", "waiting"]
    says: str


def asked(gate: Gate, promotion: Promotion) -> bool:
    """Whether a gate is for this promotion: its stage is one that the gate names, or it names none."""
    stages = gate.when.stages if gate.when is not None else ()
    return not stages or (promotion.stage is not None and promotion.stage.name in stages)


def judge_gate(gate: Gate, evidence: Evidence | None) -> Verdict:
    """The gate's verdict: with the value, the bar, and where the value was read."""
    if evidence is None:
        return Verdict("blocked", "nothing could be read of it")
    if gate.image_scan is not None:
        return _scans(gate.image_scan.below, evidence)
    if evidence.release is None:
        return Verdict("blocked", evidence.fault or "nothing could be read of it")
    if gate.report is not None:
        return _report(gate.report, evidence.release)
    if gate.model_card is not None:
        return _card(gate.model_card, evidence.release)
    if gate.evidence is not None:
        return _proof(gate.evidence, evidence.release, evidence)
    if gate.expression is not None:
        return _expression(gate, gate.expression, evidence)
    return _metric(gate, evidence)


def _metric(gate: Gate, evidence: Evidence) -> Verdict:
    name = gate.metric or ""
    found = evidence.readings.get(name, Reading("", fault="it was not read"))
    if found.fault:
        return Verdict("blocked", f"{name} {found.fault}{_at(found)}")
    bars = []
    if gate.threshold is not None:
        bars.append((Decimal(repr(gate.threshold)), ""))
    if gate.no_worse_than is not None:
        if evidence.current is None:
            if not bars:
                return Verdict("passed", f"{name} is {found.value}, and no version is Approved to compare with")
        else:
            other = evidence.current.get(name, Reading("", fault="it was not read"))
            if other.fault:
                return Verdict("blocked", f"{name} of {evidence.current_is} {other.fault}{_at(other)}")
            bars.append((_eased(other.value, gate), f", the {other.value} of {evidence.current_is}{_eased_by(gate)}"))
    compare = _COMPARE[gate.operator or ">="]
    missed = [(bar, what) for bar, what in bars if not compare(found.value, bar)]
    shown = " and ".join(f"{gate.operator} {bar}{what}" for bar, what in missed or bars)
    is_wanted = "is wanted" if missed else "was wanted"
    return Verdict("blocked" if missed else "passed", f"{name} is {found.value}; {shown} {is_wanted}{_at(found)}")


def _eased(value: Decimal, gate: Gate) -> Decimal:
    margin = Decimal(repr(gate.margin))
    return value - margin if (gate.operator or ">=").startswith(">") else value + margin


def _eased_by(gate: Gate) -> str:
    return f" with a margin of {gate.margin}" if gate.margin else ""


def _at(found: Reading) -> str:
    return f" (read from {found.where})" if found.where else ""


def _expression(gate: Gate, text: str, evidence: Evidence) -> Verdict:
    readings = {name: evidence.readings.get(metric) for name, metric in sorted(gate.metrics.items())}
    for name, found in readings.items():
        if found is None or found.fault:
            lacking = found or Reading("", fault="it was not read")
            return Verdict("blocked", f"metrics.{name}: {gate.metrics[name]} {lacking.fault}{_at(lacking)}")
    known = {name: found for name, found in readings.items() if found is not None}
    places = " and ".join(dict.fromkeys(found.where for found in known.values()))
    numbers = ", ".join(f"metrics.{name} {found.value}" for name, found in known.items()) + _at(Reading(places))
    said = evidence.expressions.get(key_of(text, gate.metrics), Reading("", fault="it was not evaluated"))
    if said.fault:
        return Verdict("blocked", f"{text}: {said.fault}; with {numbers}")
    if said.value is not True:
        return Verdict("blocked", f"{text} is not so, with {numbers}")
    return Verdict("passed", f"{text} is so, with {numbers}")


def _report(name: str, release: Release) -> Verdict:
    uri = report_uri(release.body, name)
    if not uri:
        return Verdict("blocked", f"it has no report {name}")
    if not any(item.uri == uri for item in release.objects):
        return Verdict("blocked", f"its report {name} names {uri}, which is not among its objects")
    return Verdict("passed", f"it has the report {name} ({uri})")


def _card(asks: ModelCard, release: Release) -> Verdict:
    card, path = release.body.get("ModelCard") or {}, asks.field
    try:
        value = walk(parse(str(card.get("ModelCardContent", "")).encode()), path)
    except ValueError as error:
        return Verdict("blocked", f"{path} of its model card {error}")
    if value in (None, "", [], {}) or value is False:
        return Verdict("blocked", f"{path} of its model card is empty")
    allowed = asks.one_of
    said = value if isinstance(value, str) else json.dumps(value, default=str)
    if allowed and value not in allowed:
        return Verdict("blocked", f"{path} of its model card is {_short(said)}; one of {', '.join(allowed)} is wanted")
    return Verdict("passed", f"{path} of its model card is {_short(said)}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _proof(place: str, release: Release, evidence: Evidence) -> Verdict:
    found = evidence.proofs.get(place, Reading("", fault="it was not read"))
    if found.fault:
        return Verdict("blocked", f"the evidence {found.fault}{_at(found)}")
    said = found.value if isinstance(found.value, Mapping) else {}
    if said.get("release") != release.digest:
        return Verdict("blocked", f"the evidence is not for this release{_at(found)}")
    if said.get("passed") is not True:
        return Verdict("blocked", f"the evidence does not say `passed: true`{_at(found)}")
    return Verdict("passed", f"the evidence says that it passed{_at(found)}")


def _scans(below: str, evidence: Evidence) -> Verdict:
    if evidence.scans is None:
        return Verdict("waiting", "its images are scanned once they are in the hub's registry")
    clean = set(SEVERITIES[: SEVERITIES.index(below)])
    unfinished = []
    for scan in evidence.scans:
        bad = {name: count for name, count in scan.counts.items() if count and name not in clean}
        if bad:
            found = ", ".join(f"{count} {name}" for name, count in sorted(bad.items()))
            return Verdict("blocked", f"{scan.image} has findings not below {below}: {found}")
        if scan.state in ("PENDING", "IN_PROGRESS"):
            unfinished.append(scan.image)
        elif scan.state not in ("COMPLETE", "ACTIVE"):
            return Verdict("blocked", f"{scan.image} was not scanned: {scan.why or scan.state}")
    if unfinished:
        return Verdict("waiting", f"the scan of {unfinished[0]} has not ended")
    return Verdict("passed", f"no finding of its {len(evidence.scans)} images is {below} or above")


def report_uri(body: Mapping[str, Any], name: str) -> str:
    """The URI of a report such as `Bias.Report` among a package's ModelMetrics, or an empty text."""
    here: Any = body.get("ModelMetrics")
    for part in name.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return str(here.get("S3Uri") or "") if isinstance(here, Mapping) else ""


def parse(text: bytes) -> Any:
    """A JSON document with exact numbers; ValueError says what is wrong, a name that is there twice included."""
    if len(text) > LARGEST_DOCUMENT:
        raise ValueError(f"is in a document of more than {LARGEST_DOCUMENT >> 20} MiB")
    try:
        return json.loads(
            text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except _TwiceError as error:
        raise ValueError(f"is in a document that says {error} twice") from error
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise ValueError("is in a document that is not JSON") from error


class _TwiceError(ValueError):
    """A name that an object has twice: which of them counts would be anybody's guess."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(name for name in names if names.count(name) > 1)))
    return found


def _refuse(word: str) -> Any:
    return word  # NaN and Infinity, which are no JSON: a text, and so no number


def walk(document: Any, path: str) -> Any:
    """What stands at a dotted path, in lists by their index from 0; ValueError when nothing does."""
    here = document
    for part in path.split("."):
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(here):
            here = here[int(part[:9])]
        else:
            raise ValueError("is not there")
    return here


def number(value: Any) -> Decimal:
    """A number out of a document; ValueError for everything else."""
    if not isinstance(value, Decimal):
        raise ValueError(f"is not a number but {_short(json.dumps(value, default=str))}")
    if not value.is_finite() or value.adjusted() > _LARGEST_POWER:
        raise ValueError("is too large to be a number")
    return value
