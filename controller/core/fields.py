"""What becomes of every field of `CreateModelPackage`, in one table, and where its URIs and images stand.

Source: botocore's service model and `Describe -> Create is not a round trip`: a test walks the model and fails when
a field is missing here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Treatment = Literal["carried", "rewritten", "dropped", "ours", "refused"]
Path = tuple[str | int, ...]

TABLE: Mapping[str, tuple[Treatment, str]] = {
    "ModelPackageName": ("dropped", "versions have no name of their own"),
    "ModelPackageGroupName": ("ours", "the group that the promotion names"),
    "ModelPackageDescription": ("carried", ""),
    "ModelPackageRegistrationType": ("carried", ""),
    "InferenceSpecification": ("rewritten", "images by digest, artifacts at their copies"),
    "ValidationSpecification": ("dropped", "its role and output bucket belong to the source account"),
    "SourceAlgorithmSpecification": (
        "dropped",
        "bound to the source account; what SageMaker derived from it is carried",
    ),
    "CertifyForMarketplace": ("dropped", "the hub lists nothing on the marketplace"),
    "Tags": ("dropped", "versions in a group take none; group tags come from the ModelGroup"),
    "ModelApprovalStatus": ("ours", "created as PendingManualApproval, approved later by an update"),
    "MetadataProperties": ("carried", ""),
    "ModelMetrics": ("rewritten", "reports at their copies"),
    "ClientToken": ("ours", "the promotion id"),
    "Domain": ("carried", ""),
    "Task": ("carried", ""),
    "SamplePayloadUrl": ("rewritten", "the payload at its copy"),
    "CustomerMetadataProperties": ("ours", "marks, then the manifest's, then the source's"),
    "DriftCheckBaselines": ("rewritten", "baselines at their copies"),
    "AdditionalInferenceSpecifications": ("rewritten", "as InferenceSpecification"),
    "SkipModelValidation": ("dropped", "belongs to ValidationSpecification"),
    "SourceUri": (
        "dropped",
        "SageMaker refuses it together with InferenceSpecification; the source's ARN is in the marks",
    ),
    "SecurityConfig": ("dropped", "its key belongs to the source account"),
    "ModelCard": ("carried", ""),
    "ModelLifeCycle": ("ours", "the promotion's stage, set with the approval"),
    "ManagedStorageType": ("refused", "SageMaker holds such an artifact itself and nobody can copy it"),
}

CARRIED = tuple(name for name, (how, _) in TABLE.items() if how in ("carried", "rewritten"))
_FILLED_BY_AWS = frozenset({"ImageDigest", "ModelDataETag", "ETag", "ManifestEtag"})
_DEFAULTS: Mapping[str, Any] = {"ModelPackageRegistrationType": "Registered"}
_NOT_COMPARED = frozenset({"ModelCard"})  # SageMaker may fill in a card of its own; no bytes are fetched from it


@dataclass(frozen=True, slots=True)
class Place:
    """One S3 URI in a package. `form`: the URI of one `object`, of a `prefix`, or `either` (an environment value)."""

    path: Path
    uri: str
    form: Literal["object", "prefix", "either"]


def dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def carried(described: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a described source that a promotion carries, without what SageMaker filled in or leaves empty."""
    return {name: value for name in CARRIED if (value := _plain(described.get(name), name)) not in (None, {}, [], "")}


