"""CreateModelPackage, UpdateModelPackage, DescribeModelPackage, BatchDescribeModelPackage, DeleteModelPackage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.sandbox.world import Span, World
from tests.sandbox.conftest import CHURN, HUB, Bench
from tests.sandbox.images import push

ADMIN = {"IamIdentity": {"Arn": f"arn:aws:iam::{HUB}:user/administrator", "PrincipalId": f"AIDA{HUB}ADHW"}}
IMAGE = f"{HUB}.dkr.ecr.eu-west-1.amazonaws.com/serve:1"
SPEC = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz", "Environment": {"LEVEL": "20"}}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["application/json"],
}
REPORT = {"ContentType": "application/json", "S3Uri": "s3://b/m.json"}


def create(sm: Any, group: str = "churn", **more: Any) -> str:
    return str(sm.create_model_package(ModelPackageGroupName=group, **({"InferenceSpecification": SPEC} | more))["ModelPackageArn"])


def describe(sm: Any, arn: str) -> dict[str, Any]:
    answer = sm.describe_model_package(ModelPackageName=arn)
    answer.pop("ResponseMetadata")
    return dict(answer)


@pytest.fixture(autouse=True)
def group(bench: Bench, sm: Any) -> None:
    bench.world.settings.status = {"*": ("Completed",)}
    sm.create_model_package_group(ModelPackageGroupName="churn")


def test_every_field_of_create_is_kept_and_described(sm: Any, world: World) -> None:
    """aws.md 8.2 #2: ModelLifeCycle, SourceUri, SkipModelValidation, ModelCard, SecurityConfig, … are kept; 1.4: Tags and
    ClientToken are not described; what the server fills in is the closed list of 1.4."""
    given = {
        "ModelPackageDescription": "gradient boosting",
        "ModelPackageRegistrationType": "Registered",
        "InferenceSpecification": SPEC,
        "ValidationSpecification": {"ValidationRole": "arn:aws:iam::111111111111:role/v", "ValidationProfiles": []},
        "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]},
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "Rejected",
        "MetadataProperties": {"CommitId": "c", "Repository": "r", "GeneratedBy": "g", "ProjectId": "p"},
        "ModelMetrics": {"ModelQuality": {"Statistics": REPORT}, "Bias": {"Report": REPORT}},
        "Domain": "MACHINE_LEARNING",
        "Task": "CLASSIFICATION",
        "SamplePayloadUrl": "s3://b/sample.tar.gz",
        "CustomerMetadataProperties": {"ticket": "ML-1"},
        "DriftCheckBaselines": {"ModelQuality": {"Statistics": REPORT}},
        "AdditionalInferenceSpecifications": [{"Name": "gpu", "Containers": [{"Image": IMAGE}]}],
        "SkipModelValidation": "None",
        "SecurityConfig": {"KmsKeyId": "alias/k"},
        "ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
        "ModelLifeCycle": {"Stage": "Staging", "StageStatus": "Active", "StageDescription": "d"},
        "ManagedStorageType": "Restricted",
    }
    arn = sm.create_model_package(ModelPackageGroupName="churn", **given)["ModelPackageArn"]
    assert arn == f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/1"
    assert describe(sm, arn) == given | {
        "ModelPackageGroupName": "churn",
        "ModelPackageVersion": 1,
        "ModelPackageArn": arn,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": datetime.fromtimestamp(world.calls[-2].time, UTC),
        "CreatedBy": ADMIN,
    }


def test_source_uri_alone_is_kept(sm: Any) -> None:
    """aws.md 8.2 #2."""
    arn = sm.create_model_package(ModelPackageGroupName="churn", SourceUri="s3://b/x")["ModelPackageArn"]
    assert describe(sm, arn)["SourceUri"] == "s3://b/x"


def test_approval_is_pending_unless_given(sm: Any) -> None:
    """Model: ModelPackageSummary; the SDK's default (aws.md 1.4). Assumed of the service."""
    assert describe(sm, create(sm))["ModelApprovalStatus"] == "PendingManualApproval"


