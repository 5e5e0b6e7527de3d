"""EventBridge and SQS as AWS documents them: buses, rules, delivery across accounts, and SageMaker's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.sandbox.pump import deliver
from controller.sandbox.world import Telling
from tests.sandbox.conftest import CHURN, HUB, REGION, VISION, Bench
from tests.sandbox.test_packages import create

BUS = f"arn:aws:events:{REGION}:{HUB}:event-bus/models"
PATTERN = json.dumps({"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}})


@pytest.fixture
def ways(bench: Bench) -> Bench:
    """A rule in a spoke forwards to a bus of the hub, whose rule feeds a queue and a function."""
    spoke, hub, sqs = bench.client("events", CHURN), bench.client("events"), bench.client("sqs")
    hub.create_event_bus(Name="models")
    grant = {
        "Sid": "spokes",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{CHURN}:root"},
        "Action": "events:PutEvents",
        "Resource": BUS,
    }
    hub.put_permission(EventBusName="models", Policy=json.dumps({"Version": "2012-10-17", "Statement": [grant]}))
    rule = spoke.put_rule(Name="forward", EventPattern=PATTERN)["RuleArn"]
    assert rule == f"arn:aws:events:{REGION}:{CHURN}:rule/forward"
    spoke.put_targets(Rule="forward", Targets=[{"Id": "hub", "Arn": BUS}])
    arn = hub.put_rule(Name="take", EventBusName="models", EventPattern=PATTERN)["RuleArn"]
    assert arn == f"arn:aws:events:{REGION}:{HUB}:rule/models/take"
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:{REGION}:{HUB}:work",
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    targets = [
        {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{HUB}:work"},
        {"Id": "function", "Arn": f"arn:aws:lambda:{REGION}:{HUB}:function:pull"},
    ]
    hub.put_targets(Rule="take", EventBusName="models", Targets=targets)
    bench.world.settings.status = {"*": ("Completed",)}
    return bench


def receive(bench: Bench, count: int = 10) -> list[dict[str, Any]]:
    url = bench.client("sqs").get_queue_url(QueueName="work")["QueueUrl"]
    rows = bench.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=count).get("Messages", [])
    return [json.loads(row["Body"]) for row in rows]


def test_an_approval_crosses_accounts_with_its_envelope(ways: Bench) -> None:
    """The forwarded event is the original: id, account, time, region, resources and detail."""
    seen: list[Any] = []
    ways.world.functions[f"arn:aws:lambda:{REGION}:{HUB}:function:pull"] = lambda event, _: seen.append(event)
    sm = ways.client("sagemaker", CHURN)
    sm.create_model_package_group(ModelPackageGroupName="churn")
    arn = create(sm, "churn")
    deliver(ways.world)
    assert seen == []
    sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert deliver(ways.world) == 2
    assert receive(ways) == seen
    (event,) = seen
    assert (event["account"], event["region"], event["resources"], event["source"]) == (
        CHURN,
        REGION,
        [arn],
        "aws.sagemaker",
    )
    assert event["detail-type"] == "SageMaker Model Package State Change"
    assert event["detail"]["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]
    assert {"ModelPackageArn", "ModelPackageGroupName", "ModelPackageVersion", "CreationTime"} <= set(event["detail"])
    assert "CustomerMetadataProperties" not in event["detail"]


def test_a_status_that_moves_is_told_once(ways: Bench) -> None:
    """A version created as Approved is told when it is registered, and again when it is Completed."""
    ways.world.settings.status = {"*": ("InProgress", "Completed")}
    ways.world.settings.status_seconds = 0
    sm = ways.client("sagemaker", CHURN)
    sm.create_model_package_group(ModelPackageGroupName="churn")
    arn = create(sm, "churn", ModelApprovalStatus="Approved")
    deliver(ways.world)
    sm.describe_model_package(ModelPackageName=arn)
    deliver(ways.world)
    deliver(ways.world)
    assert [event["detail"]["ModelPackageStatus"] for event in receive(ways)] == ["InProgress", "Completed"]


def test_copies_loss_and_delay_on_demand(ways: Bench) -> None:
    """Duplicates have ids of their own; with a loss of 1 nothing comes; late events wait for the clock."""
    sm, world = ways.client("sagemaker", CHURN), ways.world
    sm.create_model_package_group(ModelPackageGroupName="churn")
    world.settings.events = Telling(copies=10)
    create(sm, "churn", ModelApprovalStatus="Approved")
    deliver(world)
    events = receive(ways)
    assert len({event["id"] for event in events}) == len(events) == 10
    world.settings.events = Telling(loss=1)
    create(sm, "churn", ModelApprovalStatus="Approved", ModelPackageDescription="lost")
    deliver(world)
    assert receive(ways) == []
    world.settings.events = Telling(delay=600)
    create(sm, "churn", ModelApprovalStatus="Approved", ModelPackageDescription="late")
    deliver(world)
    assert receive(ways) == []
    ways.client("sqs").purge_queue(QueueUrl=f"/{HUB}/work")
    world.clock.advance(600)
    deliver(world)
    assert len(receive(ways)) == 1


def test_an_event_handed_on_twice_has_one_id_and_is_in_a_fifo_queue_once(ways: Bench) -> None:
    """Targets: of a FIFO queue the message group; what InputPath takes out is the body that is deduplicated."""
    sqs, hub = ways.client("sqs"), ways.client("events")
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    queue = sqs.create_queue(QueueName="told.fifo", Attributes=fifo)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=queue.replace("told.fifo", "work"), AttributeNames=["Policy"])
    allowed = policy["Attributes"]["Policy"].replace(":work", ":told.fifo")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": allowed})
    arn = f"arn:aws:sqs:{REGION}:{HUB}:told.fifo"
    target = {"Id": "told", "Arn": arn, "InputPath": "$.detail", "SqsParameters": {"MessageGroupId": "models"}}
    hub.put_targets(Rule="take", EventBusName="models", Targets=[target])
    ways.world.settings.events = Telling(deliveries=3)
    detail = json.dumps({"ModelApprovalStatus": "Approved"})
    for _ in range(2):  # two events, told three times each
        entry = {"EventBusName": "models", "Source": "own", "DetailType": "told", "Detail": detail}
        hub.put_events(Entries=[entry])
    hub.put_rule(Name="take", EventBusName="models", EventPattern=json.dumps({"source": ["own"]}))
    heard: list[Any] = []
    ways.world.functions[f"arn:aws:lambda:{REGION}:{HUB}:function:pull"] = lambda event, _: heard.append(event)
    deliver(ways.world)
    assert (len(heard), len({event["id"] for event in heard})) == (6, 2)
    (only,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(only["Body"]) == {"ModelApprovalStatus": "Approved"}


def test_a_third_account_gets_nothing(ways: Bench) -> None:
    """One hop only: what came from one account is not sent on to another."""
    third = ways.client("events", VISION)
    third.create_event_bus(Name="onward")
    hub = ways.client("events")
    arn = f"arn:aws:events:{REGION}:{VISION}:event-bus/onward"
    third.put_permission(EventBusName="onward", Action="events:PutEvents", Principal=HUB, StatementId="hub")
    hub.put_targets(Rule="take", EventBusName="models", Targets=[{"Id": "onward", "Arn": arn}])
    sm = ways.client("sagemaker", CHURN)
    sm.create_model_package_group(ModelPackageGroupName="churn")
    create(sm, "churn", ModelApprovalStatus="Approved")
    deliver(ways.world)
    found = {item.target: item.error for item in ways.world.deliveries}
    assert (found[arn], found[BUS]) == ("NOT_FORWARDED", "")


def test_put_events_refuses_per_entry(bench: Bench) -> None:
    """aws.md 2: an `aws.` source is refused in a 200."""
    entry = {"Source": "team.lineage", "DetailType": "x", "Detail": "{}"}
    answer = bench.client("events").put_events(
        Entries=[entry, entry | {"Source": "aws.sagemaker"}, entry | {"Detail": "no"}]
    )
    assert answer["FailedEntryCount"] == 2
    assert [row.get("ErrorCode") for row in answer["Entries"]] == [
        None,
        "NotAuthorizedForSourceException",
        "MalformedDetail",
    ]


def test_permissions_one_by_one(bench: Bench, refused: Any) -> None:
    """PutPermission by account adds a statement; RemovePermission takes it; a wrong document is refused."""
    hub = bench.client("events")
    for account in (CHURN, VISION):
        hub.put_permission(Action="events:PutEvents", Principal=account, StatementId=f"from-{account}")
    policy = json.loads(hub.describe_event_bus()["Policy"])
    assert [item["Sid"] for item in policy["Statement"]] == [f"from-{CHURN}", f"from-{VISION}"]
    hub.remove_permission(StatementId=f"from-{CHURN}")
    assert len(json.loads(hub.describe_event_bus()["Policy"])["Statement"]) == 1
    hub.remove_permission(RemoveAllPermissions=True)
    assert "Policy" not in hub.describe_event_bus()
    with refused("ResourceNotFoundException"):
        hub.remove_permission(StatementId="absent")
    with refused("ValidationException"):
        hub.put_permission(Policy="{}")
    with refused("InvalidEventPatternException"):
        hub.put_rule(Name="bad", EventPattern='{"source": ["a"],}')


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": ["x"]}, {"a": "x"}, True),
        ({"a": ["x"]}, {"a": ["y", "x"]}, True),
        ({"a": ["x"]}, {}, False),
        ({"a": [1]}, {"a": 1.0}, True),
        ({"a": [1]}, {"a": "1"}, False),
        ({"a": [None]}, {"a": None}, True),
        ({"a": [{"prefix": "ab"}]}, {"a": "abc"}, True),
        ({"a": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"a": "abc"}, True),
        ({"a": [{"suffix": ".gz"}]}, {"a": "m.tar.gz"}, True),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": "x"}, False),
        ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "xy"}, False),
        ({"a": [{"anything-but": "x"}]}, {}, False),
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": [{"exists": False}]}, {"a": None}, False),
        ({"a": {"b": [{"exists": True}]}}, {"a": {"b": ""}}, True),
        ({"a": [{"numeric": [">", 1, "<=", 5]}]}, {"a": 5}, True),
        ({"a": [{"numeric": [">", 1, "<=", 5]}]}, {"a": 1}, False),
        ({"a": [{"equals-ignore-case": "Approved"}]}, {"a": "APPROVED"}, True),
        ({"a": [{"wildcard": "churn-*-prod"}]}, {"a": "churn-9-prod"}, True),
        ({"a": [{"wildcard": "churn-*-prod"}]}, {"a": "churn-9-test"}, False),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.7"}, True),
    ],
)
def test_patterns(bench: Bench, pattern: Any, event: Any, expected: bool) -> None:
    """EventBridge's content filters, as its user guide lists them."""
    answer = bench.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
    assert answer["Result"] is expected
