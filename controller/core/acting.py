"""Push: what a run does that is not the hub's own but a spoke's, with the spoke's credentials.

It reads its own sources and reads and writes the hub through the register role. It approves nothing.
"""

from __future__ import annotations

from dataclasses import replace

from controller.core.errors import UsageError
from controller.core.manifest import Access, Hub
from controller.core.manifests import Manifests
from controller.core.model import Action
from controller.core.plan import Plan
from controller.core.scope import Scope
from controller.core.wish import Finding

CALLER = "the caller's own credentials"
"""Stands where a role does that need not be assumed."""

_LATER = "how its version stands in the hub is for the hub's own run: it follows once the version is registered"


def spoke_named(word: str) -> str:
    """The spoke that `--as spoke=NAME` names; UsageError for anything else."""
    kind, _, name = word.partition("=")
    if kind != "spoke" or not name:
        raise UsageError(f"--as {word!r} is not spoke=NAME")
    return name


def acting(manifests: Manifests, name: str) -> Manifests:
    """The manifests as a spoke's own run sees them: the spoke is read with the caller's credentials.

    UsageError where there is no such spoke, or it does not push, or a hub has no role for it.
    """
    entry = manifests.spokes.get(name)
    if entry is None:
        if ("Spoke", name) in manifests.invalid:
            raise UsageError(f"--as spoke={name}: its manifest is invalid", "see: hubwright validate")
        known = ", ".join(sorted(manifests.spokes)[:12]) or "none"
        raise UsageError(f"--as spoke={name}: there is no Spoke of that name", f"there are: {known}")
    if entry.spec.pattern != "push":
        hint = "a Spoke that pushes says `pattern: push`"
        raise UsageError(f"--as spoke={name}: it is read by the hub's run (pattern: pull)", hint)
    for hub in manifests.hubs.values():
        if hub.spec.access.register is None:
            raise UsageError(
                f"--as spoke={name}: the hub {hub.name} names no register role", "give it `access.register`"
            )
    # What a spoke reads of itself it reads as who it is; `pull` is: read it.
    spoke = replace(entry, spec=replace(entry.spec, pattern="pull", access=Access(read=CALLER)))
    hubs = {hub.name: replace(hub, spec=_entered_to_register(hub.spec)) for hub in manifests.hubs.values()}
    return replace(manifests, spokes={**manifests.spokes, name: spoke}, hubs=hubs)


def _entered_to_register(hub: Hub) -> Hub:
    role = hub.access.register
    return replace(hub, access=replace(hub.access, read=role, register=role, approve=role))


def scope_of(scope: Scope, name: str) -> Scope:
    """The scope narrowed to one spoke; UsageError when it is about others."""
    if scope.spokes - {name}:
        raise UsageError(f"--as spoke={name} does nothing for --scope spoke={min(scope.spokes - {name})}")
    return replace(scope, spokes=frozenset({name}))


def registering(whole: Plan) -> Plan:
    """The part of a plan that a spoke's own run does: everything but approvals and changes of groups."""
    gone = {action.id for action in whole.actions if _is_later(action)}
    kept = tuple(
        replace(action, needs=tuple(need for need in action.needs if need not in gone))
        for action in whole.actions
        if action.id not in gone
    )
    names = _approved_later(whole)
    others = tuple(item for item in whole.findings if item.about not in names or item.standing != "blocked")
    return replace(whole, actions=kept, findings=(*others, *(Finding(name, "deferred", _LATER) for name in names)))


def _is_later(action: Action) -> bool:
    return action.key.kind == "approval" or (action.key.kind == "group" and action.verb == "update")


def _approved_later(whole: Plan) -> list[str]:
    """The promotions whose version is registered, or will be by this plan, and is to stand otherwise than it does."""
    done = {action.key for action in whole.actions}
    missing = {change.key.name for change in whole.changes if change.key.kind == "package" and change.key not in done}
    later = [change for change in whole.changes if change.key.kind == "approval" and change.verb == "update"]
    return sorted({name for change in later for name in change.origins if change.key.name not in missing})
