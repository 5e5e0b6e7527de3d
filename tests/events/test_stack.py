"""The CloudFormation template deployed on moto: what comes into being, and that it is gone again afterwards.

moto's CloudFormation knows all of the template's types but three, which are given to it below: what their properties
come to is handed to moto's own EventBridge, SQS and CloudWatch.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto import mock_aws
from moto.core.common_models import CloudFormationModel
from moto.events.models import EventBus

TEMPLATE = Path(__file__).parents[2] / "packaging" / "events.yaml"
HUB, SPOKES, REGION = "111111111111", ("222222222222", "333333333333"), "eu-west-1"
ROLES = [f"arn:aws:iam::{HUB}:role/hubwright-{name}" for name in ("read", "register", "approve")]
TOPIC = f"arn:aws:sns:{REGION}:{HUB}:people"


@cache
def client(service: str) -> Any:
    return Session().create_client(
        service, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
    )


class _Given(CloudFormationModel):
    """What the three types have in common: made by a call, taken away by another."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "Hubwright::Test::Given"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return False

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[misc]
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        cls.make(resource_name, dict(cloudformation_json["Properties"]))
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(  # type: ignore[misc]
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        cls.unmake(resource_name, dict(cloudformation_json["Properties"]))

    @staticmethod
    def make(name: str, given: dict[str, Any]) -> None: ...

    @staticmethod
    def unmake(name: str, given: dict[str, Any]) -> None: ...


class _BusPolicy(_Given, CloudFormationModel):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Events::EventBusPolicy"

    @staticmethod
    def make(name: str, given: dict[str, Any]) -> None:
        statement = {"Sid": given["StatementId"], **given["Statement"]}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        client("events").put_permission(EventBusName=given["EventBusName"], Policy=policy)


class _QueuePolicy(_Given, CloudFormationModel):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SQS::QueuePolicy"

    @staticmethod
    def make(name: str, given: dict[str, Any]) -> None:
        for url in given["Queues"]:
            attributes = {"Policy": json.dumps(given["PolicyDocument"])}
            client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)


class _Alarm(_Given, CloudFormationModel):
    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @staticmethod
    def make(name: str, given: dict[str, Any]) -> None:
        client("cloudwatch").put_metric_alarm(AlarmName=name, **{key: x for key, x in given.items() if x is not None})

    @staticmethod
    def unmake(name: str, given: dict[str, Any]) -> None:
        client("cloudwatch").delete_alarms(AlarmNames=[name])


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto, as the hub's account with the function's code in a bucket."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", HUB)
    # A bus's Ref is its name; moto has none for it.
    monkeypatch.setattr(EventBus, "physical_resource_id", property(lambda bus: bus.name), raising=False)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        s3 = client("s3")
        s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="code", Key="function-1.zip", Body=b"zip")
        yield


def deploy(**more: str) -> dict[str, str]:
    """Creates the stack; its outputs."""
    given = {
        "CodeBucket": "code",
        "CodeKey": "function-1.zip",
        "SpokeAccounts": ",".join(SPOKES),
        "HubRoleArns": ",".join(ROLES),
        "AlarmTopicArn": TOPIC,
        **more,
    }
    words = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="hubwright", TemplateBody=TEMPLATE.read_text(), Parameters=words)
    (stack,) = cloudformation.describe_stacks(StackName="hubwright")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}


def resources() -> dict[str, str]:
    """Logical and physical names."""
    # moto lists what a condition left out, without a name.
    listed = client("cloudformation").list_stack_resources(StackName="hubwright")["StackResourceSummaries"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in listed if item["LogicalResourceId"]}


def queue(url: str) -> dict[str, Any]:
    """A queue's attributes that are not counts and times; documents as data."""
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    wanted = ("Policy", "RedrivePolicy", "VisibilityTimeout", "MessageRetentionPeriod", "SqsManagedSseEnabled")
    kept = {name: found[name] for name in wanted if name in found}
    return {name: json.loads(value) if value.startswith("{") else value for name, value in kept.items()}


