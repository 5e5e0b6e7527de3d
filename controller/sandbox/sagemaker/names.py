"""Names and ARNs of groups and packages: which registry they mean, and what AWS says when there is nothing."""

from __future__ import annotations

import re

from controller.core.arn import partition_of
from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import invalid
from controller.sandbox.sagemaker.state import Group, Models, Package
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

_ARN = re.compile(r"arn:(aws[a-z-]*):sagemaker:([a-z0-9-]*):(\d{12}):(model-package|model-package-group)/(.+)")


def arn_of(models: Models, kind: str, name: str) -> str:
    """The ARN of a package or a group in a registry; names stand in it in lower case."""
    return f"arn:{partition_of(models.region)}:sagemaker:{models.region}:{models.account}:{kind}/{name.lower()}"


def model_arn(caller: Caller, name: str) -> str:
    """The ARN of a model of the caller's own account."""
    return f"arn:{caller.partition}:sagemaker:{caller.region}:{caller.account}:model/{name.lower()}"


def locate(world: World, caller: Caller, text: str, kind: str) -> tuple[Models, str]:
    """The registry that a name or ARN of that kind means, and the bare name in lower case.

    A bare name means the caller's own account. Another account is reached by ARN only, and only in the called region.
    """
    found = _ARN.fullmatch(text)
    if found is None:
        return world.models_of(caller.account, caller.region), text.lower()
    region, account = found[2], found[3]
    if account not in world.accounts:
        said = (
            f"User: {caller.arn} is not authorized to perform this action on resource: {text}: no resource-based policy"
        )
        raise ServiceError("AccessDeniedException", said)
    if region != caller.region or found[4] != kind:
        raise invalid(f"{'ModelPackage' if kind == 'model-package' else 'Model Package Group'} {text} does not exist.")
    return world.models_of(account, region), found[5].lower()


def find_group(world: World, caller: Caller, text: str) -> tuple[Models, Group]:
    """A package group by name or ARN; ValidationException ending in "does not exist."."""
    models, name = locate(world, caller, text, "model-package-group")
    group = models.groups.get(name)
    if group is None:
        raise invalid(f"Model Package Group {arn_of(models, 'model-package-group', name)} does not exist.")
    return models, group


def find_package(world: World, caller: Caller, text: str) -> tuple[Models, Package]:
    """A live package by name, `group/version` or ARN; ValidationException ending in "does not exist."."""
    models, key = locate(world, caller, text, "model-package")
    package = models.packages.get(key)
    if package is None or package.body is None:
        raise invalid(f"ModelPackage {arn_of(models, 'model-package', key)} does not exist.")
    return models, package


def user_context(caller: Caller) -> dict[str, dict[str, str]]:
    """CreatedBy and LastModifiedBy as AWS fills them for a caller that is not a Studio user."""
    return {"IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.id}}
