"""ListModelPackages, ListModelPackageGroups, Search: pages, filters, order, and staying behind."""

from __future__ import annotations

from typing import Any

import pytest

from controller.sandbox.world import Span, World
from tests.sandbox.conftest import CHURN, HUB, Bench
from tests.sandbox.test_packages import IMAGE, SPEC, create, describe


@pytest.fixture(autouse=True)
def groups(bench: Bench, sm: Any) -> None:
    bench.world.settings.status = {"*": ("Completed",)}
    for name in ("churn", "other"):
        sm.create_model_package_group(ModelPackageGroupName=name)


def versions(sm: Any, **query: Any) -> list[str]:
    rows = sm.list_model_packages(**query)["ModelPackageSummaryList"]
    return [row["ModelPackageArn"].split("/", 1)[1] for row in rows]


def found(sm: Any, *filters: tuple[str, str, str | None], **query: Any) -> list[str]:
    rules = [{"Name": name, "Operator": operator} | ({"Value": value} if value else {}) for name, operator, value in filters]
    asked = {"SearchExpression": {"Filters": rules}} if rules else {}
    results = sm.search(Resource="ModelPackage", **asked, **query)["Results"]
    return [row["ModelPackage"]["ModelPackageArn"].split("/", 1)[1] for row in results]


def test_without_a_group_only_unversioned_ones_are_listed(sm: Any) -> None:
    """Model: ModelPackageType; aws.md 1.1."""
    create(sm), create(sm, "other")
    sm.create_model_package(ModelPackageName="plain", InferenceSpecification=SPEC | {"Containers": [{"Image": IMAGE}]})
    assert versions(sm) == ["plain"]
    assert versions(sm, ModelPackageType="Versioned") == ["churn/1", "other/1"]
    assert versions(sm, ModelPackageType="Both") == ["churn/1", "other/1", "plain"]
    assert versions(sm, ModelPackageGroupName="other") == ["other/1"]


def test_a_summary_has_what_the_model_says(sm: Any) -> None:
    """Model: ModelPackageSummary; aws.md 1.7 and 8.2 #16."""
    arn = create(sm, ModelPackageDescription="d", ModelLifeCycle={"Stage": "a", "StageStatus": "b"}, CustomerMetadataProperties={"a": "b"})
    whole = describe(sm, arn)
    names = (
        "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription", "CreationTime",
        "ModelPackageStatus", "ModelApprovalStatus", "ModelLifeCycle", "ModelPackageRegistrationType",
    )  # fmt: skip
    assert sm.list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"] == [{name: whole[name] for name in names}]


def test_order_is_ascending_by_time_unless_told(sm: Any) -> None:
    """Model: SortBy CreationTime, SortOrder Ascending; aws.md 0 (aiops-modules picked the oldest)."""
    create(sm, "other"), create(sm), create(sm, "other")
    assert versions(sm, ModelPackageType="Versioned") == ["other/1", "churn/1", "other/2"]
    assert versions(sm, ModelPackageType="Versioned", SortOrder="Descending") == ["other/2", "churn/1", "other/1"]
    assert versions(sm, ModelPackageType="Versioned", SortBy="Name") == ["churn/1", "other/1", "other/2"]


def test_filters(sm: Any) -> None:
    """Model: CreationTimeAfter, CreationTimeBefore, NameContains, ModelApprovalStatus."""
    first, second = create(sm), create(sm, ModelApprovalStatus="Approved")
    at = describe(sm, second)["CreationTime"]
    assert versions(sm, ModelPackageGroupName="churn", ModelApprovalStatus="Approved") == ["churn/2"]
    assert versions(sm, ModelPackageGroupName="churn", CreationTimeBefore=at) == ["churn/1"]
    assert versions(sm, ModelPackageGroupName="churn", CreationTimeAfter=describe(sm, first)["CreationTime"]) == ["churn/2"]
    assert versions(sm, ModelPackageType="Versioned", NameContains="HUR") == ["churn/1", "churn/2"]


