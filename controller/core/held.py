"""A release as a hub holds it: the source of a promotion from hub to hub."""

from __future__ import annotations

from dataclasses import replace

from controller.core import fields
from controller.core.arn import registry_host, registry_place
from controller.core.draft import destination, image_repository, split_image
from controller.core.manifest import Hub
from controller.core.record import Record, Stored
from controller.core.release import Held, Release
from controller.core.view import View
from controller.core.wish import Subject


def held_release(other: Subject, record: Record, hub: Hub, view: View) -> Release:
    """The release that a promotion's record is of, with where its hub holds each object and image.

    `hub` is where it is to go. ValueError when that hub does not hold everything, or may not have it.
    """
    if other.live is None:
        raise ValueError("it is not registered")
    release, account = record.release, other.place.settings.account
    store = other.place.store(view.records[other.recorded_as].store)
    held: dict[str, Held] = {}
    checksums = {}
    if store is not None and record.objects:
        stored = record.copies(destination(release, other.group_name, store))
        for item in release.objects:
            copy = _copy(stored, item.uri)
            held[item.uri] = Held(store.bucket, copy.key, copy.version, copy.etag, account)
            checksums[item.uri] = copy.checksums
    if len(held) != len(release.objects):
        raise ValueError(f"the hub {other.place.name} does not hold its artifacts: they are only referred to there")
    kept = _kept(other, release, hub) if not record.adopted else _kept_in_place(record, hub)
    place = (account, other.place.settings.region)
    return replace(release, via=other.live.version.arn, held=held, kept=kept, reader=place, checksums=checksums)


def _kept_in_place(record: Record, hub: Hub) -> dict[str, str]:
    """As `_kept`, of a version that was adopted: its images stand where it names them."""
    there = dict(fields.images(record.body))
    kept = {}
    for path, uri in fields.images(record.release.body):
        host, repository, _, _ = split_image(there[path])
        account = (registry_place(split_image(uri)[0]) or ("", ""))[0]
        if account not in hub.images.trusted:
            kept[uri] = f"{host}/{repository}"
    return kept


def _copy(stored: dict[str, Stored], uri: str) -> Stored:
    found = stored.get(uri)
    if found is None:
        raise ValueError(f"its record has no copy of {uri}")
    return found


def _kept(other: Subject, release: Release, hub: Hub) -> dict[str, str]:
    """Where the other hub keeps each image, as `host/repository` by the source's URI."""
    settings = other.place.settings
    kept = {}
    for _, uri in fields.images(release.body):
        host, repository, _, _ = split_image(uri)
        account = (registry_place(host) or ("", ""))[0]
        if account in settings.images.trusted:
            if account not in hub.images.trusted:
                raise ValueError(f"{uri} is of a registry that this hub does not trust")
        elif other.promotion.images == "copy":
            name = image_repository(settings, account, repository)
            kept[uri] = f"{registry_host(settings.account, settings.region)}/{name}"
        else:
            raise ValueError(f"the hub {other.place.name} does not hold {uri}: it is only referred to there")
    return kept
