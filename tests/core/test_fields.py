"""The table of fields against botocore's service model: what AWS adds must be decided here before it is carried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from controller.core import fields
from controller.core.fields import TABLE, Place, carried, images, places, refusals, replaced

URI_SHAPES = {"Url", "S3Uri", "S3ModelUri"}
REFUSED = {"ManifestS3Uri"}  # a package that has one is refused by name


def create_shape() -> Any:
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateModelPackage").input_shape


def test_the_table_names_every_field_of_create_model_package_and_no_other() -> None:
    assert set(TABLE) == set(create_shape().members)


def test_what_is_dropped_or_refused_says_why() -> None:
    assert [name for name, (how, why) in TABLE.items() if how in ("dropped", "refused", "ours") and not why] == []


def uri_paths(shape: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all members that hold a URI; lists and maps count as `*`."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from uri_paths(member, (*path, name))
    elif shape.type_name == "list":
        yield from uri_paths(shape.member, (*path, "*"))
    elif shape.name in URI_SHAPES:
        yield path


def sample(shape: Any, path: tuple[str, ...] = ()) -> Any:
    """A body in which every member is there once, and every URI is its own path."""
    if shape.type_name == "structure":
        return {name: sample(member, (*path, name)) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [sample(shape.member, (*path, "*"))]
    if shape.type_name == "map":
        return {"PLAIN": "text", "DATA": "s3://env/" + "/".join(path)}
    if shape.name in URI_SHAPES:
        return "s3://b/" + "/".join(path)
    return shape.enum[0] if getattr(shape, "enum", None) else "x"


def test_every_uri_of_what_is_carried_is_found() -> None:
    shape = create_shape()
    body = carried(sample(shape))
    wanted = {
        "s3://b/" + "/".join(path)
        for path in uri_paths(shape)
        if TABLE[path[0]][0] in ("carried", "rewritten") and path[-1] not in REFUSED
    }
    environments = {place.uri for place in places(body) if place.uri.startswith("s3://env/")}
    assert {place.uri for place in places(body)} - environments == wanted
    assert len(environments) == 2  # of the containers of both kinds of specification
    assert len(wanted) > 20


def test_images_are_found_in_both_kinds_of_specification() -> None:
    paths = [path for path, _ in images(sample(create_shape()))]
    assert paths == [
        ("InferenceSpecification", "Containers", 0, "Image"),
        ("AdditionalInferenceSpecifications", 0, "Containers", 0, "Image"),
    ]


def test_what_aws_fills_in_is_not_carried() -> None:
    container = {"Image": "i", "ImageDigest": "sha256:0", "ModelDataUrl": "s3://b/k", "ModelDataETag": "e"}
    described = {
        "ModelPackageArn": "arn",
        "CreationTime": 1,
        "InferenceSpecification": {"Containers": [container], "SupportedContentTypes": []},
        "ModelPackageRegistrationType": "Registered",
        "Domain": "",
        "CertifyForMarketplace": False,
    }
    assert carried(described) == {
        "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/k"}]}
    }


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"ManagedStorageType": "Restricted", "InferenceSpecification": {"Containers": []}}, "ManagedStorageType"),
        ({}, "no InferenceSpecification"),
        (
            {
                "InferenceSpecification": {
                    "Containers": [{"ModelDataSource": {"S3DataSource": {"ManifestS3Uri": "s3://b/m"}}}]
                }
            },
            "InferenceSpecification.Containers.0.ModelDataSource.S3DataSource.ManifestS3Uri",
        ),
        (
            {
                "InferenceSpecification": {
                    "Containers": [
                        {
                            "AdditionalModelDataSources": [
                                {"S3DataSource": {"HubAccessConfig": {"HubContentArn": "arn"}}}
                            ]
                        }
                    ]
                }
            },
            "AdditionalModelDataSources.0.S3DataSource.HubAccessConfig",
        ),
    ],
)
def test_what_cannot_be_promoted_is_refused_by_name(described: dict[str, Any], said: str) -> None:
    found = list(refusals(described))
    assert len(found) == 1
    assert said in found[0]


def test_replacing_leaves_the_original_alone() -> None:
    body = {"InferenceSpecification": {"Containers": [{"Image": "a"}]}}
    changed = replaced(body, {("InferenceSpecification", "Containers", 0, "Image"): "b"})
    assert changed["InferenceSpecification"]["Containers"][0]["Image"] == "b"
    assert body["InferenceSpecification"]["Containers"][0]["Image"] == "a"


def test_a_prefix_an_object_and_an_environment_value_have_their_forms() -> None:
    source = {"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix"}
    body = {
        "InferenceSpecification": {
            "Containers": [{"ModelDataSource": {"S3DataSource": source}, "Environment": {"CODE": "s3://b/c", "N": "1"}}]
        },
        "SamplePayloadUrl": "s3://b/s",
    }
    head = ("InferenceSpecification", "Containers", 0)
    assert list(places(body)) == [
        Place((*head, "ModelDataSource", "S3DataSource", "S3Uri"), "s3://b/p/", "prefix"),
        Place((*head, "Environment", "CODE"), "s3://b/c", "either"),
        Place(("SamplePayloadUrl",), "s3://b/s", "object"),
    ]


def test_the_outline_names_parts_no_deeper_than_asked() -> None:
    value = {"a": {"b": [{"c": {"d": 1}}]}, "e": []}
    assert fields.outline(value, 3) == {"a.b.0": {"c": {"d": 1}}, "e": []}
