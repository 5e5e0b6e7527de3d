"""Beforehand, too: keys that are known by an alias, the audit's bucket, and where IAM is out of reach."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.aws import cloud
from controller.core.access.beforehand import Question
from controller.core.model import Target
from controller.preflight import Foresight
from controller.simulated import simulations
from tests import flows_more as more
from tests.bed import CHURN, HUB, REGION, STORE, Door, Inline, manifests, promotion, standing, why
from tests.granted import PLATFORM, Granted, role, spoke

POLICY = "hubwright-growth-b49831"
ALIAS = f"arn:aws:kms:{REGION}:{HUB}:alias/models"
WHO = f"arn:aws:iam::{HUB}:role/hubwright-register"
AUDITED = f"arn:aws:s3:::{more.AUDIT}"


def platform() -> dict[str, Any]:
    """One pull spoke; the store's key is known by its alias, and runs are recorded for a day at least."""
    hub = json.loads(json.dumps(PLATFORM["central"]))
    hub["spec"]["stores"][0]["kmsKeyArn"] = ALIAS
    hub["spec"]["audit"] = {"bucket": more.AUDIT, "retention": "1d"}
    return PLATFORM | {"central": hub, "churn-lab": spoke("churn-lab", CHURN, access=role(CHURN))}


def wish(approval: str = "Approved") -> dict[str, Any]:
    return promotion("churn-lab-1", spoke="churn-lab", source="churn-lab-experiments", approval=approval)


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Granted:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    found = Granted(tmp_path_factory.mktemp("fleet"), (wish(),), platform())
    key = found.admins.call(HUB, "kms", "CreateKey")["KeyMetadata"]["KeyId"]
    found.admins.call(HUB, "kms", "CreateAlias", AliasName="alias/models", TargetKeyId=key)
    found.admins.bucket(HUB, STORE)
    more.prepare(found.admins)
    found.source("churn-lab", CHURN)
    found.apply(HUB, CHURN)
    patch.undo()
    return found


@pytest.fixture
def made(first) -> Iterator[Granted]:
    with first.tried() as found:
        yield found


def take_away(world: Granted, name: str, word: str, *actions: str) -> None:
    """Takes actions out of those statements of a hub's role that have `word` in their Sid."""
    inline = world.admins.world.iam_of(HUB).roles[name].inline
    document = json.loads(inline[POLICY])
    changed = [said for said in document["Statement"] if word in said["Sid"] and {*said["Action"]} & {*actions}]
    assert changed
    for said in changed:
        said["Action"] = [action for action in said["Action"] if action not in actions] or ["none:None"]
    inline[POLICY] = json.dumps(document)


def refused_whole(world: Granted, said: str) -> None:
    """What was found is sure, and the run does nothing of it."""
    (found,) = world.foreseen().findings
    assert (found.about, found.standing) == (f"{HUB}/{REGION}/hubwright-register", "refused")
    assert said in found.why, found.why
    assert f"hubwright access apply --account {HUB}" in found.hint
    before = len(world.admins.world.buckets[STORE].objects)
    assert standing(world.run(), "churn-lab-1") == "refused"
    assert len(world.admins.world.buckets[STORE].objects) == before


def test_what_is_granted_by_an_alias_and_for_the_audit_is_seen_as_granted(made):
    assert made.foreseen() == Foresight()
    assert standing(made.run(), "churn-lab-1") == "converged"


@pytest.mark.parametrize(("word", "deed"), [("StoreKeys", "kms:GenerateDataKey"), ("LendsKey", "kms:CreateGrant")])
def test_a_key_that_may_not_be_used_is_named_by_its_alias(made, word, deed):
    take_away(made, "hubwright-register", word, deed)
    refused_whole(made, f"{WHO} lacks {deed} on {ALIAS}")


