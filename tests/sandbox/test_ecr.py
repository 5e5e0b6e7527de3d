"""ECR's own calls: repositories, images by digest and tag, layers, tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest

from controller.sandbox import local
from tests.sandbox.conftest import CHURN, HUB, Bench
from tests.sandbox.images import INDEX, OCI, Image, entry, push

ONE, TWO = Image("one"), Image("two")


def layer(ecr: Any, name: str, data: bytes) -> str:
    """Uploads a layer through ECR's calls."""
    upload = ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
    ecr.upload_layer_part(
        repositoryName=name, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data
    )
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return str(ecr.complete_layer_upload(repositoryName=name, uploadId=upload, layerDigests=[digest])["layerDigest"])


def put(ecr: Any, name: str, image: Image, **more: Any) -> Any:
    return ecr.put_image(repositoryName=name, imageManifest=image.manifest.decode(), imageManifestMediaType=OCI, **more)


@pytest.fixture
def app(ecr: Any) -> str:
    """A repository with mutable tags and the layers of image ONE."""
    ecr.create_repository(repositoryName="team/app")
    layer(ecr, "team/app", ONE.config), layer(ecr, "team/app", ONE.layer)
    return "team/app"


def test_a_repository_is_made_as_asked(ecr: Any, refused: Any) -> None:
    """Model: CreateRepository, Repository, RepositoryAlreadyExistsException."""
    kms = {"encryptionType": "KMS", "kmsKey": f"arn:aws:kms:eu-west-1:{HUB}:key/1"}
    made = ecr.create_repository(
        repositoryName="models/a",
        imageTagMutability="IMMUTABLE",
        encryptionConfiguration=kms,
        tags=[{"Key": "hubwright/fleet", "Value": "growth"}],
        imageScanningConfiguration={"scanOnPush": True},
    )["repository"]
    arn = f"arn:aws:ecr:eu-west-1:{HUB}:repository/models/a"
    assert {name: made[name] for name in made if name != "createdAt"} == {
        "repositoryArn": arn,
        "registryId": HUB,
        "repositoryName": "models/a",
        "repositoryUri": f"{HUB}.dkr.ecr.eu-west-1.amazonaws.com/models/a",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": kms,
    }
    assert ecr.describe_repositories(repositoryNames=["models/a"])["repositories"] == [made]
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "hubwright/fleet", "Value": "growth"}]
    with refused("RepositoryAlreadyExistsException"):
        ecr.create_repository(repositoryName="models/a")
    with refused("RepositoryNotFoundException"):
        ecr.describe_repositories(repositoryNames=["models/a", "absent"])


@pytest.mark.parametrize("name", ["A", "a//b", "a_", "-a", "a" * 257])
def test_repository_names_have_a_pattern(ecr: Any, refused: Any, name: str) -> None:
    """Model: RepositoryName."""
    with refused("InvalidParameterException"):
        ecr.create_repository(repositoryName=name)


def test_registry_id_means_that_account(bench: Bench, ecr: Any) -> None:
    """Model: registryId; aws.md 8.2 #27."""
    digest = push(bench, "churn/serve", "1", account=CHURN)
    found = ecr.batch_get_image(registryId=CHURN, repositoryName="churn/serve", imageIds=[{"imageTag": "1"}])["images"]
    assert [(row["registryId"], row["imageId"]["imageDigest"]) for row in found] == [(CHURN, digest)]
    assert ecr.describe_repositories()["repositories"] == []


