"""`plan --offline`: what a branch asks for that its base did not, by the manifests alone. No credentials, no call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.settings import Settings
from controller.core.errors import HubwrightError, UsageError
from controller.core.manifests import AnyEntry, Manifests
from controller.core.problems import ManifestsError, Problem
from controller.render.escape import code, terminal
from controller.render.escape import markdown as escaped
from controller.render.explain import explain
from controller.render.item import Item
from controller.render.words import number
from controller.source.base import merge_base

_KINDS = ("hubs", "spokes", "guardrails", "waivers", "groups", "subscriptions", "promotions", "locks")
_LIMIT = 60_000
_ROWS = 12
_NOTE = "By the manifests alone: what is live was not read, so what holds this back, and what it copies, is not here."


def offline(settings: Settings, form: str, given: Mapping[str, Any]) -> int:
    """Writes what the manifests ask for otherwise than those that they began from; 5 with a fault in them.

    `given` are the other options of `plan`. `UsageError` without `since`, or for what needs a live hub.
    """
    since = given.get("since")
    for name in ("out", "also", "html", "before", "detailed"):
        if given.get(name):
            raise UsageError(f"--offline does not go with --{'detailed-exitcode' if name == 'detailed' else name}")
    if since is None:
        raise UsageError("--offline needs --since: what is live is not read", "such as --since origin/main")
    if form not in ("text", "markdown"):
        raise UsageError(f"--offline has no --format {form}", "text or markdown; validate has the others")
    start = merge_base(Path(settings.repo), settings.ref, since)
    after, problems = _read(settings)
    before = _before(replace(settings, ref=start, worktree=False))
    items = tuple(changed(before, after)) if after is not None else ()
    faults = tuple(Item("!", str(problem)) for problem in problems)
    write(_shown(_headline(start, items, faults), (*faults, *items), form))
    return 5 if problems else 0


def _read(settings: Settings) -> tuple[Manifests | None, tuple[Problem, ...]]:
    try:
        found = read_manifests(settings)
    except ManifestsError as error:
        if not error.problems:
            raise
        return None, tuple(error.problems)
    return found, found.problems


def _before(settings: Settings) -> Manifests | None:
    """The manifests where the branch began; None where there was no fleet yet, or none that could be read."""
    try:
        return read_manifests(settings)
    except HubwrightError:
        return None


def changed(before: Manifests | None, after: Manifests) -> Iterator[Item]:
    """One item for each document that is new, gone or otherwise, with its fields: revocations first."""
    found = [item for kind in _KINDS for item in _of_kind(_entries(before, kind), _entries(after, kind))]
    if before is None or before.fleet.body != after.fleet.body:
        found.insert(0, _item(before.fleet if before else None, after.fleet))
    return iter(sorted(found, key=lambda item: item.sign != "!"))


def _entries(manifests: Manifests | None, kind: str) -> Mapping[str, AnyEntry]:
    return getattr(manifests, kind) if manifests is not None else {}


def _of_kind(before: Mapping[str, AnyEntry], after: Mapping[str, AnyEntry]) -> Iterator[Item]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if (old and old.body) != (new and new.body):
            yield _item(old, new)


def _item(old: AnyEntry | None, new: AnyEntry | None) -> Item:
    entry = new or old
    assert entry is not None  # noqa: S101  (one of both is there)
    about = f"{entry.kind} {entry.name}"
    was, now = _approval(old), _approval(new)
    revokes = was == "Approved" != now
    sign = "!" if revokes else "+" if old is None else "-" if new is None else "~"
    return Item(sign, about, _says(old, new, was, now), _notes(old, new))


def _notes(old: AnyEntry | None, new: AnyEntry | None) -> tuple[str, ...]:
    """What differs, field by field. Of environment variables only that they do."""
    if old is None or new is None:
        return ()
    lines = explain(dict(old.body["spec"]), dict(new.body["spec"]))
    shown = [
        f"{line.partition(':')[0]}: changed" if ".environment" in line.partition(":")[0] else line for line in lines
    ]
    return tuple(shown if len(shown) <= _ROWS else [*shown[:_ROWS], f"and {len(shown) - _ROWS} more"])


def _says(old: AnyEntry | None, new: AnyEntry | None, was: str, now: str) -> str:
    if new is None:
        return "gone from Git; what it brought about stays as it is" if was else "gone from Git"
    if old is None:
        return f"new, {new.path}" + (f"; asks for {now}" if now else "")
    return f"{new.path}: {was} -> {now}" if was != now else new.path


def _approval(entry: AnyEntry | None) -> str:
    if entry is None or entry.kind != "Promotion":
        return ""
    return str(entry.spec.approval)


def _headline(start: str, items: tuple[Item, ...], faults: tuple[Item, ...]) -> str:
    wrong = f"{number(len(faults), 'fault')}; " if faults else ""
    what = number(len(items), "document") if items else "no document"
    return f"Offline plan against {start[:12]}: {wrong}{what} otherwise than there."


def _shown(said: str, items: tuple[Item, ...], form: str) -> str:
    if form == "text":
        lines = [said, *(line for item in items for line in _text(item)), "", _NOTE]
        return "".join(f"{terminal(line)}\n" for line in lines)
    lines = ["### Hubwright: offline plan", "", escaped(said), ""]
    room = _LIMIT - 1000
    for place, item in enumerate(items):
        block = list(_markdown(item))
        room -= sum(len(line) + 1 for line in block)
        if room < 0:
            lines.append(f"- … and {len(items) - place} more, not shown here: `--format text` shows all.")
            break
        lines += block
    return "\n".join([*lines, "", escaped(_NOTE)]) + "\n"


def _text(item: Item) -> Iterator[str]:
    yield f"  {item.sign} {item.about}  {item.says}".rstrip()
    yield from (f"      {note}" for note in item.notes)


def _markdown(item: Item) -> Iterator[str]:
    yield f"- {code(item.sign)} {code(item.about)} {escaped(item.says)}".rstrip()
    yield from (f"  - {escaped(note)}" for note in item.notes)
