"""What two teams have in their accounts before Hubwright comes: buckets, images, groups and registered versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.sandbox.demo import images, models
from controller.sandbox.demo.accounts import Team, enter
from controller.sandbox.demo.models import Model
from controller.sandbox.demo.pack import document, model_archive
from controller.sandbox.world import World

HUB, CHURN, VISION = "111111111111", "222222222222", "333333333333"
STORE = "acme-model-store"
_STEPS = {"preprocess": "preprocess:0.9.2", "classify": "serve:2.1.0"}
_ENDINGS = {"text/csv": "csv", "text/plain": "txt"}
_LOOKS = 5
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a team keeps one version's files: a prefix in its bucket."""

    team: Team
    bucket: str
    prefix: str

    def put(self, name: str, data: bytes) -> str:
        """Uploads a file; its URI."""
        key = f"{self.prefix}/{name}"
        self.team.call("s3", "PutObject", Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"

    def report(self, name: str, value: Any) -> Json:
        """Uploads a report; how a model package names it."""
        data = document(value)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        uri = self.put(f"reports/{name}.json", data)
        return {"ContentType": "application/json", "S3Uri": uri, "ContentDigest": digest}


def plant(world: World) -> None:
    """Everything that the example manifests count on. An account that already has it: `CloudError`."""
    hub, churn, vision = (enter(world, account) for account in (HUB, CHURN, VISION))
    for team, bucket in ((hub, STORE), (churn, "churn-lab-models"), (vision, "vision-lab-models")):
        _bucket(team, bucket)
    _plant_churn(churn)
    _plant_vision(vision)


def _plant_churn(team: Team) -> None:
    shelf = Shelf(team, "churn-lab-models", "churn-experiments")
    segments = shelf.put("segments.json", document({"low": [0, 25], "middle": [25, 50], "high": [50, 1000]}))
    _repository(team, "churn/serve", {"1.4.0": ("amd64",), "1.5.0": ("amd64",)})
    _group(team, "churn-experiments", "Customer churn: everything we try", "growth")
    for number, tag, usage in ((1, "1.4.0", False), (2, "1.5.0", True)):
        model = models.churn(usage=usage)
        place = Shelf(team, shelf.bucket, f"churn-experiments/{number}")
        container = {
            "Image": f"{team.host}/churn/serve:{tag}",
            "ModelDataUrl": place.put("model.tar.gz", model_archive(model.artifacts[0])),
            "Environment": {"SEGMENTS": segments, "WORKERS": "2"},
            "Framework": "CUSTOM",
            "NearestModelName": "logistic-regression",
        }
        words = "Logistic regression on contracts, calls" + (" and use" if usage else "")
        approval = "PendingManualApproval" if usage else "Approved"
        _register(place, "churn-experiments", model, [container], words, approval=approval)


def _plant_vision(team: Team) -> None:
    _repository(team, "vision/preprocess", {"0.9.2": ("amd64",)})
    _repository(team, "vision/serve", {"2.1.0": ("amd64", "arm64")})
    _group(team, "defects-pipeline", "Scratches on brushed metal", "vision")
    _group(team, "ocr-experiments", "Serial numbers, worn or not", "vision")
    model, place = models.defects(), Shelf(team, "vision-lab-models", "defects-pipeline/1")
    containers = [
        {
            "ContainerHostname": name,
            "Image": f"{team.host}/vision/{image}",
            "ModelDataUrl": place.put(f"{name}/model.tar.gz", model_archive(files)),
        }
        for (name, image), files in zip(_STEPS.items(), model.artifacts, strict=True)
    ]
    _register(place, "defects-pipeline", model, containers, "Features of the picture, then a classifier")
    model, place = models.ocr(), Shelf(team, "vision-lab-models", "ocr-experiments/1")
    for name, data in model.artifacts[0].items():
        place.put(f"artifact/{name}", data)
    below = f"s3://{place.bucket}/{place.prefix}/artifact/"
    source = {"S3Uri": below, "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {
        "Image": f"{team.host}/vision/serve:2.1.0",
        "ModelDataSource": {"S3DataSource": source},
        "Environment": {"LEVEL": "10", "DEBUG": "1"},
    }
    _register(place, "ocr-experiments", model, [container], "Naive Bayes on 5 by 7 pixels")


def _bucket(team: Team, name: str) -> None:
    team.call("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": team.target.region})
    team.call("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _repository(team: Team, name: str, tags: Mapping[str, tuple[str, ...]]) -> None:
    team.call("ecr", "CreateRepository", repositoryName=name, imageTagMutability="MUTABLE")
    for tag, platforms in tags.items():
        images.push(team.registry, name, tag, platforms)


def _group(team: Team, name: str, words: str, tag: str) -> None:
    team.call(
        "sagemaker",
        "CreateModelPackageGroup",
        ModelPackageGroupName=name,
        ModelPackageGroupDescription=words,
        Tags=[{"Key": "team", "Value": tag}],
    )


def _register(
    shelf: Shelf, group: str, model: Model, containers: list[Json], words: str, *, approval: str = "Approved"
) -> None:
    """Registers a version with everything that a training pipeline knows of it, and waits until SageMaker is done."""
    parameters: Json = {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": words,
        "ModelApprovalStatus": approval,
        "InferenceSpecification": {
            "Containers": containers,
            "SupportedContentTypes": [model.content_type],
            "SupportedResponseMIMETypes": [model.content_type],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large", "ml.c6g.large"],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
        },
        "SamplePayloadUrl": shelf.put(f"sample/request.{_ENDINGS[model.content_type]}", model.sample.encode()),
        "MetadataProperties": _origin(shelf, model, containers[0]["Image"]),
        "CustomerMetadataProperties": {"trained-on": "2026-10", "quality": f"{model.quality:.3f}"},
        **_assessment(shelf, model),
    }
    arn = shelf.team.call("sagemaker", "CreateModelPackage", **parameters)["ModelPackageArn"]
    for _ in range(_LOOKS):
        described = shelf.team.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
        if described["ModelPackageStatus"] == "Completed":
            return


def _origin(shelf: Shelf, model: Model, image: str) -> Json:
    """The commit and the pipeline run that made a version; its training job reads the data that it really saw."""
    team, (project, number) = shelf.team, shelf.prefix.split("/")
    commit = hashlib.sha1(shelf.prefix.encode(), usedforsecurity=False).hexdigest()
    name, job = shelf.bucket.removesuffix("-models"), f"{project}-{number}"
    data = shelf.put("train/data.csv", model.training.encode())
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}}
    team.call(
        "sagemaker",
        "CreateTrainingJob",
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=f"arn:aws:iam::{team.target.account}:role/training",
        InputDataConfig=[{"ChannelName": "train", "DataSource": source}],
        OutputDataConfig={"S3OutputPath": f"s3://{shelf.bucket}/jobs"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        HyperParameters={"rounds": "200", "seed": "10"},
        ExperimentConfig={"ExperimentName": project, "TrialName": f"trial-{number}"},
    )
    return {
        "CommitId": commit,
        "Repository": f"https://git.acme.example/{name}/{project}",
        "GeneratedBy": team.ran("train", commit[:12], {"Train": job}, project),
        "ProjectId": name,
    }


def _assessment(shelf: Shelf, model: Model) -> Json:
    """Metrics, and the baselines that a monitor compares with."""
    named = {name: shelf.report(name, value) for name, value in model.reports.items()}
    quality = {"Statistics": named["quality"], "Constraints": named["quality_constraints"]}
    measured: Json = {"ModelQuality": quality}
    baselines: Json = {"ModelQuality": quality}
    if "data" in named:
        data = {"Statistics": named["data"], "Constraints": named["data_constraints"]}
        measured["ModelDataQuality"] = baselines["ModelDataQuality"] = data
    if "bias" in named:
        measured["Bias"] = {"Report": named["bias"]}
        baselines["Bias"] = {"PostTrainingConstraints": named["bias"]}
    return {"ModelMetrics": measured, "DriftCheckBaselines": baselines}