def test_equal_token_gives_the_equal_package(sm: Any) -> None:
    """Model: "A unique token that guarantees that the call to this API is idempotent."; aws.md 8.2 #1."""
    first, second = create(sm, ClientToken="t-1"), create(sm, ClientToken="t-1")
    assert first == second
    assert create(sm, ClientToken="t-2").endswith("/2")


def test_equal_token_with_other_parameters_is_a_conflict(sm: Any, refused: Any) -> None:
    """Assumed: aws.md 1.3 says it is not documented."""
    create(sm, ClientToken="t-1")
    with refused("ConflictException"):
        create(sm, ClientToken="t-1", ModelPackageDescription="other")


@pytest.mark.parametrize(("span", "found"), [(Span(seconds=0), "/2"), (Span(calls=0), "/2"), (Span(calls=1), "/1"), (None, "/1")])
def test_token_is_forgotten_after_its_lifetime(sm: Any, world: World, span: Span | None, found: str) -> None:
    """Assumed: aws.md 1.3 says the retention is not documented; the sandbox lets tests choose it."""
    world.settings.token = span
    create(sm, ClientToken="t-1")
    assert create(sm, ClientToken="t-1").endswith(found)


def test_tokens_are_the_callers_own(bench: Bench, sm: Any) -> None:
    """Assumed: two accounts that use one token do not meet."""
    arn = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package-group/churn"
    assert create(sm, ClientToken="t").endswith("/1")
    assert create(bench.client("sagemaker", CHURN), arn, ClientToken="t").endswith("/2")


def test_version_numbers_are_never_given_again(sm: Any) -> None:
    """aws.md 8.2 #14."""
    create(sm)
    sm.delete_model_package(ModelPackageName=create(sm))
    assert create(sm).endswith("/3")


def test_tags_on_a_version_are_refused(sm: Any, refused: Any) -> None:
    """Model: "If you supply ModelPackageGroupName, … you cannot supply a tag argument"; aws.md 8.2 #7."""
    with refused("ValidationException", 400, "tag"):
        create(sm, Tags=[{"Key": "a", "Value": "b"}])
    arn = create(sm)
    with refused("ValidationException"):
        sm.list_tags(ResourceArn=arn)


def test_inference_and_source_uri_together_are_refused(sm: Any, refused: Any) -> None:
    """aws.md 1.4: AWS's SDK says so, for create and update."""
    with refused("ValidationException", 400, "SourceUri"):
        create(sm, SourceUri="s3://b/x")
    arn = create(sm)
    with refused("ValidationException", 400, "SourceUri"):
        sm.update_model_package(ModelPackageArn=arn, InferenceSpecification=SPEC, SourceUri="s3://b/x")


def test_something_to_serve_is_required(sm: Any, refused: Any) -> None:
    """aws.md 8.2 #13. Assumed in detail."""
    with refused("ValidationException"):
        sm.create_model_package(ModelPackageGroupName="churn")
    with refused("ValidationException"):
        sm.create_model_package(InferenceSpecification=SPEC)


