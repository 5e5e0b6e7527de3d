"""The push pattern's function: a spoke's Lambda that brings one artifact and its image to the hub."""

from __future__ import annotations

import os
from typing import Any

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.core.acting import acting
from controller.core.draft import objections
from controller.core.errors import AccountError, CloudError, HubwrightError, UsageError, told
from controller.core.identify import place_of, subject_of
from controller.core.manifests import Manifests
from controller.core.pushed import Pushed, asked_for, is_of, release_by_digest, source_of, subject_of_pushed, welcome
from controller.core.redact import redacted
from controller.core.release import Release
from controller.core.report import Report
from controller.core.scope import Scope
from controller.core.wish import Finding
from controller.events.line import Line, Stopped
from controller.events.manifests import clone_of, read_manifests
from controller.events.pull import running_out
from controller.events.request import Asked, NoError, asked_of
from controller.resolve import RefusedError, release_of, release_or_finding

SPOKE = "HUBWRIGHT_SPOKE"
_STANDS = {"converged", "deferred", "duplicate", "waiting"}
_STATUS = {"blocked": 403, "unknown": 502, "failed": 502, "waiting": 503, "pending": 503, "invalid": 500}


def push_handler(event: Any, context: Any) -> dict[str, str]:
    """Registers what the event names in the hub, as PendingManualApproval, and answers with the version's ARN.

    The event has `image_uri`, `model_path`, `model_package_group_name`, `ds_bucket_name`, `hub_bucket_name` and
    `approval_status`. The answer is `{"statusCode": "200", "model_arn": …}`, or a status from 400 on and `error`.
    """
    try:
        return {"statusCode": "200", "model_arn": _pushed(asked_of(event), running_out(context))}
    except NoError as error:
        return refusal(error.status, error)
    except UsageError as error:
        return refusal(500, error)
    except AccountError as error:
        return refusal(403, error)
    except CloudError as error:
        return refusal(403 if error.denied else 503 if "Throttl" in error.code else 502, error)
    except HubwrightError as error:
        return refusal(500, error)
    except Exception as error:  # noqa: BLE001  (the border: who pushes gets an answer, never a traceback)
        return {"statusCode": "500", "error": f"a fault of Hubwright itself: {type(error).__name__}"}


def refusal(status: int, error: HubwrightError) -> dict[str, str]:
    """The answer to who pushed: why not, and what to do about it."""
    return {"statusCode": str(status), "error": redacted(told(error))}


def _pushed(asked: Asked, stopped: Stopped) -> str:
    manifests = read_manifests(os.environ)
    name = _spoke(manifests, asked)
    line = Line(acting(manifests, name), pushing=True, command="push", repo=clone_of(os.environ))
    try:
        return _registered(line, _checked(line.manifests, name, asked), asked, stopped)
    finally:
        line.close()


def _spoke(manifests: Manifests, asked: Asked) -> str:
    """The spoke that pushes: the one of the caller's account, or of several there the one whose bucket it is."""
    account = AwsCloud({}, run="push", writable=False, log=CallLog()).identity()
    here = {name: entry.spec for name, entry in manifests.spokes.items() if entry.spec.account == account}
    named = os.environ.get(SPOKE, "")
    if named:
        here = {name: spoke for name, spoke in here.items() if name == named}
    if len(here) > 1:
        here = {name: spoke for name, spoke in here.items() if asked.bucket in spoke.allow.buckets} or here
    if not here:
        raise NoError(403, f"account {account} is not {f'the spoke {named}' if named else 'a spoke of this fleet'}")
    if len(here) > 1:
        raise NoError(403, f"account {account} has several spokes: {', '.join(sorted(here))}", f"set {SPOKE}")
    name, spoke = next(iter(here.items()))
    if spoke.pattern != "push":
        raise NoError(403, f"the spoke {name} does not push: it is read by the hub's run")
    if spoke.state != "Active":
        raise NoError(403, f"the spoke {name} is {spoke.state}: nothing new is promoted from it")
    return name


def _checked(manifests: Manifests, name: str, asked: Asked) -> Pushed:
    """What the fleet says to it: group, buckets, image."""
    named = [entry for entry in manifests.groups.values() if (entry.spec.group or entry.name) == asked.group]
    if not named:
        raise NoError(404, f"the fleet has no model package group {asked.group}")
    allowed = [entry for entry in named if welcome(manifests, name, entry.name)]
    if not allowed:
        hint = "name it in a Subscription or Promotion to the group, or among the group's readers"
        raise NoError(403, f"the group {asked.group} does not name the spoke {name}", hint)
    places = [(entry, place) for entry in allowed if (place := place_of(entry, manifests))]
    if not places:
        raise NoError(500, f"the hub of the group {asked.group} has an invalid manifest")
    fits = [
        (entry, place)
        for entry, place in places
        if place.active_store and place.active_store.bucket == asked.hub_bucket
    ]
    if not fits:
        raise NoError(403, f"{asked.hub_bucket} is not the bucket of the hub's Active store")
    spoke = manifests.spokes[name].spec
    pushed = Pushed(name, spoke, *fits[0], asked.bucket, asked.key, asked.image)
    if found := objections(pushed.described, spoke, pushed.place.settings, None):
        raise NoError(403, "; ".join(found))
    return pushed


def _registered(line: Line, pushed: Pushed, asked: Asked, stopped: Stopped) -> str:
    provisional = subject_of_pushed(pushed, source_of(pushed.spoke, pushed.bucket, pushed.key, ""))
    try:
        release = release_of(line.reader, provisional, pushed.described, None)
    except RefusedError as error:
        raise NoError(404, str(error)) from error
    digest = release.images[0].digest
    if asked.approval == "Approved":
        name = _asking(line, pushed, digest)
        return _arn(line.run(Scope(promotions=frozenset({name})), stopped), name)
    release = release_by_digest(pushed, release)
    subject = subject_of_pushed(pushed, release.source, release.digest)
    return _arn(line.run_of(subject, release, stopped), subject.name)


def _asking(line: Line, pushed: Pushed, digest: str) -> str:
    """The Promotion that asks for exactly this, Approved."""
    uri = f"s3://{pushed.bucket}/{pushed.key}"
    for name in asked_for(line.manifests, pushed):
        lock = line.manifests.locks.get(name)
        if lock is not None:
            objects, images = {item.uri for item in lock.spec.objects}, {item.digest for item in lock.spec.images}
            if uri in objects and digest in images:
                return name
            continue
        subject = subject_of(line.manifests.promotions[name], line.manifests)
        found = subject if isinstance(subject, Finding) else release_or_finding(line.reader, subject)
        if isinstance(found, Release) and is_of(found, uri, digest):
            return name
    hint = "push it as PendingManualApproval, or have a Promotion merged that asks for it"
    raise NoError(403, "Approved is granted only where a Promotion asks for it, and none asks for this", hint)


def _arn(report: Report, name: str) -> str:
    row = next((row for row in report.rows if row.name == name), None)
    if row is None:
        raise NoError(500, f"nothing is known of {name}")
    if row.arn and row.standing in _STANDS:
        return row.arn
    raise NoError(_STATUS.get(row.standing, 409), f"{row.standing}: {'; '.join(row.why)}", "; ".join(row.hints))
