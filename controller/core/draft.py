"""What a promotion makes of a release: the create body with every URI rewritten, and what has to be copied for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core import fields
from controller.core.arn import registry_host, registry_place
from controller.core.canonical import canonical, sha256
from controller.core.globs import any_matches
from controller.core.manifest import Hub, Inference, Promotion, Spoke, Store
from controller.core.release import Object, Release

_URI_ROOM = 1024
_IMAGE_ROOM = 255


@dataclass(frozen=True, slots=True)
class ObjectCopy:
    """One object to copy: the source as pinned, the key in the store, and the mark that says what it is a copy of."""

    source: Object
    key: str
    mark: str


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """One image to copy: `source` is `host/repository`, `repository` the name in the hub's registry.

    `size` is how many bytes may have to be moved, None where nobody said; two copies that differ in it alone are equal.
    """

    source: str
    digest: str
    repository: str
    tag: str
    size: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A promotion ready to be written: the body without group, approval, metadata and token, and its copies."""

    release: Release
    body: Mapping[str, Any]
    objects: tuple[ObjectCopy, ...]
    images: tuple[ImageCopy, ...]


def split_uri(uri: str) -> tuple[str, str]:
    """(bucket, key) of an `s3://` URI; the bucket is empty for anything else."""
    if not uri.startswith("s3://"):
        return "", ""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def split_image(uri: str) -> tuple[str, str, str, str]:
    """(host, repository, tag, digest) of an image URI; what it does not name is empty."""
    rest, _, digest = uri.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or ("." not in host and ":" not in host):
        return "", *_split_tag(rest), digest
    return host, *_split_tag(path), digest


def _split_tag(path: str) -> tuple[str, str]:
    name, colon, tag = path.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (path, "")


def objections(described: Mapping[str, Any], spoke: Spoke, hub: Hub, group: str | None) -> list[str]:
    """Why this source may not be promoted, from its description alone: what cannot be carried, what may not leave."""
    found = list(fields.refusals(described))
    if group is not None and not any_matches([item.casefold() for item in spoke.allow.groups], group.casefold()):
        found.append(
            f"its group {group!r} is not among the groups that may leave the spoke ({_shown(spoke.allow.groups)})"
        )
    for place in fields.places(described):
        bucket, _ = split_uri(place.uri)
        if not bucket:
            found.append(f"{fields.dotted(place.path)} is {place.uri!r}: only s3:// URIs can be promoted")
        elif bucket not in spoke.allow.buckets:
            found.append(
                f"{fields.dotted(place.path)} names the bucket {bucket!r}, which is not among those that may leave "
                f"the spoke ({_shown(spoke.allow.buckets)})"
            )
    for path, uri in fields.images(described):
        found.extend(_image_objection(fields.dotted(path), uri, spoke, hub))
    return found


def _image_objection(where: str, uri: str, spoke: Spoke, hub: Hub) -> Iterator[str]:
    host, repository, _, _ = split_image(uri)
    account = (registry_place(host) or ("", ""))[0]
    if account in hub.images.trusted:
        return
    if account != spoke.account:
        yield f"{where} is {uri!r}, of a registry that is neither the spoke's nor trusted by the hub"
    elif not any_matches(spoke.allow.repositories, repository):
        may = _shown(spoke.allow.repositories)
        yield f"{where} names the repository {repository!r}, which is not among those that may leave the spoke ({may})"


def _shown(items: Sequence[str]) -> str:
    return ", ".join(items) or "none"


def destination(release: Release, group: str, store: Store) -> str:
    """The prefix in the store below which all objects of a release stand."""
    source = release.source
    short = release.digest.rpartition(":")[2][:12]
    return f"{store.prefix}/{source.account}/{group}/{source.group}/{source.number}-{short}"


def image_repository(hub: Hub, account: str, repository: str) -> str:
    return f"{hub.images.prefix}/{account}/{repository}"


def image_tag(promotion: str, digest: str) -> str:
    return f"hw-{promotion}-{digest.rpartition(':')[2][:12]}"


def draft(release: Release, promotion: Promotion, identity: str, hub: Hub, store: Store, group: str) -> Draft:
    """The draft of a promotion; ValueError when a name would grow past AWS's limits."""
    base = destination(release, group, store)
    values: dict[fields.Path, Any] = {}
    objects: tuple[ObjectCopy, ...] = ()
    if promotion.artifacts == "copy":
        values |= {place.path: moved_uri(place.uri, store.bucket, base) for place in fields.places(release.body)}
        objects = tuple(_object_copy(item, base) for item in release.objects)
    _check_environment(promotion.inference, hub)
    images, copies = _images(release, promotion, identity, hub)
    body = with_inference(fields.replaced(release.body, values | images), promotion.inference)
    _check_lengths(body, objects, store.bucket)
    return Draft(release, body, objects, copies)