def test_policy_lifecycle_tags_and_mutability(ecr: Any, refused: Any, app: str) -> None:
    """Model: SetRepositoryPolicy & co, RepositoryPolicyNotFoundException, TagResource, PutImageTagMutability."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    with refused("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(repositoryName=app)
    with refused("InvalidParameterException"):
        ecr.set_repository_policy(repositoryName=app, policyText="{")
    ecr.set_repository_policy(repositoryName=app, policyText=policy)
    assert ecr.get_repository_policy(repositoryName=app)["policyText"] == policy
    assert ecr.delete_repository_policy(repositoryName=app)["policyText"] == policy
    with refused("LifecyclePolicyNotFoundException"):
        ecr.get_lifecycle_policy(repositoryName=app)
    arn = f"arn:aws:ecr:eu-west-1:{HUB}:repository/{app}"
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "c", "Value": "d"}]
    ecr.put_image_tag_mutability(repositoryName=app, imageTagMutability="IMMUTABLE")
    assert ecr.describe_repositories()["repositories"][0]["imageTagMutability"] == "IMMUTABLE"


def test_the_digest_is_that_of_the_bytes(ecr: Any, app: str) -> None:
    """aws.md 4 and 8.2 #24: sha256 of the exact manifest, which comes back byte for byte."""
    image = put(ecr, app, ONE, imageTag="1", imageDigest=ONE.digest)["image"]
    assert image["imageId"] == {"imageDigest": ONE.digest, "imageTag": "1"}
    asked = [{"imageTag": "1"}, {"imageDigest": ONE.digest}]
    found = ecr.batch_get_image(repositoryName=app, imageIds=asked, acceptedMediaTypes=[OCI])["images"]
    assert [row["imageManifest"].encode() for row in found] == [ONE.manifest, ONE.manifest]
    assert {row["imageManifestMediaType"] for row in found} == {OCI}


def test_a_wrong_digest_is_refused(ecr: Any, refused: Any, app: str) -> None:
    """Model: ImageDigestDoesNotMatchException; aws.md 8.2 #24."""
    with refused("ImageDigestDoesNotMatchException"):
        put(ecr, app, ONE, imageDigest=TWO.digest)
    assert ecr.list_images(repositoryName=app)["imageIds"] == []


def test_layers_come_first(ecr: Any, refused: Any, app: str) -> None:
    """Model: LayersNotFoundException; aws.md 8.2 #25. Layers are a repository's own."""
    with refused("LayersNotFoundException"):
        put(ecr, app, TWO)
    ecr.create_repository(repositoryName="other")
    with refused("LayersNotFoundException"):
        put(ecr, "other", ONE)


def test_children_come_first(ecr: Any, refused: Any, app: str) -> None:
    """Model: ReferencedImagesNotFoundException; aws.md 8.2 #25."""
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(ONE.manifest, OCI)]})
    with refused("ReferencedImagesNotFoundException"):
        ecr.put_image(repositoryName=app, imageManifest=index, imageManifestMediaType=INDEX)
    put(ecr, app, ONE)
    made = ecr.put_image(repositoryName=app, imageManifest=index, imageManifestMediaType=INDEX, imageTag="multi")[
        "image"
    ]
    assert made["imageId"]["imageDigest"] == f"sha256:{hashlib.sha256(index.encode()).hexdigest()}"
    gone = ecr.batch_delete_image(repositoryName=app, imageIds=[{"imageDigest": ONE.digest}])
    assert [row["failureCode"] for row in gone["failures"]] == ["ImageReferencedByManifestList"]


def test_tags_of_a_repository(ecr: Any, refused: Any, app: str) -> None:
    """Model: ImageAlreadyExistsException (same image, same tag), ImageTagAlreadyExistsException (immutable, another
    image); aws.md 8.2 #26."""
    layer(ecr, app, TWO.config), layer(ecr, app, TWO.layer)
    put(ecr, app, ONE, imageTag="1")
    with refused("ImageAlreadyExistsException"):
        put(ecr, app, ONE, imageTag="1")
    with refused("ImageAlreadyExistsException"):
        put(ecr, app, ONE)
    put(ecr, app, TWO, imageTag="1")  # mutable: the tag moves
    assert (
        ecr.describe_images(repositoryName=app, imageIds=[{"imageTag": "1"}])["imageDetails"][0]["imageDigest"]
        == TWO.digest
    )
    ecr.put_image_tag_mutability(repositoryName=app, imageTagMutability="IMMUTABLE")
    with refused("ImageTagAlreadyExistsException"):
        put(ecr, app, ONE, imageTag="1")
    put(ecr, app, ONE, imageTag="2")
    with refused("ImageAlreadyExistsException"):
        put(ecr, app, ONE, imageTag="2")


