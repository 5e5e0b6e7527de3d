"""The pull handler: an event is a hint, the live state decides; end to end through rule, bus, rule and handler."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from controller.core.canonical import digest
from controller.core.errors import HubwrightError
from controller.events import line as lines
from controller.events import pull_handler
from controller.events.hint import ForgedError, Hint, hint_of
from controller.sandbox.server import Serving
from controller.sandbox.world import Telling
from controller.source.load import load
from tests.cli.conftest import Repo
from tests.cli.spokes import CHURN, HUB, VISION, Hand
from tests.events.ways import FOLLOW, FUNCTION, event, lay, registered, timer, until

Hands = Callable[[str], Hand]
FRESH = [(3, "PendingManualApproval")]


@pytest.fixture
def following(in_hub: Serving, repo: Repo) -> Serving:
    repo.commit(teams__growth__follow=FOLLOW)
    return in_hub


def approve(hand: Hands, number: int = 3, approval: str = "Approved") -> None:
    arn = f"arn:aws:sagemaker:eu-west-1:{CHURN}:model-package/churn-experiments/{number}"
    hand(CHURN)("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus=approval)


@pytest.mark.parametrize(
    "telling",
    [Telling(), Telling(copies=10), Telling(copies=10, shuffle=True), Telling(loss=1.0)],
    ids=["once", "ten times", "ten times, shuffled", "all lost"],
)
def test_an_approval_in_the_spoke_reaches_the_hub_as_pending(following: Serving, hand: Hands, telling: Telling) -> None:
    lay(hand)
    heard: list[Any] = []

    def function(what: Any, context: Any) -> None:
        pull_handler(what, context)
        heard.append(what)

    following.world.functions[FUNCTION] = function
    following.world.settings.events = telling
    approve(hand, 3, "PendingManualApproval")
    following.world.calls.clear()
    approve(hand)
    if telling.loss:
        assert not until(lambda: bool(heard), 1.0)
        assert registered(hand) == []
        pull_handler(timer(), None)  # the timer finds what events lost
        assert registered(hand) == [(1, "Approved"), (2, "PendingManualApproval"), *FRESH]
    else:
        assert until(lambda: len(heard) == telling.copies)
        assert registered(hand) == FRESH
    made = [
        item for item in following.world.calls if (item.operation, item.resource) == ("CreateModelPackage", "churn")
    ]
    assert len(made) == len(registered(hand))
    before = len(following.world.mutations())
    pull_handler(event(3), None)  # late, and twice
    pull_handler(event(3), None)
    assert len(following.world.mutations()) == before


def test_any_order_of_events_and_duplicates_comes_to_one_state(following: Serving, hand: Hands) -> None:
    for _ in range(4):
        hand(CHURN).package("churn-experiments", _container(hand))
    events = [event(number) for number in (1, 2, 3, 4, 5, 6, 7) for _ in range(3)]
    random.Random(7).shuffle(events)
    for start in range(0, len(events), 5):
        records = [_record(item, str(index)) for index, item in enumerate(events[start : start + 5])]
        assert pull_handler({"Records": records}, None) == {"batchItemFailures": []}
    approvals = [(1, "Approved"), (2, "PendingManualApproval")]
    assert registered(hand) == [*approvals, *((number, "PendingManualApproval") for number in range(3, 8))]


def _container(hand: Hands) -> dict[str, str]:
    return {
        "Image": f"{CHURN}.dkr.ecr.eu-west-1.amazonaws.com/churn/serve:1",
        "ModelDataUrl": "s3://churn-lab-models/runs/3/model.tar.gz",
    }


def _record(body: Any, name: str) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"messageId": name, "eventSource": "aws:sqs", "body": text}


def test_a_batch_fails_in_part(following: Serving, hand: Hands) -> None:
    records = [
        _record(event(3), "good"),
        _record("{", "no json"),
        _record(event(3, account="999999999999"), "forged"),
        _record(event(2), "promotion"),
        _record(event(1), "also good"),
    ]
    following.world.fault(operation="CreateModelPackage", nth=2, do="fail", status=400, code="AccessDenied", times=9)
    said = pull_handler({"Records": records}, None)
    failed = {item["itemIdentifier"] for item in said["batchItemFailures"]}
    assert {"no json", "forged"} < failed < {"no json", "forged", "good", "promotion", "also good"}
    following.world.faults.clear()
    assert pull_handler(
        {"Records": [item for item in records if item["messageId"] in failed - {"no json", "forged"}]}, None
    ) == {"batchItemFailures": []}
    assert registered(hand) == [(1, "Approved"), (2, "PendingManualApproval"), *FRESH]


def test_an_event_that_no_run_gets_over_takes_no_other_with_it(
    following: Serving, hand: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come again together each time: what is done with the others must not wait for the one."""
    thinks = lines.think

    def think(cloud: Any, manifests: Any, scope: Any, *more: Any) -> Any:
        if "follow/4" in scope.promotions:
            raise ZeroDivisionError("of one version")
        return thinks(cloud, manifests, scope, *more)

    monkeypatch.setattr(lines, "think", think)
    records = [_record(event(number), str(number)) for number in (4, 1, 2, 3)]
    assert pull_handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "4"}]}
    assert registered(hand) == [(1, "Approved"), (2, "PendingManualApproval"), *FRESH]


