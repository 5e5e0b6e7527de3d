"""Lineage from a hub version back to data and commit, told once, and every change to it noticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from controller.core.announce import read_detail
from controller.core.errors import CloudError
from controller.core.manifests import Manifests
from controller.core.report import Report
from controller.core.trace import parse_asked
from controller.reconcile import reconcile
from controller.sandbox.demo.seed import plant
from controller.sandbox.others import reset_moto
from controller.sandbox.pump import deliver
from controller.sandbox.wire import Died
from controller.sandbox.world import World
from controller.trace import Trace, trace
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed, Inline
from tests.pace import sampled

SCHEMAS = Path(__file__).parents[2] / "schemas"
TABLE, BUS = "hubwright-lineage", "model-registry"
LISTENER = f"arn:aws:lambda:{beds.REGION}:{HUB}:function:listen"
GROUPS: dict[str, dict[str, Any]] = {
    name: {"kind": "ModelGroup", "metadata": {"name": name}, "spec": {"readers": ["vision-lab"]}}
    for name in ("defects", "ocr")
}
DEMO = (
    beds.promotion(),
    beds.promotion("churn-2", version=2),
    beds.promotion("defects-1", spoke="vision-lab", source="defects-pipeline", to="defects"),
    beds.promotion("ocr-1", spoke="vision-lab", source="ocr-experiments", to="ocr"),
)


def platform(**lineage: str) -> dict[str, dict[str, Any]]:
    found = copy.deepcopy(beds.PLATFORM) | GROUPS
    if lineage:
        found["central"]["spec"]["lineage"] = lineage
    return found


@pytest.fixture(scope="module")
def _planted() -> World:
    world = World(logical=True)
    world.settings.status = {"*": ("Completed",)}
    plant(world)
    return world


@pytest.fixture
def demo(_planted: World) -> Iterator[Bed]:
    yield Bed(beds.Door(_planted.copy()))
    reset_moto()


def traced(bed: Bed, fleet: Manifests, what: str) -> Trace:
    return trace(bed.reader, fleet, parse_asked(what), Inline())


def hub_arn(group: str = "churn", number: int = 1) -> str:
    return f"arn:aws:sagemaker:{beds.REGION}:{HUB}:model-package/{group}/{number}"


def validator(name: str) -> Draft202012Validator:
    found = [json.loads((SCHEMAS / item).read_text()) for item in ("lineage.v1.json", "trace.v1.json")]
    registry = Registry().with_resources((item["$id"], Resource.from_contents(item)) for item in found)
    return Draft202012Validator(json.loads((SCHEMAS / name).read_text()), registry=registry)


def key_of(bed: Bed, ending: str) -> str:
    return next(key for key in bed.world.buckets[STORE].objects if key.endswith(ending))


@pytest.mark.parametrize(
    ("group", "number", "job"),
    [
        ("churn", 1, "churn-experiments-1"),
        ("churn", 2, "churn-experiments-2"),
        ("defects", 1, "defects-pipeline-1"),
        ("ocr", 1, "ocr-experiments-1"),
    ],
)
def test_every_demo_model_is_traced_to_its_data_and_commit_and_back(
    demo: Bed, tmp_path: Path, group: str, number: int, job: str
) -> None:
    fleet = beds.manifests(tmp_path, *DEMO, platform=platform())
    assert demo.reconcile(fleet).exit_code() == 0
    found = traced(demo, fleet, hub_arn(group, number))
    (one,) = found.versions
    assert found.sound
    assert one.faults == ()
    assert one.lineage is not None
    assert one.lineage.digest == one.package.mark("lineage")
    account, project = one.package.source.account, job[:-2]
    bucket = {CHURN: "churn-lab-models"}.get(account, "vision-lab-models")
    assert one.lineage.jobs == (f"arn:aws:sagemaker:{beds.REGION}:{account}:training-job/{job}",)
    assert one.lineage.inputs == (f"s3://{bucket}/{project}/{job[-1]}/train/data.csv",)
    assert len(one.lineage.commit) == 40
    assert one.lineage.repository.endswith(f"/{project}")
    assert one.lineage.data["training"][0]["experiment"] == project
    assert one.lineage.data["unread"] == {}
    assert list(validator("lineage.v1.json").iter_errors(one.lineage.data)) == []
    assert list(validator("trace.v1.json").iter_errors(found.to_json())) == []
    assert one.readers == (() if group == "churn" else ("vision-lab",))
    for what in (
        one.package.source.arn,
        one.package.mark("release"),
        one.package.mark("promotion"),
        one.package.mark("lineage"),
        one.to_json()["artifacts"][0],
    ):
        assert [item.package.version for item in traced(demo, fleet, what).versions] == [one.package.version], what
    image = one.to_json()["images"][0]
    assert one.package.version in [item.package.version for item in traced(demo, fleet, image).versions]


def test_a_source_object_is_traced_forward_to_the_hub(demo: Bed, tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, *DEMO, platform=platform())
    demo.reconcile(fleet)
    for what, group in (
        ("s3://churn-lab-models/churn-experiments/1/model.tar.gz", "churn"),
        ("s3://vision-lab-models/ocr-experiments/1/artifact/labels.json", "ocr"),
    ):
        assert [item.package.version.arn for item in traced(demo, fleet, what).versions] == [hub_arn(group)]


def test_a_tampered_document_or_artifact_is_reported(demo: Bed, tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform())
    demo.reconcile(fleet)
    s3 = demo.client(HUB, "s3")
    place = key_of(demo, ".lineage.json")
    whole = s3.call("GetObject", Bucket=STORE, Key=place)["Body"].read()
    commit = json.loads(whole)["source"]["commit"].encode()
    s3.call("PutObject", Bucket=STORE, Key=place, Body=whole.replace(commit, b"0" * 40))
    (one,) = traced(demo, fleet, hub_arn()).versions
    assert len(one.faults) == 1
    assert "its lineage document was changed" in one.faults[0]
    s3.call("PutObject", Bucket=STORE, Key=place, Body=b"[]")
    (one,) = traced(demo, fleet, hub_arn()).versions
    assert "cannot be trusted" in one.faults[0]
    s3.call("PutObject", Bucket=STORE, Key=place, Body=whole)
    assert traced(demo, fleet, hub_arn()).sound
    artifact = key_of(demo, "/1/model.tar.gz")
    s3.call("PutObject", Bucket=STORE, Key=artifact, Body=b"other weights")
    (one,) = traced(demo, fleet, hub_arn()).versions
    hint = "find out who wrote below the store's prefix: only the bytes that were promoted are approved"
    assert one.faults == (f"s3://{STORE}/{artifact} is not what was recorded ({hint})",)


def test_what_the_spoke_does_not_tell_holds_nothing_up(demo: Bed, tmp_path: Path) -> None:
    demo.world.fault(
        service="sagemaker", operation="DescribeTrainingJob", do="fail", code="AccessDeniedException", status=400
    )
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform())
    assert demo.reconcile(fleet).exit_code() == 0
    (one,) = traced(demo, fleet, hub_arn()).versions
    assert one.lineage is not None
    job = f"arn:aws:sagemaker:{beds.REGION}:{CHURN}:training-job/churn-experiments-1"
    assert one.lineage.data["unread"] == {job: "sagemaker:DescribeTrainingJob: AccessDeniedException"}
    assert one.lineage.commit


@pytest.mark.parametrize("nth", sampled(range(1, 13), str))
def test_after_a_crash_the_document_stays_that_of_the_run_that_wrote_it(demo: Bed, tmp_path: Path, nth: int) -> None:
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform())
    demo.world.fault(mutating=True, nth=nth, when="after", do="die")
    with suppress(Died):
        _reconciled(demo, fleet, "ana")
    written = [key for key in demo.world.buckets[STORE].objects if key.endswith(".lineage.json")]
    demo.world.faults.clear()
    assert _reconciled(demo, fleet, "bo").exit_code() == 0
    (one,) = traced(demo, fleet, hub_arn()).versions
    assert (one.faults, one.lineage is None) == ((), False)
    assert one.lineage.data["promotion"]["author"] == {"name": "ana" if written else "bo", "commit": "0" * 40}
    assert one.lineage.digest == one.package.mark("lineage")
    assert beds.verbs(demo.plan(fleet)) == []


def _reconciled(bed: Bed, fleet: Manifests, author: str) -> Report:
    thought = bed.think(fleet)
    effects = bed.effects(thought, fleet.revision)
    asked = replace(effects, asked=lambda *_: {"author": {"name": author, "commit": "0" * 40}})
    return reconcile(asked, thought, fleet, Inline(), lambda *_: None)


def listeners(bed: Bed) -> None:
    bed.client(HUB, "dynamodb").call(
        "CreateTable",
        TableName=TABLE,
        KeySchema=[{"AttributeName": "promotion", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "promotion", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    told = bed.client(HUB, "events")
    told.call("CreateEventBus", Name=BUS)
    pattern = json.dumps({"source": ["hubwright"], "detail-type": ["Hubwright Model Promoted"]})
    told.call("PutRule", Name="listen", EventBusName=BUS, EventPattern=pattern)
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    bed.client(HUB, "sqs").call("CreateQueue", QueueName="promoted.fifo", Attributes=fifo)
    queue = {
        "Id": "2",
        "Arn": f"arn:aws:sqs:{beds.REGION}:{HUB}:promoted.fifo",
        "InputPath": "$.detail",
        "SqsParameters": {"MessageGroupId": "promoted"},
    }
    told.call("PutTargets", Rule="listen", EventBusName=BUS, Targets=[{"Id": "1", "Arn": LISTENER}, queue])


def events(world: World) -> int:
    return sum(call.operation == "PutEvents" and call.status == 200 for call in world.calls)


def test_the_event_and_the_item_say_it_once(demo: Bed, tmp_path: Path) -> None:
    listeners(demo)
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform(table=TABLE, bus=BUS))
    report = demo.reconcile(fleet)
    assert [str(item.action.key.kind) for item in report.outcomes if item.status != "done"] == []
    assert beds.verbs(demo.plan(fleet)) == []
    assert events(demo.world) == 1
    place = [call.operation for call in demo.world.calls].index("PutEvents")
    around = [
        (call.operation, call.resource.rpartition(".")[0][-10:]) for call in demo.world.calls[place - 1 : place + 2]
    ]
    assert around == [("HeadObject", ".announced"), ("PutEvents", ""), ("PutObject", ".announced")]
    (item,) = demo.client(HUB, "dynamodb").call("Scan", TableName=TABLE)["Items"]
    (one,) = traced(demo, fleet, hub_arn()).versions
    assert one.lineage is not None
    assert item["version"] == {"S": hub_arn()}
    assert item["digest"] == {"S": one.lineage.digest}
    assert json.loads(item["document"]["S"]) == one.lineage.data


def heard(bed: Bed) -> list[dict[str, Any]]:
    """The details of all events that came to the one who listens at the bus."""
    seen: list[dict[str, Any]] = []
    bed.world.functions[LISTENER] = lambda event, _: seen.append(event["detail"])
    deliver(bed.world)
    return seen


def queued(bed: Bed) -> list[str]:
    """The bodies of all messages that are in the FIFO queue of the bus."""
    sqs = bed.client(HUB, "sqs")
    url = sqs.call("GetQueueUrl", QueueName="promoted.fifo")["QueueUrl"]
    found = sqs.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [item["Body"] for item in found.get("Messages", [])]


def _emptied(bed: Bed) -> None:
    table = bed.client(HUB, "dynamodb")
    for item in table.call("Scan", TableName=TABLE)["Items"]:
        table.call("DeleteItem", TableName=TABLE, Key={"promotion": item["promotion"]})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_loses_no_word_and_says_none_twice_that_is_known(
    demo: Bed, tmp_path: Path, when: str
) -> None:
    listeners(demo)
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform(table=TABLE, bus=BUS))
    demo.warm()
    base = demo.world
    base.settings.events.deliveries = 2  # EventBridge hands on every event twice
    demo.door.world = base.copy()
    before = len(demo.world.mutations())
    demo.reconcile(fleet)
    calls = [f"{call.operation} {call.resource}" for call in demo.world.mutations()[before:]]
    assert events(demo.world) == 1
    twice = []
    for nth, call in enumerate(calls, 1):
        demo.door.world = base.copy()
        _emptied(demo)  # tables are no part of the copy
        demo.world.fault(mutating=True, nth=nth, when=when, do="die")
        with pytest.raises(Died):
            demo.reconcile(fleet)
        demo.world.faults.clear()
        assert demo.reconcile(fleet).exit_code() == 0
        details = heard(demo)
        assert len(details) == 2 * events(demo.world)
        if events(demo.world) > 1:
            twice.append(call.partition("/")[0] if when == "before" else call.partition(" ")[0])
        assert {one["id"] for one in details} == {details[0]["id"]}
        assert {json.dumps(one) for one in details} == {json.dumps(details[0])}
        assert [json.loads(body) for body in queued(demo)] == [details[0]]  # the queue itself holds one
        assert sum(call.operation == "PutItem" and call.status == 200 for call in demo.world.calls) == 1
        (item,) = demo.client(HUB, "dynamodb").call("Scan", TableName=TABLE)["Items"]
        assert (item["promotion"]["S"], item["digest"]["S"]) == (details[0]["id"], details[0]["lineage"]["digest"])
        assert beds.verbs(demo.plan(fleet)) == []
    # Only where it was sent, or may have been, and the note of it was not written: nobody knows then.
    assert twice == ({"before": [f"PutObject {STORE}"], "after": ["PutEvents"]}[when])


def test_who_keeps_ids_acts_once_however_late_the_second_event_comes(demo: Bed, tmp_path: Path) -> None:
    """A FIFO queue knows a body for five minutes; a table of one's own, asked conditionally, for ever."""
    listeners(demo)
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform(table=TABLE, bus=BUS))
    demo.world.fault(operation="PutEvents", when="after", do="die")
    with pytest.raises(Died):
        demo.reconcile(fleet)
    demo.world.faults.clear()
    first = heard(demo)
    demo.world.clock.advance(3600)
    assert demo.reconcile(fleet).exit_code() == 0
    details = first + heard(demo)
    assert len(details) == events(demo.world) == len(queued(demo)) == 2
    table = demo.client(HUB, "dynamodb")
    key = {"AttributeName": "id", "KeyType": "HASH"}
    named = [{"AttributeName": "id", "AttributeType": "S"}]
    table.call(
        "CreateTable",
        TableName="seen",
        KeySchema=[key],
        AttributeDefinitions=named,
        BillingMode="PAY_PER_REQUEST",
    )
    acted = []
    for body in queued(demo):
        item = {"id": {"S": read_detail(body)["id"]}}
        with suppress(CloudError):
            table.call("PutItem", TableName="seen", Item=item, ConditionExpression="attribute_not_exists(id)")
            acted.append(item)
    assert acted == [{"id": {"S": details[0]["id"]}}]