def test_pages(sm: Any, refused: Any) -> None:
    """Model: MaxResults 1..100, NextToken; a token belongs to its request (assumed)."""
    for _ in range(7):
        create(sm)
    pager = sm.get_paginator("list_model_packages")
    pages = list(pager.paginate(ModelPackageGroupName="churn", PaginationConfig={"PageSize": 3}))
    assert [len(page["ModelPackageSummaryList"]) for page in pages] == [3, 3, 1]
    assert [row["ModelPackageVersion"] for page in pages for row in page["ModelPackageSummaryList"]] == [1, 2, 3, 4, 5, 6, 7]
    for bad in (0, 101):
        with refused("ValidationException"):
            sm.list_model_packages(ModelPackageGroupName="churn", MaxResults=bad)
    for query in ({"NextToken": "x"}, {"NextToken": pages[0]["NextToken"], "SortOrder": "Descending"}):
        with refused("ValidationException", 400, "NextToken"):
            sm.list_model_packages(ModelPackageGroupName="churn", **query)


def test_an_empty_last_page_is_not_promised(sm: Any) -> None:
    """A full last page has no token here; callers must stand either."""
    for _ in range(4):
        create(sm)
    answer = sm.list_model_packages(ModelPackageGroupName="churn", MaxResults=4)
    assert (len(answer["ModelPackageSummaryList"]), answer.get("NextToken")) == (4, None)


def test_groups_are_the_callers_own(bench: Bench, sm: Any) -> None:
    """Model: ListModelPackageGroups; CrossAccount shows what RAM shares, which is nothing here (aws.md 1.9)."""
    bench.client("sagemaker", CHURN).create_model_package_group(ModelPackageGroupName="elsewhere")

    def names(**query: Any) -> list[str]:
        rows = sm.list_model_package_groups(**query)["ModelPackageGroupSummaryList"]
        return [row["ModelPackageGroupName"] for row in rows]

    assert names() == ["churn", "other"]
    assert names(SortOrder="Descending", SortBy="Name") == ["other", "churn"]
    assert names(NameContains="ther") == ["other"]
    assert names(CrossAccountFilterOption="CrossAccount") == []


def test_search_gives_whole_documents_with_tags(sm: Any) -> None:
    """Model: the ModelPackage shape; aws.md 1.7."""
    arn = create(sm, CustomerMetadataProperties={"hubwright/fleet": "growth"}, ModelLifeCycle={"Stage": "a", "StageStatus": "b"})
    answer = sm.search(Resource="ModelPackage")
    assert answer["Results"] == [{"ModelPackage": describe(sm, arn) | {"Tags": []}}]
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}


def test_search_filters(sm: Any, refused: Any) -> None:
    """Model: SearchExpression, Filter, Operator."""
    create(sm, CustomerMetadataProperties={"hubwright/fleet": "growth", "n": "7"})
    create(sm, CustomerMetadataProperties={"hubwright/fleet": "risk", "n": "12"}, ModelApprovalStatus="Approved")
    create(sm, "other")
    fleet = "CustomerMetadataProperties.hubwright/fleet"
    assert found(sm, (fleet, "Equals", "growth")) == ["churn/1"]
    assert found(sm, (fleet, "Exists", None)) == ["churn/2", "churn/1"]
    assert found(sm, (fleet, "NotExists", None)) == ["other/1"]
    assert found(sm, (fleet, "In", "risk,growth"), ("ModelPackageVersion", "GreaterThan", "1")) == ["churn/2"]
    assert found(sm, ("CertifyForMarketplace", "Equals", "false"), ("ModelPackageVersion", "LessThanOrEqualTo", "1")) == ["other/1", "churn/1"]
    assert found(sm, ("CreationTime", "GreaterThan", "2026-01-01T00:00:04")) == ["other/1"]
    with refused("ValidationException", 400, "not supported for the text property"):
        found(sm, ("CustomerMetadataProperties.n", "LessThan", "10"))
    assert found(sm, ("ModelPackageGroupName", "Contains", "hur"), ("ModelApprovalStatus", "NotEquals", "Approved")) == ["churn/1"]
    either = {"Filters": [{"Name": "ModelPackageGroupName", "Value": "other"}, {"Name": fleet, "Value": "risk"}], "Operator": "Or"}
    results = sm.search(Resource="ModelPackage", SearchExpression={"SubExpressions": [either]}, SortOrder="Ascending")["Results"]
    assert [row["ModelPackage"]["ModelPackageArn"].split("/", 1)[1] for row in results] == ["churn/2", "other/1"]
    with refused("ValidationException"):
        found(sm, (fleet, "Like", "x"))
    with refused("ValidationException", 400, "at least one"):
        sm.search(Resource="ModelPackage", SearchExpression={})
    with refused("ValidationException", 400, "at most 50"):
        found(sm, *[(fleet, "Exists", None)] * 51)


