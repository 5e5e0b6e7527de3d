"""From a version that is live back to the promotion that would have made it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.core import fields
from controller.core.arn import Version
from controller.core.draft import destination, split_uri
from controller.core.identify import attempt_of
from controller.core.manifest import Approval, Carry, Environment, From, Inference, Promotion, Stage, Store, To
from controller.core.marks import owned_keys
from controller.core.record import Record
from controller.core.release import inputs_digest
from controller.core.view import Package

_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A live version with the promotion that names it, or the reason why there is none."""

    live: Package
    promotion: Promotion | None = None
    why: str = ""


def plain(live: Package, source: Version, spoke: str, group: str) -> Promotion:
    """What the marks of a version made from `source` say of its promotion, as if nothing about the model had been
    changed."""
    stage = live.stage
    return Promotion(
        source=From(spoke=spoke, group=source.group, version=source.number),
        to=To(group),
        approval=_approval(live.approval),
        reason=live.description,
        stage=Stage(stage["Stage"], stage["StageStatus"], stage.get("StageDescription")) if stage else None,
        metadata={name: live.metadata[name] for name in sorted(owned_keys(live.metadata)) if name in live.metadata},
        attempt=attempt_of(live),
    )


def _approval(text: str) -> Approval:
    known: tuple[Approval, ...] = ("Approved", "PendingManualApproval", "Rejected")
    return next(one for one in known if one == text)


def fits(live: Package, promotion: Promotion) -> bool:
    """Whether this promotion would be the version's own."""
    return live.mark("inputs") == inputs_digest(promotion)


def told(live: Package, promotion: Promotion, record: Record, store: Store) -> Found:
    """The promotion with the `inference`, `artifacts` and `images` that its record shows, or why there are none."""
    artifacts: Carry = "copy" if record.objects or not record.release.objects else "reference"
    base = destination(record.release, live.version.group, store)
    carries: tuple[Carry, ...] = ("copy", "reference")
    for images in carries:
        inference = _inference(record, f"s3://{store.bucket}/{base}/")
        wanted = replace(promotion, inference=inference, artifacts=artifacts, images=images)
        if fits(live, wanted):
            return Found(live, wanted)
    return Found(live, None, "what its promotion changed about the model cannot be told from its record")


def _inference(record: Record, base: str) -> Inference:
    was, now = record.release.body, record.body
    kinds: Mapping[str, Any] = now.get("InferenceSpecification", {})
    before: Mapping[str, Any] = was.get("InferenceSpecification", {})
    content, response = "SupportedContentTypes", "SupportedResponseMIMETypes"
    added: dict[str, str] = {}
    dropped: set[str] = set()
    for (_, old), (_, new) in zip(fields.containers(was), fields.containers(now), strict=True):
        expected = {name: _moved(value, base) for name, value in old.get("Environment", {}).items()}
        found = new.get("Environment", {})
        added |= {name: value for name, value in found.items() if expected.get(name) != value}
        dropped |= expected.keys() - found.keys()
    return Inference(
        tuple(kinds.get(content, ())) if kinds.get(content) != before.get(content) else (),
        tuple(kinds.get(response, ())) if kinds.get(response) != before.get(response) else (),
        Environment(added, tuple(sorted(dropped))),
    )


def _moved(value: str, base: str) -> str:
    bucket, key = split_uri(value)
    return f"{base}{bucket}/{key}" if bucket else value


def document(name: str, promotion: Promotion) -> dict[str, Any]:
    """A promotion as a person would write it: what is as by default is left out."""
    source, change = promotion.source, promotion.inference
    spec: dict[str, Any] = {
        "from": {"spoke": source.spoke, "group": source.group, "version": source.version},
        "to": {"group": promotion.to.group},
        "approval": promotion.approval,
    }
    if promotion.reason is not None:
        spec["reason"] = promotion.reason
    if promotion.stage is not None:
        stage = promotion.stage
        spec["stage"] = {"name": stage.name, "status": stage.status}
        if stage.description:
            spec["stage"]["description"] = stage.description
    spec |= {name: getattr(promotion, name) for name in ("artifacts", "images") if getattr(promotion, name) != "copy"}
    if promotion.metadata:
        spec["metadata"] = dict(promotion.metadata)
    if shown := _changes(change):
        spec["inference"] = shown
    if promotion.adopts is not None:
        spec["adopts"] = promotion.adopts
    if promotion.attempt != 1:
        spec["attempt"] = promotion.attempt
    return {"apiVersion": "hubwright.io/v1beta1", "kind": "Promotion", "metadata": {"name": name}, "spec": spec}


def _changes(change: Inference) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if change.content_types:
        shown["contentTypes"] = list(change.content_types)
    if change.response_types:
        shown["responseTypes"] = list(change.response_types)
    environment: dict[str, Any] = {}
    if change.environment.set:
        environment["set"] = dict(sorted(change.environment.set.items()))
    if change.environment.drop:
        environment["drop"] = list(change.environment.drop)
    return shown | ({"environment": environment} if environment else {})


def named(text: str, taken: set[str], *more: str) -> str:
    """A manifest's name made of a text, that is not taken yet: `more` are added one by one, then numbers."""
    base = _cut(text)
    names = [base]
    for word in more:
        names.append(_cut(f"{names[-1]}-{word}"))
    number = 2
    while names[0] in taken:
        names.pop(0)
        if not names:
            names.append(_cut(f"{base[:56]}-{number}"))
            number += 1
    taken.add(names[0])
    return names[0]


def _cut(text: str) -> str:
    return _NAME.sub("-", text.casefold()).strip("-")[:63].strip("-") or "imported"
