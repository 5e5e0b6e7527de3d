"""ListModelPackages and ListModelPackageGroups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import check
from controller.sandbox.sagemaker.names import find_group
from controller.sandbox.sagemaker.paging import page, seen, visible
from controller.sandbox.sagemaker.state import Document, Package
from controller.sandbox.sagemaker.told import status_of
from controller.sandbox.world import World

SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
GROUP_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "CreationTime",
    "ModelPackageGroupStatus",
    "ManagedConfiguration",
)


def _name(body: Document) -> str:
    return str(body.get("ModelPackageName") or body.get("ModelPackageGroupName"))


def _wanted(body: Document, document: Document, name: Callable[[Document], str]) -> bool:
    after, before = document.get("CreationTimeAfter"), document.get("CreationTimeBefore")
    approval = document.get("ModelApprovalStatus")
    return (
        (after is None or body["CreationTime"] > after)
        and (before is None or body["CreationTime"] < before)
        and (approval is None or body.get("ModelApprovalStatus") == approval)
        and (document.get("NameContains") or "").lower() in name(body).lower()
    )


def _chosen(world: World, caller: Caller, document: Document) -> list[Package]:
    """The packages of a group, or of the caller's account by type (only unversioned ones when none is given)."""
    if document.get("ModelPackageGroupName"):
        models, group = find_group(world, caller, document["ModelPackageGroupName"])
        return [package for package in models.packages.values() if package.group == group.name]
    models = world.models_of(caller.account, caller.region)
    kind = document.get("ModelPackageType") or "Unversioned"
    keep = {"Versioned": (True,), "Unversioned": (False,), "Both": (True, False)}[kind]
    return [package for package in models.packages.values() if (package.version is not None) in keep]


def list_model_packages(world: World, caller: Caller, document: Document) -> Document:
    """Summaries by creation time or name, ascending unless told otherwise; stays behind by the setting `list`."""
    check(document)
    rows: list[tuple[Any, Document]] = []
    by_name = document.get("SortBy") == "Name"
    for package in _chosen(world, caller, document):
        body = visible(world, package, world.settings.list)
        if body is not None and _wanted(body, document, _name):
            summary = {name: body[name] for name in SUMMARY if name in body} | {
                "ModelPackageStatus": status_of(world, package)
            }
            first = _name(body) if by_name else body["CreationTime"]
            rows.append(((first, _name(body), package.version or 0), summary))
    rows.sort(key=lambda row: row[0], reverse=document.get("SortOrder") == "Descending")
    found, more = page([row[1] for row in rows], document)
    return {"ModelPackageSummaryList": found, **more}


def list_model_package_groups(world: World, caller: Caller, document: Document) -> Document:
    """Summaries of the caller's groups; with CrossAccount none, since nothing is shared through RAM."""
    check(document)
    models = world.models_of(caller.account, caller.region)
    groups = [group for group in models.groups.values() if seen(world, group.number, group.born, world.settings.list)]
    if document.get("CrossAccountFilterOption") == "CrossAccount":
        groups = []
    rows = [
        group.body for group in groups if _wanted(group.body, document, lambda body: str(body["ModelPackageGroupName"]))
    ]
    field = "ModelPackageGroupName" if document.get("SortBy") == "Name" else "CreationTime"
    rows.sort(
        key=lambda body: (body[field], body["ModelPackageGroupName"]), reverse=document.get("SortOrder") == "Descending"
    )
    found, more = page([{name: body[name] for name in GROUP_SUMMARY if name in body} for body in rows], document)
    return {"ModelPackageGroupSummaryList": found, **more}
