"""Makes real things in the spokes of a sandbox with plain boto3, as data scientists would."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tarfile
from typing import Any

import boto3

HUB, CHURN, VISION = "111111111111", "222222222222", "333333333333"
REGION = "eu-west-1"


@functools.cache
def _session() -> Any:
    """One for all, as it keeps what was read of the services; every client is told whose it is."""
    return boto3.Session(region_name=REGION)


@functools.lru_cache(32)
def _client(service: str, endpoint: str, key: str, secret: str) -> Any:
    return _session().client(service, endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret)


class Hand:
    """An account's administrator at work."""

    def __init__(self, ready: dict[str, Any], account: str) -> None:
        env = ready["accounts"][account]["env"]
        self.account = account
        self._asked = (ready["endpoint"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])

    def __call__(self, service: str) -> Any:
        return _client(service, *self._asked)

    def bucket(self, name: str) -> None:
        s3 = self("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, bucket: str, key: str, data: bytes) -> str:
        self("s3").put_object(Bucket=bucket, Key=key, Body=data)
        return f"s3://{bucket}/{key}"

    def group(self, name: str) -> None:
        self("sagemaker").create_model_package_group(ModelPackageGroupName=name)

    def image(self, repository: str, tag: str, text: str) -> str:
        """Pushes a small OCI image; gives its URI."""
        ecr = self("ecr")
        if repository not in {item["repositoryName"] for item in ecr.describe_repositories()["repositories"]}:
            ecr.create_repository(repositoryName=repository)
        layer = _tar(text)
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        ).encode()
        for blob in (layer, config):
            self._blob(ecr, repository, blob)
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **_names(config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **_names(layer)}],
        }
        ecr.put_image(
            repositoryName=repository,
            imageTag=tag,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=manifest["mediaType"],
        )
        return f"{self.account}.dkr.ecr.{REGION}.amazonaws.com/{repository}:{tag}"

    def _blob(self, ecr: Any, repository: str, data: bytes) -> None:
        upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
        ecr.upload_layer_part(
            repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data
        )
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[_names(data)["digest"]])

    def package(self, group: str, *containers: dict[str, Any], **more: Any) -> str:
        """Registers a version, approved in the spoke; gives its ARN."""
        types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
        answer = self("sagemaker").create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Approved",
            InferenceSpecification={"Containers": list(containers), **types},
            **more,
        )
        return str(answer["ModelPackageArn"])


def _tar(text: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("app"), io.BytesIO())
        info = tarfile.TarInfo("text")
        info.size = len(text.encode())
        tar.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


def _names(data: bytes) -> dict[str, Any]:
    return {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def furnish(ready: dict[str, Any]) -> None:
    """The hub's bucket, and in the spokes what the example fleet promotes."""
    Hand(ready, HUB).bucket("acme-model-store")
    _churn(Hand(ready, CHURN))
    _vision(Hand(ready, VISION))


def _churn(churn: Hand) -> None:
    churn.bucket("churn-lab-models")
    churn.group("churn-experiments")
    image = churn.image("churn/serve", "1", "serves churn")
    for number in (1, 2, 3):
        model = churn.put("churn-lab-models", f"runs/{number}/model.tar.gz", b"weights %d" % number * 100)
        report = churn.put("churn-lab-models", f"runs/{number}/evaluation.json", b'{"auc": {"value": 0.8%d}}' % number)
        metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": report}}}
        container = {"Image": image, "ModelDataUrl": model, "Environment": {"PASSWORD": "canary-environment"}}
        churn.package("churn-experiments", container, ModelMetrics=metrics, ModelPackageDescription=f"run {number}")


def _vision(vision: Hand) -> None:
    vision.bucket("vision-lab-models")
    for group in ("defects-pipeline", "ocr-experiments"):
        vision.group(group)
    containers = []
    for part in ("prepare", "detect"):
        image = vision.image(f"vision/{part}", "1", part)
        model = vision.put("vision-lab-models", f"defects/{part}.tar.gz", part.encode() * 1000)
        containers.append({"Image": image, "ModelDataUrl": model})
    vision.package("defects-pipeline", *containers)
    for name in ("config.json", "weights/a.bin", "weights/b.bin"):
        vision.put("vision-lab-models", f"ocr/1/{name}", name.encode() * 500)
    source = {"S3Uri": "s3://vision-lab-models/ocr/1/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    image = vision.image("vision/ocr", "1", "reads")
    container = {
        "Image": image,
        "ModelDataSource": {"S3DataSource": source},
        "Environment": {"LEVEL": "10", "DEBUG": "1"},
    }
    vision.package("ocr-experiments", container)