def test_two_runs_that_both_mean_to_tell_send_one_event(demo: Bed, tmp_path: Path) -> None:
    listeners(demo)
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform(table=TABLE, bus=BUS))
    first, second = demo.think(fleet), demo.think(fleet)
    for thought in (first, second):
        report = reconcile(demo.effects(thought, fleet.revision), thought, fleet, Inline(), lambda *_: None)
        assert report.exit_code() == 0
    assert len(heard(demo)) == events(demo.world) == 1


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_a_crash_at_any_call_leaves_the_version_its_lineage(demo: Bed, tmp_path: Path, when: str) -> None:
    """Without a lock: what an earlier run recorded is only known once the source has been read."""
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform())
    demo.warm()
    base = demo.world
    demo.door.world = base.copy()
    before = len(demo.world.mutations())
    demo.reconcile(fleet)
    calls = len(demo.world.mutations()) - before
    for nth in range(1, calls + 1):
        demo.door.world = base.copy()
        demo.world.fault(mutating=True, nth=nth, when=when, do="die")
        with pytest.raises(Died):
            demo.reconcile(fleet)
        demo.world.faults.clear()
        assert demo.reconcile(fleet).exit_code() == 0
        (one,) = traced(demo, fleet, hub_arn()).versions
        assert (one.faults, one.lineage is not None) == ((), True), f"died {when} mutating call {nth}"


def test_an_item_of_somebody_else_is_never_overwritten(demo: Bed, tmp_path: Path) -> None:
    listeners(demo)
    without = beds.manifests(tmp_path / "a", beds.promotion(), platform=platform())
    demo.reconcile(without)
    identity = beds.described(demo)["CustomerMetadataProperties"]["hubwright/promotion"]
    table = demo.client(HUB, "dynamodb")
    table.call("PutItem", TableName=TABLE, Item={"promotion": {"S": identity}, "version": {"S": "forged"}})
    fleet = beds.manifests(tmp_path / "b", beds.promotion(), platform=platform(table=TABLE))
    report = demo.reconcile(fleet)
    assert [item.status for item in report.outcomes] == ["failed"]
    assert "says something else" in report.outcomes[0].detail
    assert table.call("Scan", TableName=TABLE)["Items"][0]["version"] == {"S": "forged"}


def test_the_words_of_an_event_are_ours_alone() -> None:
    with pytest.raises(ValueError, match="not a hubwright"):
        read_detail('{"format": "other"}')
