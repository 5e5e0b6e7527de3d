"""`promote` and `lock`: they write into the worktree, whole files or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from controller.cli.files import write_all, write_new
from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.core.acting import spoke_named
from controller.core.errors import UsageError
from controller.core.manifests import Manifests
from controller.core.reasons import EXITS, exit_code
from controller.core.release import Release
from controller.core.wish import Finding
from controller.pin import Asked, New, Pin, drafted, lock_path, pins
from controller.render.escape import terminal
from controller.render.words import number, size
from controller.source.load import root
from controller.wiring import prove


def lock(settings: Settings, names: Sequence[str], *, check: bool) -> int:
    """Writes the locks whose sources they do not name; with `check` only says which."""
    with opened(settings) as run:
        wanted = names or _mine(run)
        found = _pins(run, wanted) if wanted else ()
    if not check:
        top = root(Path(settings.repo))
        write_all({top / pin.path: pin.text for pin in found if pin.text})
    write(said_of(found, check=check) or "there is no promotion to lock\n")
    return exit_code(code for pin in found for code in _codes(pin, check=check, named=pin.name in names))


def promote(
    settings: Settings, source: str, group: str, *, approval: str, reason: str | None, name: str | None, locked: bool
) -> int:
    """Writes the manifest of a promotion and its lock, once both are known to be right."""
    before = read_manifests(settings)
    new = drafted(Asked(source, group, approval, reason, name), before)
    added = {new.path: new.text.encode()}
    texts = {new.path: new.text}
    _checked(before, read_manifests(settings, added), new)
    if locked:
        with opened(settings, added) as run:
            (pin,) = _pins(run, [new.name])
        if isinstance(pin.found, Finding):
            write(f"{said_of([pin], check=True)}nothing was written\n")
            return EXITS.get(pin.found.standing, 1)
        texts[lock_path(new.path, new.name)] = pin.text
    top = root(Path(settings.repo))
    write_new({top / path: text for path, text in texts.items()})
    write("".join(f"written: {terminal(path)}\n" for path in texts))
    return 0


def _mine(run: Run) -> list[str]:
    """All promotions; those of a spoke, where the run is that spoke's: it reads no other's."""
    if not run.settings.acting:
        return sorted(run.manifests.promotions)
    spoke = spoke_named(run.settings.acting)
    return [name for name, entry in sorted(run.manifests.promotions.items()) if entry.spec.source.spoke == spoke]


def _pins(run: Run, names: Iterable[str]) -> tuple[Pin, ...]:
    run.progress.step("reading sources")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    cloud = run.cloud()
    if run.settings.acting:
        prove(cloud, run.manifests, spoke_named(run.settings.acting))
    return pins(cloud, run.manifests, names, run.pool, now)


def _checked(before: Manifests, after: Manifests, new: New) -> None:
    """`UsageError` when the new manifest brings a fault that was not there before."""
    old = set(before.problems)
    fresh = [problem for problem in after.problems if problem not in old]
    if fresh:
        more = "".join(f"\n{problem}" for problem in fresh[1:])
        raise UsageError(f"{fresh[0]}{more}", f"{new.path} was not written")


def said_of(found: Iterable[Pin], *, check: bool) -> str:
    """What a person reads of locks, as they were written or, with `check`, as they stand."""
    return "".join(f"{terminal(line)}\n" for pin in found for line in _lines(pin, check=check))


def _lines(pin: Pin, *, check: bool) -> Iterator[str]:
    if isinstance(pin.found, Finding):
        yield f"{pin.name}: {pin.found.standing}: {pin.found.why}"
        yield from (f"    {line}" for line in pin.found.differences)
        if pin.found.hint:
            yield f"    hint: {pin.found.hint}"
    elif not pin.text:
        yield f"{pin.name}: unchanged, {_consists(pin.found)}"
    else:
        yield f"{pin.name}: {_did(pin, check=check)}, {_consists(pin.found)}"
        yield from (f"    {line}" for line in (*pin.differences, *pin.found.moved))


def _did(pin: Pin, *, check: bool) -> str:
    if check:
        return "the source is not what its lock names" if pin.locked else "it has no lock"
    return f"locked {'again ' if pin.locked else ''}in {pin.path}"


def _consists(release: Release) -> str:
    objects, images = number(len(release.objects), "object"), number(len(release.images), "image")
    return f"{release.digest[:22]}: {objects} of {size(release.size)}, {images}"


def _codes(pin: Pin, *, check: bool, named: bool) -> Iterator[int]:
    if isinstance(pin.found, Finding):
        yield EXITS.get(pin.found.standing, 0)
    elif check and pin.text and (pin.locked or named):
        yield EXITS["mismatch"]
