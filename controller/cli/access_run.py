"""What `hubwright access` does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from controller.access import AccessThought, apply_access, think_access
from controller.aws.cloud import AwsCloud, Roles
from controller.cli.line import _Telling as Telling
from controller.cli.output import write
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.core.access.facts import facts_of
from controller.core.arn import partition_of
from controller.core.errors import SafetyError, UsageError
from controller.core.manifests import Manifests
from controller.core.report import Report
from controller.core.wish import Finding
from controller.kinds.base import Facts, World
from controller.render.access import access_json, access_markdown, access_text

_FORMS = {"json": access_json, "markdown": access_markdown, "text": access_text}


def plan(settings: Settings, form: str, *, accounts: Sequence[str], role_name: str | None, detailed: bool) -> int:
    """Writes the plan to stdout."""
    with opened(settings) as run:
        report = _thought(run, accounts, role_name).report(run.manifests)
    write(_FORMS[form](report))
    return report.exit_code(detailed=detailed)


def apply(settings: Settings, form: str, *, accounts: Sequence[str], role_name: str | None) -> int:
    """Brings the plan about and writes the result to stdout."""
    with opened(settings) as run:
        thought = _thought(run, accounts, role_name)
        with STOP.gentle():
            report = _applied(run, thought, role_name)
    write(_FORMS[form](report))
    return STOP.code or report.exit_code()


def _applied(run: Run, thought: AccessThought, role_name: str | None) -> Report:
    world = World(
        cloud=_cloud(run, role_name, writable=True),
        registries=_NoImages(),
        views={},
        revision=run.manifests.revision,
        pause=STOP.pause,
        stopped=STOP.asked,
    )
    telling = Telling(run.progress, len(thought.plan.actions))
    return apply_access(world, thought, run.manifests, run.pool, telling)


def _thought(run: Run, accounts: Sequence[str], role_name: str | None) -> AccessThought:
    known = _accounts(run.manifests)
    for account in accounts:
        if account not in known:
            raise UsageError(f"no hub or spoke of the fleet is account {account}", f"there are {', '.join(known)}")
    cloud = _cloud(run, role_name, writable=False)
    chosen = list(accounts)
    left: list[str] = []
    if not chosen:
        chosen = known if role_name else [account for account in known if account == cloud.identity()]
        left = [account for account in known if account not in chosen]
    thought = think_access(cloud, run.manifests, chosen, run.pool, run.progress.step)
    return replace(thought, findings=(*thought.findings, *map(_left, left)))


def _left(account: str) -> Finding:
    hint = f"run it as that account's administrator, with --account {account}; or with --role-name"
    return Finding(account, "deferred", "not the account of the credentials at hand", hint)


def _accounts(manifests: Manifests) -> list[str]:
    facts = facts_of(manifests)
    return sorted({side.account for side in (*facts.hubs, *facts.spokes)})


def _cloud(run: Run, role_name: str | None, *, writable: bool) -> AwsCloud:
    """Clients with the credentials at hand, or with the role of this name in each account."""
    if role_name is not None and not re.fullmatch(r"([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}", role_name):
        raise UsageError(f"--role-name {role_name!r} is not a role's name")
    facts = facts_of(run.manifests)
    roles = {}
    for side in (*facts.hubs, *facts.spokes):
        if role_name is not None:
            arn = f"arn:{partition_of(side.region)}:iam::{side.account}:role/{role_name}"
            roles[side.account] = Roles(arn, arn, arn)
    return AwsCloud(roles, run=run.name, writable=writable, log=run.calls, workers=run.settings.workers)


class _NoImages:
    """No document of access is an image."""

    def copy(
        self,
        source: str,
        destination: str,
        digest: str,
        tag: str,
        held: Sequence[str] = (),
        tell: Callable[[int, int], None] | None = None,
    ) -> Facts:
        raise SafetyError(f"no image is copied here: {destination}")


def render(settings: Settings, form: str, out: Path | None, accounts: Sequence[str]) -> int:
    """Writes the documents, to stdout or as files."""
    from controller.cli.access_render import rendered

    return rendered(settings, form, out, accounts)