@pytest.mark.parametrize(
    ("mutability", "stays"), [("IMMUTABLE_WITH_EXCLUSION", "v1"), ("MUTABLE_WITH_EXCLUSION", "dev-1")]
)
def test_tags_by_exclusion(ecr: Any, refused: Any, mutability: str, stays: str) -> None:
    """Model: imageTagMutabilityExclusionFilters turn the rule around for the tags that match."""
    filters = [{"filterType": "WILDCARD", "filter": "dev-*"}]
    ecr.create_repository(
        repositoryName="excluding", imageTagMutability=mutability, imageTagMutabilityExclusionFilters=filters
    )
    for image in (ONE, TWO):
        layer(ecr, "excluding", image.config), layer(ecr, "excluding", image.layer)
    for tag in ("v1", "dev-1"):
        put(ecr, "excluding", ONE, imageTag=tag)
        if tag == stays:
            with refused("ImageTagAlreadyExistsException"):
                put(ecr, "excluding", TWO, imageTag=tag)
        else:
            put(ecr, "excluding", TWO, imageTag=tag)


def test_what_the_sandbox_lacks_is_said(ecr: Any, refused: Any, app: str) -> None:
    """501, which clients do not retry; moto would know nothing of our images."""
    with refused("NotImplemented", 501):
        ecr.describe_image_signing_status(repositoryName=app, imageId={"imageTag": "1"})


def test_failures_of_a_batch(ecr: Any, app: str) -> None:
    """Model: ImageFailureCode; they stand in a 200."""
    put(ecr, app, ONE, imageTag="1")
    layer(ecr, app, TWO.config), layer(ecr, app, TWO.layer)
    put(ecr, app, TWO, imageTag="2")
    asked = [{"imageTag": "9"}, {"imageDigest": "sha256:0"}, {}, {"imageTag": "1", "imageDigest": TWO.digest}]
    failures = ecr.batch_get_image(repositoryName=app, imageIds=asked)["failures"]
    assert [row["failureCode"] for row in failures] == [
        "ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag", "ImageTagDoesNotMatchDigest",
    ]  # fmt: skip


def test_describe_and_list(ecr: Any, refused: Any, app: str) -> None:
    """Model: ImageDetail, ListImages, tagStatus, ImageNotFoundException."""
    put(ecr, app, ONE, imageTag="1")
    put(ecr, app, ONE, imageTag="latest")
    detail = ecr.describe_images(repositoryName=app, filter={"tagStatus": "TAGGED"})["imageDetails"][0]
    assert (detail["imageDigest"], detail["imageTags"], detail["imageManifestMediaType"], detail["imageSizeInBytes"]) == (
        ONE.digest, ["1", "latest"], OCI, len(ONE.config) + len(ONE.layer),
    )  # fmt: skip
    assert ecr.list_images(repositoryName=app)["imageIds"] == [
        {"imageDigest": ONE.digest, "imageTag": tag} for tag in ("1", "latest")
    ]
    assert ecr.list_images(repositoryName=app, filter={"tagStatus": "UNTAGGED"})["imageIds"] == []
    with refused("ImageNotFoundException"):
        ecr.describe_images(repositoryName=app, imageIds=[{"imageTag": "9"}])
    with refused("RepositoryNotFoundException"):
        ecr.describe_images(repositoryName="absent")


def test_describe_pages_by_up_to_a_thousand(bench: Bench, ecr: Any, refused: Any) -> None:
    """Model: maxResults 1..1000, by default 100."""
    push(bench, "many", "t0")
    repository = bench.world.registry_of(HUB, "eu-west-1").repositories["many"]
    only = next(iter(repository.images.values()))
    repository.images |= {f"sha256:{number:064x}": only for number in range(1200)}
    pages = list(
        ecr.get_paginator("describe_images").paginate(repositoryName="many", PaginationConfig={"PageSize": 1000})
    )
    assert [len(page["imageDetails"]) for page in pages] == [1000, 201]
    assert len(ecr.describe_images(repositoryName="many")["imageDetails"]) == 100
    with refused("InvalidParameterException"):
        ecr.describe_images(repositoryName="many", maxResults=1001)