BEYOND = {
    "description": {"ModelPackageDescription": "x" * 1025},
    "token": {"ClientToken": "no spaces"},
    "token length": {"ClientToken": "x" * 37},
    "metadata count": {"CustomerMetadataProperties": {f"k{n}": "v" for n in range(51)}},
    "metadata charset": {"CustomerMetadataProperties": {"a": "b,c"}},
    "metadata empty": {"CustomerMetadataProperties": {"a": ""}},
    "metadata length": {"CustomerMetadataProperties": {"a": "v" * 257}},
    "commit": {"MetadataProperties": {"CommitId": "x" * 1025}},
    "stage": {"ModelLifeCycle": {"Stage": "no_underscores", "StageStatus": "Active"}},
    "stage description": {"ModelLifeCycle": {"Stage": "a", "StageStatus": "b", "StageDescription": "x" * 1025}},
    "approval": {"ModelApprovalStatus": "Maybe"},
    "skip": {"SkipModelValidation": "Some"},
    "card": {"ModelCard": {"ModelCardContent": "x" * 100_001, "ModelCardStatus": "Draft"}},
    "source": {"InferenceSpecification": None, "SourceUri": "x" * 1025},
    "containers": {"InferenceSpecification": SPEC | {"Containers": [{"Image": IMAGE}] * 16}},
    "total": {
        "InferenceSpecification": SPEC | {"Containers": [{"Image": IMAGE}] * 10},
        "AdditionalInferenceSpecifications": [{"Name": "n", "Containers": [{"Image": IMAGE}] * 6}],
    },
    "image": {"InferenceSpecification": SPEC | {"Containers": [{"Image": "x" * 256}]}},
    "image space": {"InferenceSpecification": SPEC | {"Containers": [{"Image": "a b"}]}},
    "digest": {"InferenceSpecification": SPEC | {"Containers": [{"Image": IMAGE, "ImageDigest": "sha256:12"}]}},
    "model": {"InferenceSpecification": SPEC | {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/" + "x" * 1024}]}},
    "environment": {"InferenceSpecification": SPEC | {"Containers": [{"Image": IMAGE, "Environment": {"1A": "x"}}]}},
    "framework": {"InferenceSpecification": SPEC | {"Containers": [{"Image": IMAGE, "FrameworkVersion": "2"}]}},
    "sources": {
        "InferenceSpecification": SPEC
        | {"Containers": [{"Image": IMAGE, "AdditionalModelDataSources": [{"ChannelName": "c", "S3DataSource": {"S3Uri": "s3://b/k/", "S3DataType": "S3Prefix", "CompressionType": "None"}}] * 6}]}
    },
}


@pytest.mark.parametrize("name", BEYOND)
def test_limits_and_patterns_are_checked_by_the_server(sm: Any, refused: Any, name: str) -> None:
    """Model's shapes, listed in aws.md 1.2; botocore checks none of them."""
    given = {key: value for key, value in ({"InferenceSpecification": SPEC} | BEYOND[name]).items() if value is not None}
    with refused("ValidationException"):
        sm.create_model_package(ModelPackageGroupName="churn", **given)


def test_metadata_takes_every_letter_and_its_signs(sm: Any) -> None:
    """aws.md 1.2: letters, separators, numbers and `_ . : / = + - @`."""
    kept = {"hubwright/source": "arn:aws:x:1/é b_c=d+e-f@g", "k": "sha256:00"}
    assert describe(sm, create(sm, CustomerMetadataProperties=kept))["CustomerMetadataProperties"] == kept


def test_image_digest_and_etags_are_filled_in(bench: Bench, sm: Any, s3: Any) -> None:
    """aws.md 1.4: server-filled values; 8.2 #3. Only what the sandbox has: an unknown image stays without a digest."""
    digest = push(bench, "serve", "1")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    etag = s3.put_object(Bucket="bucket", Key="m.tar.gz", Body=b"m")["ETag"].strip('"')
    source = {"S3Uri": "s3://bucket/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}
    containers = [
        {"Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz"},
        {"Image": IMAGE.replace(":1", "@" + digest), "ModelDataSource": {"S3DataSource": source}},
        {"Image": "elsewhere/serve:1", "ModelDataUrl": "s3://bucket/absent"},
    ]
    found = describe(sm, create(sm, InferenceSpecification=SPEC | {"Containers": containers}))["InferenceSpecification"]["Containers"]
    assert found == [
        containers[0] | {"ImageDigest": digest, "ModelDataETag": etag},
        containers[1] | {"ImageDigest": digest, "ModelDataSource": {"S3DataSource": source | {"ETag": etag}}},
        containers[2],
    ]


def test_status_arrives_with_descriptions(sm: Any, world: World) -> None:
    """aws.md 1.5, 8.2 #3: asynchronous; there is no waiter, so callers describe again."""
    world.settings.status = {"*": ("Pending", "InProgress", "Completed"), "churn/2": ("InProgress", "Failed")}
    world.settings.status_seconds = 0
    first, second = create(sm), create(sm)
    assert [describe(sm, first)["ModelPackageStatus"] for _ in range(4)] == ["Pending", "InProgress", "Completed", "Completed"]
    describe(sm, second)
    failed = describe(sm, second)
    assert failed["ModelPackageStatus"] == "Failed"
    assert failed["ModelPackageStatusDetails"]["ValidationStatuses"][0]["Status"] == "Failed"


def test_status_arrives_with_time(sm: Any, world: World) -> None:
    """The same, for callers that only list."""
    world.settings.status = {"*": ("InProgress", "Completed")}
    world.settings.status_seconds = 60
    create(sm)

    def listed() -> str:
        return str(sm.list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"][0]["ModelPackageStatus"])

    assert listed() == "InProgress"
    world.clock.advance(60)
    assert listed() == "Completed"


def test_update_waits_for_the_status(sm: Any, world: World, refused: Any) -> None:
    """Model: UpdateModelPackage raises ConflictException; aws.md 1.5 (ACK requeues while Pending or InProgress)."""
    world.settings.status = {"*": ("InProgress", "Completed")}
    world.settings.status_seconds = 60
    arn = create(sm)
    with refused("ConflictException", 400, "cannot be modified or deleted"):
        sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    with refused("ConflictException", 400, "cannot be modified or deleted"):
        sm.delete_model_package(ModelPackageName=arn)
    world.clock.advance(60)
    assert sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")["ModelPackageArn"] == arn


def test_update_changes_what_it_names_and_nothing_else(sm: Any, world: World) -> None:
    """aws.md 1.4, 8.2 #4 and #6; who and when: model, LastModifiedTime and LastModifiedBy."""
    arn = create(sm, CustomerMetadataProperties={"a": "1", "b": "2"})
    before = describe(sm, arn)
    sm.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="good",
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a", "never there"],
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Active"},
        ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
        AdditionalInferenceSpecificationsToAdd=[{"Name": "gpu", "Containers": [{"Image": IMAGE}]}],
        ModelPackageRegistrationType="Logged",
    )
    time = datetime.fromtimestamp(world.calls[-1].time, UTC)
    approved = describe(sm, arn)
    assert approved == before | {
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "good",
        "CustomerMetadataProperties": {"b": "3", "c": "4"},
        "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Active"},
        "ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
        "AdditionalInferenceSpecifications": [{"Name": "gpu", "Containers": [{"Image": IMAGE}]}],
        "ModelPackageRegistrationType": "Logged",
        "LastModifiedTime": time,
        "LastModifiedBy": ADMIN,
    }
    sm.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"d": "5"})
    after = describe(sm, arn)
    assert {name for name in after if after[name] != approved.get(name)} == {"CustomerMetadataProperties", "LastModifiedTime"}
    assert after["CustomerMetadataProperties"] == {"b": "3", "c": "4", "d": "5"}