def comparable(body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a create body, or of a described package, that the spec digest covers."""
    return {name: value for name, value in carried(body).items() if name not in _NOT_COMPARED}


def _plain(value: Any, name: str) -> Any:
    if name == "Environment":
        return value  # its names are the team's own, and an empty value is not an absent one
    if isinstance(value, Mapping):
        members = {key: _plain(item, key) for key, item in value.items() if key not in _FILLED_BY_AWS}
        return {key: item for key, item in members.items() if item not in (None, {}, [], "")}
    if isinstance(value, list | tuple):
        return [_plain(item, "") for item in value]
    return None if _DEFAULTS.get(name) == value else value


def containers(body: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every container of every inference specification, with its path."""
    for path, spec in specifications(body):
        for index, container in enumerate(spec.get("Containers", [])):
            yield (*path, "Containers", index), container


def specifications(body: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if spec := body.get("InferenceSpecification"):
        yield ("InferenceSpecification",), spec
    for index, spec in enumerate(body.get("AdditionalInferenceSpecifications", [])):
        yield ("AdditionalInferenceSpecifications", index), spec


def images(body: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for path, container in containers(body):
        if "Image" in container:
            yield (*path, "Image"), container["Image"]


def places(body: Mapping[str, Any]) -> Iterator[Place]:
    """Every S3 URI that SageMaker or a reader of the package fetches bytes from."""
    for path, container in containers(body):
        yield from _container_places(path, container)
    for name in ("ModelMetrics", "DriftCheckBaselines"):
        yield from _report_places((name,), body.get(name, {}))
    if uri := body.get("SamplePayloadUrl"):
        yield Place(("SamplePayloadUrl",), uri, "object")


def _container_places(path: Path, container: Mapping[str, Any]) -> Iterator[Place]:
    if uri := container.get("ModelDataUrl"):
        yield Place((*path, "ModelDataUrl"), uri, "object")
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        yield _source_place((*path, "ModelDataSource", "S3DataSource"), source)
    for index, extra in enumerate(container.get("AdditionalModelDataSources", [])):
        if source := extra.get("S3DataSource"):
            yield _source_place((*path, "AdditionalModelDataSources", index, "S3DataSource"), source)
    if source := container.get("AdditionalS3DataSource"):
        yield _source_place((*path, "AdditionalS3DataSource"), source)
    for name, value in sorted(container.get("Environment", {}).items()):
        if value.startswith("s3://"):
            yield Place((*path, "Environment", name), value, "either")


def _source_place(path: Path, source: Mapping[str, Any]) -> Place:
    form: Literal["object", "prefix"] = "prefix" if source.get("S3DataType") == "S3Prefix" else "object"
    return Place((*path, "S3Uri"), source["S3Uri"], form)


def _report_places(path: Path, value: Any) -> Iterator[Place]:
    if not isinstance(value, Mapping):
        return
    for name, item in value.items():
        if name == "S3Uri":
            yield Place((*path, name), item, "object")
        else:
            yield from _report_places((*path, name), item)


def refusals(described: Mapping[str, Any]) -> Iterator[str]:
    """Why a source cannot be promoted as it is, one sentence each."""
    if described.get("ManagedStorageType"):
        yield f"ManagedStorageType is {described['ManagedStorageType']}: {TABLE['ManagedStorageType'][1]}"
    if not described.get("InferenceSpecification"):
        yield "it has no InferenceSpecification, so there is nothing to serve"
    for path, container in containers(described):
        for where, source in _sources(path, container):
            if source.get("HubAccessConfig"):
                yield f"{dotted(where)}.HubAccessConfig points into a SageMaker hub, which cannot be copied"
            if source.get("ManifestS3Uri"):
                yield f"{dotted(where)}.ManifestS3Uri lists objects by a format that is not documented"


def _sources(path: Path, container: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        yield (*path, "ModelDataSource", "S3DataSource"), source
    for index, extra in enumerate(container.get("AdditionalModelDataSources", [])):
        yield (*path, "AdditionalModelDataSources", index, "S3DataSource"), extra.get("S3DataSource", {})


def replaced(body: Mapping[str, Any], values: Mapping[Path, Any]) -> dict[str, Any]:
    """A copy of `body` with the value at each path set."""
    result = copy.deepcopy(dict(body))
    for path, value in values.items():
        here: Any = result
        for part in path[:-1]:
            here = here[part]
        here[path[-1]] = value
    return result


def outline(value: Any, depth: int = 4) -> dict[str, Any]:
    """`value` flattened to `{dotted path: part}`, no deeper than `depth`: fine enough to name what differs."""
    flat: dict[str, Any] = {}

    def visit(part: Any, path: Path) -> None:
        items: list[tuple[str | int, Any]] = []
        if isinstance(part, Mapping):
            items = list(part.items())
        elif isinstance(part, list):
            items = list(enumerate(part))
        if items and len(path) < depth:
            for name, inner in items:
                visit(inner, (*path, name))
        else:
            flat[dotted(path)] = part

    visit(value, ())
    return flat