def test_a_lone_event_that_another_try_may_mend_raises(following: Serving, hand: Hands) -> None:
    following.world.fault(account=CHURN, do="fail", status=400, code="AccessDeniedException", times=0)
    with pytest.raises(HubwrightError, match="could not be read"):
        pull_handler(event(3), None)
    following.world.faults.clear()
    assert pull_handler(event(3), None) == {"promotions": {"follow/3": "converged"}}


def test_what_people_have_to_mend_does_not_come_again(following: Serving, repo: Repo) -> None:
    repo.edit("platform/guardrails-production.yaml", "requireLock: false", "requireLock: true ")
    assert pull_handler(event(3), None) == {"promotions": {"follow/3": "blocked"}}


def test_nothing_is_begun_when_the_time_is_nearly_over(following: Serving, hand: Hands) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 1000

    with pytest.raises(HubwrightError):
        pull_handler(event(3), Context())
    assert registered(hand) == []


def test_a_bundle_stands_for_the_repository(
    following: Serving, repo: Repo, tmp_path: Path, hand: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.json"
    assert execute(["bundle", "--repo", str(repo.top), "--out", str(path)]) == 0
    text = path.read_text()
    monkeypatch.delenv("HUBWRIGHT_REPO")
    monkeypatch.setenv("HUBWRIGHT_BUNDLE", str(path))
    monkeypatch.setenv("PATH", "")  # there is no git
    assert pull_handler(event(3), None) == {"promotions": {"follow/3": "converged"}}
    path.write_text(text.replace('"apart": false', '"apart": true'))
    with pytest.raises(HubwrightError, match="is not whole"):
        pull_handler(event(3), None)


def test_an_older_bundle_says_nothing_of_who_asked_and_is_read(
    following: Serving, repo: Repo, tmp_path: Path, hand: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.json"
    assert execute(["bundle", "--repo", str(repo.top), "--out", str(path)]) == 0
    new = json.loads(path.read_text())
    said = {name: repo.git("log", "-1", f"--format={form}") for name, form in (("at", "%cI"), ("subject", "%s"))}
    assert new["commit"] == {"author": "Ada <ada@example.com>", "pull": "", **said}
    assert {(one["author"], one["commit"]) for one in new["mine"]["files"] if one["path"].endswith("follow.yaml")} == {
        ("Ada <ada@example.com>", repo.git("rev-parse", "HEAD"))
    }
    old = {name: value for name, value in new.items() if name not in ("commit", "digest")}
    for one in old["mine"]["files"]:
        one["author"] = one["commit"] = None
    path.write_text(json.dumps(old | {"digest": digest(old)}))
    monkeypatch.delenv("HUBWRIGHT_REPO")
    monkeypatch.setenv("HUBWRIGHT_BUNDLE", str(path))
    assert pull_handler(event(3), None) == {"promotions": {"follow/3": "converged"}}


FLEET = {
    "another detail-type": {"detail-type": "SageMaker Training Job State Change"},
    "another source": {"source": "custom.sagemaker"},
    "no account": {"account": None},
    "a stranger's account": {"account": "999999999999"},
    "another spoke's account": {"account": VISION},
    "another region": {"region": "us-east-1"},
    "resources of another": {"resources": [f"arn:aws:sagemaker:eu-west-1:{VISION}:model-package/ocr-experiments/1"]},
    "no detail": {"detail": None},
}
DETAIL = {
    "an ARN of another account": {"ModelPackageArn": "arn:aws:sagemaker:eu-west-1:999999999999:model-package/a/1"},
    "an ARN of another partition": {
        "ModelPackageArn": f"arn:aws-cn:sagemaker:eu-west-1:{CHURN}:model-package/churn-experiments/3"
    },
    "no ARN": {"ModelPackageArn": None},
    "an ARN that is none": {"ModelPackageArn": "churn-experiments/3"},
    "a version beyond all counting": {
        "ModelPackageArn": f"arn:aws:sagemaker:eu-west-1:{CHURN}:model-package/churn-experiments/{'9' * 5000}"
    },
    "another group": {"ModelPackageGroupName": "churn-secret"},
    "another version": {"ModelPackageVersion": 4},
}


@pytest.mark.parametrize("name", [*FLEET, *DETAIL])
def test_forged_events_are_refused_and_touch_nothing(following: Serving, hand: Hands, name: str) -> None:
    forged = event(3, **FLEET.get(name, {}))
    if name in DETAIL:
        forged["detail"] = {**forged["detail"], **DETAIL[name]}
    before = len(following.world.calls)
    assert set(pull_handler(forged, None)) == {"refused"}
    assert pull_handler({"Records": [_record(forged, "x")]}, None) == {"batchItemFailures": [{"itemIdentifier": "x"}]}
    assert len(following.world.calls) == before


def test_hints(repo: Repo) -> None:
    repo.commit(teams__growth__follow=FOLLOW)
    fleet = load(repo.top, attribution=False)
    assert hint_of(event(1), fleet) == Hint(frozenset({"churn-1", "follow/1"}))
    assert hint_of(event(3), fleet) == Hint(frozenset({"follow/3"}))
    assert hint_of(timer(), fleet) == Hint(whole=True)
    with pytest.raises(ForgedError):
        hint_of(timer(CHURN), fleet)
    in_hub = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/churn/1"
    ours = event(1, account=HUB, resources=[in_hub], detail={"ModelPackageArn": in_hub})
    assert hint_of(ours, fleet) == Hint()  # our own updates start nothing
    alone = f"arn:aws:sagemaker:eu-west-1:{CHURN}:model-package/alone"
    assert hint_of(event(1, resources=[alone], detail={"ModelPackageArn": alone}), fleet) == Hint()
    repo.edit("platform/spoke-churn-lab.yaml", "spec:\n", "spec:\n  pattern: push\n")
    assert hint_of(event(3), load(repo.top, attribution=False)) == Hint()


def test_words_of_an_event_stay_words_in_the_log_and_the_answer(
    following: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "c4n4ryc4n4ryc4n4ry"
    forged = timer(f"1\n::error::gone \x1b[2J\u202e password={canary}")
    with caplog.at_level("INFO", logger="hubwright.events"):
        answer = pull_handler(forged, None)
        pull_handler({"Records": [{"messageId": f"\n\x1b {canary}", "body": json.dumps(forged)}]}, None)
    assert answer["refused"].endswith("password=[redacted], which is no hub of this fleet")
    assert [message.count("\\x0a::error::gone \\x1b[2J\\u202e password=[redacted]") for message in caplog.messages] == [
        1,
        1,
    ]
    assert all(message.isprintable() for message in caplog.messages)
