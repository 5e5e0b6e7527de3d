"""`watch` killed, again and again, in the middle of whatever it does: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.server import Serving
from tests import bed as beds
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import CHURN, HUB, Hand
from tests.events.test_watch import Worker, left
from tests.events.ways import FOLLOW, event, lay, registered, until

Hands = Callable[[str], Hand]


def tens(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), 10):
        yield items[start : start + 10]


def storm(
    serving: Serving, repo: Repo, hand: Hands, folder: Path, *, kills: int, versions: int, events: int
) -> tuple[int, int]:
    """Sends the events in random order while the worker is killed at random calls; how often it died, and where."""
    chance = random.Random(events)
    for number in range(4, 3 + versions):
        model = hand(CHURN).put("churn-lab-models", f"runs/{number}/model.tar.gz", b"weights %d" % number * 100)
        image = f"{CHURN}.dkr.ecr.eu-west-1.amazonaws.com/churn/serve:1"
        hand(CHURN).package("churn-experiments", {"Image": image, "ModelDataUrl": model})
    queue = lay(hand, receives=1000, visibility=1)
    stream = [event(3 + index % versions) for index in range(events)]
    chance.shuffle(stream)
    batches = list(tens(stream))
    sqs, calls, died, writing = hand(HUB)("sqs"), serving.world.calls, 0, 0
    for index in range(kills):
        for batch in batches[index * len(batches) // kills : (index + 1) * len(batches) // kills]:
            rows = [{"Id": str(at), "MessageBody": json.dumps(item)} for at, item in enumerate(batch)]
            sqs.send_message_batch(QueueUrl=queue, Entries=rows)
        start, more = len(calls), chance.randint(1, 45)
        worker = Worker(repo, queue, folder / "health.json")
        until(lambda: _far(calls, start + more, worker), 3)  # noqa: B023  (it may have nothing left to do by then)
        before = len(serving.world.mutations())
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL
        died += 1
        writing += before > 0
    worker = Worker(repo, queue, folder / "health.json")
    assert until(lambda: left(hand) == 0, 300)
    assert worker.end(signal.SIGTERM) == 0
    sqs.close()
    return died, writing


def _far(calls: Sequence[Any], target: int, worker: Worker) -> bool:
    return len(calls) >= target or worker.process.poll() is not None


def settled(serving: Serving, hand: Hands, hubwright: Command, versions: int) -> None:
    """Every version is registered once, every byte written once, and there is nothing left to do for any of them."""
    assert registered(hand) == [(number, "PendingManualApproval") for number in range(3, 3 + versions)]
    assert (left(hand), left(hand, "dead")) == (0, 0)
    state = beds.hub_state(serving.world)
    assert (len(state["packages"]), state["rewritten"], state["uploads"]) == (versions, [], [])
    assert {key: len(found) for key, found in state["objects"].items() if len(found) > 1} == {}
    again = hubwright("plan", "--scope", "promotion=follow", "--format", "json")
    assert (again.code, again.json["summary"]["actions"]) == (0, 0)


@pytest.fixture
def followed(in_hub: Serving, repo: Repo) -> Serving:
    repo.commit(teams__growth__follow=FOLLOW)
    return in_hub


@pytest.mark.slow
def test_a_few_kills_lose_and_double_nothing(
    followed: Serving, repo: Repo, hand: Hands, hubwright: Command, tmp_path: Path
) -> None:
    assert storm(followed, repo, hand, tmp_path, kills=3, versions=4, events=30)[0] == 3
    settled(followed, hand, hubwright, 4)


@pytest.mark.slow
def test_fifty_kills_under_500_events_lose_and_double_nothing(
    followed: Serving, repo: Repo, hand: Hands, hubwright: Command, tmp_path: Path
) -> None:
    died, _ = storm(followed, repo, hand, tmp_path, kills=50, versions=25, events=500)
    assert died == 50
    settled(followed, hand, hubwright, 25)