def test_delete_by_tag_and_by_digest(ecr: Any, refused: Any, app: str) -> None:
    """Model: BatchDeleteImage removes a tag, and the image with its last tag or by digest."""
    put(ecr, app, ONE, imageTag="1")
    put(ecr, app, ONE, imageTag="2")
    with refused("RepositoryNotEmptyException"):
        ecr.delete_repository(repositoryName=app)
    assert ecr.batch_delete_image(repositoryName=app, imageIds=[{"imageTag": "1"}])["imageIds"] == [
        {"imageDigest": ONE.digest, "imageTag": "1"}
    ]
    assert ecr.list_images(repositoryName=app)["imageIds"] == [{"imageDigest": ONE.digest, "imageTag": "2"}]
    ecr.batch_delete_image(repositoryName=app, imageIds=[{"imageDigest": ONE.digest}])
    assert ecr.list_images(repositoryName=app)["imageIds"] == []
    ecr.delete_repository(repositoryName=app)


def test_layers_in_parts(ecr: Any, refused: Any, app: str) -> None:
    """aws.md 4: consecutive parts of 5 MiB and more but for the last; model: the errors."""
    first, last = b"a" * (5 << 20), b"b"
    digest = f"sha256:{hashlib.sha256(first + last).hexdigest()}"
    begun = ecr.initiate_layer_upload(repositoryName=app)
    name = {"repositoryName": app, "uploadId": begun["uploadId"]}
    with refused("EmptyUploadException"):
        ecr.complete_layer_upload(**name, layerDigests=[digest])
    ecr.upload_layer_part(**name, partFirstByte=0, partLastByte=len(first) - 1, layerPartBlob=first)
    with refused("InvalidLayerPartException"):
        ecr.upload_layer_part(**name, partFirstByte=7, partLastByte=7, layerPartBlob=last)
    ecr.upload_layer_part(**name, partFirstByte=len(first), partLastByte=len(first), layerPartBlob=last)
    with refused("InvalidLayerException"):
        ecr.complete_layer_upload(**name, layerDigests=[ONE.digest])
    assert ecr.complete_layer_upload(**name, layerDigests=[digest])["layerDigest"] == digest
    with refused("UploadNotFoundException"):
        ecr.complete_layer_upload(**name, layerDigests=[digest])
    with refused("LayerAlreadyExistsException"):
        layer(ecr, app, ONE.layer)
    found = ecr.batch_check_layer_availability(repositoryName=app, layerDigests=[digest, TWO.digest])["layers"]
    assert [(row["layerAvailability"], row.get("layerSize")) for row in found] == [
        ("AVAILABLE", len(first) + 1),
        ("UNAVAILABLE", None),
    ]


def test_layers_are_downloaded_by_address(bench: Bench, ecr: Any, refused: Any, app: str) -> None:
    """Model: GetDownloadUrlForLayer, only for layers that an image refers to; aws.md 4: the address is presigned."""
    layer_digest = f"sha256:{hashlib.sha256(ONE.layer).hexdigest()}"
    with refused("LayerInaccessibleException"):
        ecr.get_download_url_for_layer(repositoryName=app, layerDigest=layer_digest)
    put(ecr, app, ONE)
    url = ecr.get_download_url_for_layer(repositoryName=app, layerDigest=layer_digest)["downloadUrl"]
    assert local.send(bench.world, "GET", url, {})[2] == ONE.layer
    assert local.send(bench.world, "GET", url, {"Authorization": "Basic x"})[0] == 400
    with refused("LayersNotFoundException"):
        ecr.get_download_url_for_layer(repositoryName=app, layerDigest=TWO.digest)


def test_tokens_last_twelve_hours(bench: Bench, ecr: Any) -> None:
    """aws.md 4 and 8.2 #28."""
    data = ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert (user, data["proxyEndpoint"]) == ("AWS", f"https://{HUB}.dkr.ecr.eu-west-1.amazonaws.com")
    assert bench.world.logins[password].ends == pytest.approx(data["expiresAt"].timestamp(), abs=1)
    assert data["expiresAt"].timestamp() - time.time() == pytest.approx(12 * 3600, abs=60)
