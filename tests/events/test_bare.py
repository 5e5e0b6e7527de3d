"""A bare sandbox, public commands and the handler alone: nothing granted, nothing works; after `access apply` all does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from controller.events import pull_handler
from controller.sandbox.principals import secret_of
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import Session, World
from tests.cli.conftest import Command, Repo, Said
from tests.cli.spokes import CHURN, HUB, REGION, VISION, Hand, furnish
from tests.events.ways import FOLLOW, registered, until

ROLES = {name: f"arn:aws:iam::{HUB}:role/hubwright-{name}" for name in ("read", "register", "approve")}
WORKER = f"arn:aws:iam::{HUB}:role/hubwright-worker"
As = Callable[..., Said]


@pytest.fixture
def bare(repo: Repo) -> Iterator[Serving]:
    """Accounts with what is to be promoted, and administrators. churn-lab is pulled and followed, vision-lab pushes."""
    world = World(bare=True)
    world.settings.status["*"] = ("Completed",)
    world.settings.authorize = True
    serving = serve(world)
    furnish(serving.ready())
    role = f"    role: arn:aws:iam::{HUB}:role/hubwright"
    hub = (repo.top / "manifests/platform/hub-central.yaml").read_text()
    said = next(line for line in hub.splitlines() if line.startswith(role))
    apart = "\n".join([*(f"    {name}: {arn}" for name, arn in ROLES.items()), "    externalId: growth"])
    repo.edit("platform/hub-central.yaml", said, f"{apart}\n  events: {{bus: model-registry}}")
    repo.edit("platform/spoke-vision-lab.yaml", "spec:\n", "spec:\n  pattern: push\n")
    repo.commit(teams__growth__follow=FOLLOW)
    yield serving
    serving.close()


@pytest.fixture
def by(bare: Serving, hubwright: Command, monkeypatch: pytest.MonkeyPatch) -> As:
    """Runs a command as an account's administrator, or by default as the hub's controller."""

    def command(name: str, *arguments: str, account: str = "") -> Said:
        ready = bare.ready()
        keys = ready["accounts"][account]["env"] if account else ready["env"]
        with monkeypatch.context() as there:
            for key, value in {**ready["env"], **keys}.items():
                there.setenv(key, value)
            return hubwright(name, *arguments)

    return command


def standings(said: Said) -> dict[str, str]:
    return {row["name"]: row["standing"] for row in said.json["promotions"]}


def pull(by: As) -> Said:
    return by("reconcile", "--format", "json")


def push(by: As) -> Said:
    return by("reconcile", "--as", "spoke=vision-lab", "--format", "json", account=VISION)


PULLED, PUSHED = ("churn-1", "churn-2"), ("defects-1", "ocr-1")


def test_push_and_pull_work_once_access_is_applied_and_not_before(
    bare: Serving, by: As, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run, role in ((pull, "read"), (push, "register")):
        said = run(by)
        hints = " ".join(hint for row in said.json["promotions"] for hint in row["hints"])
        assert said.code == 5
        assert f"lacks sts:AssumeRole on {ROLES[role]}" in hints
        assert f"hubwright access apply --account {HUB}" in hints
    for account in (HUB, CHURN, VISION):
        said = by("access apply", "--account", account, account=account)
        assert said.code == 0, said.out

    pushed = push(by)
    assert (pushed.code, [standings(pushed)[name] for name in PUSHED]) == (0, ["deferred"] * 2), pushed.out
    done = pull(by)
    assert (done.code, {standings(done)[name] for name in (*PULLED, *PUSHED)}) == (0, {"converged"}), done.out
    by("access apply", "--account", HUB, account=HUB)

    hand = lambda account: Hand(bare.ready(), account)  # noqa: E731
    found = registered(hand)
    with monkeypatch.context() as lent:
        for name, value in {**bare.ready()["env"], **worker(bare.world), "HUBWRIGHT_REPO": str(repo.top)}.items():
            lent.setenv(name, value)
        approve(hand)
        assert pull_handler({"Records": [taken(hand)]}, None) == {"batchItemFailures": []}
    assert registered(hand) == sorted([*found, (4, "PendingManualApproval")])


def worker(world: World) -> Mapping[str, str]:
    """The keys that Lambda has in the role that works on events."""
    role = world.iam_of(HUB).roles["hubwright-worker"]
    now, key = time.time(), f"ASIAHW{HUB[:6]}{world.next_serial():08d}"
    world.sessions[key] = Session(HUB, role.arn, "worker", now + 3600, None, "lambda.amazonaws.com", now, role.id)
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret_of(key),
        "AWS_SESSION_TOKEN": secret_of(key + "token"),
    }


def approve(hand: Callable[[str], Hand]) -> None:
    """A new version in the spoke, approved there by a person."""
    image = f"{CHURN}.dkr.ecr.{REGION}.amazonaws.com/churn/serve:1"
    container = {"Image": image, "ModelDataUrl": "s3://churn-lab-models/runs/3/model.tar.gz"}
    hand(CHURN).package("churn-experiments", container)


def taken(hand: Callable[[str], Hand]) -> dict[str, Any]:
    """The message that has come into the hub's queue, through both rules and the bus, as Lambda hands it over."""
    sqs, found = hand(HUB)("sqs"), list[dict[str, Any]]()
    url = f"https://sqs.{REGION}.amazonaws.com/{HUB}/hubwright-events"

    def came() -> bool:
        found.extend(sqs.receive_message(QueueUrl=url).get("Messages", ()))
        return any(json.loads(item["Body"])["detail"]["ModelPackageVersion"] == 4 for item in found)

    assert until(came)
    body = next(item["Body"] for item in found if json.loads(item["Body"])["detail"]["ModelPackageVersion"] == 4)
    return {"messageId": "1", "eventSource": "aws:sqs", "body": body}
