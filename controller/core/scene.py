"""What a page shows beside a report: who moved which approval when, numbers over versions, and what a model is made of.

Pure: from what a run has read anyway, and from the history of the manifests. Nothing is asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from controller.core import fields
from controller.core.arn import Version
from controller.core.draft import split_image, split_uri
from controller.core.lineage import Lineage
from controller.core.marks import foreign
from controller.core.metrics import aside
from controller.core.model import Target
from controller.core.past import Event
from controller.core.view import Package, View
from controller.core.wish import Subject

_MOMENTS = 1000
_POINTS = 60
_METRICS = 6
_SERIES = 600
_PARTS = 6
_HUGE = 1e15
UNREAD = "not read"
_QUALITY = "ModelQuality.Statistics"


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of an approval. `at` is ISO 8601; `who` the commit's author or whom SageMaker names, without an
    address; `by` the pull request, else the commit, else `the hub`."""

    at: str
    group: str
    about: str
    before: str
    after: str
    who: str
    by: str


@dataclass(frozen=True, slots=True)
class Series:
    """A metric of a group: (version's number in the hub, figure, approval), by number."""

    group: str
    metric: str
    points: tuple[tuple[int, float, str], ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made from and by: URIs of its data; training jobs or the pipeline run, and the commit."""

    data: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """`parts` maps promotions to the files and images of their models, `origins` to what these were made from,
    `readers` groups to who may read them; `omitted` counts the moments that were too many. `earlier` maps names to how
    they stood in an earlier report, None when there is none."""

    moments: tuple[Moment, ...] = ()
    series: tuple[Series, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    omitted: int = 0
    earlier: Mapping[str, str] | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)


Lineages = Mapping[str, Lineage | None]
"""Lineage documents by promotion; None for one that could not be read."""


def scene(
    subjects: Mapping[str, Subject],
    views: Mapping[Target, View],
    happened: Sequence[Event],
    lineages: Lineages | None = None,
) -> Scene:
    """The scene of what was read; `happened` is the history of the manifests, empty where there is none."""
    moments = sorted((*_asked(happened, subjects), *_seen(subjects)), key=lambda one: one.at, reverse=True)
    known = lineages or {}
    told = {item.live.version: known[name] for name, item in subjects.items() if item.live and name in known}
    found = (one for view in views.values() for one in _series(view, told))
    return Scene(
        moments=tuple(moments[:_MOMENTS]),
        series=tuple(one for _, one in zip(range(_SERIES), found, strict=False)),
        parts={name: parts for name, subject in subjects.items() if (parts := _parts(subject))},
        readers={item.group_name: _readers(item) for item in subjects.values() if _readers(item)},
        omitted=max(0, len(moments) - _MOMENTS),
        origins={name: origin for name, item in subjects.items() if (origin := _origin(item, known)) != Origin()},
    )


def _origin(subject: Subject, lineages: Lineages) -> Origin:
    """By its lineage document; without one by what the live version says itself."""
    body = subject.live.body if subject.live is not None else {}
    if subject.name not in lineages:
        properties = body.get("MetadataProperties", {})
        return Origin((), _short(_maker(str(properties.get("GeneratedBy") or "")), properties.get("CommitId")))
    found = lineages[subject.name]
    if found is None:
        return Origin((UNREAD,), (UNREAD,))
    pipeline = found.data.get("pipeline") or {}
    jobs = found.jobs or tuple(
        filter(None, [str(pipeline.get("arn") or found.data["source"].get("generatedBy") or "")])
    )
    return Origin(_few(found.inputs), _few((*(_maker(job) for job in jobs), *_short("", found.commit))))


def _maker(arn: str) -> str:
    """NAME of a training job, `pipeline/NAME/execution/ID` of a run, by its ARN; anything else as it is."""
    return arn.rpartition(":")[2].removeprefix("training-job/") if arn.startswith("arn:") else arn


def _short(maker: str, commit: Any) -> tuple[str, ...]:
    return tuple(filter(None, (maker, f"commit {str(commit)[:12]}" if commit else "")))


def _few(words: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(words))
    return found if len(found) <= _PARTS else (*found[: _PARTS - 1], f"{len(found) - _PARTS + 1} more")


def _asked(happened: Iterable[Event], subjects: Mapping[str, Subject]) -> Iterator[Moment]:
    """What Git asked for."""
    names = {item.group_manifest: item.group_name for item in subjects.values()}
    for one in happened:
        by = f"pull request #{one.pull}" if one.pull else f"commit {one.commit[:12]}"
        who = one.author.partition(" <")[0]
        group = names.get(one.group, one.group)
        yield Moment(_utc(one.at), group, one.promotion, one.before, one.after, who, by)


def _utc(at: str) -> str:
    """A commit's time in UTC, as SageMaker's are, so that both sort together."""
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seen(subjects: Mapping[str, Subject]) -> Iterator[Moment]:
    """When the hub's version of each promotion was last changed, and by whom, where SageMaker says."""
    for name, subject in subjects.items():
        live = subject.live
        if live is not None and live.modified:
            yield Moment(live.modified, subject.group_name, name, "", live.approval, live.modified_by, "the hub")


def _series(view: View, lineages: Mapping[Version, Lineage | None]) -> Iterator[Series]:
    """The metrics of each group that most of its versions have: out of their metadata, and out of their reports where
    their lineage was read."""
    groups: dict[str, list[Package]] = {}
    for package in view.packages:
        groups.setdefault(package.version.group, []).append(package)
    for group, packages in sorted(groups.items()):
        figures: dict[str, list[tuple[int, float, str]]] = {}
        for package in sorted(packages, key=lambda item: item.number):
            for name, figure in (*_figures(package), *_reported(lineages.get(package.version))):
                figures.setdefault(name, []).append((package.number, figure, package.approval))
        most = sorted(figures, key=lambda name: (-len(figures[name]), aside(name), ":" in name, name))[:_METRICS]
        yield from (Series(group, name, tuple(figures[name][-_POINTS:])) for name in most)


def _figures(package: Package) -> Iterator[tuple[str, float]]:
    for name, text in foreign(package.metadata).items():
        try:
            figure = float(text)
        except ValueError:
            continue
        if abs(figure) < _HUGE:  # neither infinite nor NaN
            yield name, figure


def _reported(lineage: Lineage | None) -> Iterator[tuple[str, float]]:
    """The figures of a model's quality report, by the names that gates have for them."""
    metrics = lineage.data.get("metrics") if lineage is not None else None
    for report, found in sorted(metrics.items()) if isinstance(metrics, Mapping) else ():
        values = found.get("values") if isinstance(found, Mapping) and report == _QUALITY else None
        for path, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, int | float) and abs(value) < _HUGE:
                yield f"{report}:{path}", float(value)


def _parts(subject: Subject) -> tuple[str, ...]:
    """The files and images that the live version names, as short as they can be told apart."""
    body = subject.live.body if subject.live is not None else {}
    files = [split_uri(place.uri)[1].rpartition("/")[2] or place.uri for place in _named(body)]
    images = []
    for _, uri in fields.images(body):
        _, repository, tag, digest = split_image(uri)
        images.append(repository.rpartition("/")[2] + (f"@{digest[:19]}" if digest else f":{tag}"))
    return _few((*images, *files))


def _named(body: Mapping[str, Any]) -> Iterator[fields.Place]:
    """The places of its files. What an environment variable holds is shown nowhere."""
    return (place for place in fields.places(body) if place.form != "either")


def _readers(subject: Subject) -> tuple[str, ...]:
    return subject.group.readers
