"""Whether a record follows from its release. Pure.

A record is written by whoever copied, which may be a spoke's own run. A lock names the release: everything else in the
record is believed only as far as the release, and what the promotion makes of it, leave no choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from controller.core import fields
from controller.core.arn import Version, registry_host, registry_place
from controller.core.draft import destination, moved_uri, objections, split_image, split_uri, with_inference
from controller.core.manifest import Carry, Hub, Promotion, Spoke, Store
from controller.core.record import Record
from controller.core.release import inputs_digest, spec_digest
from controller.core.wish import Subject


@dataclass(frozen=True, slots=True)
class Terms:
    """What becomes of a release: whose it is, by which promotion, into which group and store of which hub.

    `checksums` are those that the lock has of the source's objects, by URI; `been`: it was approved before.
    """

    source: Version
    spoke: Spoke
    promotion: Promotion
    hub: Hub
    store: Store
    group: str
    checksums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    been: bool = False

    @property
    def pushed(self) -> bool:
        """Whether the spoke's own run wrote the record, and the bytes that it names."""
        return self.spoke.pattern == "push"


def terms_of(subject: Subject, store: Store) -> Terms:
    """The terms of a promotion whose record is in `store`."""
    been = subject.live is not None and subject.live.mark("approved") == "yes"
    wanted = _as_registered(subject)
    hub = subject.place.settings
    return Terms(subject.source, subject.spoke, wanted, hub, store, subject.group_name, subject.checksums, been)


def _as_registered(subject: Subject) -> Promotion:
    """The promotion with the inputs that the version has: a Subscription may say otherwise by now."""
    carries: tuple[Carry, ...] = ("copy", "reference")
    for artifacts, images in product(carries, carries):
        one = replace(subject.promotion, artifacts=artifacts, images=images)
        if inputs_digest(one) == subject.inputs:
            return one
    return subject.promotion


def contradiction(record: Record, terms: Terms) -> str:
    """Why a record is not what its release becomes on these terms, or an empty text."""
    if record.release.source.identity != terms.source.identity:
        return f"it is of {record.release.source.arn}"
    if record.adopted:  # what was proven byte by byte when it was adopted, by the hub's own run
        return "what a spoke pushes is never adopted" if terms.pushed else ""
    try:
        return _forbidden(record, terms) or _objects(record, terms) or _body(record, terms)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        return f"it is not understood: {type(error).__name__}"


def _forbidden(record: Record, terms: Terms) -> str:
    """What the hub would have refused to read from the spoke."""
    if not terms.pushed or terms.been:
        return ""
    return "; ".join(objections(record.release.body, terms.spoke, terms.hub, record.release.source.group))


def _objects(record: Record, terms: Terms) -> str:
    release = record.release
    uris = {item.uri for item in release.objects}
    for place in fields.places(release.body):
        below = place.uri.rstrip("/") + "/"
        if place.uri not in uris and not any(uri.startswith(below) for uri in uris):
            return f"it has nothing of {place.uri}"
    wanted = []
    if terms.promotion.artifacts == "copy":
        base = destination(release, terms.group, terms.store)
        wanted = [("/".join((base, *split_uri(item.uri))), item.size) for item in release.objects]
    if sorted(wanted) != sorted((item.key, item.size) for item in record.objects):
        return "its objects are not those of its release"
    return ""


def _body(record: Record, terms: Terms) -> str:
    release, store = record.release, terms.store
    base = destination(release, terms.group, store)
    copied = terms.promotion.artifacts == "copy"
    values = {place.path: moved_uri(place.uri, store.bucket, base) for place in fields.places(release.body) if copied}
    digests = {image.uri: image.digest for image in release.images}
    there = dict(fields.images(record.body))
    for path, uri in fields.images(release.body):
        if not _kept(uri, digests[uri], there[path], terms):
            return f"its image {there[path]} is not what {uri} becomes"
        values[path] = there[path]
    expected = with_inference(fields.replaced(release.body, values), terms.promotion.inference)
    same = spec_digest(expected) == spec_digest(record.body)
    return "" if same else "what it registers is not what its release becomes"


def _kept(uri: str, digest: str, now: str, terms: Terms) -> bool:
    """Whether an image in the hub's body is the source's: the same digest, in the hub's registry or where it was.

    The hub's prefix, and whom it trusts, may be others by now: the digest is what counts.
    """
    host, repository, _, _ = split_image(uri)
    account = (registry_place(host) or ("", ""))[0]
    new_host, new_repository, tag, named = split_image(now)
    if tag or named != digest:
        return False
    stays = terms.promotion.images == "reference" or account != terms.spoke.account
    if stays and (new_host, new_repository) == (host, repository):
        return True
    own = registry_host(terms.hub.account, terms.hub.region)
    return new_host == own and new_repository.endswith(f"/{account}/{repository}")
