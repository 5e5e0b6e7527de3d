"""SageMaker's own limits and patterns (botocore checks none of them), by the member's name wherever it stands."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from controller.sandbox.wire import ServiceError

ENTITY = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
_ARN = r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?"
_FREE = frozenset("_.:/=+-@")


@dataclass(frozen=True, slots=True)
class Rule:
    """Bounds of a text's length, a list's or a map's size or a number's value; a pattern; the allowed values."""

    low: int = 0
    high: int = 1 << 30
    pattern: str = ""
    values: tuple[str, ...] = ()


RULES = {
    "ModelPackageGroupName": Rule(1, 170, _ARN + r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)"),
    "ModelPackageName": Rule(1, 176, _ARN + r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(/[0-9]{1,9})?"),
    "ModelName": Rule(1, 63, ENTITY),
    "ExecutionRoleArn": Rule(20, 2048, r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"),
    "ModelPackageArn": Rule(1, 2048, r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/\S{1,2048}"),
    "ModelPackageArnList": Rule(1, 100),
    "ModelPackageDescription": Rule(0, 1024),
    "ModelPackageGroupDescription": Rule(0, 1024),
    "ApprovalDescription": Rule(0, 1024, r".*"),
    "Stage": Rule(1, 63, ENTITY),
    "StageStatus": Rule(1, 63, ENTITY),
    "StageDescription": Rule(0, 1024, r".*"),
    "ClientToken": Rule(1, 36, r"[a-zA-Z0-9-]+"),
    "CustomerMetadataProperties": Rule(1, 50),
    "Image": Rule(0, 255, r"\S+"),
    "ImageDigest": Rule(0, 72, r"[Ss][Hh][Aa]256:[0-9a-fA-F]{64}"),
    "ModelDataUrl": Rule(0, 1024, r"(https|s3)://([^/]+)/?(.*)"),
    "S3Uri": Rule(0, 1024, r"(https|s3)://([^/]+)/?(.*)"),
    "SamplePayloadUrl": Rule(0, 1024, r"(https|s3)://([^/]+)/?(.*)"),
    "SourceUri": Rule(0, 1024),
    "Containers": Rule(1, 15),
    "AdditionalInferenceSpecifications": Rule(1, 15),
    "AdditionalInferenceSpecificationsToAdd": Rule(1, 15),
    "AdditionalModelDataSources": Rule(0, 5),
    "Environment": Rule(0, 100),
    "FrameworkVersion": Rule(3, 10, r"[0-9]\.[A-Za-z0-9.\-]+"),
    "CommitId": Rule(0, 1024, r".*"),
    "Repository": Rule(0, 1024, r".*"),
    "GeneratedBy": Rule(0, 1024, r".*"),
    "ProjectId": Rule(0, 1024, r".*"),
    "ModelCardContent": Rule(0, 100_000),
    "ModelCardStatus": Rule(values=("Draft", "PendingReview", "Approved", "Archived")),
    "ModelApprovalStatus": Rule(values=("Approved", "Rejected", "PendingManualApproval")),
    "ModelPackageRegistrationType": Rule(values=("Logged", "Registered")),
    "ManagedStorageType": Rule(values=("Restricted",)),
    "SkipModelValidation": Rule(values=("All", "None")),
    "ModelPackageType": Rule(values=("Versioned", "Unversioned", "Both")),
    "SortOrder": Rule(values=("Ascending", "Descending")),
    "CrossAccountFilterOption": Rule(values=("SameAccount", "CrossAccount")),
    "MaxResults": Rule(1, 100),
    "NameContains": Rule(0, 63, r"[a-zA-Z0-9\-]+"),
    "Tags": Rule(0, 50),
    "ResourcePolicy": Rule(1, 20_480),
}
_OPAQUE = ("CustomerMetadataProperties", "Environment", "Tags", "SearchExpression")


def invalid(message: str) -> ServiceError:
    """SageMaker's answer to almost everything that is wrong."""
    return ServiceError("ValidationException", message)


def _breach(value: Any, at: str, constraint: str) -> ServiceError:
    name = at[:1].lower() + at[1:]
    return invalid(
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    )


def _check_value(value: Any, rule: Rule, at: str) -> None:
    if rule.values:
        if value not in rule.values:
            raise _breach(value, at, f"Member must satisfy enum value set: [{', '.join(rule.values)}]")
        return
    size = value if isinstance(value, int) else len(value)
    what = "value" if isinstance(value, int) else "length"
    if size < rule.low:
        raise _breach(value, at, f"Member must have {what} greater than or equal to {rule.low}")
    if size > rule.high:
        raise _breach(value, at, f"Member must have {what} less than or equal to {rule.high}")
    if rule.pattern and isinstance(value, str) and not re.fullmatch(rule.pattern, value, re.DOTALL):
        raise _breach(value, at, f"Member must satisfy regular expression pattern: {rule.pattern}")


def _plain(text: str, low: int, high: int) -> bool:
    return low <= len(text) <= high and all(char in _FREE or unicodedata.category(char)[0] in "LZN" for char in text)


def _check_map(name: str, value: Any, at: str) -> None:
    if name == "CustomerMetadataProperties":
        for key, text in value.items():
            if not _plain(key, 1, 128) or not _plain(text, 1, 256):
                raise _breach(
                    f"{key}={text}",
                    at,
                    "Map keys and values: length 1..128 and 1..256, pattern [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
                )
    if name == "Environment":
        for key, text in value.items():
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}", key) or len(text) > 1024:
                raise _breach(
                    key,
                    at,
                    "Map keys must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*, values length 0..1024",
                )


def check(value: Any, at: str = "") -> None:
    """Walks a request document; ValidationException on the first member beyond its limits."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            check(item, f"{at}.{index + 1}.member")
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        place = f"{at}.{name}" if at else name
        if item is not None and name in RULES:
            _check_value(item, RULES[name], place)
        if name in _OPAQUE:
            _check_map(name, item, place)
        else:
            check(item, place)


def check_tags(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags as a dict; ValidationException beyond AWS's limits."""
    kept = {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(kept) != len(tags):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for key, text in kept.items():
        if not _plain(key, 1, 128) or not _plain(text, 0, 256) or key.lower().startswith("aws:"):
            raise _breach(
                f"{key}={text}", "tags", "length 1..128 and 0..256, pattern ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*), not aws:"
            )
    return kept
