"""Where versions come from and where they went, from what was read of hubs, records and lineage documents. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core import fields
from controller.core.arn import parse_version
from controller.core.draft import split_image
from controller.core.errors import UsageError
from controller.core.lineage import Lineage
from controller.core.manifests import Manifests
from controller.core.marks import LINEAGE
from controller.core.record import Record
from controller.core.view import Package, View

FORMAT = "hubwright.io/trace/v1"
_DIGEST = re.compile(r"(?:v1:)?sha256:[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is traced: a version's ARN, an S3 or image URI, a digest or a promotion's id."""

    text: str
    form: str  # version, object, image, digest, promotion


@dataclass(frozen=True, slots=True)
class Traced:
    """One hub version with its evidence, in `bucket`. `faults` say where it does not agree; empty: all of it does.

    `same` are other hub versions of the same release, `readers` who may read this one.
    """

    hub: str
    package: Package
    lineage: Lineage | None
    record: Record | None
    faults: tuple[str, ...]
    same: tuple[str, ...]
    readers: tuple[str, ...]
    bucket: str = ""

    def to_json(self) -> dict[str, Any]:
        package, found = self.package, self.lineage
        return {
            "version": package.version.arn,
            "hub": self.hub,
            "approval": package.approval,
            "stage": dict(package.stage) if package.stage else None,
            "promotion": package.mark("promotion"),
            "revision": package.mark("revision"),
            "release": package.mark("release"),
            "source": package.mark("source"),
            "artifacts": artifacts(package),
            "images": images(package),
            "lineage": found.data if found else None,
            "digest": found.digest if found else None,
            "faults": list(self.faults),
            "same": list(self.same),
            "readers": list(self.readers),
        }


def parse_asked(text: str) -> Asked:
    """What a person asks for; `UsageError` for what is none of the forms."""
    if parse_version(text):
        return Asked(text, "version")
    if text.startswith("s3://") and len(text) > len("s3://"):
        return Asked(text, "object")
    if _DIGEST.fullmatch(text):
        return Asked(text, "digest")
    if _ID.fullmatch(text):
        return Asked(text, "promotion")
    host, repository, _, digest = split_image(text)
    if host and repository and digest:
        return Asked(text, "image")
    raise UsageError(
        f"{text!r} is nothing that can be traced",
        "give a model package version's ARN, an s3:// URI, an image by digest (host/repository@sha256:…), a digest, "
        "or a promotion's id",
    )


def found(asked: Asked, views: Iterable[View]) -> list[Package]:
    """The hub versions that are, hold or were made from what is asked, in order."""
    return sorted((item for view in views for item in view.packages if _is(asked, item)), key=lambda item: item.version)


def _is(asked: Asked, package: Package) -> bool:
    if not package.mark("promotion"):
        return False
    text = asked.text
    if asked.form == "version":
        wanted = parse_version(text)
        own, source = package.version.identity, package.source
        return wanted is not None and wanted.identity in (own, source.identity if source else None)
    if asked.form == "object":
        return any(_holds(uri, text) for uri in artifacts(package))
    if asked.form == "promotion":
        return package.mark("promotion") == text
    digest = text.rpartition("@")[2]
    marks = {package.mark("release"), package.mark("release").removeprefix("v1:"), package.metadata.get(LINEAGE, "")}
    return digest in marks or any(uri.endswith("@" + digest) for uri in images(package))


def _holds(uri: str, asked: str) -> bool:
    """Whether an artifact is, or is above, what is asked; or is the copy of such: its end is a source's URI."""
    bare = uri.rstrip("/")
    if f"{asked.rstrip('/')}/".startswith(bare + "/"):
        return True
    parts = asked.removeprefix("s3://").rstrip("/").split("/")
    return any(bare.endswith("/" + "/".join(parts[:end])) for end in range(2, len(parts) + 1))


def artifacts(package: Package) -> list[str]:
    """The S3 URIs of a version."""
    return sorted({place.uri for place in fields.places(package.body)})


def images(package: Package) -> list[str]:
    """The images of a version, as it names them."""
    return sorted({uri for _, uri in fields.images(package.body)})


def disagreements(package: Package, record: Record | None, lineage: Lineage | None) -> Iterator[str]:
    """What of a version's evidence does not agree, one sentence each."""
    if package.spec != package.mark("spec"):
        yield "what the version says is not what was registered: its spec digest is another"
    named = package.metadata.get(LINEAGE, "")
    if record is None:
        yield "its record is not in any store"
    else:
        if record.release.digest != package.mark("release"):
            yield "its record is of another release than its mark names"
        if record.lineage != named:
            yield "its record names another lineage document than its mark"
    if lineage is None:
        if named:
            yield f"its lineage document ({named}) is gone or cannot be read"
        return
    if lineage.digest != named:
        yield f"its lineage document was changed: it has {lineage.digest}, and {named or 'nothing'} was noted"
    if lineage.promotion != package.mark("promotion") or lineage.data["release"] != package.mark("release"):
        yield "its lineage document is of another promotion"


def others(package: Package, views: Iterable[View]) -> tuple[str, ...]:
    """Other hub versions of the same release."""
    release = package.mark("release")
    return tuple(
        item.version.arn
        for view in views
        for item in view.packages
        if release and item.mark("release") == release and item.version != package.version
    )


def readers(package: Package, hub: str, manifests: Manifests) -> tuple[str, ...]:
    """Who may read the versions of its group, by the manifest that declares it."""
    name = package.version.group.casefold()
    return tuple(
        reader
        for entry in manifests.groups.values()
        if (entry.spec.group or entry.name).casefold() == name and entry.spec.hub in (None, hub)
        for reader in entry.spec.readers
    )


def to_json(asked: Asked, traced: Iterable[Traced], blind: Mapping[str, str]) -> dict[str, Any]:
    """The whole answer as a document."""
    return {
        "format": FORMAT,
        "asked": {"text": asked.text, "form": asked.form},
        "versions": [item.to_json() for item in traced],
        "blind": dict(blind),
    }
