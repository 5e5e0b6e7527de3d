"""`hubwright watch`: events from a queue, a timer, and an end in good order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from controller.core.errors import HubwrightError, UsageError
from controller.core.model import Target
from controller.events.queue import Message, Queue, queue_place
from controller.sandbox.server import Serving
from tests.cli.conftest import Repo
from tests.cli.spokes import HUB, Hand
from tests.events.ways import FOLLOW, event, lay, registered, until

Hands = Callable[[str], Hand]
ALL = [(1, "Approved"), (2, "PendingManualApproval"), (3, "PendingManualApproval")]


@pytest.fixture
def queue(in_hub: Serving, repo: Repo, hand: Hands) -> str:
    repo.commit(teams__growth__follow=FOLLOW)
    return lay(hand, receives=2, visibility=1)


def send(hand: Hands, queue: str, *bodies: Any) -> None:
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body)
        hand(HUB)("sqs").send_message(QueueUrl=queue, MessageBody=text)


def left(hand: Hands, name: str = "work") -> int:
    sqs = hand(HUB)("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    sqs.close()
    return sum(map(int, found.values()))


def watch(repo: Repo, queue: str, *arguments: str) -> int:
    return execute(["watch", "--repo", str(repo.top), "--queue", queue, *arguments])


def test_events_are_brought_about_and_deleted(repo: Repo, queue: str, hand: Hands, tmp_path: Path) -> None:
    send(hand, queue, event(3), event(3), event(1), event(2))
    health, metrics = tmp_path / "health.json", tmp_path / "metrics.prom"
    arguments = ("--every", "0s", "--health", str(health), "--metrics", str(metrics), "--max", "4")
    assert watch(repo, queue, *arguments) == 0
    assert (registered(hand), left(hand)) == (ALL, 0)
    said = json.loads(health.read_text())
    assert (said["status"], said["error"], said["revision"]) == ("stopped", "", repo.git("rev-parse", "HEAD"))
    counts = said["counts"]
    assert (counts["received"], counts["handled"], counts["failed"], counts["refused"]) == (4, 4, 0, 0)
    assert "hubwright_watch_handled_total 4\n" in metrics.read_text()


def test_the_timer_finds_what_events_lost(repo: Repo, queue: str, hand: Hands) -> None:
    assert watch(repo, queue, "--every", "1h", "--once") == 0
    assert registered(hand) == ALL


def test_bad_messages_are_left_to_the_dead_letter_queue(repo: Repo, queue: str, hand: Hands) -> None:
    send(hand, queue, "{", event(3, account="999999999999"), event(3))

    def dead() -> bool:
        assert watch(repo, queue, "--every", "0s", "--once") == 0
        return left(hand, "dead") == 2

    assert until(dead)
    assert (left(hand), registered(hand)) == (0, [ALL[2]])


def test_a_fault_of_its_own_leaves_the_message_and_the_worker(
    repo: Repo, queue: str, hand: Hands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    send(hand, queue, event(3))
    health = tmp_path / "health.json"
    with monkeypatch.context() as broken:
        broken.setattr("controller.events.line.think", lambda *_: {}["not there"])
        assert watch(repo, queue, "--every", "0s", "--health", str(health), "--max", "1") == 0
    assert (registered(hand), left(hand)) == ([], 1)
    assert json.loads(health.read_text())["counts"]["failed"] == 1


def test_what_failed_comes_again(repo: Repo, queue: str, hand: Hands, in_hub: Serving) -> None:
    in_hub.world.fault(operation="CreateModelPackage", do="fail", status=400, code="AccessDeniedException", times=1)
    send(hand, queue, event(3))
    assert watch(repo, queue, "--every", "0s", "--max", "1") == 0
    assert (registered(hand), left(hand)) == ([], 1)
    assert until(lambda: watch(repo, queue, "--every", "0s", "--once") == 0 and left(hand) == 0)
    assert registered(hand) == [ALL[2]]


def test_once_ends_when_the_queue_refuses(repo: Repo, in_hub: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{HUB}/missing"
    assert watch(repo, url, "--every", "0s", "--once") == 1
    assert "sqs:" in capfd.readouterr().err


def test_messages_are_hidden_for_as_long_as_the_work_takes() -> None:
    class Client:
        def __init__(self) -> None:
            self.calls: list[tuple[str, dict[str, Any]]] = []

        def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
            self.calls.append((operation, parameters))
            return {"Attributes": {"VisibilityTimeout": "1"}}

        def pages(self, operation: str, result: str, /, **parameters: Any) -> Any:
            raise AssertionError

    client = Client()
    queue = Queue(client, "https://sqs.eu-west-1.amazonaws.com/111111111111/work")
    with queue.held([Message("m", "r", "{}")], lambda error: None):
        assert until(lambda: len(client.calls) > 2)
    rows = [{"Id": "0", "ReceiptHandle": "r", "VisibilityTimeout": 1}]
    assert client.calls[1] == (
        "ChangeMessageVisibilityBatch",
        {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111111111111/work", "Entries": rows},
    )
    count = len(client.calls)
    assert not until(lambda: len(client.calls) > count, 0.5)


def test_queue_urls() -> None:
    url = "https://sqs.us-east-1.amazonaws.com/111111111111/work.fifo"
    assert queue_place(url, "eu-west-1") == Target("111111111111", "us-east-1")
    assert queue_place("http://127.0.0.1:1/111111111111/work", "eu-west-1") == Target("111111111111", "eu-west-1")
    for wrong in ("work", "https://sqs.us-east-1.amazonaws.com/work", "ftp://a/111111111111/work"):
        with pytest.raises(UsageError):
            queue_place(wrong, "eu-west-1")


@pytest.mark.parametrize("arguments", [("--every", "soon"), ("--queue", "work")])
def test_wrong_words_are_usage_errors(repo: Repo, in_hub: Serving, arguments: tuple[str, str]) -> None:
    assert execute(["watch", "--repo", str(repo.top), "--queue", "http://h/111111111111/q", *arguments]) == 64


class Worker:
    """A watching process of its own."""

    def __init__(self, repo: Repo, queue: str, health: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "controller", "watch", "--repo", str(repo.top), "--queue", queue]
        self.health = health
        self.process = subprocess.Popen(
            [*command, "--every", "0s", "--health", str(health), *arguments],
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def said(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.health.read_text())
        except (FileNotFoundError, ValueError):
            return {"status": "", "counts": {"handled": 0}}
        return found

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        assert b"Traceback" not in said, said.decode()
        return self.process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_it_in_good_order(
    repo: Repo, queue: str, hand: Hands, tmp_path: Path, number: signal.Signals
) -> None:
    worker = Worker(repo, queue, tmp_path / "health.json")
    send(hand, queue, event(3))
    assert until(lambda: worker.said()["counts"]["handled"] == 1)
    assert worker.end(number) == 0
    assert (worker.said()["status"], registered(hand), left(hand)) == ("stopped", [ALL[2]], 0)


class Answering:
    """A client of a queue whose attributes nobody may ask for, or that hides messages for so many seconds."""

    def __init__(self, seconds: str | None) -> None:
        self.seconds = seconds
        self.calls: list[str] = []
        self.again = threading.Event()

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        self.calls.append(operation)
        if operation == "GetQueueAttributes" and self.seconds is None:
            raise HubwrightError("it is denied")
        if len(self.calls) > 9:
            self.again.set()
        return {"Attributes": {"VisibilityTimeout": self.seconds}}


@pytest.mark.parametrize(("seconds", "told"), [(None, ["it is denied"]), ("0", [])])
def test_messages_are_held_though_the_queue_does_not_say_for_how_long(seconds: str | None, told: list[str]) -> None:
    client, heard = Answering(seconds), list[HubwrightError]()
    with Queue(client, "https://sqs/1/work").held([Message("1", "r", "{}")], heard.append):  # type: ignore[arg-type]
        client.again.wait(0.05)
    assert ([str(error) for error in heard], client.calls) == (told, ["GetQueueAttributes"])
