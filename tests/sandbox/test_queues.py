"""SQS as its API reference documents it: visibility, redrive, batches, errors; and KMS's keys and policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import CHURN, HUB, REGION, Bench


@pytest.fixture
def sqs(bench: Bench) -> Any:
    return bench.client("sqs")


def test_a_received_message_is_hidden_until_its_time_is_over(sqs: Any, bench: Bench) -> None:
    """A receipt is good until the message is received again."""
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    sqs.send_message(
        QueueUrl=url, MessageBody="one", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}}
    )
    (first,) = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )["Messages"]
    assert (first["Body"], first["MessageAttributes"]["a"]["StringValue"]) == ("one", "b")
    assert first["Attributes"] == {"ApproximateReceiveCount": "1"}
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=600)
    bench.world.clock.advance(300)
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    bench.world.clock.advance(301)
    (again,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"] == dict(
        zip(counts, ("0", "1"), strict=True)
    )
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"] == dict.fromkeys(counts, "0")


def test_messages_received_too_often_go_to_the_dead_letter_queue(sqs: Any, bench: Bench) -> None:
    """RedrivePolicy: after maxReceiveCount receipts it is not given again."""
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{HUB}:dead", "maxReceiveCount": 2})
    url = sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    for _ in range(2):
        assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
        bench.world.clock.advance(31)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "one"


def test_a_fifo_queue_keeps_the_order_of_a_group_and_knows_a_body_for_five_minutes(
    sqs: Any, bench: Bench, refused: Any
) -> None:
    """ContentBasedDeduplication: what is received or deleted by then is known, too."""
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="told.fifo", Attributes=fifo)["QueueUrl"]
    bodies = ("one", "two", "one", "three")
    ids = [sqs.send_message(QueueUrl=url, MessageBody=text, MessageGroupId="a")["MessageId"] for text in bodies]
    sqs.send_message(QueueUrl=url, MessageBody="other", MessageGroupId="b")
    assert (ids[0] == ids[2], len({*ids})) == (True, 3)
    (first,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert first["Body"] == "one"
    rest = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [item["Body"] for item in rest] == ["other"]  # "one" is hidden, and what follows it in its group waits
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="one", MessageGroupId="a")
    rest = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [item["Body"] for item in rest] == ["two", "three"]
    bench.world.clock.advance(301)
    sqs.send_message(QueueUrl=url, MessageBody="one", MessageGroupId="a")
    rest = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(item["Body"] for item in rest) == ["one", "other", "three", "two"]
    with refused("MissingParameter"):
        sqs.send_message(QueueUrl=url, MessageBody="one")
    for name, attributes in (("told", fifo), ("told.fifo", {}), ("a.fifo", {"FifoQueue": "false"})):
        with refused("InvalidParameterValue"):
            sqs.create_queue(QueueName=name, Attributes=attributes)
    with refused("InvalidAttributeName"):
        sqs.create_queue(QueueName="told", Attributes={"ContentBasedDeduplication": "true"})
    bare = sqs.create_queue(QueueName="bare.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    with refused("InvalidParameterValue"):
        sqs.send_message(QueueUrl=bare, MessageBody="one", MessageGroupId="a")
    for text in ("one", "two"):
        sqs.send_message(QueueUrl=bare, MessageBody=text, MessageGroupId="a", MessageDeduplicationId="x")
    (only,) = sqs.receive_message(QueueUrl=bare, MaxNumberOfMessages=10)["Messages"]
    assert only["Body"] == "one"


def test_batches_and_errors(sqs: Any, bench: Bench, refused: Any) -> None:
    """Ten entries at most; failures stand in a 200; the older protocol's code names a missing queue."""
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "\x00"}]
    )
    assert [row["Id"] for row in answer["Successful"]] == ["a"]
    assert [(row["Id"], row["Code"]) for row in answer["Failed"]] == [("b", "InvalidMessageContents")]
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        bench.client("sqs", CHURN).get_queue_url(QueueName="work")
    with refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"):
        sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "ReceiptHandle": "x"} for n in range(11)])
    with refused("InvalidAttributeValue"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": "{"})
    with refused("QueueAlreadyExists"):
        sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "5"})


def test_keys_and_their_policies(bench: Bench, refused: Any) -> None:
    """A key has the usual policy until another is put; principals have to exist."""
    kms = bench.client("kms")
    arn = kms.create_key(Description="models")["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/models", TargetKeyId=arn)
    assert kms.describe_key(KeyId="alias/models")["KeyMetadata"]["Arn"] == arn
    policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{HUB}:root"}
    policy["Statement"].append(
        policy["Statement"][0] | {"Sid": "more", "Principal": {"AWS": f"arn:aws:iam::{CHURN}:root"}}
    )
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy))
    assert json.loads(kms.get_key_policy(KeyId=arn)["Policy"]) == policy
    with refused("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=arn, Policy=json.dumps(policy).replace(f"{CHURN}:root", f"{CHURN}:role/absent"))
    with refused("NotFoundException"):
        bench.client("kms", CHURN).describe_key(KeyId="alias/models")
