"""Adoption: whether a hub version that Hubwright did not register can stand for a promotion, as texts tell. Pure.

A version is adopted where it stands: its objects stay where it names them, and only what proves it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core import fields
from controller.core.arn import registry_host, registry_place
from controller.core.draft import Draft, ObjectCopy, split_image, split_uri, with_inference
from controller.core.fields import comparable
from controller.core.manifest import Hub, Inference, Store
from controller.core.marks import PREFIX
from controller.core.release import Release
from controller.core.view import Package, View
from controller.core.wish import InPlace, Subject

_SAID = ("ModelPackageDescription", "MetadataProperties", "Domain", "Task")  # says something of a model, runs nothing


def unmarked(subject: Subject, view: View) -> Package | None:
    """The hub version that the promotion adopts, where it exists and has no marks of anybody."""
    wanted = subject.promotion.adopts
    if wanted is None or subject.following is not None:
        return None
    for item in view.packages:
        if item.version.group == subject.group_name and item.number == wanted and not marked(item):
            return item
    return None


def unfit(subject: Subject) -> str:
    """Why the version that a promotion adopts is not one to adopt, whatever its bytes; or an empty text."""
    live, asked = subject.adopts, subject.promotion.adopts
    if live is None:
        return f"the hub's group {subject.group_name} has no version {asked} without marks of Hubwright"
    if subject.spoke.pattern == "push":
        return f"the spoke {subject.spoke_name} pushes: what it has cannot be read for a proof"
    if live.status != "Completed":
        return f"{live.version.arn} is {live.status}"
    if live.approval == "Rejected":
        by = f" by {live.modified_by}" if live.modified_by else ""
        return f"{live.version.arn} was rejected{by}; while that stands, nothing touches it"
    return ""


def marked(live: Package) -> bool:
    """Whether Hubwright, for whatever fleet, says anything in its metadata."""
    return any(name.startswith(PREFIX) for name in live.metadata)


def alike(source: Mapping[str, Any], live: Mapping[str, Any], inference: Inference) -> tuple[str, ...]:
    """The fields in which a hub version is not what promoting the source would make, wherever its bytes stand; a
    cheap first look."""
    first, second = outline_of(source, inference), outline_of(live)
    return tuple(sorted(name for name in {*first, *second} if first.get(name) != second.get(name)))


def outline_of(body: Mapping[str, Any], inference: Inference | None = None) -> Mapping[str, Any]:
    """What is compared of a hub version, or, with `inference`, of what promoting a source would make."""
    made = body if inference is None else with_inference(fields.replaced(body, {}), inference)
    return fields.outline(_blank(made), 8)


def _blank(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body without where its bytes stand, and without what is only said of it."""
    plain = {name: value for name, value in comparable(body).items() if name not in _SAID}
    places = {place.path: "" for place in fields.places(plain)}
    return fields.replaced(plain, {**places, **{path: "" for path, _ in fields.images(plain)}})


def in_place(release: Release, live: Package, inference: Inference, hub: Hub) -> InPlace:
    """What has to be shown equal. ValueError says why this version can never be adopted for this release."""
    if differing := alike(release.body, live.body, inference):
        raise ValueError(f"it is not built like its source: {', '.join(differing)}")
    asked = dict(_moved(release, live))
    objects = tuple((item.uri, _copy(item.uri, asked)) for item in release.objects)
    if len({uri for _, uri in objects}) != len(objects):
        raise ValueError("one of its objects stands for several of its source")
    folders = tuple(sorted(asked[uri] for uri in release.prefixes if uri in asked))
    return InPlace(_store_of([uri for _, uri in objects], hub), objects, folders, tuple(_images(release, live, hub)))


def _moved(release: Release, live: Package) -> Iterator[tuple[str, str]]:
    """(source URI, hub URI) of everything that is fetched."""
    there = {place.path: place.uri for place in fields.places(live.body)}
    seen: dict[str, str] = {}
    for place in fields.places(release.body):
        uri = there.get(place.path)
        if uri is None:
            continue  # the promotion sets or drops it
        if seen.setdefault(place.uri, uri) != uri:
            raise ValueError(f"{place.uri} stands in two places: {seen[place.uri]} and {uri}")
        yield place.uri, uri


def _copy(uri: str, asked: Mapping[str, str]) -> str:
    if uri in asked:
        return asked[uri]
    for old, new in asked.items():
        if uri.startswith(old.rstrip("/") + "/"):
            return new.rstrip("/") + uri[len(old.rstrip("/")) :]
    raise ValueError(f"it has nothing in the place of {uri}")


def _store_of(uris: list[str], hub: Hub) -> Store:
    """The store that holds all of them; with none, the Active one."""
    for store in hub.stores:
        if all(split_uri(uri)[0] == store.bucket and split_uri(uri)[1].startswith(f"{store.prefix}/") for uri in uris):
            if not uris and store.state != "Active":
                continue
            return store
    raise ValueError(
        f"its objects do not all stand in one store of the hub ({uris[0] if uris else 'none'}): "
        "have the platform declare their bucket and prefix as a store, Closed, or promote the source beside it"
    )


def _images(release: Release, live: Package, hub: Hub) -> Iterator[tuple[str, str, str]]:
    digests = {image.uri: image.digest for image in release.images}
    there = dict(fields.images(live.body))
    for path, uri in fields.images(release.body):
        now = there[path]
        host, repository, _, _ = split_image(now)
        account = (registry_place(host) or ("", ""))[0]
        if account not in hub.images.trusted and host != registry_host(hub.account, hub.region):
            raise ValueError(f"its image {now} is neither in the hub's registry nor in one that the hub trusts")
        if account not in hub.images.trusted and repository.startswith(f"{hub.images.prefix}/"):
            raise ValueError(f"its image {now} stands below {hub.images.prefix}/, which holds what was promoted")
        yield uri, digests[uri], now


def draft_of(release: Release, live: Package, found: InPlace) -> Draft:
    """The version as it stands, as a draft: nothing of it is copied."""
    there = dict(found.objects)
    objects = tuple(ObjectCopy(item, split_uri(there[item.uri])[1], "") for item in release.objects)
    return Draft(release, live.body, objects, ())
