"""`history`, `rollback` and `revoke`: what was approved when, and the changes that take it back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from controller.cli.amend import put
from controller.cli.files import write_whole
from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.recorded import recorded as recorded_runs
from controller.cli.run import opened
from controller.cli.settings import Settings
from controller.cli.term import Progress
from controller.core.errors import SourceError, UsageError
from controller.core.limits import parse_moment
from controller.core.manifests import Manifests
from controller.core.past import Event, Standing, approved, events
from controller.core.problems import did_you_mean, shown
from controller.render.document import to_json
from controller.render.past import document, markdown, text
from controller.source import git
from controller.source import history as commits
from controller.source.files import clean_folder
from controller.source.load import load, root
from controller.source.pasts import Pasts
from controller.takeback import revoked, rolled_back

_DIGEST = re.compile(r"(v1:)?sha256:[0-9a-f]{64}")


def history(
    settings: Settings, form: str, *, group: str | None, as_of: str | None, recorded: bool, out: Path | None
) -> int:
    """Writes which promotions were asked to be Approved, by which commit and pull request; and what runs did."""
    found = past(settings, group or "", as_of)
    runs, unread = recorded_runs(settings) if recorded else ((), "")
    runs = tuple(one for one in runs if not group or one.promotion in {event.promotion for event in found[2]})
    data = document(found[0], as_of, found[1], found[2], runs, unread)
    if out is not None:
        write_whole(out, to_json(data))
    shape = {"json": to_json, "text": text, "markdown": markdown}[form]
    write(shape(data))
    if recorded and not runs and not unread:
        Progress(settings.log).note("no record of a run is about this: a hub keeps them from when it says `audit`")
    return 5 if unread else 0


def past(settings: Settings, group: str, as_of: str | None) -> tuple[str, tuple[Standing, ...], tuple[Event, ...]]:
    """(revision, what was to be Approved at it, what happened up to it)."""
    repo = git.repository(Path(settings.repo))
    folder = clean_folder(settings.path)
    revision = at(repo, settings.ref, as_of) if as_of is not None else git.commit(repo, settings.ref)
    manifests = _at(settings, revision)
    known = {*manifests.groups}
    happened = events(commits.steps(repo, revision, folder))
    if group and group not in known | {one.group for one in happened}:
        raise UsageError(f"there is no ModelGroup {shown(group)}", did_you_mean(group, known))
    mine = tuple(one for one in happened if group in ("", one.group))
    return revision, approved(manifests, happened, group), mine


def _at(settings: Settings, revision: str) -> Manifests:
    return load(Path(settings.repo), ref=revision, path=settings.path, platform=settings.platform, attribution=False)


def at(repo: git.Repository, ref: str, when: str) -> str:
    """The commit that `when` names: a revision, or the last on the branch at a time, with its zone, gone by."""
    moment = _moment(when)
    if moment is None or moment.tzinfo is None:
        try:
            return git.commit(repo, when)
        except SourceError as error:
            if moment is not None:
                raise UsageError(f"--as-of {shown(when)} names no time zone", "such as 2026-11-20T09:00Z") from error
            hint = "a time with its zone, such as 2026-11-20T09:00Z, or a branch, tag or commit that exists here"
            raise UsageError(
                f"--as-of {shown(when)} is neither a time nor a revision", f"{hint} (in CI, fetch-depth: 0)"
            ) from error
    if moment > datetime.now(UTC):
        hint = "what will be asked for then is not known; give HEAD for what is asked for now"
        raise UsageError(f"--as-of {shown(when)} is in the future", hint)
    last = ""
    for commit, said in commits.times(repo, git.commit(repo, ref)):
        if datetime.fromisoformat(said) <= moment:
            last = commit
            break
    if not last:
        raise UsageError(f"there is no commit as old as {when}", "in CI, fetch all of it (fetch-depth: 0)")
    return last


def _moment(text: str) -> datetime | None:
    try:
        return parse_moment(text)
    except ValueError:
        return None


def rollback(settings: Settings, group: str, reason: str | None) -> int:
    """Writes the change that goes back to the previously approved version of a group."""
    manifests = read_manifests(settings)
    pasts = Pasts(Path(settings.repo), settings.ref, settings.path)
    if not pasts.steps:
        raise SourceError("there is no history to go back in", "in CI, fetch all of it (fetch-depth: 0)")
    happened = events(pasts.steps)
    top = root(Path(settings.repo))
    return put(settings, manifests, rolled_back(manifests, top, group, happened, pasts.steps, reason or ""))


def revoke(settings: Settings, digest: str, reason: str) -> int:
    """Writes the change that rejects a digest wherever it was promoted, and keeps it from coming back."""
    if not _DIGEST.fullmatch(digest):
        hint = "a release's is in its lock and on the version (hubwright/release), an image's in the version"
        raise UsageError(f"{shown(digest)} is not a digest: v1:sha256:… or sha256:…", hint)
    top = root(Path(settings.repo))
    with opened(settings) as run:
        wanted = revoked(run.cloud(), run.manifests, top, digest, reason, run.pool, clean_folder(settings.path))
    return put(settings, run.manifests, wanted)