def arn_of(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{HUB}:{url.rpartition('/')[2]}"


def only(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: item.get(name) for name in names}


def test_spokes_events_come_through_the_bus_into_the_queue(account: None) -> None:
    outputs, made = deploy(), resources()
    events, bus = client("events"), f"arn:aws:events:{REGION}:{HUB}:event-bus/model-registry"
    assert outputs["BusArn"] == bus
    assert json.loads(events.describe_event_bus(Name="model-registry")["Policy"])["Statement"] == [
        {
            "Sid": "HubwrightSpokes",
            "Effect": "Allow",
            "Principal": {"AWS": list(SPOKES)},
            "Action": "events:PutEvents",
            "Resource": bus,
            "Condition": {"StringEquals": {"events:source": "aws.sagemaker"}},
        }
    ]
    (rule,) = events.list_rules(EventBusName="model-registry")["Rules"]
    assert (rule["State"], json.loads(rule["EventPattern"])) == (
        "ENABLED",
        {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "account": list(SPOKES),
        },
    )
    assert outputs["QueueUrl"] == made["Queue"]
    assert events.list_targets_by_rule(Rule=rule["Name"], EventBusName="model-registry")["Targets"] == [
        {
            "Id": "queue",
            "Arn": arn_of(made["Queue"]),
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        }
    ]
    kept = {"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true"}
    assert queue(made["Queue"]) == {
        **kept,
        "VisibilityTimeout": "5400",
        "RedrivePolicy": {"deadLetterTargetArn": arn_of(made["DeadQueue"]), "maxReceiveCount": 5},
        "Policy": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "RuleSends",
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn_of(made["Queue"]),
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule["Arn"]}},
                }
            ],
        },
    }
    assert queue(made["DeadQueue"]) == queue(made["FailedRuns"]) == {**kept, "VisibilityTimeout": "30"}


