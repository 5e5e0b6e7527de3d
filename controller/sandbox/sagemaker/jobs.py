"""What a model came from: training jobs and pipeline runs. Jobs end the moment they are created; nothing is trained."""

from __future__ import annotations

from typing import Any

from controller.core.arn import partition_of
from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import invalid
from controller.sandbox.sagemaker.names import user_context
from controller.sandbox.sagemaker.state import Document, Models
from controller.sandbox.world import World

_KEPT = (
    "TrainingJobName",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "HyperParameters",
    "ExperimentConfig",
)


def _arn(models: Models, kind: str, name: str) -> str:
    return f"arn:{partition_of(models.region)}:sagemaker:{models.region}:{models.account}:{kind}/{name}"


def create_training_job(world: World, caller: Caller, document: Document) -> Document:
    """A job that has already ended well; ResourceInUse when there is one of that name."""
    models = world.models_of(caller.account, caller.region)
    name = document["TrainingJobName"]
    if name in models.jobs:
        raise invalid(f"Training job names must be unique within an AWS account and region: {name}")
    now, output = world.clock.now(), document["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    models.jobs[name] = {
        **{key: document[key] for key in _KEPT if document.get(key)},
        "TrainingJobArn": _arn(models, "training-job", name),
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{name}/output/model.tar.gz"},
        "CreationTime": now,
        "TrainingStartTime": now,
        "TrainingEndTime": now,
        "LastModifiedTime": now,
    }
    return {"TrainingJobArn": models.jobs[name]["TrainingJobArn"]}


def describe_training_job(world: World, caller: Caller, document: Document) -> Document:
    """A job of the caller's own account, by name; ValidationException when there is none."""
    found = world.models_of(caller.account, caller.region).jobs.get(document["TrainingJobName"])
    if found is None:
        raise invalid("Requested resource not found.")
    return found


def list_training_jobs(world: World, caller: Caller, document: Document) -> Document:  # noqa: ARG001  (no filters)
    """All jobs of the caller's account, on one page."""
    named = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingJobStatus")
    jobs = world.models_of(caller.account, caller.region).jobs.values()
    return {"TrainingJobSummaries": [{key: job[key] for key in named} for job in jobs]}


def record_execution(world: World, caller: Caller, pipeline: str, run: str, jobs: dict[str, str], **more: Any) -> str:
    """Notes a pipeline run that has ended: `jobs` maps step names to training jobs. Gives its ARN."""
    models = world.models_of(caller.account, caller.region)
    arn, now = _arn(models, "pipeline", f"{pipeline}/execution/{run}"), world.clock.now()
    body = {
        "PipelineArn": _arn(models, "pipeline", pipeline),
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": run,
        "PipelineExecutionStatus": "Succeeded",
        "CreationTime": now,
        "LastModifiedTime": now,
        "CreatedBy": user_context(caller),
        **more,
    }
    steps = [
        {
            "StepName": step,
            "StepStatus": "Succeeded",
            "StartTime": now,
            "EndTime": now,
            "Metadata": {"TrainingJob": {"Arn": _arn(models, "training-job", job)}},
        }
        for step, job in jobs.items()
    ]
    models.executions[arn] = (body, steps)
    return arn


def _execution(world: World, caller: Caller, document: Document) -> tuple[Document, list[Document]]:
    arn = document["PipelineExecutionArn"]
    found = world.models_of(caller.account, caller.region).executions.get(arn)
    if found is None:
        raise invalid(f"Pipeline execution with ARN {arn} not found.")
    return found


def describe_pipeline_execution(world: World, caller: Caller, document: Document) -> Document:
    """A pipeline run of the caller's own account; ValidationException when there is none."""
    return _execution(world, caller, document)[0]


def list_pipeline_execution_steps(world: World, caller: Caller, document: Document) -> Document:
    """All steps of a pipeline run, on one page."""
    return {"PipelineExecutionSteps": _execution(world, caller, document)[1]}
