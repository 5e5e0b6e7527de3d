"""Model package versions as SageMaker returns them: the reads that packages and approvals share."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controller.core.arn import Version, parse_version
from controller.core.errors import CloudError, HubwrightError, PreconditionError, WaitingError
from controller.core.fields import comparable
from controller.core.model import Target
from controller.core.view import Package
from controller.kinds.base import Client, World

UNFINISHED = frozenset({"Pending", "InProgress"})
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_STABLE = {"SortBy": "CreationTime", "SortOrder": "Ascending"}  # an update must not move a row between two pages


def package(described: Mapping[str, Any], *, sure: bool) -> Package | None:
    """A package from Describe's or Search's shape; None for one outside any group."""
    version = parse_version(described["ModelPackageArn"])
    if version is None:
        return None
    named = described.get("ModelPackageGroupName") or version.group
    stage = {name: value for name, value in (described.get("ModelLifeCycle") or {}).items() if value}
    created = described.get("CreationTime")
    changed = described.get("LastModifiedTime") or created
    return Package(
        version=Version(version.account, version.region, named, version.number),
        status=described.get("ModelPackageStatus", ""),
        approval=described.get("ModelApprovalStatus", ""),
        metadata=dict(described.get("CustomerMetadataProperties") or {}),
        description=described.get("ApprovalDescription") or None,
        stage=stage or None,
        body=comparable(described),
        created=instant(created) if created else "",
        modified=instant(changed) if changed else "",
        modified_by=_person(described.get("LastModifiedBy") or {}),
        failure=_failure(described),
        sure=sure,
    )


def instant(moment: datetime) -> str:
    """`2026-11-20T09:14:03Z`, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _person(user: Mapping[str, Any]) -> str:
    return str(user.get("IamIdentity", {}).get("Arn") or user.get("UserProfileName") or "")


def _failure(described: Mapping[str, Any]) -> str:
    details = described.get("ModelPackageStatusDetails") or {}
    rows = [*details.get("ValidationStatuses", []), *details.get("ImageScanStatuses", [])]
    return "; ".join(str(row["FailureReason"]) for row in rows if row.get("FailureReason"))


def read(client: Client) -> tuple[tuple[Package, ...], dict[str, str]]:
    """All versions of an account, and why those groups are not known of which a version could not be read.

    List tells which versions exist and how they stand, Search what they are. One that only one of the two shows, or
    that they show differently, is described: either may lag.
    """
    listed = {
        str(item["ModelPackageArn"]).casefold(): item
        for item in client.pages(
            "ListModelPackages", "ModelPackageSummaryList", ModelPackageType="Versioned", MaxResults=100
        )
    }
    searched: dict[str, Mapping[str, Any]] = {}
    for item in client.pages("Search", "Results", Resource="ModelPackage", MaxResults=100, **_STABLE):
        if parse_version(arn := str(item.get("ModelPackage", {}).get("ModelPackageArn", ""))):
            searched[arn.casefold()] = item["ModelPackage"]
    agreed = {arn for arn, summary in listed.items() if _agree(summary, searched.get(arn))}
    found = [package(searched[arn], sure=False) for arn in sorted(agreed)]
    unsure = {arn: str(item["ModelPackageArn"]) for arn, item in (listed | searched).items() if arn not in agreed}
    described, blind = _described(client, unsure.values())
    return _ordered([*found, *described]), blind


def read_group(client: Client, group: str) -> tuple[Package, ...]:
    """The versions of one group by List and Describe alone, for when Search cannot be had; without the unreadable."""
    pages = client.pages("ListModelPackages", "ModelPackageSummaryList", ModelPackageGroupName=group, MaxResults=100)
    return _ordered(_described(client, [str(item["ModelPackageArn"]) for item in pages])[0])


def approved(client: Client, group: str) -> tuple[Package, ...]:
    """The versions of a group that are Approved and finished now, by number; none of a group that is not there."""
    asked = {"ModelPackageGroupName": group, "ModelApprovalStatus": "Approved", "MaxResults": 100}
    try:
        listed = list(client.pages("ListModelPackages", "ModelPackageSummaryList", **asked))
    except CloudError as error:
        if not error.missing:
            raise
        return ()
    found = [describe(client, str(item["ModelPackageArn"])) for item in listed]
    return _ordered(item for item in found if item and (item.approval, item.status) == ("Approved", "Completed"))


def _agree(summary: Mapping[str, Any], found: Mapping[str, Any] | None) -> bool:
    names = ("ModelPackageStatus", "ModelApprovalStatus", "ModelLifeCycle")
    return found is not None and all((summary.get(name) or None) == (found.get(name) or None) for name in names)


def _described(client: Client, arns: Iterable[str]) -> tuple[list[Package | None], dict[str, str]]:
    found: list[Package | None] = []
    blind: dict[str, str] = {}
    for arn in sorted(arns):
        try:
            found.append(describe(client, arn))
        except HubwrightError as error:
            version = parse_version(arn)
            blind[version.group if version else arn] = str(error)
    return found, blind


def _ordered(found: Iterable[Package | None]) -> tuple[Package, ...]:
    return tuple(sorted((item for item in found if item), key=lambda item: item.version))


def describe(client: Client, arn: str) -> Package | None:
    """One version as it is now, or None when it is gone."""
    try:
        return package(client.call("DescribeModelPackage", ModelPackageName=arn), sure=True)
    except CloudError as error:
        if error.missing:
            return None
        raise


def finished(world: World, client: Client, arn: str) -> Package:
    """The version once SageMaker has finished it; WaitingError when that takes longer than the run is patient."""
    waited, pause = 0.0, _FIRST_PAUSE
    while True:
        found = describe(client, arn)
        if found is None:
            anew = "if it was deleted: hubwright retry PROMOTION, commit what it writes, and reconcile"
            raise PreconditionError(f"{arn} is gone", anew)
        if found.status not in UNFINISHED:
            return found
        if waited >= world.patience:
            raise WaitingError(f"SageMaker still has {arn} in {found.status} after {waited:.0f} s")
        world.pause(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_PAUSE)


def siblings(world: World, client: Client, target: Target, group: str, promotion: str, up_to: int) -> list[Package]:
    """All live versions of a group with this promotion id, read consistently, by number.

    List is read from the newest down to the first version that this run knows. It may lag, so every number below its
    newest, or `up_to`, that is not known is asked for by name. What is known as something else is not read again.
    """
    here = Version(target.account, target.region, group, 0)
    known = {**world.views[target].promotions_of(group), **world.made.identified(here)}
    newest = max([up_to - 1, *_newer(client, group, known)])
    asked = {*range(1, newest + 1)} - {*known} | {number for number, found in known.items() if found == promotion}
    found = [_identified(world, client, replace(here, number=number)) for number in sorted(asked)]
    return [item for item in found if item is not None and item.mark("promotion") == promotion]


def _newer(client: Client, group: str, known: Container[int]) -> Iterator[int]:
    """The numbers of the versions that List shows before the first known one, newest first."""
    order = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}
    pages = client.pages("ListModelPackages", "ModelPackageSummaryList", ModelPackageGroupName=group, **order)
    for item in pages:
        number = int(str(item["ModelPackageArn"]).rpartition("/")[2])
        if number in known:
            return
        yield number


def _identified(world: World, client: Client, version: Version) -> Package | None:
    found = describe(client, version.arn)
    world.made.identify(version, found.mark("promotion") if found else "")
    return found