def check_function(made: dict[str, str], source: str) -> None:
    """The function takes from the queue, answers for single messages, and may do nothing else than that takes."""
    function, role = f"arn:aws:lambda:{REGION}:{HUB}:function:{made['Function']}", made["FunctionRole"]
    lambdas, iam = client("lambda"), client("iam")
    (mapping,) = lambdas.list_event_source_mappings()["EventSourceMappings"]
    names = ("EventSourceArn", "FunctionArn", "BatchSize", "MaximumBatchingWindowInSeconds", "State")
    assert only(mapping, *names, "FunctionResponseTypes", "ScalingConfig") == {
        "EventSourceArn": source,
        "FunctionArn": function,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 5,
        "State": "Enabled",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }
    found = lambdas.get_function_configuration(FunctionName=made["Function"])
    assert only(found, "Handler", "Runtime", "Role", "Timeout", "MemorySize", "Architectures", "Environment") == {
        "Handler": "controller.events.pull_handler",
        "Runtime": "python3.13",
        "Role": f"arn:aws:iam::{HUB}:role/{role}",
        "Timeout": 900,
        "MemorySize": 1024,
        "Architectures": ["x86_64"],
        "Environment": {"Variables": {"HUBWRIGHT_BUNDLE": "bundle.json"}},
    }
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    policy = iam.get_role_policy(RoleName=role, PolicyName="events")["PolicyDocument"]
    granted = ast.literal_eval(policy)["Statement"]  # moto keeps what Python prints of it
    take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
    logs = f"arn:aws:logs:{REGION}:{HUB}:log-group:{made['Logs']}"
    assert [(item["Sid"], item["Action"], item["Resource"]) for item in granted] == [
        ("AssumeTheRolesOfTheManifests", "sts:AssumeRole", ROLES),
        ("TakeMessages", take, source),
        ("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], logs),
        ("LeaveLostTimers", "sqs:SendMessage", arn_of(made["FailedRuns"])),
    ]
    (group,) = client("logs").describe_log_groups()["logGroups"]
    assert only(group, "logGroupName", "retentionInDays") == {"logGroupName": made["Logs"], "retentionInDays": 365}


def check_timer(made: dict[str, str]) -> None:
    """Only the timer's rule calls the function, every 15 minutes."""
    (rule,) = client("events").list_rules()["Rules"]
    function = f"arn:aws:lambda:{REGION}:{HUB}:function:{made['Function']}"
    assert only(rule, "Name", "ScheduleExpression", "State") == {
        "Name": made["Timer"],
        "ScheduleExpression": "rate(15 minutes)",
        "State": "ENABLED",
    }
    targets = client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert targets == [{"Id": "function", "Arn": function}]
    (allowed,) = json.loads(client("lambda").get_policy(FunctionName=made["Function"])["Policy"])["Statement"]
    assert only(allowed, "Effect", "Action", "Principal", "Resource", "Condition") == {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": function,
        "Condition": {"ArnLike": {"AWS:SourceArn": rule["Arn"]}},
    }


def test_the_function_takes_from_the_queue_and_a_timer_calls_it(account: None) -> None:
    outputs, made = deploy(), resources()
    assert outputs["FunctionArn"].endswith(f":function:{made['Function']}")
    check_function(made, arn_of(made["Queue"]))
    check_timer(made)


def alarms(made: dict[str, str]) -> dict[str, tuple[Any, ...]]:
    """What each alarm looks at, when it rings and for whom."""
    logical = {physical: name for name, physical in made.items()}
    return {
        logical[item["AlarmName"]]: (
            f"{item['Namespace']} {item['MetricName']} {item['Statistic']}",
            {each["Name"]: each["Value"] for each in item["Dimensions"]},
            f"{item['ComparisonOperator']} {item['Threshold']:g}",
            (item["EvaluationPeriods"], item["Period"], item["TreatMissingData"]),
            tuple(item["AlarmActions"]),
        )
        for item in client("cloudwatch").describe_alarms()["MetricAlarms"]
    }


def expected(made: dict[str, str], dead: str, *people: str) -> dict[str, tuple[Any, ...]]:
    """The alarms that there are whoever made the queues."""
    function, least = {"FunctionName": made["Function"]}, "GreaterThanOrEqualToThreshold"
    waiting = "AWS/SQS ApproximateNumberOfMessagesVisible Maximum"
    return {
        "Refused": (waiting, {"QueueName": dead}, f"{least} 1", (1, 300, "notBreaching"), people),
        "Failing": ("AWS/Lambda Errors Sum", function, f"{least} 1", (2, 900, "notBreaching"), people),
        "Silent": ("AWS/Lambda Invocations Sum", function, "LessThanThreshold 1", (2, 3600, "breaching"), people),
    }


def test_alarms_ring_for_refused_late_failing_and_silent(account: None) -> None:
    deploy()
    made = resources()
    names = {name: made[name].rpartition("/")[2] for name in ("Queue", "DeadQueue")}
    late = (
        "AWS/SQS ApproximateAgeOfOldestMessage Maximum",
        {"QueueName": names["Queue"]},
        "GreaterThanOrEqualToThreshold 3600",
        (3, 300, "notBreaching"),
        (TOPIC,),
    )
    assert alarms(made) == {**expected(made, names["DeadQueue"], TOPIC), "Late": late}


def test_with_the_queue_of_access_only_the_rest_is_made(account: None) -> None:
    url = client("sqs").create_queue(QueueName="hubwright-events")["QueueUrl"]
    outputs, made = deploy(QueueArn=arn_of(url), SpokeAccounts="", AlarmTopicArn=""), resources()
    rest = {"Function", "FunctionRole", "Logs", "FailedRuns", "Messages", "Timer", "TimerMayCall"}
    assert set(made) == rest | {"Refused", "Failing", "Silent"}
    assert set(outputs) == {"FunctionArn"}
    check_function(made, arn_of(url))
    check_timer(made)
    assert alarms(made) == expected(made, "hubwright-events-dead")


def test_what_is_deleted_is_gone_but_messages_and_logs(account: None) -> None:
    deploy()
    made = resources()
    client("cloudformation").delete_stack(StackName="hubwright")
    left = {
        "queues": sorted(client("sqs").list_queues()["QueueUrls"]),
        "logs": [group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]],
        "buses": [bus["Name"] for bus in client("events").list_event_buses()["EventBuses"]],
        "rules": client("events").list_rules()["Rules"],
        "functions": client("lambda").list_functions()["Functions"],
        "mappings": client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "roles": client("iam").list_roles()["Roles"],
        "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
    }
    gone: dict[str, list[Any]] = {name: [] for name in ("rules", "functions", "mappings", "roles", "alarms")}
    kept = {"queues": sorted([made["Queue"], made["DeadQueue"]]), "logs": [made["Logs"]], "buses": ["default"]}
    assert left == gone | kept
