import sys

import pytest
from botocore.exceptions import ClientError

from controller.aws.calls import Call, CallLog, resource_of
from controller.aws.failures import cloud_error, redacted
from controller.core.model import Target

PLACE = Target("111111111111", "eu-west-1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n  text", "plain text"),
        ("x-amz-security-token:canary/abc== next", "x-amz-security-token:[hidden] next"),
        ("X-Amz-Signature=canary&x", "X-Amz-Signature=[hidden]"),
        ("Authorization: canary", "Authorization: [hidden]"),
        ("key AKIAIOSFODNN7EXAMPLE is gone", "key [hidden] is gone"),
        ("ASIAIOSFODNN7EXAMPLE", "[hidden]"),
        ("SecretAccessKey=canary", "SecretAccessKey=[hidden]"),
        ("Authorization: Basic canary== next", "Authorization: [hidden] next"),
        ("authorization: Bearer canary.x", "authorization: [hidden]"),
        ('{"SessionToken": "canary/x", "Expiration": 1}', '{"SessionToken": [hidden], "Expiration": 1}'),
        ("{'aws_secret_access_key': 'canary, x'}", "{'aws_secret_access_key': [hidden]}"),
        ("proxy https://ada:canary@proxy.example:3128/ refused", "proxy https://[hidden]@proxy.example:3128/ refused"),
        ("y" * 2000, "y" * 1500 + "…"),
        (
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized",
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized",
        ),
    ],
)
def test_secrets_do_not_pass(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize("word", ["a", "a-", "password", "secret", "token", "://", "AKIA", "bearer ", "Value '"])
def test_a_long_message_is_looked_through_once(word: str) -> None:
    """From each of its letters anew it would take hours."""
    text = word * (300_000 // len(word))
    said = {"Error": {"Code": "ValidationException", "Message": text}}
    error = cloud_error(ClientError(said, "CreateModelPackage"), "sagemaker:CreateModelPackage", PLACE)
    assert error.said == redacted(text)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Value 'short' at 'name' failed", "Value 'short' at 'name' failed"),
        (f"Value '{'x' * 201}' at 'name' failed", "Value [hidden] at 'name' failed"),
        ("Value 'A=canary' at 'environment' failed", "Value [hidden] at 'environment' failed"),
        ("1: Value '{a=canary}' at 'x'; Value 'b' at 'y'", "1: Value [hidden] at 'x'; Value 'b' at 'y'"),
        ("Value 'a' at 'x", "Value 'a' at 'x"),
        ("Value '' at 'x', Value 'two' at", "Value '' at 'x', Value 'two' at"),
    ],
)
def test_values_that_a_validation_repeats_are_hidden(message: str, shown: str) -> None:
    said = {"Error": {"Code": "ValidationException", "Message": message}}
    assert cloud_error(ClientError(said, "X"), "sagemaker:X", PLACE).said == shown


@pytest.mark.parametrize(
    ("service", "parameters", "resource"),
    [
        ("sagemaker", {"ModelPackageName": "arn:x", "ModelPackageGroupName": "g"}, "arn:x"),
        ("sagemaker", {"ModelPackageGroupName": "g", "ClientToken": "t"}, "g"),
        ("sagemaker", {"Resource": "ModelPackage"}, "ModelPackage"),
        ("s3", {"Bucket": "b", "Key": "k", "Body": b"canary"}, "b/k"),
        ("s3", {"Bucket": "b", "Prefix": "p"}, "b"),
        ("ecr", {"registryId": "1", "repositoryName": "r"}, "1/r"),
        ("ecr", {"resourceArn": "arn:r"}, "arn:r"),
        ("ecr", {}, ""),
        ("sts", {"RoleArn": "arn:role"}, "arn:role"),
    ],
)
def test_calls_are_recorded_by_what_they_name(service: str, parameters: dict[str, object], resource: str) -> None:
    assert resource_of(service, parameters) == resource


def test_the_log_keeps_counts_and_order(capsys: pytest.CaptureFixture[str]) -> None:
    log = CallLog(sys.stdout)
    for name in ("HeadObject", "CopyObject"):
        log.record(Call("s3", name, "1" * 12, "eu-west-1", "b/k", 200))
    assert [call.operation for call in log.calls] == ["HeadObject", "CopyObject"]
    assert [call.operation for call in log.mutations] == ["CopyObject"]
    assert log.total == 2
    assert capsys.readouterr().out.splitlines()[1] == (
        '{"account": "111111111111", "attempts": 1, "code": "", "mutating": true, "operation": "CopyObject", '
        '"region": "eu-west-1", "request": "", "resource": "b/k", "seconds": 0.0, "service": "s3", "status": 200}'
    )
