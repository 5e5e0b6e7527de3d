"""Reads which versions there are of the spokes' groups that Subscriptions follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

from controller.core.arn import group_arn
from controller.core.errors import CloudError, HubwrightError
from controller.core.follow import Followed, Seen, claims, subjects_of, unread
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.view import View
from controller.core.wish import Finding, Subject
from controller.kinds import versions
from controller.kinds.base import Client, Cloud


def follow(
    cloud: Cloud,
    following: Sequence[Followed],
    views: Mapping[Target, View],
    manifests: Manifests,
    pool: Executor,
) -> tuple[dict[str, Subject], list[Finding]]:
    """Every followed version by its name, and what there is to say about the subscriptions themselves.

    What is in the hub is known without its spoke: a blind spoke hides only what is not.
    """
    claimed = claims(manifests)
    started = [(item, None if unread(item) else pool.submit(partial(_seen, cloud, item))) for item in following]
    subjects: dict[str, Subject] = {}
    findings = [found for item in following if (found := unread(item))]
    for item, future in started:
        seen: tuple[Seen, ...] = ()
        try:
            seen = future.result() if future else ()
        except HubwrightError as error:
            findings.append(_unseen(item, error))
        subjects |= subjects_of(item, seen, views[item.place.target], claimed)
    return subjects, findings


def _unseen(followed: Followed, error: HubwrightError) -> Finding:
    origin = followed.subscription.source
    if isinstance(error, CloudError) and error.missing:
        return Finding(followed.name, "waiting", f"the spoke {origin.spoke} has no group {origin.group}")
    return Finding(followed.name, "unknown", f"the spoke {origin.spoke} could not be read: {error}", error.hint)


def _seen(cloud: Cloud, followed: Followed) -> tuple[Seen, ...]:
    access = followed.spoke.access
    own = access is not None and access.read is not None
    source = followed.source
    reader = Target(source.account if own else followed.place.target.account, source.region)
    client = cloud.client(reader, "sagemaker")
    rows = _some(client, followed) if followed.numbers else _all(client, followed)
    return tuple(
        Seen(int(str(row["ModelPackageArn"]).rpartition("/")[2]), str(row.get("ModelApprovalStatus", "")))
        for row in rows
        if row.get("ModelPackageStatus") in ("Completed", *versions.UNFINISHED)  # of the others nothing can be made
    )


def _all(client: Client, followed: Followed) -> Iterator[Mapping[str, Any]]:
    source = followed.source
    name = group_arn(source.account, source.region, source.group)
    order = {"SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 100}
    return client.pages("ListModelPackages", "ModelPackageSummaryList", ModelPackageGroupName=name, **order)


def _some(client: Client, followed: Followed) -> Iterator[Mapping[str, Any]]:
    for number in sorted(followed.numbers):
        try:
            yield client.call("DescribeModelPackage", ModelPackageName=replace(followed.source, number=number).arn)
        except CloudError as error:
            if not error.missing:
                raise
