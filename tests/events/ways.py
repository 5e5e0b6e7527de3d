"""The way of an event: a rule in the spoke, the hub's bus, a rule there, a queue or a function."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.cli.spokes import CHURN, HUB, REGION, Hand

BUS = f"arn:aws:events:{REGION}:{HUB}:event-bus/model-registry"
FUNCTION = f"arn:aws:lambda:{REGION}:{HUB}:function:pull"
PATTERN = {
    "source": ["aws.sagemaker"],
    "detail-type": ["SageMaker Model Package State Change"],
    "detail": {"ModelPackageGroupName": ["churn-experiments"], "ModelApprovalStatus": ["Approved"]},
}
FOLLOW = """apiVersion: hubwright.io/v1beta1
kind: Subscription
metadata: {name: follow}
spec:
  from: {spoke: churn-lab, group: churn-experiments, approval: [Approved], versions: ">=3"}
  to: {group: churn}
"""


def lay(hand: Callable[[str], Hand], *, receives: int = 3, visibility: int = 30) -> str:
    """Bus, policy, rules, queue with a dead-letter queue; gives the queue's URL."""
    spoke, hub, sqs = hand(CHURN)("events"), hand(HUB)("events"), hand(HUB)("sqs")
    hub.create_event_bus(Name="model-registry")
    role = _forwarding(hand(CHURN)("iam"))
    grant = {
        "Sid": "Spokes",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{CHURN}:root"},
        "Action": "events:PutEvents",
        "Resource": BUS,
    }
    hub.put_permission(EventBusName="model-registry", Policy=_policy(grant))
    spoke.put_rule(Name="forward", EventPattern=json.dumps(PATTERN))
    spoke.put_targets(Rule="forward", Targets=[{"Id": "hub", "Arn": BUS, "RoleArn": role}])
    rule = hub.put_rule(Name="take", EventBusName="model-registry", EventPattern=json.dumps(PATTERN))["RuleArn"]
    sqs.create_queue(QueueName="dead")
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{HUB}:dead", "maxReceiveCount": receives}
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": str(visibility)}
    url = str(sqs.create_queue(QueueName="work", Attributes=attributes)["QueueUrl"])
    queue = f"arn:aws:sqs:{REGION}:{HUB}:work"
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(allowed)})
    targets = [{"Id": "queue", "Arn": queue}, {"Id": "function", "Arn": FUNCTION}]
    hub.put_targets(Rule="take", EventBusName="model-registry", Targets=targets)
    return url


def _forwarding(iam: Any) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    arn = str(iam.create_role(RoleName="forward", AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"])
    put = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}
    iam.put_role_policy(RoleName="forward", PolicyName="forward", PolicyDocument=_policy(put))
    return arn


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def event(number: int, **change: Any) -> dict[str, Any]:
    """A state change of a version of churn-experiments, as the hub's bus hands it on."""
    arn = f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package/churn-experiments/{number}"
    detail = {
        "ModelPackageGroupName": "churn-experiments",
        "ModelPackageVersion": number,
        "ModelPackageArn": arn,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
    }
    found = {
        "version": "0",
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "detail-type": "SageMaker Model Package State Change",
        "source": "aws.sagemaker",
        "account": CHURN,
        "time": "2026-11-22T12:00:00Z",
        "region": REGION,
        "resources": [arn],
        "detail": detail,
    }
    return {**found, **change}


def timer(account: str = HUB) -> dict[str, Any]:
    """What a schedule of EventBridge sends."""
    return {
        "version": "0",
        "id": "1",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": "2026-11-22T12:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": {},
    }


def registered(hand: Callable[[str], Hand], group: str = "churn") -> list[tuple[int, str]]:
    """Source version and approval of every version in the hub's group, sorted: equal end states are equal."""
    hub = hand(HUB)("sagemaker")
    try:
        pages = hub.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    except hub.exceptions.ClientError:
        return []
    bodies = [hub.describe_model_package(ModelPackageName=arn) for arn in arns]
    found = [(item["CustomerMetadataProperties"]["hubwright/source"], item["ModelApprovalStatus"]) for item in bodies]
    return sorted((int(source.rpartition("/")[2]), approval) for source, approval in found)


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Waits for something that another thread or process brings about; the time only ends what went wrong."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return true()
