"""SageMaker's calls as actions on groups and versions, as the Service Authorization Reference has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from controller.sandbox.authz.ask import Ask, Keys, rows, tag_keys
from controller.sandbox.authz.asks_rest import pass_role
from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.names import arn_of, locate, model_arn
from controller.sandbox.sagemaker.state import Models
from controller.sandbox.world import World

Document = dict[str, Any]
_GROUP = ("Describe", "Delete", "Put", "Get")


def _models(world: World, caller: Caller) -> Models:
    return world.models_of(caller.account, caller.region)


def _package(world: World, caller: Caller, action: str, text: str, context: Keys | None = None) -> Ask:
    """On a version, under the policy of its group."""
    models, key = locate(world, caller, text, "model-package")
    return Ask(action, arn_of(models, "model-package", key), models.account, context or {}, _policy(models, key))


def _policy(models: Models, key: str) -> tuple[str, str] | None:
    group = models.groups.get(key.partition("/")[0])
    return (f"group {models.account}/{group.name}", group.policy) if group and group.policy else None


def _group(world: World, caller: Caller, action: str, text: str, context: Keys | None = None) -> Ask:
    models, name = locate(world, caller, text, "model-package-group")
    return Ask(
        action, arn_of(models, "model-package-group", name), models.account, context or {}, _policy(models, name)
    )


def _written(document: Document) -> Keys:
    """The context of what a creation or an update sets."""
    found: Keys = {}
    if document.get("ModelApprovalStatus"):
        found["sagemaker:modelapprovalstatus"] = (document["ModelApprovalStatus"],)
    for name, value in (document.get("CustomerMetadataProperties") or {}).items():
        found[f"sagemaker:customermetadataproperties/{name.lower()}"] = (str(value),)
    if document.get("CustomerMetadataPropertiesToRemove"):
        found["sagemaker:customermetadatapropertiestoremove"] = tuple(document["CustomerMetadataPropertiesToRemove"])
    cycle = document.get("ModelLifeCycle") or {}
    for name in ("Stage", "StageStatus"):
        if cycle.get(name):
            found[f"sagemaker:modellifecycle:{name.lower()}"] = (cycle[name],)
    return found | tag_keys(rows(document.get("Tags")))


def _tagging(operation: str, document: Document) -> Keys:
    """The context of tags that are set, or taken away."""
    if operation == "AddTags":
        return tag_keys(rows(document.get("Tags")))
    return {"aws:tagkeys": tuple(map(str, document["TagKeys"]))} if document.get("TagKeys") else {}


def _create(world: World, caller: Caller, document: Document) -> Iterable[Ask]:
    """On the version to be, and in one's own account on the group, too: the reference names both as possible."""
    context = _written(document)
    action, grouped = "sagemaker:CreateModelPackage", document.get("ModelPackageGroupName")
    if not grouped:
        yield _package(world, caller, action, str(document.get("ModelPackageName") or "*"), context)
        return
    models, name = locate(world, caller, str(grouped), "model-package-group")
    group = models.groups.get(name)
    number = group.last + 1 if group else 1
    arn = arn_of(models, "model-package", f"{name}/{number}")
    yield Ask(action, arn, models.account, context, _policy(models, name))
    if models.account == caller.account:
        yield _group(world, caller, action, str(grouped), context)


def _create_group(world: World, caller: Caller, document: Document) -> Iterable[Ask]:
    name, tags = str(document.get("ModelPackageGroupName")), rows(document.get("Tags"))
    yield _group(world, caller, "sagemaker:CreateModelPackageGroup", name, tag_keys(tags))
    if tags:
        yield _group(world, caller, "sagemaker:AddTags", name, tag_keys(tags))


def _described(world: World, caller: Caller, document: Document) -> Iterable[Ask]:
    for arn in document.get("ModelPackageArnList") or ():
        yield _package(world, caller, "sagemaker:BatchDescribeModelPackage", str(arn))


def _model(caller: Caller, operation: str, document: Document) -> Ask:
    arn = model_arn(caller, str(document.get("ModelName") or "*"))
    return Ask(f"sagemaker:{operation}", arn, caller.account, tag_keys(rows(document.get("Tags"))))


def _made(world: World, caller: Caller, document: Document) -> Iterable[Ask]:
    """On the model, on each version of another account that it is made of, and on the role that is handed over.

    A version of one's own account needs no leave: the reference names the model alone, and AWS's example of a group's
    policy is for others.
    """
    yield _model(caller, "CreateModel", document)
    if document.get("Tags"):
        yield _model(caller, "AddTags", document)
    for given in (document.get("PrimaryContainer") or {}, *(document.get("Containers") or ())):
        text = str(given.get("ModelPackageName") or "")
        if text and locate(world, caller, text, "model-package")[0].account != caller.account:
            yield _package(world, caller, "sagemaker:CreateModel", text)
    if document.get("ExecutionRoleArn"):
        yield pass_role(str(document["ExecutionRoleArn"]), caller, "sagemaker.amazonaws.com")


def _list(world: World, caller: Caller, document: Document) -> Iterable[Ask]:
    grouped = document.get("ModelPackageGroupName")
    models, name = (
        locate(world, caller, str(grouped), "model-package-group") if grouped else (_models(world, caller), "")
    )
    arn = arn_of(models, "model-package", f"{name}/*" if name else "*")
    yield Ask("sagemaker:ListModelPackages", arn, models.account, {}, _policy(models, name) if name else None)


_ASKS: dict[str, Callable[[World, Caller, Document], Iterable[Ask]]] = {
    "BatchDescribeModelPackage": _described,
    "CreateModel": _made,
    "CreateModelPackage": _create,
    "CreateModelPackageGroup": _create_group,
    "ListModelPackages": _list,
}


def asks(world: World, caller: Caller, operation: str, document: Document) -> Iterable[Ask]:
    """What a call asks leave for."""
    action = f"sagemaker:{operation}"
    if operation in _ASKS:
        yield from _ASKS[operation](world, caller, document)
    elif operation.endswith("Tags") and document.get("ResourceArn"):
        yield Ask(action, str(document["ResourceArn"]), caller.account, _tagging(operation, document))
    elif "ModelPackageGroup" in operation and operation.startswith(_GROUP):
        yield _group(world, caller, action, str(document.get("ModelPackageGroupName")))
    elif document.get("ModelPackageArn") or document.get("ModelPackageName"):
        text = str(document.get("ModelPackageArn") or document.get("ModelPackageName"))
        yield _package(world, caller, action, text, _written(document) if operation.startswith("Update") else {})
    elif document.get("PipelineExecutionArn"):
        yield Ask(action, str(document["PipelineExecutionArn"]), caller.account)
    elif document.get("TrainingJobName"):
        base = f"arn:{caller.partition}:sagemaker:{caller.region}:{caller.account}"
        yield Ask(action, f"{base}:training-job/{document['TrainingJobName']}", caller.account)
    elif document.get("ModelName"):
        yield _model(caller, operation, document)
    else:
        yield Ask(action, "*", caller.account)
