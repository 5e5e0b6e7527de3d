"""`doctor`: what is not well with a set-up, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.aws.clock import seconds_off
from controller.aws.regions import regions as known_regions
from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.core.errors import HubwrightError
from controller.core.manifests import Manifests
from controller.core.redact import redacted_all
from controller.doctor import Check, clock, examine, regions, tried
from controller.render.document import to_json
from controller.render.escape import terminal
from controller.render.words import number
from controller.source.base import head, is_shallow

_SIGNS: Mapping[str, str] = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def doctor(settings: Settings, form: str) -> int:
    """Writes what was looked at; 1 when anything is not well."""
    checks = list(_checks(settings))
    code = int(any(item.status == "fail" for item in checks))
    write(document(checks, code) if form == "json" else text(checks))
    return code


def _checks(settings: Settings) -> Iterator[Check]:
    yield tried("git", settings.repo, lambda: _git(settings))
    found: list[Manifests] = []

    def look() -> Check:
        found.append(read_manifests(settings))
        return _valid(found[0], settings.again())

    yield tried("manifests", settings.path, look)
    if not found:
        return
    ours = [entry.spec.region for entry in found[0].hubs.values()]
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or next(iter(ours), "us-east-1")
    credentials = "sign in, or set the credentials of the controller's role"
    yield from regions(found[0], known_regions())
    try:
        yield clock(seconds_off(region))
    except HubwrightError as error:
        yield Check("AWS", "this machine", "fail", str(error), error.hint or credentials)
        yield Check("accounts", found[0].fleet.name, "fail", "were not looked at: AWS could not be asked", "see above")
        return
    with opened(settings) as run:
        yield from _accounts(run)


def _accounts(run: Run) -> Iterable[Check]:
    run.progress.step("looking at accounts")
    return list(examine(run.cloud(), run.manifests))


def _git(settings: Settings) -> Check:
    repo = Path(settings.repo)
    if settings.worktree:
        return Check("git", settings.repo, "ok", "is read as it is, committed or not")
    revision = head(repo, settings.ref)
    if is_shallow(repo):
        hint = "in CI, fetch it whole: fetch-depth: 0"
        return Check("git", settings.repo, "warn", "is a shallow clone: --since and ages cannot be told", hint)
    return Check("git", settings.repo, "ok", f"{settings.ref} is {revision[:12]}")


def _valid(manifests: Manifests, again: str) -> Check:
    if manifests.problems:
        faults = number(len(manifests.problems), "fault")
        says = f"have {faults}, first {manifests.problems[0]}"
        return Check("manifests", manifests.fleet.name, "fail", says, f"see: hubwright validate{again}")
    says = f"{number(len(manifests.hubs), 'hub')}, {number(len(manifests.spokes), 'spoke')}"
    return Check("manifests", manifests.fleet.name, "ok", f"are valid: {says}")


def text(checks: Iterable[Check]) -> str:
    """What was looked at, a line each."""
    lines = []
    for item in checks:
        lines.append(f"{_SIGNS[item.status]}  {terminal(item.area)}: {terminal(item.about)}: {terminal(item.says)}")
        if item.hint and item.status != "ok":
            lines.append(f"      hint: {terminal(item.hint)}")
    return "\n".join(lines) + "\n"


def document(checks: Iterable[Check], code: int) -> str:
    """The same as JSON (`hubwright.io/doctor/v1`)."""
    shown: list[dict[str, Any]] = [
        {"area": item.area, "about": item.about, "status": item.status, "says": item.says, "hint": item.hint}
        for item in checks
    ]
    return to_json(redacted_all({"format": "hubwright.io/doctor/v1", "checks": shown, "exit": code}))
