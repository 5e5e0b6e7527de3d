"""What `validate` says of access, with its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.core.access.troubles import troubles
from tests.admins import full


def test_the_full_case_has_none():
    assert troubles(full()) == []


def test_a_policy_that_aws_would_not_take_is_said_with_its_place():
    fleet = full()
    hub = fleet.hubs["central"]
    roles = tuple(f"arn:aws:iam::555555555555:role/{'r' * 50}{number:03}" for number in range(120))
    churn = fleet.groups["churn"]
    fleet = replace(fleet, groups={**fleet.groups, "churn": replace(churn, spec=replace(churn.spec, readers=roles))})
    found = troubles(fleet)
    said = [(item.path, item.line > 0, item.where, item.rule, item.expected) for item in found]
    assert ("bucket policy of acme-model-store" in " ".join(item.message for item in found)) is True
    assert {(hub.path, True, "metadata.name", "access", "at most 20480")} <= set(said)


@pytest.mark.parametrize(
    ("subject", "refused"),
    [
        ("repo:acme*", True), ("repo:acme?/models:*", True), ("*", True), ("repo:*/models:ref:refs/heads/main", True),
        ("repo:acme/*", False), ("repo:acme/models:ref:refs/heads/main", False), ("repository_owner:acme:*", False),
        ("project_path:acme/models:ref_type:branch:ref:*", False),
    ],
)  # fmt: skip
def test_a_wildcard_stands_after_whose_the_jobs_are(subject, refused):
    fleet = full()
    hub = fleet.hubs["central"]
    subjects = replace(hub.spec.ci.subjects, plan=(subject,))
    changed = replace(hub, spec=replace(hub.spec, ci=replace(hub.spec.ci, subjects=subjects)))
    found = troubles(replace(fleet, hubs={"central": changed}))
    where = [(item.path, item.where, (item.line, item.column)) for item in found]
    place = hub.at(("spec", "ci", "subjects", "plan", 0))
    assert where == ([(hub.path, "spec.ci.subjects.plan[0]", place)] if refused else [])
