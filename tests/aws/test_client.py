import time
from email.utils import formatdate
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from controller.aws import client as client_module
from controller.aws.calls import CallLog
from controller.aws.client import AwsClient
from controller.core.errors import CloudError, SafetyError
from controller.core.model import Target
from tests.aws.wire import HUB, SPOKE, Answer, Asked, Aws, answer_json, s3_error, xml

PLACE = Target(HUB, "eu-west-1")
OWNER = {"ExpectedBucketOwner": HUB}


def opened(aws: Aws, service: str, log: CallLog | None = None) -> AwsClient:
    return aws.cloud(writable=True, log=log).client(PLACE, service, "register")


def test_pages_are_followed_and_read_lazily(aws: Aws) -> None:
    def page(asked: Asked) -> Answer:
        number = int(asked.fields.get("NextToken", "0"))
        more = {"NextToken": str(number + 1)} if number < 2 else {}
        return answer_json({"ModelPackageGroupSummaryList": [{"ModelPackageGroupName": f"g{number}"}], **more})

    aws.answers["sagemaker:ListModelPackageGroups"] = page
    client = opened(aws, "sagemaker")
    items = client.pages("ListModelPackageGroups", "ModelPackageGroupSummaryList", MaxResults=1)
    assert next(items) == {"ModelPackageGroupName": "g0"}
    assert aws.names.count("sagemaker:ListModelPackageGroups") == 1
    assert [item["ModelPackageGroupName"] for item in items] == ["g1", "g2"]
    assert [asked.fields.get("MaxResults") for asked in aws.asked[1:]] == [1, 1, 1]


def test_versions_are_followed_by_both_markers(aws: Aws) -> None:
    def page(asked: Asked) -> Answer:
        marker = asked.fields.get("version-id-marker", "")
        last = marker == "v1"
        more = "" if last else "<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>"
        version = f"<Version><Key>k</Key><VersionId>{'v2' if last else 'v1'}</VersionId></Version>"
        truncated = str(not last).lower()
        return xml(f"<ListVersionsResult><IsTruncated>{truncated}</IsTruncated>{version}{more}</ListVersionsResult>")

    aws.answers["s3:GET /bucket/"] = aws.answers["s3:GET /bucket"] = page
    versions = opened(aws, "s3").pages("ListObjectVersions", "Versions", Bucket="bucket", **OWNER)
    assert [item["VersionId"] for item in versions] == ["v1", "v2"]
    assert aws.asked[-1].fields["key-marker"] == "k"


def test_pages_that_go_round_are_an_error(aws: Aws) -> None:
    aws.answers["sagemaker:Search"] = lambda asked: answer_json(
        {"Results": [{}], "NextToken": {"a": "b"}.get(asked.fields.get("NextToken", ""), "a")}
    )
    with pytest.raises(CloudError) as caught:
        list(opened(aws, "sagemaker").pages("Search", "Results", Resource="ModelPackage"))
    assert caught.value.code == "RepeatedToken"


@pytest.mark.parametrize(
    ("operation", "result", "root"),
    [
        ("ListObjectsV2", "Contents", "ListBucketResult"),
        ("ListObjectVersions", "Versions", "ListVersionsResult"),
        ("ListMultipartUploads", "Uploads", "ListMultipartUploadsResult"),
    ],
)
def test_a_list_that_says_there_is_more_and_not_where_is_no_whole_list(
    aws: Aws, operation: str, result: str, root: str
) -> None:
    body = f"<{root}><IsTruncated>true</IsTruncated></{root}>"
    aws.answers["s3:GET /bucket/"] = aws.answers["s3:GET /bucket"] = lambda asked: xml(body)
    with pytest.raises(CloudError) as caught:
        list(opened(aws, "s3").pages(operation, result, Bucket="bucket", **OWNER))
    assert caught.value.code == "PartialList"


def test_pages_without_end_are_an_error(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MOST_PAGES", 5)
    numbers = iter(range(99))
    aws.answers["sagemaker:Search"] = lambda asked: answer_json({"Results": [{}], "NextToken": str(next(numbers))})
    with pytest.raises(CloudError) as caught:
        list(opened(aws, "sagemaker").pages("Search", "Results", Resource="ModelPackage"))
    assert (caught.value.code, next(numbers)) == ("TooManyPages", 5)


def test_what_does_not_exist_is_a_fault_of_the_program(aws: Aws) -> None:
    with pytest.raises(SafetyError, match="no pages"):
        list(opened(aws, "sagemaker").pages("DescribeModelPackage", "x"))
    with pytest.raises(SafetyError, match="no operation"):
        opened(aws, "sagemaker").call("DescribeModelPackge")


def test_an_object_is_a_stream(aws: Aws) -> None:
    aws.answers["s3:GET /bucket/k"] = lambda asked: (200, {"content-length": "10"}, b"0123456789")
    client = opened(aws, "s3")
    with client.call("GetObject", Bucket="bucket", Key="k", **OWNER)["Body"] as body:
        assert (body.read(4), body.read(), body.read()) == (b"0123", b"456789", b"")
    aws.answers["s3:GET /bucket/k"] = lambda asked: (200, {"content-length": "99"}, b"0123456789")
    with pytest.raises(CloudError) as caught:
        client.call("GetObject", Bucket="bucket", Key="k", **OWNER)["Body"].read()
    assert caught.value.operation == "s3:GetObject"


COPY = ("CopyObject", {"Bucket": "bucket", "Key": "k", "CopySource": {"Bucket": "from", "Key": "k"}})
PART = ("UploadPartCopy", {**COPY[1], "UploadId": "u", "PartNumber": 1})
END = ("CompleteMultipartUpload", {"Bucket": "bucket", "Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": []}})


