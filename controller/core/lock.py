"""Locks: what a release is, written beside its promotion for reviewers, and how a release differs from one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.core.canonical import digest
from controller.core.manifest import API_VERSION
from controller.core.manifests import Lock
from controller.core.release import Object, Release

LISTED = 100  # more objects below one prefix than this are named by count, bytes and a digest


def lock_document(name: str, release: Release, resolved: str) -> dict[str, Any]:
    """The lock of a promotion as a document; `resolved` is the time, recorded and never compared."""
    source = release.source
    listings = {uri: found for uri in release.prefixes if len(found := _below(release.objects, uri)) > LISTED}
    listed = {item.uri for found in listings.values() for item in found}
    return {
        "apiVersion": API_VERSION,
        "kind": "Lock",
        "metadata": {"name": name},
        "spec": {
            "source": {
                "arn": source.arn,
                "account": source.account,
                "region": source.region,
                "group": source.group,
                "version": source.number,
            },
            "release": release.digest,
            "objects": [_object(item, release) for item in sorted(release.objects) if item.uri not in listed],
            "listings": [{"uri": uri, **listing(found)} for uri, found in sorted(listings.items())],
            "images": [{"image": image.uri, "digest": image.digest} for image in sorted(release.images)],
            "fields": release.fields(),
            "recorded": {**release.noted, "resolved": resolved},
        },
    }


def _object(item: Object, release: Release) -> dict[str, Any]:
    shown: dict[str, Any] = {"uri": item.uri, "size": item.size}
    if item.version is not None:
        shown["versionId"] = item.version
    shown["etag"] = item.etag
    if checksums := release.checksums.get(item.uri):
        shown["checksums"] = dict(sorted(checksums.items()))
    return shown


def listing(objects: Iterable[Object]) -> dict[str, Any]:
    """Count, bytes and digest of many objects: `{"count": …, "bytes": …, "digest": "sha256:…"}`."""
    rows = sorted([item.uri, item.size, item.version, item.etag] for item in objects)
    return {"count": len(rows), "bytes": sum(int(row[1] or 0) for row in rows), "digest": digest(rows)}


def _below(objects: Iterable[Object], prefix: str) -> list[Object]:
    return [item for item in objects if item.uri.startswith(prefix)]


def differences(lock: Lock, release: Release) -> tuple[str, ...]:
    """One line for everything in which a release is not what the lock names; of its digest only if that is all."""
    listed = tuple(_compare(_lock_side(lock), _release_side(release, [item.uri for item in lock.listings])))
    return listed or tuple(_compare({"release": lock.release}, {"release": release.digest}))


def changed_between(old: Release, new: Release) -> tuple[str, ...]:
    """One line for everything in which a release is not what it was."""
    return tuple(_compare(_release_side(old, []), _release_side(new, [])))


def _release_side(release: Release, prefixes: list[str]) -> dict[str, str]:
    side = {f"field {path}": found for path, found in release.fields().items()}
    side |= {f"image {image.uri}": image.digest for image in release.images}
    for prefix in prefixes:
        found = listing(_below(release.objects, prefix))
        side[f"objects below {prefix}"] = _shown_listing(found["count"], found["bytes"], found["digest"])
    for item in release.objects:
        if not any(item.uri.startswith(prefix) for prefix in prefixes):
            side[f"object {item.uri}"] = _shown(item)
    return side


def _lock_side(lock: Lock) -> dict[str, str]:
    side = {f"field {path}": found for path, found in lock.fields.items()}
    side |= {f"image {image.image}": image.digest for image in lock.images}
    side |= {f"objects below {item.uri}": _shown_listing(item.count, item.bytes, item.digest) for item in lock.listings}
    side |= {
        f"object {item.uri}": _shown(Object(item.uri, item.size, item.etag, item.version_id)) for item in lock.objects
    }
    return side


def _shown(item: Object) -> str:
    return f"{item.size} bytes, ETag {item.etag}" + (f", version {item.version}" if item.version else "")


def _shown_listing(count: int, size: int, found: str) -> str:
    return f"{count} objects, {size} bytes, {found}"


def _compare(before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name.startswith("field "):
            yield f"{name} " + ("changed" if old and new else "is new" if new else "is gone")
        else:
            yield f"{name}: {old or 'absent'} -> {new or 'absent'}"
