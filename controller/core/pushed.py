"""What a spoke pushes without a version in its own registry: an artifact and an image, named by what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from controller.core.arn import Version
from controller.core.canonical import canonical, sha256
from controller.core.draft import split_image
from controller.core.fields import carried
from controller.core.identify import place_of
from controller.core.manifest import From, ModelGroup, Promotion, Spoke, To
from controller.core.manifests import Entry, Manifests
from controller.core.release import Image, Release, inputs_digest
from controller.core.view import View
from controller.core.wish import Place, Subject

_HASH = 64  # hexadecimal digits; SageMaker's group names are one shorter at most, so that none is ever taken for one


@dataclass(frozen=True, slots=True)
class Pushed:
    """One artifact with one image that a spoke pushes into a group."""

    spoke_name: str
    spoke: Spoke
    group: Entry[ModelGroup]
    place: Place
    bucket: str
    key: str
    image: str

    @property
    def described(self) -> dict[str, object]:
        """It as SageMaker would describe a version of the spoke's."""
        container = {"Image": self.image, "ModelDataUrl": f"s3://{self.bucket}/{self.key}"}
        return {"ModelPackageStatus": "Completed", "InferenceSpecification": {"Containers": [container]}}


def source_of(spoke: Spoke, bucket: str, key: str, digest: str) -> Version:
    """Its identity: the account, and the sha256 of bucket, key and image digest in the place of a group's name."""
    return Version(spoke.account, spoke.region or "", sha256(canonical([bucket, key, digest])), 1)


def release_by_digest(pushed: Pushed, release: Release) -> Release:
    """The release with its image by digest and its source by what it is: the same however the image was spelled."""
    digest = release.images[0].digest
    host, repository, _, _ = split_image(pushed.image)
    exact = replace(pushed, image=f"{host}/{repository}@{digest}")
    source = source_of(pushed.spoke, pushed.bucket, pushed.key, digest)
    return replace(release, source=source, body=carried(exact.described), images=(Image(exact.image, digest),))


def is_pushed(source: Version) -> bool:
    """Whether a source is no version of a spoke's registry."""
    return len(source.group) == _HASH


def subject_of_pushed(pushed: Pushed, source: Version, release: str = "") -> Subject:
    """What is pushed as a subject; its release decides which live version stands for it."""
    group = pushed.group
    promotion = Promotion(From(pushed.spoke_name, source.group, source.number), To(group.name), "PendingManualApproval")
    return Subject(
        name=f"push/{source.group[:12]}",
        path=group.path,
        promotion=promotion,
        place=pushed.place,
        group_manifest=group.name,
        group=group.spec,
        spoke_name=pushed.spoke_name,
        spoke=pushed.spoke,
        source=source,
        inputs=inputs_digest(promotion),
        release=release,
    )


def welcome(manifests: Manifests, spoke: str, group: str) -> bool:
    """Whether the fleet names a spoke for a ModelGroup: among its readers, or as what something is promoted from."""
    entry = manifests.groups.get(group)
    named = {item.spec.source.spoke for item in manifests.subscriptions.values() if item.spec.to.group == group}
    named |= {item.spec.source.spoke or "" for item in manifests.promotions.values() if item.spec.to.group == group}
    return entry is not None and (spoke in entry.spec.readers or spoke in named)


def asked_for(manifests: Manifests, pushed: Pushed) -> list[str]:
    """The Promotions that ask for an Approved version of this spoke's in this group, by name."""
    return sorted(
        name
        for name, entry in manifests.promotions.items()
        if entry.spec.approval == "Approved"
        and entry.spec.source.spoke == pushed.spoke_name
        and entry.spec.to.group == pushed.group.name
    )


def is_of(release: Release, uri: str, digest: str) -> bool:
    """Whether a release has this very object and image."""
    return uri in {item.uri for item in release.objects} and digest in {item.digest for item in release.images}


def pushed_versions(views: Iterable[View], manifests: Manifests) -> Iterator[Version]:
    """The versions in the hub that a spoke pushed which the fleet still names for their group: nobody's orphans."""
    spokes = {(entry.spec.account, entry.spec.region): name for name, entry in manifests.spokes.items()}
    groups = {}
    for name, entry in manifests.groups.items():
        if place := place_of(entry, manifests):
            groups[place.target, entry.spec.group or name] = name
    for view in views:
        for item in view.packages:
            source, group = item.source, groups.get((view.target, item.version.group), "")
            if source is None or not is_pushed(source):
                continue
            if welcome(manifests, spokes.get((source.account, source.region), ""), group):
                yield item.version