def test_update_removes_metadata_that_never_was(sm: Any) -> None:
    """aws.md 8.2 #5."""
    arn = create(sm)
    sm.update_model_package(ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["x"])
    assert "CustomerMetadataProperties" not in describe(sm, arn)


def test_update_keeps_within_fifty_entries(sm: Any, refused: Any) -> None:
    """Model: CustomerMetadataMap has at most 50 entries; that it is the merged map that counts is assumed."""
    arn = create(sm, CustomerMetadataProperties={f"a{n}": "v" for n in range(30)})
    with refused("ValidationException"):
        sm.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={f"b{n}": "v" for n in range(30)})


def test_archived_card_stays(sm: Any, refused: Any) -> None:
    """aws.md 1.2: "Model Card is in Archived state"."""
    arn = create(sm, ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Archived"})
    with refused("ValidationException", 400, "Archived"):
        sm.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardContent": "{1}", "ModelCardStatus": "Draft"})


def test_approval_goes_both_ways(sm: Any) -> None:
    """aws.md 1.5: free transitions in both directions."""
    arn = create(sm)
    for status in ("Approved", "Rejected", "Approved", "PendingManualApproval"):
        sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)
        assert describe(sm, arn)["ModelApprovalStatus"] == status


def test_absent_is_a_validation_exception(sm: Any, refused: Any) -> None:
    """aws.md 8.2 #12 and the ACK controller: ValidationException, message ending "does not exist."."""
    absent = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/9"
    for call in (
        lambda: sm.describe_model_package(ModelPackageName=absent),
        lambda: sm.update_model_package(ModelPackageArn=absent, ModelApprovalStatus="Approved"),
        lambda: sm.delete_model_package(ModelPackageName=absent),
        lambda: sm.describe_model_package(ModelPackageName="churn"),  # 8.2 #10: a group's name is no package
        lambda: create(sm, "absent"),
    ):
        with refused("ValidationException", 400, "does not exist."):
            call()


