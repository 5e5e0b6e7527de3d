"""What a model brings that the approved one of its group does not have, in the words of people who serve models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from controller.core import fields
from controller.core.arn import Version
from controller.core.draft import split_image
from controller.core.gates import Reading
from controller.core.manifests import Lock, Manifests
from controller.core.marks import foreign
from controller.core.metrics import Measured, said, steps
from controller.core.model import Target
from controller.core.rules import Gate
from controller.core.view import Package, View
from controller.core.wish import Subject, Wish

_LISTED = 12
_TYPES = (
    ("content types", "SupportedContentTypes"),
    ("response types", "SupportedResponseMIMETypes"),
    ("endpoint instances", "SupportedRealtimeInferenceInstanceTypes"),
    ("batch instances", "SupportedTransformInstanceTypes"),
)
_TRAINING = (("made by", "GeneratedBy"), ("commit", "CommitId"), ("repository", "Repository"), ("project", "ProjectId"))


@dataclass(frozen=True, slots=True)
class Difference:
    """One facet in words: what the approved model has, what the new one has, `none` as an empty text; `by` a number's
    difference such as `+0.021`."""

    facet: str
    before: str
    after: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A promotion's model against `against`, the ARN of its group's approved version; empty when there is none.

    Then the differences say what the model is, each with nothing before.
    """

    against: str
    differences: tuple[Difference, ...]


def comparisons(
    wishes: Iterable[Wish],
    views: Mapping[Target, View],
    manifests: Manifests,
    measured: Mapping[str, Measured] | None = None,
) -> dict[str, Comparison]:
    """By promotion: those that bring a version, or ask for the approval of one that is not approved yet.

    `measured` are the reports that were read, by promotion.
    """
    asked = list(wishes)
    owners = {item.subject.live.version: item.subject.name for item in asked if item.subject.live}
    wanted = frozenset(gate.metric for gate in _gates(manifests) if gate.metric is not None)
    found = {}
    for wish in asked:
        subject = wish.subject
        if not brings(subject):
            continue
        old = incumbent(subject, views[subject.place.target])
        locked = manifests.locks.get(owners.get(old.version, "")) if old else None
        own = manifests.locks.get(subject.name)
        known = _facets_of(old, locked.spec if locked else None) if old else {}
        read = (measured or {}).get(subject.name, Measured())
        differences = _with_figures(known, _facets(wish, own.spec if own else None), read, wanted)
        found[subject.name] = Comparison(old.version.arn if old else "", differences)
    return found


def _gates(manifests: Manifests) -> Iterator[Gate]:
    for rule in manifests.guardrails.values():
        yield from rule.spec.gates
    for group in manifests.groups.values():
        yield from group.spec.gates


def _with_figures(old: Facets, new: Facets, read: Measured, wanted: Set[str]) -> tuple[Difference, ...]:
    """The differences, with those of the reports' figures before what is said of the reports themselves."""
    figures, left = steps(read, wanted)
    told = list(_compared(_reported(old, read.old, {}), _reported(new, read.new, left)))
    place = next((at for at, item in enumerate(told) if not item.facet.startswith(("source", "metadata "))), len(told))
    shown = [Difference(item.name, item.before, item.after, item.by) for item in figures]
    return (*told[:place], *shown, *told[place:])


def _reported(facets: Facets, readings: Mapping[str, Reading], left: Mapping[str, int]) -> Facets:
    """The facets, with what there is to say of reports beside their figures."""
    words = {f"report {name}": said(readings.get(name), left.get(name, 0)) for name in {*readings, *left}}
    return {name: value + words.get(name, "") for name, value in facets.items()}


def brings(subject: Subject) -> bool:
    """Whether a promotion's model is shown: it is to be registered, or to be approved."""
    if subject.promotion.approval == "Rejected":
        return False
    live = subject.live
    return live is None or (live.approval != "Approved" and subject.promotion.approval == "Approved")


