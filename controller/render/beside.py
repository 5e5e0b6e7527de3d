"""What a page has beside its rows, as data: the timeline, figures over versions, and what an earlier report said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from controller.core.report import Row
from controller.core.scene import Origin, Scene
from controller.render.escape import terminal
from controller.render.words import number, size

_GONE = 200


def stands(standing: str, is_now: str) -> str:
    """How a promotion stands, in the words that two reports are compared by."""
    return f"{standing}, {is_now}" if is_now else standing


def was(scene: Scene, name: str, now: str) -> str | None:
    """How it stood in the earlier report where that is otherwise; empty where it was not in it, None for no change."""
    if scene.earlier is None:
        return None
    before = scene.earlier.get(name, "")
    return None if before == now else before


def chain(scene: Scene, row: Row) -> tuple[tuple[str, ...], ...]:
    """The columns of a model's lineage picture, some of them empty: data, what it was trained by, source, what it
    consists of, version in the hub, readers."""
    if not row.source:
        return ()
    copies = (size(row.bytes) if row.bytes else "", number(row.images, "image") if row.images else "")
    made = scene.parts.get(row.name) or tuple(word for word in copies if word)
    hub = f"{row.group}/{row.version}" if row.version is not None else f"{row.group}, not registered yet"
    origin = scene.origins.get(row.name, Origin())
    return (origin.data, origin.makers, (row.source,), made, (hub,), scene.readers.get(row.group, ()))


def gone(scene: Scene, names: Set[str]) -> list[str] | None:
    """What an earlier report had and this one, with these `names`, has not; None without an earlier one."""
    if scene.earlier is None:
        return None
    return [f"{name}: {how}" for name, how in sorted(scene.earlier.items()) if name not in names]


def beside(scene: Scene, missing: Sequence[str] | None) -> Mapping[str, Any]:
    """The page's further data; `missing` is what is no longer there, None without an earlier report."""
    moments = [
        [terminal(word) for word in (one.at, one.group, one.about, one.before, one.after, one.who, one.by)]
        for one in scene.moments
    ]
    series = [
        [terminal(one.group), terminal(one.metric), [[at, figure, terminal(how)] for at, figure, how in one.points]]
        for one in scene.series
    ]
    earlier = None
    if missing is not None:
        earlier = {"gone": [terminal(line) for line in missing[:_GONE]], "left": max(0, len(missing) - _GONE)}
    return {"moments": moments, "omitted": scene.omitted, "series": series, "earlier": earlier}
