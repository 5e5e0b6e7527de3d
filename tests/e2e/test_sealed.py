"""A key that AWS manages is no other account's to use, and that is said before anything is copied."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import CloudError
from controller.kinds.sealed import sealed
from controller.sandbox.kms.state import Key
from tests import bed as beds
from tests.bed import CHURN, REGION, Bed
from tests.e2e.test_copying import RELAY, SOURCE, outcome, platform, source

KEY = f"arn:aws:kms:eu-west-1:{CHURN}:key/aws-managed"


@dataclass
class Kms:
    """Answers DescribeKey."""

    answer: dict[str, Any] | CloudError
    asked: list[Any] = field(default_factory=list)

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, parameters))
        if isinstance(self.answer, CloudError):
            raise self.answer
        return self.answer

    def pages(self, *_: Any, **__: Any) -> Any:
        raise AssertionError


HEAD = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}


@pytest.mark.parametrize(
    ("head", "answer", "refused"),
    [
        (HEAD, {"KeyMetadata": {"KeyManager": "AWS"}}, True),
        (HEAD | {"ServerSideEncryption": "aws:kms:dsse"}, {"KeyMetadata": {"KeyManager": "AWS"}}, True),
        (HEAD, {"KeyMetadata": {"KeyManager": "CUSTOMER"}}, False),
        (HEAD, {}, False),
        (HEAD, CloudError("kms:DescribeKey", "AccessDeniedException", "no", status=400), False),
        ({"ServerSideEncryption": "AES256"}, {"KeyMetadata": {"KeyManager": "AWS"}}, False),
        ({}, {"KeyMetadata": {"KeyManager": "AWS"}}, False),
    ],
)
def test_only_what_is_known_to_be_aws_own_key_is_refused(head: dict[str, Any], answer: Any, refused: bool) -> None:
    kms = Kms(answer)
    said = sealed(kms, head)
    assert bool(said) == refused
    assert (KEY in said, "copy: relay" in said) == (refused, refused)
    assert kms.asked == ([("DescribeKey", {"KeyId": KEY})] if "SSEKMSKeyId" in head else [])


def managed(bed: Bed, manager: str = "AWS") -> None:
    """A key of the spoke's that AWS manages, as `aws/s3` is, or its owner."""
    whole = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{CHURN}:root"}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
    bed.world.keys[KEY] = Key("aws-managed", KEY, CHURN, REGION, 0.0, policy, manager=manager)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("relay", [False, True])
def test_a_plan_refuses_such_an_object_unless_it_is_relayed(bed: Bed, tmp_path: Path, relay: bool, named: bool) -> None:
    beds.simple(bed)
    managed(bed)
    encrypted = {"ServerSideEncryption": "aws:kms", **({"SSEKMSKeyId": KEY} if named else {})}
    bed.client(CHURN, "s3").call("PutObject", Bucket=SOURCE, Key="v1/model.tar.gz", Body=beds.model("one"), **encrypted)
    fleet = platform(churn_lab=RELAY) if relay else beds.PLATFORM
    report = bed.plan(beds.manifests(tmp_path, beds.promotion(), platform=fleet))
    if relay:
        assert any(action.key.kind == "artifact" for action in report.plan.actions)
        return
    assert report.plan.actions == () or all(
        action.key.kind not in ("artifact", "package") for action in report.plan.actions
    )
    assert "AWS manages (aws/s3)" in " ".join(beds.why(report))


@pytest.mark.parametrize("relay", [False, True])
def test_files_below_a_prefix_are_refused_in_the_plan_too(bed: Bed, tmp_path: Path, relay: bool) -> None:
    """By the largest of them: one job mostly writes them all, and a folder's own marker holds nothing."""
    beds.bucket(bed, CHURN, SOURCE)
    managed(bed)
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    beds.group(bed, CHURN, "churn-experiments")
    s3 = bed.client(CHURN, "s3")
    s3.call("PutObject", Bucket=SOURCE, Key="many/1/", Body=b"")
    for name in ("one", "two"):
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}
        s3.call("PutObject", Bucket=SOURCE, Key=f"many/1/{name}", Body=b"x", **encrypted)
    source(bed, {})
    fleet = platform(churn_lab=RELAY) if relay else beds.PLATFORM
    report = bed.plan(beds.manifests(tmp_path, beds.promotion(), platform=fleet))
    assert ("AWS manages (aws/s3)" in " ".join(beds.why(report))) is not relay
    assert ("artifact" in {action.key.kind for action in report.plan.actions}) is relay


def test_a_denied_copy_names_the_sources_key(bed: Bed, tmp_path: Path) -> None:
    beds.bucket(bed, CHURN, SOURCE)
    managed(bed, "CUSTOMER")
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    beds.group(bed, CHURN, "churn-experiments")
    for name in ("one", "two"):
        bed.client(CHURN, "s3").call(
            "PutObject", Bucket=SOURCE, Key=f"many/1/{name}", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=KEY
        )
    source(bed, {})
    bed.world.fault(operation="CopyObject", times=0, do="fail", code="AccessDenied", status=403)
    report = bed.reconcile(beds.manifests(tmp_path, beds.promotion()))
    assert "`copy: relay`" in outcome(report).detail
    assert KEY in outcome(report).detail
