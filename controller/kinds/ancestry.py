"""Asks a spoke where a version comes from: its training jobs, their data, the pipeline run, its metrics.

What cannot be read is noted and holds nothing up: lineage never stands between a model and its hub. Only ARNs of the
source's own account and region are followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller.core.arn import Version, partition_of
from controller.core.canonical import digest
from controller.core.draft import split_uri
from controller.core.errors import CloudError, HubwrightError
from controller.core.fields import containers
from controller.core.lineage import Ancestry, figures
from controller.core.record import Stored
from controller.core.release import Release
from controller.kinds.base import Client
from controller.kinds.versions import instant

_JOBS = 20
_REPORT_BYTES = 1 << 20


def ancestry(sagemaker: Callable[[], Client], hub: Client, owner: str, release: Release, made: Made) -> Ancestry:
    """Everything the spoke tells of a release. `sagemaker` reads the spoke, `hub` the reports that were copied."""
    unread: dict[str, str] = {}
    asked = _Asked(sagemaker, release.source, unread)
    described = asked("version", "DescribeModelPackage", ModelPackageName=release.source.arn) or {}
    generated = str((described.get("MetadataProperties") or {}).get("GeneratedBy") or "")
    pipeline, jobs = _pipeline(asked, generated)
    names = dict.fromkeys([*jobs, *([generated] if ":training-job/" in generated else []), *_by_path(release)])
    training = [found for arn in list(names)[:_JOBS] if (found := _job(asked, arn, certain=arn in {*jobs, generated}))]
    metrics = dict(_metrics(hub, owner, release, made, unread))
    return Ancestry(_version(described), pipeline, tuple(training), metrics, unread)


Made = Mapping[str, tuple[str, Stored]]  # by source URI: the bucket and the copy


class _Asked:
    """One call to the spoke; None when it fails, with the reason kept."""

    def __init__(self, sagemaker: Callable[[], Client], source: Version, unread: dict[str, str]) -> None:
        self._sagemaker = sagemaker
        self._unread = unread
        self.source = source

    def __call__(self, what: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        try:
            return self._sagemaker().call(operation, **parameters)
        except CloudError as error:
            self._unread[what] = f"{error.operation}: {error.code}"
        except HubwrightError as error:
            self._unread[what] = str(error)
        return None

    def own(self, arn: str) -> bool:
        """Whether an ARN is of the source's account and region; another's is noted and not followed."""
        parts = arn.split(":")
        source = self.source
        if parts[1:5] == [partition_of(source.region), "sagemaker", source.region, source.account]:
            return True
        self._unread[arn] = "of another account or region"
        return False

    def forget(self, what: str) -> None:
        self._unread.pop(what, None)


def _version(described: Mapping[str, Any]) -> dict[str, Any]:
    origin = described.get("MetadataProperties") or {}
    card = described.get("ModelCard") or {}
    named = {
        "created": _time(described.get("CreationTime")),
        "createdBy": _who(described.get("CreatedBy")),
        "approval": described.get("ModelApprovalStatus"),
        "description": described.get("ModelPackageDescription"),
        "commit": origin.get("CommitId"),
        "repository": origin.get("Repository"),
        "generatedBy": origin.get("GeneratedBy"),
        "project": origin.get("ProjectId"),
        "sourceUri": described.get("SourceUri"),
        "card": {"status": card.get("ModelCardStatus"), "digest": digest(card.get("ModelCardContent"))}
        if card
        else None,
    }
    return {name: value for name, value in named.items() if value}


def _time(value: Any) -> str | None:
    return instant(value) if value else None


def _who(user: Mapping[str, Any] | None) -> str | None:
    found = user or {}
    return found.get("IamIdentity", {}).get("Arn") or found.get("UserProfileArn")


def _pipeline(asked: _Asked, arn: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The pipeline run that made the version, and its training jobs."""
    if ":pipeline/" not in arn or "/execution/" not in arn or not asked.own(arn):
        return None, []
    described = asked("pipeline", "DescribePipelineExecution", PipelineExecutionArn=arn)
    if described is None:
        return {"arn": arn}, []
    steps = asked("pipeline steps", "ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=100) or {}
    jobs = [
        str(found)
        for step in steps.get("PipelineExecutionSteps", [])
        if (found := (step.get("Metadata") or {}).get("TrainingJob", {}).get("Arn"))
    ]
    experiment = described.get("PipelineExperimentConfig") or {}
    return {
        "arn": arn,
        "name": described.get("PipelineExecutionDisplayName"),
        "status": described.get("PipelineExecutionStatus"),
        "created": _time(described.get("CreationTime")),
        "createdBy": _who(described.get("CreatedBy")),
        "experiment": experiment.get("ExperimentName"),
        "trial": experiment.get("TrialName"),
    }, jobs


def _by_path(release: Release) -> Iterator[str]:
    """Training jobs by SageMaker's way of naming their output: `…/JOB/output/model.tar.gz`."""
    source = release.source
    base = f"arn:{partition_of(source.region)}:sagemaker:{source.region}:{source.account}:training-job"
    for _, container in containers(release.body):
        parts = str(container.get("ModelDataUrl", "")).split("/")
        if parts[-2:] == ["output", "model.tar.gz"] and len(parts) > 5:
            yield f"{base}/{parts[-3]}"


def _job(asked: _Asked, arn: str, *, certain: bool) -> dict[str, Any] | None:
    """A training job. One that is only guessed from a path may well not exist: that is no gap."""
    if not asked.own(arn):
        return None
    found = asked(arn, "DescribeTrainingJob", TrainingJobName=arn.rpartition("/")[2])
    if found is None:
        if not certain:
            asked.forget(arn)
        return None
    experiment = found.get("ExperimentConfig") or {}
    settings = found.get("HyperParameters") or {}
    return {
        "arn": str(found.get("TrainingJobArn", arn)),
        "status": found.get("TrainingJobStatus"),
        "image": (found.get("AlgorithmSpecification") or {}).get("TrainingImage"),
        "inputs": [_channel(item) for item in found.get("InputDataConfig", [])],
        "output": (found.get("OutputDataConfig") or {}).get("S3OutputPath"),
        "artifact": (found.get("ModelArtifacts") or {}).get("S3ModelArtifacts"),
        "hyperparameters": {"names": sorted(settings), "digest": digest(dict(settings))},  # values may be secrets
        "experiment": experiment.get("ExperimentName"),
        "trial": experiment.get("TrialName"),
        "run": experiment.get("RunName"),
        "started": _time(found.get("TrainingStartTime")),
        "ended": _time(found.get("TrainingEndTime")),
    }


def _channel(item: Mapping[str, Any]) -> dict[str, Any]:
    source = item.get("DataSource") or {}
    uri = (source.get("S3DataSource") or {}).get("S3Uri") or (source.get("FileSystemDataSource") or {}).get(
        "FileSystemId"
    )
    return {"channel": item.get("ChannelName"), "uri": str(uri or "")}


def _metrics(
    hub: Client, owner: str, release: Release, made: Made, unread: dict[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The reports of the version by their place (`ModelQuality.Statistics`), with the figures in them."""
    for family, reports in sorted((release.body.get("ModelMetrics") or {}).items()):
        for name, report in sorted(reports.items()):
            place, uri = f"{family}.{name}", str(report.get("S3Uri", ""))
            yield place, {"uri": uri, "values": _figures(hub, owner, place, made.get(uri), unread)}


def _figures(
    hub: Client, owner: str, place: str, copied: tuple[str, Stored] | None, unread: dict[str, str]
) -> dict[str, float | int]:
    if copied is None:
        return {}
    bucket, stored = copied
    if stored.size > _REPORT_BYTES:
        unread[place] = f"it has {stored.size} bytes"
        return {}
    pinned = {"VersionId": stored.version} if stored.version else {}
    try:
        answer = hub.call("GetObject", Bucket=bucket, Key=stored.key, ExpectedBucketOwner=owner, **pinned)
        return figures(json.loads(answer["Body"].read()))
    except CloudError as error:
        unread[place] = f"{error.operation}: {error.code}"
    except (ValueError, RecursionError):
        unread[place] = "it is not JSON"
    return {}


def copies(bucket: str, uris: list[str], stored: tuple[Stored, ...]) -> dict[str, tuple[str, Stored]]:
    """Copies by the URI of their source."""
    return {uri: (bucket, item) for uri, item in zip(uris, stored, strict=True) if split_uri(uri)[0]}