def test_search_gives_the_last_modified_first(sm: Any) -> None:
    """Model: SortBy is LastModifiedTime and SortOrder Descending by default."""
    first = create(sm)
    create(sm)
    assert found(sm) == ["churn/2", "churn/1"]
    sm.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Approved")
    assert found(sm) == ["churn/1", "churn/2"]
    assert found(sm, SortBy="CreationTime", SortOrder="Ascending") == ["churn/1", "churn/2"]


def test_search_pages(sm: Any) -> None:
    """Model: MaxResults up to 100."""
    for _ in range(5):
        create(sm)
    pages = list(sm.get_paginator("search").paginate(Resource="ModelPackage", SortOrder="Ascending", PaginationConfig={"PageSize": 2}))
    assert [[row["ModelPackage"]["ModelPackageVersion"] for row in page["Results"]] for page in pages] == [[1, 2], [3, 4], [5]]


def test_search_groups_by_tag(sm: Any) -> None:
    """Model: the ModelPackageGroup shape has Tags."""
    arn = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package-group/churn"
    sm.add_tags(ResourceArn=arn, Tags=[{"Key": "hubwright/fleet", "Value": "growth"}])
    rule = {"Filters": [{"Name": "Tags.hubwright/fleet", "Operator": "Equals", "Value": "growth"}]}
    results = sm.search(Resource="ModelPackageGroup", SearchExpression=rule)["Results"]
    assert [(row["ModelPackageGroup"]["ModelPackageGroupArn"], row["ModelPackageGroup"]["Tags"]) for row in results] == [
        (arn, [{"Key": "hubwright/fleet", "Value": "growth"}])
    ]


def test_search_stays_behind(sm: Any, world: World) -> None:
    """Eventually consistent: not documented how far; the sandbox lets tests choose, by calls or seconds."""
    world.settings.search = Span(calls=2)
    arn = create(sm)
    assert [found(sm), found(sm), found(sm)] == [[], [], ["churn/1"]]
    sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    approved = ("ModelApprovalStatus", "Equals", "Approved")
    assert [found(sm, approved), found(sm), found(sm, approved)] == [[], ["churn/1"], ["churn/1"]]
    sm.delete_model_package(ModelPackageName=arn)
    assert [found(sm), found(sm), found(sm)] == [["churn/1"], ["churn/1"], []]


def test_list_stays_behind_and_describe_does_not(sm: Any, world: World) -> None:
    """As above."""
    world.settings.list = Span(seconds=60)
    arn = create(sm)
    assert versions(sm, ModelPackageGroupName="churn") == []
    assert describe(sm, arn)["ModelPackageVersion"] == 1
    assert found(sm) == ["churn/1"]
    world.clock.advance(60)
    assert versions(sm, ModelPackageGroupName="churn") == ["churn/1"]
