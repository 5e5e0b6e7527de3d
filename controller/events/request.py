"""What a push asks for: the event's parameters, each looked at before anything is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.errors import HubwrightError

PARAMETERS = (
    "image_uri",
    "model_path",
    "model_package_group_name",
    "ds_bucket_name",
    "hub_bucket_name",
    "approval_status",
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_GROUP = re.compile(r"(?:arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package-group/)?([A-Za-z0-9-]{1,63})")
_IMAGE = re.compile(r"[A-Za-z0-9.-]+/[A-Za-z0-9._/-]+(:[A-Za-z0-9._-]{1,128})?(@sha256:[0-9a-f]{64})?", re.ASCII)
_APPROVALS = ("Approved", "PendingManualApproval")
_LONGEST = 1024


class NoError(HubwrightError):
    """A push that is not done; `status` is what HTTP would say."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a push as they are meant."""

    image: str
    key: str
    group: str
    bucket: str
    hub_bucket: str
    approval: str


def asked_of(event: Any) -> Asked:
    """The event's parameters, also from the `body` that API Gateway wraps them in; NoError(400) says what is wrong."""
    values = _values(event)
    for name in PARAMETERS:
        _check_text(values, name)
    if strange := sorted(str(name) for name in values if name not in PARAMETERS):
        raise NoError(400, f"{strange[0]!r} is no parameter", f"there are: {', '.join(PARAMETERS)}")
    bucket = _fit(values, "ds_bucket_name", _BUCKET, "the name of a bucket")
    approval = values["approval_status"]
    if approval not in _APPROVALS:
        raise NoError(400, f"approval_status is {approval!r}", f"it may be {' or '.join(_APPROVALS)}")
    group = _fit(values, "model_package_group_name", _GROUP, "the name of a model package group")
    return Asked(
        image=_fit(values, "image_uri", _IMAGE, "an image of a registry"),
        key=_key(values["model_path"], bucket),
        group=group.rpartition("/")[2],
        bucket=bucket,
        hub_bucket=_fit(values, "hub_bucket_name", _BUCKET, "the name of a bucket"),
        approval=approval,
    )


def _values(event: Any) -> Mapping[str, Any]:
    if isinstance(event, Mapping) and "body" in event and not set(PARAMETERS) & set(event):
        event = event["body"]
        try:
            event = json.loads(event) if isinstance(event, str) else event
        except (ValueError, RecursionError) as error:
            raise NoError(400, "the body is not JSON") from error
    if not isinstance(event, Mapping):
        raise NoError(400, "the event is not a JSON object")
    return event


def _check_text(values: Mapping[str, Any], name: str) -> None:
    value = values.get(name)
    if value is None:
        raise NoError(400, f"{name} is missing")
    if not isinstance(value, str):
        raise NoError(400, f"{name} is not a text")
    if not value or len(value) > _LONGEST or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise NoError(400, f"{name} is empty, too long, or has control characters")


def _fit(values: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str) -> str:
    value = str(values[name])
    if not pattern.fullmatch(value):
        raise NoError(400, f"{name} is not {what}")
    return value


def _key(path: str, bucket: str) -> str:
    """The object's key; `s3://` and the bucket may stand before it."""
    if path.startswith("s3://"):
        named, _, path = path.removeprefix("s3://").partition("/")
        if named != bucket:
            raise NoError(400, "model_path names another bucket than ds_bucket_name")
    if not path or path.startswith("/") or path.endswith("/"):
        raise NoError(400, "model_path is not the key of an object")
    return path
