"""What events, timers, pushes and `access apply` leave in the audit bucket: the same two objects as a reconcile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from controller.core.errors import HubwrightError
from controller.events import pull_handler, push_handler
from controller.sandbox.server import Serving
from tests.cli.conftest import Repo
from tests.cli.spokes import CHURN, HUB, Hand
from tests.cli.test_audit import BUCKET, records
from tests.events.test_push import ARTICLE
from tests.events.test_watch import send, watch
from tests.events.ways import FOLLOW, event, lay, registered

Hands = Callable[[str], Hand]


@pytest.fixture
def kept(hand: Hands, repo: Repo, serving: Serving) -> Serving:
    hand(HUB).bucket(BUCKET)
    repo.edit("platform/hub-central.yaml", "  images:", f"  audit: {{bucket: {BUCKET}}}\n  images:")
    repo.commit(teams__growth__follow=FOLLOW)
    serving.world.calls.clear()
    return serving


def test_an_events_run_is_recorded_and_an_idle_one_is_not(kept: Serving, in_hub: Serving, repo: Repo) -> None:
    pull_handler(event(3), None)
    intent, outcome = records(kept)
    assert (intent["kind"], outcome["kind"], outcome["intent"]) == ("intent", "outcome", intent["digest"])
    assert (intent["command"], intent["revision"]) == ("event", repo.git("rev-parse", "HEAD"))
    assert intent["caller"].startswith(f"arn:aws:sts::{HUB}:assumed-role/hubwright/")
    assert {one["status"] for one in outcome["actions"]} == {"done"}
    calls = {(call["service"], call["operation"]) for call in outcome["calls"]}
    assert ("sagemaker", "CreateModelPackage") in calls
    assert kept.world.mutations()[0].resource.startswith(BUCKET)
    pull_handler(event(3), None)
    assert len(records(kept)) == 2
    pull_handler(event(1), None)  # the second run of the same function has a name and calls of its own
    _, _, third, fourth = records(kept)
    assert third["run"] != intent["run"]
    first, second = ({call["request"] for call in one["calls"] if call["request"]} for one in (outcome, fourth))
    assert first
    assert second
    assert not first & second


def lineage(kept: Serving) -> dict[str, Any]:
    """What the one document in the stores says of its promotion."""
    every = [item for bucket in kept.world.buckets.values() for item in bucket.objects.items()]
    (found,) = (versions for name, versions in every if name.endswith(".lineage.json"))
    return dict(json.loads(b"".join(found[-1].pieces))["promotion"])


@pytest.mark.parametrize("way", ["checkout", "bundle", "worker"])
def test_an_events_run_knows_who_asked(
    kept: Serving,
    in_hub: Serving,
    repo: Repo,
    hand: Hands,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """The revision's author and pull request in the record, the Subscription's in the lineage; no review is at hand."""
    followed = repo.git("rev-parse", "HEAD")
    repo.git("-c", "user.name=Bo", "commit", "-q", "--allow-empty", "-m", "Merge pull request #12 from acme/x")
    if way == "bundle":
        path = tmp_path / "bundle.json"
        assert execute(["bundle", "--repo", str(repo.top), "--out", str(path)]) == 0
        monkeypatch.delenv("HUBWRIGHT_REPO")
        monkeypatch.setenv("HUBWRIGHT_BUNDLE", str(path))
        monkeypatch.setenv("PATH", "")  # there is no git
    if way == "worker":
        queue = lay(hand)
        send(hand, queue, event(3))
        assert watch(repo, queue, "--every", "0s", "--max", "1") == 0
    else:
        pull_handler(event(3), None)
    for record in records(kept):
        said = {name: record[name] for name in ("author", "pullRequest", "review", "actor", "link")}
        assert said == {
            "author": "Bo <ada@example.com>",
            "pullRequest": "12",
            "review": None,
            "actor": "",
            "link": "",
        }
    about = lineage(kept)
    assert about["author"] == {"name": "Ada <ada@example.com>", "commit": followed}
    assert about["review"] is None


def test_an_event_that_cannot_be_recorded_does_nothing_and_comes_again(
    kept: Serving, in_hub: Serving, hand: Hands
) -> None:
    kept.world.fault(service="s3", resource=BUCKET, code="AccessDenied", status=403, message="no", times=0)
    with pytest.raises(HubwrightError, match="could not be recorded"):
        pull_handler(event(3), None)
    assert registered(hand) == []
    kept.world.faults.clear()
    pull_handler(event(3), None)
    assert registered(hand) == [(3, "PendingManualApproval")]


DENIED = {"audit": f"arn:aws:s3:::{BUCKET}/*", "store": "arn:aws:s3:::acme-model-store/*"}


@pytest.mark.parametrize("place", DENIED)
def test_an_event_that_is_not_begun_comes_again_until_it_can_be(
    kept: Serving, in_hub: Serving, hand: Hands, repo: Repo, place: str
) -> None:
    """Without a timer nothing else would come back to it. The queue counts how often it came."""
    iam, batch = hand(HUB)("iam"), {"Records": [{"messageId": "1", "body": json.dumps(event(3))}]}
    said = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": DENIED[place]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [said]})
    iam.put_role_policy(RoleName="hubwright", PolicyName="shut", PolicyDocument=policy)
    assert pull_handler(batch, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    with pytest.raises(HubwrightError, match="nothing was begun"):
        pull_handler(event(3), None)
    queue = lay(hand)
    send(hand, queue, event(3))
    assert watch(repo, queue, "--every", "0s", "--max", "1") == 0
    assert registered(hand) == []
    iam.delete_role_policy(RoleName="hubwright", PolicyName="shut")
    assert pull_handler(batch, None) == {"batchItemFailures": []}
    assert registered(hand) == [(3, "PendingManualApproval")]
    left = hand(HUB)("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_the_workers_runs_are_recorded(kept: Serving, in_hub: Serving, repo: Repo, hand: Hands) -> None:
    queue = lay(hand)
    send(hand, queue, event(3))
    assert watch(repo, queue, "--every", "0s", "--max", "1") == 0
    assert watch(repo, queue, "--every", "1h", "--once") == 0  # the timer's run finds the rest
    found = records(kept)
    assert [(one["kind"], one["command"]) for one in found] == [("intent", "watch"), ("outcome", "watch")] * 2
    assert all(one["actions"] for one in found)


def test_a_push_is_recorded(kept: Serving, in_spoke: Serving) -> None:
    assert push_handler(ARTICLE, None)["statusCode"] == "200"
    intent, outcome = records(kept)
    assert (intent["command"], outcome["command"], outcome["intent"]) == ("push", "push", intent["digest"])
    assert "CreateModelPackage" in {call["operation"] for call in outcome["calls"]}


def test_access_apply_is_recorded(
    kept: Serving, repo: Repo, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ready = kept.ready()
    for name, value in {**ready["env"], **ready["accounts"][HUB]["env"]}.items():
        monkeypatch.setenv(name, value)
    code = execute(["access", "apply", "--repo", str(repo.top)])
    found = records(kept)
    assert [(one["kind"], one["command"]) for one in found] == [("intent", "access apply"), ("outcome", "access apply")]
    intent, outcome = found
    assert (outcome["intent"], outcome["exit"], bool(intent["actions"])) == (intent["digest"], code, True)
    assert [one["id"] for one in intent["actions"]] == [one["id"] for one in outcome["actions"]]
    changing = {call.operation for call in kept.world.mutations() if BUCKET not in call.resource}
    assert changing
    assert changing <= {call["operation"] for call in outcome["calls"]}
    assert kept.world.mutations()[0].resource.startswith(BUCKET)
    for name, value in ready["accounts"][CHURN]["env"].items():
        monkeypatch.setenv(name, value)
    execute(["access", "apply", "--repo", str(repo.top)])  # a spoke's own administrator has no way into the hub
    assert "this run is not recorded" in capfd.readouterr().err
    assert len(records(kept)) == 2
