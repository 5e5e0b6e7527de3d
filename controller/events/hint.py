"""What an event is about, judged by the fleet. Pure.

An event is a hint: it says where to look, and nothing else of it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.arn import Version, parse_version
from controller.core.errors import HubwrightError
from controller.core.manifests import Manifests

STATE_CHANGE = "SageMaker Model Package State Change"
_UNVERSIONED = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package/[A-Za-z0-9-]+", re.ASCII)


class ForgedError(HubwrightError):
    """An event that this fleet's accounts cannot have sent, or that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Hint:
    """The promotions and followed versions (`SUBSCRIPTION/VERSION`) to look at; none: nothing of ours."""

    names: frozenset[str] = frozenset()
    whole: bool = False  # a timer's: everything


def hint_of(event: Any, manifests: Manifests) -> Hint:
    """Where an EventBridge event says to look. ForgedError for what no account of this fleet can have sent."""
    if not isinstance(event, Mapping):
        raise ForgedError("the event is not a JSON object")
    account, region = _text(event, "account"), _text(event, "region")
    if (_text(event, "source"), _text(event, "detail-type")) == ("aws.events", "Scheduled Event"):
        if account not in {entry.spec.account for entry in manifests.hubs.values()}:
            raise ForgedError(f"a timer of account {account}, which is no hub of this fleet")
        return Hint(whole=True)
    if (_text(event, "source"), _text(event, "detail-type")) != ("aws.sagemaker", STATE_CHANGE):
        raise ForgedError(f"its source and detail-type are not those of a {STATE_CHANGE}")
    return _look_at(_version(event, account, region), manifests)


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise ForgedError(f"its {name} is missing or not a text")
    return value


def _version(event: Mapping[str, Any], account: str, region: str) -> Version | None:
    """The version it is about, said alike in every place of it; None for a package outside any group."""
    detail, resources = event.get("detail"), event.get("resources")
    if not isinstance(detail, Mapping):
        raise ForgedError("its detail is missing or not an object")
    arn = _text(detail, "ModelPackageArn")
    found = parse_version(arn)
    if found is None and _UNVERSIONED.fullmatch(arn):
        return None
    if found is None:
        raise ForgedError("its ModelPackageArn is not that of a model package")
    if (found.account, found.region) != (account, region) or found.arn != arn:  # the last: of another partition
        raise ForgedError(f"it comes from {account}/{region} and names a package of {found.account}/{found.region}")
    if resources is not None and _folded(resources) != [arn.casefold()]:
        raise ForgedError("its resources are not the package that it names")
    group, number = detail.get("ModelPackageGroupName", found.group), detail.get("ModelPackageVersion", found.number)
    if not isinstance(group, str) or group.casefold() != found.group.casefold() or number != found.number:
        raise ForgedError("its group and version are not those of the package that it names")
    return found


def _folded(resources: Any) -> list[str] | None:
    return [str(item).casefold() for item in resources] if isinstance(resources, list) else None


def _look_at(version: Version | None, manifests: Manifests) -> Hint:
    if version is None:
        return Hint()
    place = (version.account, version.region)
    spokes = {name: entry.spec for name, entry in manifests.spokes.items()}
    here = {name for name, spoke in spokes.items() if (spoke.account, spoke.region) == place}
    if not here:
        if place in {(entry.spec.account, entry.spec.region) for entry in manifests.hubs.values()}:
            return Hint()  # our own doing, or a person's in the hub: the timer looks at that
        raise ForgedError(f"account {version.account} in {version.region} is no spoke of this fleet")
    read = {name for name in here if spokes[name].state == "Active" and spokes[name].pattern == "pull"}
    group = version.group.casefold()
    names = {
        name
        for name, entry in manifests.promotions.items()
        if entry.spec.source.spoke in read
        and (entry.spec.source.group or "").casefold() == group
        and entry.spec.source.version == version.number
    }
    names |= {
        f"{name}/{version.number}"
        for name, entry in manifests.subscriptions.items()
        if entry.spec.source.spoke in read and entry.spec.source.group.casefold() == group
    }
    return Hint(frozenset(names))
