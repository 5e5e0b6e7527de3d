"""`retry` and `accept`: they write the change of a manifest, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from controller.amend import Amendment, accepted, promotion_of, retried
from controller.cli.files import write_all
from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.run import opened
from controller.cli.settings import Settings
from controller.core.errors import UsageError
from controller.core.manifests import Manifests
from controller.core.mode import enforced
from controller.core.scope import Scope
from controller.reconcile import think
from controller.render.escape import terminal
from controller.source.load import root


def retry(settings: Settings, names: Sequence[str]) -> int:
    """Raises the `attempt` of promotions."""
    manifests = read_manifests(settings)
    return put(settings, manifests, retried(manifests, root(Path(settings.repo)), names))


def accept(settings: Settings, names: Sequence[str]) -> int:
    """Takes over into Git what is live."""
    top = root(Path(settings.repo))
    with opened(settings) as run:
        found = [promotion_of(run.manifests, name) for name in names]
        scope = Scope(promotions=frozenset(names))
        thought = think(run.cloud(), enforced(run.manifests), scope, run.pool, run.progress.step)
    subjects = {wish.subject.name: wish.subject for wish in thought.wishes.promotions} or dict(thought.subjects)
    missing = [name for name in names if name not in subjects]
    if missing:
        raise UsageError(f"{missing[0]} cannot be matched with a live version", "see: hubwright plan")
    parts = [accepted(subjects[entry.name], entry, top) for entry in found]
    texts: dict[str, str] = {}
    for part in parts:
        texts |= part.texts
    return put(settings, run.manifests, Amendment(texts, says=tuple(line for part in parts for line in part.says)))


def put(settings: Settings, before: Manifests, wanted: Amendment) -> int:
    """Writes an amendment once it is known to bring no new fault; says what was written, and what is left to do."""
    texts: Mapping[str, str] = {**wanted.texts, **wanted.made}
    after = read_manifests(settings, {path: text.encode() for path, text in texts.items()}) if texts else before
    fresh = [problem for problem in after.problems if problem not in set(before.problems)]
    if fresh:
        more = "".join(f"\n{problem}" for problem in fresh[1:])
        raise UsageError(f"{fresh[0]}{more}", "nothing was written")
    top = root(Path(settings.repo))
    for path in wanted.made:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
    write_all({top / path: text for path, text in texts.items()})
    write(said_of(wanted))
    return 5 if wanted.open else 0


def said_of(wanted: Amendment) -> str:
    """What a person reads of an amendment that was written."""
    lines = [*wanted.says, *(f"written: {path}" for path in (*wanted.texts, *wanted.made)), *wanted.open]
    return "".join(f"{terminal(line)}\n" for line in lines)