def test_names_are_found_in_any_case(bench: Bench, sm: Any) -> None:
    """aws.md 1.9 (conflicting evidence) and 8.2 #9: ARNs are lower-cased here, lookups match in any case. Assumed."""
    sm.create_model_package_group(ModelPackageGroupName="Mixed-Case")
    arn = create(sm, "Mixed-Case")
    assert arn.endswith("/mixed-case/1")
    for name in (arn, arn.replace("mixed-case", "Mixed-Case"), "Mixed-Case/1", "mixed-case/1"):
        found = describe(sm, name)
        assert (found["ModelPackageGroupName"], found["ModelPackageArn"]) == ("Mixed-Case", arn)


def test_other_accounts_are_reached_by_arn(bench: Bench, sm: Any) -> None:
    """aws.md 1.1, 8.2 #11 and #12: create, describe and list take another account's ARN; the package is the owner's."""
    spoke = bench.client("sagemaker", CHURN)
    arn = create(spoke, f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package-group/churn")
    assert arn == f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/1"
    assert describe(spoke, arn) == describe(sm, arn)
    assert describe(sm, arn)["CreatedBy"]["IamIdentity"]["Arn"] == f"arn:aws:iam::{CHURN}:user/administrator"
    listed = spoke.list_model_packages(ModelPackageGroupName=f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package-group/churn")
    assert [row["ModelPackageArn"] for row in listed["ModelPackageSummaryList"]] == [arn]


def test_an_account_outside_is_denied(sm: Any, refused: Any) -> None:
    """aws.md 1.9."""
    with refused("AccessDeniedException"):
        sm.describe_model_package(ModelPackageName="arn:aws:sagemaker:eu-west-1:999999999999:model-package/churn/1")


def test_batch_describe_answers_part_and_says_what_is_missing(sm: Any) -> None:
    """Model: BatchDescribeModelPackageSummary; aws.md 1.1 (a partial failure is a 200) and 1.7 (what it lacks)."""
    arn = create(sm, CustomerMetadataProperties={"a": "b"}, ModelLifeCycle={"Stage": "a", "StageStatus": "b"})
    absent = arn.replace("/1", "/7")
    answer = sm.batch_describe_model_package(ModelPackageArnList=[arn, absent])
    whole = describe(sm, arn)
    names = (
        "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "CreationTime", "InferenceSpecification",
        "ModelPackageStatus", "ModelApprovalStatus", "ModelPackageRegistrationType",
    )  # fmt: skip
    assert answer["ModelPackageSummaries"] == {arn: {name: whole[name] for name in names}}
    assert answer["BatchDescribeModelPackageErrorMap"] == {
        absent: {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {absent} does not exist."}
    }


def test_batch_describe_takes_up_to_a_hundred(sm: Any, refused: Any) -> None:
    """Model: ModelPackageArnList 1..100."""
    with refused("ValidationException"):
        sm.batch_describe_model_package(ModelPackageArnList=[f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/1"] * 101)


def test_unversioned_packages_have_a_name_and_tags(sm: Any, refused: Any) -> None:
    """Model: ModelPackageName and Tags belong to unversioned packages."""
    spec = SPEC | {"Containers": [{"Image": IMAGE}]}
    made = {"ModelPackageName": "plain", "InferenceSpecification": spec, "Tags": [{"Key": "a", "Value": "b"}]}
    arn = sm.create_model_package(**made)["ModelPackageArn"]
    assert arn == f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/plain"
    assert "ModelApprovalStatus" not in describe(sm, "plain")
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    with refused("ConflictException"):
        sm.create_model_package(**made | {"ClientToken": "another"})