def incumbent(subject: Subject, view: View) -> Package | None:
    """The group's approved version that people know: of several the newest, never the promotion's own."""
    approved = [
        item
        for item in view.packages
        if item.version.group.casefold() == subject.group_name.casefold()
        and item.approval == "Approved"
        and (subject.live is None or item.version != subject.live.version)
    ]
    return max(approved, key=lambda item: item.number, default=None)


Facets = Mapping[str, str]


def _facets(wish: Wish, lock: Lock | None) -> Facets:
    subject, live = wish.subject, wish.subject.live
    if wish.draft is not None:
        made = wish.draft.release
        found = _described(wish.draft.body, made.metadata) | {"size": str(made.size)}
    else:
        found = (_described(live.body, live.metadata) | _locked_size(live, lock)) if live else {}
    return {"source": _source(subject.source)} | found


def _facets_of(package: Package, lock: Lock | None) -> Facets:
    source = package.source
    named = {"source": _source(source)} if source else {}
    return named | _described(package.body, package.metadata) | _locked_size(package, lock)


def _source(version: Version) -> str:
    return f"{version.group}/{version.number}"


def _locked_size(package: Package, lock: Lock | None) -> dict[str, str]:
    """How many bytes a live version's artifacts have, where a lock says so."""
    if lock is None or lock.release != package.mark("release"):
        return {}
    return {"size": str(sum(item.size for item in lock.objects) + sum(item.bytes for item in lock.listings))}


def _described(body: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, str]:
    """Every facet of a model by its name, in the order of showing; without the value of any environment variable."""
    found = {f"metadata {name}": value for name, value in sorted(foreign(metadata).items())}
    found |= {f"report {name}": "there" for name in _reports(body.get("ModelMetrics", {}))}
    for path, container in fields.containers(body):
        found |= {f"{name}{_which(path)}": value for name, value in _container(container)}
    for path, spec in fields.specifications(body):
        found |= {f"{name}{_which(path)}": _list(spec.get(member, ())) for name, member in _TYPES}
    properties = body.get("MetadataProperties", {})
    found |= {name: str(properties.get(member, "")) for name, member in _TRAINING}
    found |= {"description": str(body.get("ModelPackageDescription", ""))}
    found |= {"domain": str(body.get("Domain", "")), "task": str(body.get("Task", ""))}
    return {name: value for name, value in found.items() if value}


def _which(path: fields.Path) -> str:
    """Which container or specification a facet is of, where it is not simply the first."""
    additional = f" of specification {int(path[1]) + 2}" if path[0] != "InferenceSpecification" else ""
    container = f" of container {int(path[-1]) + 1}" if "Containers" in path and path[-1] != 0 else ""
    return container + additional


def _container(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    host, repository, tag, digest = split_image(container.get("Image", ""))
    name = repository.rpartition("/")[2] if host else repository
    yield "image", name + (f"@{digest[:19]}" if digest else f":{tag}" if tag else "")
    named = (container.get("Framework", ""), container.get("FrameworkVersion", ""))
    yield "framework", " ".join(part for part in named if part)
    yield "model", str(container.get("NearestModelName", ""))
    yield "environment", _list(sorted(container.get("Environment", {})))


def _list(items: Iterable[Any]) -> str:
    words = [str(item) for item in items]
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return ", ".join(words[:_LISTED]) + more


def _reports(metrics: Mapping[str, Any]) -> Iterator[str]:
    """`ModelQuality.Statistics` and the like."""
    for family, parts in sorted(metrics.items()):
        for name in sorted(parts) if isinstance(parts, Mapping) else ():
            yield f"{family}.{name}"


def _compared(old: Facets, new: Facets) -> Iterator[Difference]:
    for name in [*new, *(name for name in old if name not in new)]:
        before, after = old.get(name, ""), new.get(name, "")
        if before != after and not (name == "size" and old and not before):
            yield Difference(name, before, after, _by(name, before, after))


def _by(name: str, before: str, after: str) -> str:
    """The difference of two numbers with its sign, rounded to what can be read."""
    old, new = _number(before), _number(after)
    if old is None or new is None:
        return ""
    return f"{new - old:+.0f}" if name == "size" else f"{new - old:+.4g}"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