def test_which_key_an_alias_is_may_be_unknown_and_then_nothing_is_sure(made):
    """Whoever may not see the key asks about any of the account under that alias."""
    take_away(made, "hubwright-read", "LooksAtKeysNamed", "kms:DescribeKey")
    for key in made.admins.world.keys.values():
        key.policy = key.policy.replace("kms:*", "kms:Get*").replace('"kms:DescribeKey",', "")
    assert made.foreseen() == Foresight()
    take_away(made, "hubwright-register", "StoreKeys", "kms:GenerateDataKey")
    found = made.foreseen()
    assert ([item.standing for item in found.findings], found.refused) == (["deferred"], {})
    assert f"{WHO} lacks kms:GenerateDataKey on {ALIAS}" in found.findings[0].why


@pytest.mark.parametrize(
    ("word", "deed", "place"),
    [
        ("Records", "s3:PutObject", f"{AUDITED}/audit/intent.json"),
        ("Records", "s3:PutObjectRetention", f"{AUDITED}/audit/intent.json"),
        ("SeesRetention", "s3:GetBucketObjectLockConfiguration", AUDITED),
    ],
)
def test_a_run_that_could_not_be_recorded_is_not_begun(made, word, deed, place):
    take_away(made, "hubwright-register", word, deed)
    refused_whole(made, f"{WHO} lacks {deed} on {place}")


def test_revoking_waits_for_no_audit(made, tmp_path):
    assert standing(made.run(), "churn-lab-1") == "converged"
    made.fleet = manifests(tmp_path, wish("Rejected"), platform=platform())
    take_away(made, "hubwright-register", "Records", "s3:PutObject")
    assert made.foreseen() == Foresight()


@contextmanager
def unreachable(monkeypatch: pytest.MonkeyPatch, *, listens: bool) -> Iterator[socket.socket]:
    """IAM at a port of this machine: one that takes connections and never says a word, or one that takes none."""
    real = Door.answer
    with socket.socket() as door, monkeypatch.context() as patch:
        door.bind(("127.0.0.1", 0))
        if listens:
            door.listen()
        place = f"http://127.0.0.1:{door.getsockname()[1]}"
        patch.setenv("AWS_ENDPOINT_URL_IAM", place)
        patch.setattr(Door, "answer", lambda self, request: None if place in request.url else real(self, request))
        patch.setattr(cloud, "BRIEF", (0.2, 0.2))
        door.setblocking(False)
        yield door


def connections(door: socket.socket) -> int:
    """How many have come."""
    found: list[socket.socket] = []
    try:
        while True:
            found.append(door.accept()[0])
    except BlockingIOError:
        for one in found:
            one.close()
        return len(found)


@pytest.mark.parametrize("listens", [True, False], ids=["silent", "closed"])
def test_where_iam_is_out_of_reach_the_plan_says_so_once_and_nothing_is_held_back(made, monkeypatch, listens):
    with unreachable(monkeypatch, listens=listens) as door:
        found = made.foreseen()
        assert not listens or connections(door) == 1, "asked once, though there are more questions than one"
        (said,) = found.findings
        assert (said.about, said.standing, found.refused) == (HUB, "deferred", {})
        assert said.why.startswith("what is to be written there was not checked beforehand, IAM was out of reach: ")
        report = made.run()
        assert (standing(report, "churn-lab-1"), why(report, "churn-lab-1")) == ("converged", ())
        assert report.exit_code() == 0
    assert made.foreseen() == Foresight()


def test_a_brief_client_asks_once_and_waits_seconds(tmp_path: Path):
    config = cloud._briefly()
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert config.connect_timeout + config.read_timeout <= 10


def test_an_answer_without_a_word_in_it_is_an_answer():
    class Nothing:
        def client(self, *_: object, **__: object) -> Nothing:
            return self

        def pages(self, *_: object, **__: object) -> Iterator[Any]:
            return iter(())

    asked = Question(Target(HUB, REGION), WHO, ("s3:PutObject",), (), (f"{AUDITED}/x",))
    assert simulations(Nothing(), [asked], Inline()) == {asked: {}}