@pytest.mark.parametrize(("operation", "parameters"), [COPY, PART, END])
@pytest.mark.parametrize("body", ["", "<CopyObjectResult/>", "<CopyPartResult></CopyPartResult>", "   "])
def test_a_200_without_a_result_is_a_failure(aws: Aws, operation: str, parameters: dict[str, Any], body: str) -> None:
    method = "POST" if operation.startswith("Complete") else "PUT"
    aws.answers[f"s3:{method} /bucket/k"] = lambda asked: xml(body)
    with pytest.raises(CloudError) as caught:
        opened(aws, "s3").call(operation, **parameters, **OWNER)
    assert caught.value.operation == f"s3:{operation}"


@pytest.mark.parametrize(("operation", "parameters"), [COPY, PART, END])
def test_a_200_with_an_error_in_it_is_tried_again_and_then_a_failure(
    aws: Aws, operation: str, parameters: dict[str, Any]
) -> None:
    method = "POST" if operation.startswith("Complete") else "PUT"
    aws.answers[f"s3:{method} /bucket/k"] = lambda asked: s3_error("InternalError", "try again", 200)
    log = CallLog()
    with pytest.raises(CloudError) as caught:
        opened(aws, "s3", log).call(operation, **parameters, **OWNER)
    assert (caught.value.code, caught.value.status) == ("InternalError", 500)
    assert [(call.operation, call.attempts, call.resource, call.mutating) for call in log.calls[1:]] == [
        (operation, 6, "bucket/k", True)
    ]


def test_an_operation_without_a_result_may_answer_nothing(aws: Aws) -> None:
    aws.answers["s3:DELETE /bucket/k"] = lambda asked: (204, {}, b"")
    assert opened(aws, "s3").call("DeleteObject", Bucket="bucket", Key="k", **OWNER) == {}


def test_a_result_is_a_result(aws: Aws) -> None:
    aws.answers["s3:PUT /bucket/k"] = lambda asked: xml("<CopyObjectResult><ETag>e</ETag></CopyObjectResult>")
    assert opened(aws, "s3").call(COPY[0], **COPY[1], **OWNER) == {"CopyObjectResult": {"ETag": "e"}}


@pytest.mark.parametrize(
    ("answer", "code", "status", "hint"),
    [
        (s3_error("PreconditionFailed", "no", 412), "PreconditionFailed", 412, ""),
        (s3_error("AccessDenied", "User: x is not authorized", 403), "AccessDenied", 403, "lacks s3:CopyObject"),
        (s3_error("ExpiredToken", "expired", 400), "ExpiredToken", 400, "expired"),
        (s3_error("SlowDown", "reduce", 503), "SlowDown", 503, "throttling"),
        (s3_error("RequestTimeTooSkewed", "clock", 403, date=formatdate(time.time() + 3600, usegmt=True)), "RequestTimeTooSkewed", 403, "behind"),
        (s3_error("RequestTimeTooSkewed", "clock", 403, date=formatdate(time.time() - 3600, usegmt=True)), "RequestTimeTooSkewed", 403, "ahead"),
        (s3_error("RequestTimeTooSkewed", "clock", 403, date="nonsense"), "RequestTimeTooSkewed", 403, "clock"),
        (s3_error("SignatureDoesNotMatch", "secret canonical", 403), "SignatureDoesNotMatch", 403, "secret key"),
        (EndpointConnectionError(endpoint_url="https://x"), "EndpointConnectionError", 0, "network"),
        (ReadTimeoutError(endpoint_url="https://x"), "ReadTimeoutError", 0, "not known"),
        (ConnectionClosedError(endpoint_url="https://x"), "ConnectionClosedError", 0, "not known"),
    ],
)  # fmt: skip
def test_failures_say_what_where_and_what_to_do(
    aws: Aws, answer: Answer | Exception, code: str, status: int, hint: str
) -> None:
    aws.answers["s3:PUT /bucket/k"] = lambda asked: answer
    log = CallLog()
    with pytest.raises(CloudError) as caught:
        opened(aws, "s3", log).call(COPY[0], **COPY[1], **OWNER)
    error = caught.value
    assert (error.operation, error.code, error.status, error.where) == (
        "s3:CopyObject",
        code,
        status,
        f"{HUB}/eu-west-1",
    )
    assert hint in error.hint
    assert "canonical" not in str(error)
    assert (log.calls[-1].status, log.calls[-1].code) == (status, code)


def test_wrong_parameters_are_not_sent(aws: Aws) -> None:
    log = CallLog()
    with pytest.raises(CloudError) as caught:
        opened(aws, "s3", log).call("CopyObject", Bucket="bucket", Kee="k")
    assert caught.value.code == "ParamValidationError"
    assert aws.names == ["sts:GetCallerIdentity"]
    assert [call.operation for call in log.calls] == ["GetCallerIdentity"]


def test_an_account_that_throttles_is_tried_six_times(aws: Aws) -> None:
    aws.answers["sagemaker:DescribeModelPackage"] = lambda asked: answer_json(
        {"__type": "ThrottlingException", "message": "Rate exceeded"}, 400
    )
    log = CallLog()
    arn = f"arn:aws:sagemaker:eu-west-1:{SPOKE}:model-package/g/1"
    with pytest.raises(CloudError) as caught:
        opened(aws, "sagemaker", log).call("DescribeModelPackage", ModelPackageName=arn)
    assert caught.value.code == "ThrottlingException"
    assert (log.calls[-1].attempts, log.calls[-1].resource) == (6, arn)
