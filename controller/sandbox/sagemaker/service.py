"""The operations of SageMaker that are our own, by name."""

from __future__ import annotations

from collections.abc import Callable

from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker import deploying, groups, jobs, lists, packages, search
from controller.sandbox.sagemaker.state import Document
from controller.sandbox.world import World

Operation = Callable[[World, Caller, Document], Document]

_OPERATIONS: dict[str, Operation] = {
    "CreateModelPackage": packages.create_model_package,
    "UpdateModelPackage": packages.update_model_package,
    "DescribeModelPackage": packages.describe_model_package,
    "BatchDescribeModelPackage": packages.batch_describe_model_package,
    "DeleteModelPackage": packages.delete_model_package,
    "ListModelPackages": lists.list_model_packages,
    "ListModelPackageGroups": lists.list_model_package_groups,
    "CreateModelPackageGroup": groups.create_model_package_group,
    "DescribeModelPackageGroup": groups.describe_model_package_group,
    "DeleteModelPackageGroup": groups.delete_model_package_group,
    "PutModelPackageGroupPolicy": groups.put_model_package_group_policy,
    "GetModelPackageGroupPolicy": groups.get_model_package_group_policy,
    "DeleteModelPackageGroupPolicy": groups.delete_model_package_group_policy,
    "AddTags": groups.add_tags,
    "ListTags": groups.list_tags,
    "DeleteTags": groups.delete_tags,
    "Search": search.search,
    "CreateModel": deploying.create_model,
    "DescribeModel": deploying.describe_model,
    "DeleteModel": deploying.delete_model,
    "CreateTrainingJob": jobs.create_training_job,
    "DescribeTrainingJob": jobs.describe_training_job,
    "ListTrainingJobs": jobs.list_training_jobs,
    "DescribePipelineExecution": jobs.describe_pipeline_execution,
    "ListPipelineExecutionSteps": jobs.list_pipeline_execution_steps,
}


def find(operation: str, document: Document) -> Operation | None:
    """Our own implementation of a call, None when it is moto's."""
    if operation == "Search" and document.get("Resource") not in search.RESOURCES:
        return None
    if operation.endswith("Tags") and not groups.owns_tags(str(document.get("ResourceArn", ""))):
        return None
    return _OPERATIONS.get(operation)