def moved_uri(uri: str, bucket: str, base: str) -> str:
    """Where an S3 URI of the source stands in the store."""
    source_bucket, key = split_uri(uri)
    return f"s3://{bucket}/{base}/{source_bucket}/{key}"


def _object_copy(item: Object, base: str) -> ObjectCopy:
    bucket, key = split_uri(item.uri)
    return ObjectCopy(item, f"{base}/{bucket}/{key}", sha256(canonical([item.uri, item.version, item.etag])))


def _images(
    release: Release, promotion: Promotion, identity: str, hub: Hub
) -> tuple[dict[fields.Path, str], tuple[ImageCopy, ...]]:
    digests = {image.uri: image for image in release.images}
    values: dict[fields.Path, str] = {}
    copies: dict[tuple[str, str], ImageCopy] = {}
    for path, uri in fields.images(release.body):
        host, repository, _, _ = split_image(uri)
        found, size = digests[uri].digest, digests[uri].size
        account = (registry_place(host) or ("", ""))[0]
        if promotion.images == "copy" and account not in hub.images.trusted:
            name = image_repository(hub, account, repository)
            origin = release.kept.get(uri, f"{host}/{repository}")
            copies[name, found] = ImageCopy(origin, found, name, image_tag(identity, found), size)
            host, repository = registry_host(hub.account, hub.region), name
        values[path] = f"{host}/{repository}@{found}"
        values[(*path[:-1], "ImageDigest")] = found
    return values, tuple(copies[name] for name in sorted(copies))


def with_inference(body: dict[str, Any], inference: Inference) -> dict[str, Any]:
    """The body, changed in place as the promotion says."""
    for _, spec in fields.specifications(body):
        assert isinstance(spec, dict)  # noqa: S101  (replaced() made plain dictionaries)
        if inference.content_types:
            spec["SupportedContentTypes"] = list(inference.content_types)
        if inference.response_types:
            spec["SupportedResponseMIMETypes"] = list(inference.response_types)
    change = inference.environment
    for _, container in fields.containers(body):
        assert isinstance(container, dict)  # noqa: S101
        wanted = {**container.get("Environment", {}), **change.set}
        environment = {name: value for name, value in wanted.items() if name not in change.drop}
        if environment:
            container["Environment"] = environment
        else:
            container.pop("Environment", None)
    return body


def _check_environment(inference: Inference, hub: Hub) -> None:
    """What a promotion sets is not copied: it may point into the hub's stores, and nowhere else."""
    stores = {store.bucket for store in hub.stores}
    for name, value in sorted(inference.environment.set.items()):
        if value.startswith("s3://") and split_uri(value)[0] not in stores:
            where = f"inference.environment.set.{name}"
            raise ValueError(f"{where} names {value}, which is not in a store of the hub and would not be copied")


def _check_lengths(body: Mapping[str, Any], objects: Sequence[ObjectCopy], bucket: str) -> None:
    long = [place.uri for place in fields.places(body) if len(place.uri) > _URI_ROOM]
    long += [uri for item in objects if len((uri := f"s3://{bucket}/{item.key}").encode()) > _URI_ROOM]
    if long:
        raise ValueError(f"{long[0][:80]}… would be {len(long[0])} characters long in the hub; AWS allows {_URI_ROOM}")
    for _, uri in fields.images(body):
        if len(uri) > _IMAGE_ROOM:
            raise ValueError(f"{uri[:80]}… would be {len(uri)} characters long in the hub; AWS allows {_IMAGE_ROOM}")


def lightened(made: Draft, live: Mapping[tuple[str, str], str]) -> Draft:
    """The draft, its images weighing nothing where their repository holds them under another tag already.

    `live` are the digests in the hub by (repository, tag).
    """
    held = {(repository, digest) for (repository, _), digest in live.items()}
    images = tuple(replace(copy, size=0) if (copy.repository, copy.digest) in held else copy for copy in made.images)
    return replace(made, images=images)


def held_images(body: Mapping[str, Any], hub: Hub, identity: str) -> tuple[ImageCopy, ...]:
    """The images of a live package that stand in the hub's own registry: what must be kept there for it."""
    host = registry_host(hub.account, hub.region)
    found: dict[tuple[str, str], ImageCopy] = {}
    for _, uri in fields.images(body):
        name, repository, _, digest = split_image(uri)
        if name == host and repository.startswith(hub.images.prefix + "/") and digest:
            found[repository, digest] = ImageCopy("", digest, repository, image_tag(identity, digest))
    return tuple(found[name] for name in sorted(found))
