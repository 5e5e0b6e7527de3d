"""What `hubwright access` does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from controller.access import AccessThought, apply_access, think_access
from controller.aws.cloud import AwsCloud, Roles
from controller.aws.registries import EcrRegistries
from controller.cli.auditing import journal
from controller.cli.files import write_all, write_whole
from controller.cli.line import Telling
from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.run import Run, opened
from controller.cli.saved import saved_ids
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.cli.term import Progress, complain
from controller.core.access.derive import derive
from controller.core.access.document import Document
from controller.core.access.facts import facts_of
from controller.core.access.left import remains
from controller.core.access.taking import kept_back
from controller.core.arn import partition_of
from controller.core.errors import UsageError
from controller.core.manifests import Manifests
from controller.core.plan import only
from controller.core.report import Report
from controller.core.wish import Finding
from controller.kinds.base import World
from controller.recording import Journal, hubs_of, recorded
from controller.render.access import FORMATS, access_json, access_markdown, access_text
from controller.render.document import to_json
from controller.render.escape import terminal
from controller.render.templates import FILES

_AGAIN = "make it again: hubwright access plan --out FILE"
_FORMS = {"json": access_json, "markdown": access_markdown, "text": access_text}


def plan(
    settings: Settings, form: str, out: Path | None, *, accounts: Sequence[str], role_name: str | None, detailed: bool
) -> int:
    """Writes the plan to stdout, and as JSON to `out`."""
    with opened(settings) as run:
        report = _thought(run, accounts, role_name).report(run.manifests)
    if out is not None:
        write_whole(out, access_json(report))
    write(_FORMS[form](report))
    if out is not None and report.plan.actions:
        where = "".join(f" --account {account}" for account in accounts)
        where += f" --role-name {shlex.quote(role_name)}" if role_name is not None else ""
        command = f"hubwright access apply --plan {shlex.quote(str(out))}{where}{settings.again()}"
        Progress(settings.log).note(f"saved; to do exactly this: {command}")
    return report.exit_code(detailed=detailed)


def apply(
    settings: Settings, form: str, plans: Sequence[Path], *, accounts: Sequence[str], role_name: str | None
) -> int:
    """Brings the plan about, all of it or what the saved plans have, and writes the result to stdout."""
    saved = saved_ids(plans, FORMATS["access-plan"], _AGAIN) if plans else None
    with opened(settings) as run:
        thought = _thought(run, accounts, role_name)
        if saved is not None:
            thought = replace(thought, plan=only(thought.plan, saved))
        cloud = _cloud(run, role_name, writable=True)
        book = _journal(run, cloud, entering=role_name is not None)
        with STOP.gentle():
            report, good = recorded(book, thought.plan, lambda part: _applied(run, replace(thought, plan=part), cloud))
    write(_FORMS[form](report))
    return STOP.code or int(not good) or report.exit_code()


def _journal(run: Run, cloud: AwsCloud, *, entering: bool) -> Journal:
    """How it is recorded: whole, in every hub that it can enter. A spoke's administrator can enter none."""
    known = hubs_of(run.manifests)
    here = {name: hub for name, hub in known.items() if entering or hub.account == cloud.identity()}
    if known and not here:
        complain("this run is not recorded: it has no way into a hub; what it does is in the account's CloudTrail", "")
    return replace(journal(run, "access apply"), cloud=cloud, hubs=here, everywhere=True)


def _applied(run: Run, thought: AccessThought, cloud: AwsCloud) -> Report:
    world = World(
        cloud=cloud,
        registries=EcrRegistries(cloud, {}, writable=False, log=run.calls),  # no document is an image
        views={},
        revision=run.manifests.revision,
        pause=STOP.pause,
        stopped=STOP.asked,
    )
    telling = Telling(run, len(thought.plan.actions))
    return apply_access(world, thought, run.manifests, run.pool, telling)


def _thought(run: Run, accounts: Sequence[str], role_name: str | None) -> AccessThought:
    known = _known(run.manifests, accounts)
    cloud = _cloud(run, role_name, writable=False)
    chosen = list(accounts)
    left: list[str] = []
    if not chosen:
        chosen = known if role_name else [account for account in known if account == cloud.identity()]
        left = [account for account in known if account not in chosen]
    thought = think_access(cloud, run.manifests, chosen, run.pool, run.progress.step)
    gone = _gone(run.manifests, accounts)
    sure = kept_back(thought.plan, run.manifests)
    return replace(thought, plan=sure, findings=(*thought.findings, *map(_left, left), *gone))


def _gone(manifests: Manifests, accounts: Sequence[str]) -> list[Finding]:
    """What stays in the accounts of Retired spokes, where not others are asked about."""
    return [item for item in remains(manifests) if not accounts or item.about in accounts]


def _left(account: str) -> Finding:
    hint = f"run it as that account's administrator, with --account {account}; or with --role-name"
    return Finding(account, "deferred", "not the account of the credentials at hand", hint)


def _known(manifests: Manifests, accounts: Sequence[str]) -> list[str]:
    """The fleet's accounts; `UsageError` when others are asked for."""
    facts = facts_of(manifests)
    known = sorted({side.account for side in (*facts.hubs, *facts.spokes)})
    gone = {side.account: side.name for side in facts.retired}
    for account in accounts:
        if account not in known and account in gone:
            raise UsageError(
                f"{account} is the account of the spoke {gone[account]}, which is Retired and not contacted",
                "hubwright access plan, without --account, names what stays there",
            )
        if account not in known:
            raise UsageError(f"no hub or spoke of the fleet is account {account}", f"there are {', '.join(known)}")
    return known


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


def render(settings: Settings, form: str, out: Path | None, accounts: Sequence[str]) -> int:
    """Writes the documents, to stdout or as one file per account."""
    manifests = read_manifests(settings)
    _known(manifests, accounts)
    files = FILES[form](manifests.fleet.name, [item for item in derive(manifests) if _chosen(item, accounts)])
    if out is None:
        write(to_json(files) if len(files) != 1 else next(iter(files.values())))
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_all({out / name: text for name, text in files.items()})
        write("".join(f"written: {terminal(str(out / name))}\n" for name in files))
    for item in _gone(manifests, accounts):
        Progress(settings.log).note(f"{item.about}: {item.why} ({item.hint})")
    return 5 if manifests.problems else 0


def _chosen(item: Document, accounts: Sequence[str]) -> bool:
    return not accounts or item.key.target.account in accounts
