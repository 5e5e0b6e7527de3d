"""`current`: which version of a group is the one to deploy."""

from __future__ import annotations

from typing import Any

from controller.cli.holding import place_of
from controller.cli.output import write
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.core import fields
from controller.core.errors import HubwrightError
from controller.core.identify import subject_of
from controller.core.redact import redacted_all
from controller.core.view import Package
from controller.core.wish import Subject
from controller.kinds import versions
from controller.render.document import to_json
from controller.render.escape import terminal

FORMAT = "hubwright.io/current/v1"
_LABELS = {"arn": "ARN", "digest": "digest", "promotion": "promotion", "version": "version", "approved": "approved"}


def current(settings: Settings, name: str, form: str) -> int:
    """Writes what is Approved now: the group's `current`, or without one this fleet's newest. An error without any."""
    with opened(settings) as run:
        target, group = place_of(run, name)
        live = versions.approved(run.cloud().client(target, "sagemaker"), group)
        named = {item.version: _promotion(run, name, item) for item in live}
    wanted = run.manifests.groups[name].spec.current
    ours = [item for item in live if item.mark("fleet") == run.manifests.fleet.name]
    chosen = [item for item in ours if wanted is None or named[item.version] == wanted]
    if not chosen:
        none = f"{wanted}, the current promotion of {name}, is not" if wanted else f"no version of {name} is"
        raise HubwrightError(f"{none} Approved in the hub", "hubwright plan says why")
    newest = max(chosen, key=lambda item: item.number)
    found = redacted_all(document(name, newest, named[newest.version], len(live)))
    write(to_json(found) if form == "json" else text(found))
    return 0


def document(name: str, live: Package, promotion: str, approved: int) -> dict[str, Any]:
    """What deployers need, as JSON data (`schemas/current.v1.json`)."""
    return {
        "format": FORMAT,
        "group": name,
        "arn": live.version.arn,
        "version": live.number,
        "promotion": promotion,
        "promotionId": live.mark("promotion"),
        "digest": live.mark("release"),
        "source": live.mark("source"),
        "stage": dict(live.stage) if live.stage else None,
        "modified": live.modified,
        "images": sorted({uri for _, uri in fields.images(live.body)}),
        "approved": approved,
    }


def text(found: dict[str, Any]) -> str:
    """The same for people."""
    width = max(map(len, _LABELS.values()))
    shown = {**found, "promotion": found["promotion"] or f"none in Git ({found['promotionId'] or 'not ours'})"}
    shown["approved"] = f"since {found['modified']} at the latest; {found['approved']} in this group"
    return "".join(f"{label:<{width}}  {terminal(str(shown[name]))}\n" for name, label in _LABELS.items())


def _promotion(run: Run, group: str, live: Package) -> str:
    """The name of the promotion that a version was made for; empty when no manifest names it."""
    for name, entry in sorted(run.manifests.promotions.items()):
        if entry.spec.to.group != group:
            continue
        subject = subject_of(entry, run.manifests, waits=False)
        if isinstance(subject, Subject) and _made_from(live, subject):
            return name
    return ""


def _made_from(live: Package, subject: Subject) -> bool:
    if live.source is None or live.mark("superseded-by") or live.mark("duplicate-of"):
        return False
    return live.source.identity == subject.source.identity
