"""The record of every run: before anything is changed, whole, and there also when the run dies."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.core.audit import name_of, whole
from controller.core.errors import CloudError, PreconditionError
from controller.core.watching import Audit
from controller.kinds import audit as kinds_audit
from controller.sandbox.calls import Call
from controller.sandbox.server import Serving
from tests.cli.conftest import EXAMPLE, Command, Repo
from tests.cli.spokes import HUB, Hand
from tests.pace import sampled

BUCKET = "acme-audit"


def records(serving: Serving) -> list[dict[str, Any]]:
    """All records, oldest first, each as its schema says."""
    schema = Draft202012Validator(json.loads((EXAMPLE.parent / "schemas" / "audit.v1.json").read_text()))
    found = []
    for _, versions in sorted(serving.world.buckets[BUCKET].objects.items()):
        assert len(versions) == 1
        data = json.loads(b"".join(versions[0].pieces))
        schema.validate(data)
        assert whole(data) == ""
        found.append(data)
    return found


def test_records_stand_in_the_order_in_which_runs_began() -> None:
    """Two runs of one second, and of names that sort the other way round."""
    earlier, later = (datetime(2026, 11, 22, 12, 0, 5, part, tzinfo=UTC) for part in (9_000, 123_000))
    names = [name_of("run-b", kind, earlier) for kind in ("intent", "outcome")] + [name_of("run-a", "outcome", later)]
    assert (
        sorted(names)
        == names
        == [
            "2026/11/22/20261122T120005009Z-run-b-intent.json",
            "2026/11/22/20261122T120005009Z-run-b-outcome.json",
            "2026/11/22/20261122T120005123Z-run-a-outcome.json",
        ]
    )


@pytest.fixture
def audited(live: Command, repo: Repo, hand: Callable[[str], Hand]) -> Command:
    hand(HUB).bucket(BUCKET)
    repo.edit("platform/hub-central.yaml", "  images:", f"  audit: {{bucket: {BUCKET}}}\n  images:")
    return live


def test_a_run_says_what_it_is_to_do_and_what_became_of_it(
    audited: Command, repo: Repo, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ana")
    repo.git("commit", "--allow-empty", "-qm", "Promote churn 1 (#12)")
    assert audited("reconcile").code == 0
    intent, outcome = records(serving)
    assert (intent["kind"], outcome["kind"], outcome["intent"]) == ("intent", "outcome", intent["digest"])
    head = ("run", "at", "revision", "hub", "caller", "actor", "pullRequest", "plan")
    assert {name: intent[name] for name in head} == {name: outcome[name] for name in head}
    assert (intent["actor"], intent["pullRequest"], intent["hub"]) == ("ana", "12", "central")
    assert intent["author"] == outcome["author"] == "Ada <ada@example.com>"
    assert intent["caller"].startswith(f"arn:aws:sts::{HUB}:assumed-role/hubwright/")
    assert intent["revision"] == repo.git("rev-parse", "HEAD")
    assert [one["id"] for one in intent["actions"]] == [one["id"] for one in outcome["actions"]]
    assert {one["status"] for one in outcome["actions"]} == {"done"}
    assert len(outcome["actions"]) == 24
    aws = [call for call in outcome["calls"] if call["service"] != "oci"]
    assert {(call["service"], call["operation"]) for call in aws if not call["request"]} == set()
    made = [call for call in aws if call["operation"] == "CreateModelPackage"]
    assert len(made) == 4
    first = next(call for call in serving.world.calls if call.mutating)
    assert first.resource.startswith(BUCKET)
    assert audited("reconcile").code == 0
    last = records(serving)[-1]
    assert (last["kind"], last["intent"], last["actions"], last["exit"]) == ("outcome", None, [], 0)


def test_the_sha256_of_what_passed_through_a_run_is_in_its_result_and_its_record(
    audited: Command, repo: Repo, serving: Serving
) -> None:
    repo.edit("platform/spoke-churn-lab.yaml", "spec:", "spec:\n  copy: relay")
    ended = audited("reconcile", "--format", "json")
    outcomes = json.loads(ended.out)["outcomes"]
    schema = json.loads((EXAMPLE.parent / "schemas" / "result.v1.json").read_text())
    Draft202012Validator(schema).validate(json.loads(ended.out))
    said = {row["action"]: row["facts"]["relayedObjects"] for row in outcomes if "relayedObjects" in row["facts"]}
    kept = {row["id"]: row["relayedObjects"] for row in records(serving)[-1]["actions"] if "relayedObjects" in row}
    assert said == kept
    store = serving.world.buckets["acme-model-store"].objects
    rows = [row for found in said.values() for row in found]
    held = [{"key": row["key"], "sha256": sha256(b"".join(store[row["key"]][-1].pieces)).hexdigest()} for row in rows]
    assert rows == held != []


def test_of_very_many_objects_that_passed_the_digest_of_their_list_is_told(
    audited: Command, repo: Repo, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sha256sum` and `sha256sum | sha256sum` make it: a record must not grow with every object."""
    monkeypatch.setattr("controller.kinds.transfer.LISTED", 0)
    repo.edit("platform/spoke-churn-lab.yaml", "spec:", "spec:\n  copy: relay")
    ended = audited("reconcile", "--format", "json")
    schema = json.loads((EXAMPLE.parent / "schemas" / "result.v1.json").read_text())
    Draft202012Validator(schema).validate(json.loads(ended.out))
    found = {row["action"]: row["facts"] for row in json.loads(ended.out)["outcomes"] if "objects" in row["facts"]}
    said = {name: facts["relayedDigest"] for name, facts in found.items() if "relayedDigest" in facts}
    kept = {row["id"]: row["relayedDigest"] for row in records(serving)[-1]["actions"] if "relayedDigest" in row}
    assert said == kept != {}
    assert not any("relayedObjects" in row for row in (*found.values(), *records(serving)[-1]["actions"]))
    actions = {row["id"]: row["key"] for row in json.loads(ended.out)["actions"]}
    store = serving.world.buckets["acme-model-store"].objects
    for name, told in said.items():
        record = actions[name].rpartition("/")[2]
        text = next(b"".join(kept[-1].pieces) for key, kept in store.items() if key.endswith(f"/{record}.json"))
        keys = sorted(row["key"] for row in json.loads(text)["objects"])
        lines = [f"{sha256(b''.join(store[key][-1].pieces)).hexdigest()}  {key}\n" for key in keys]
        assert told == {"count": len(keys), "sha256": sha256("".join(lines).encode()).hexdigest()}


def test_without_its_record_a_run_only_revokes(audited: Command, repo: Repo, serving: Serving) -> None:
    assert audited("reconcile").code == 0
    repo.edit("teams/vision/ocr-1.yaml", "approval: Approved", "approval: Rejected")
    repo.edit("teams/growth/churn-2.yaml", "approval: PendingManualApproval", "approval: Approved")
    serving.world.fault(service="s3", resource=BUCKET, code="AccessDenied", status=403, message="no", times=0)
    said = audited("reconcile")
    assert said.code == 1
    assert "could not be recorded" in said.err
    versions = serving.world.models_of(HUB, "eu-west-1").packages
    stands = {name: item.body["ModelApprovalStatus"] for name, item in versions.items() if item.body}
    assert stands["ocr/1"] == "Rejected"
    assert sorted(stands.values()) == ["Approved", "Approved", "PendingManualApproval", "Rejected"]


def test_a_hold_and_its_end_are_recorded(audited: Command, repo: Repo, serving: Serving) -> None:
    assert audited("reconcile").code == 0
    before = len(records(serving))
    serving.world.calls.clear()
    assert audited("hold", "churn", "--until", "8h", "--reason", "INC-991").code == 0
    first, *_ = [call.operation for call in serving.world.mutations()]
    assert first == "PutObject"  # its intent, before the tag
    assert audited("hold", "churn", "--release").code == 0
    assert audited("hold", "churn", "--release").out == "the group churn is not held\n"  # and nothing to record
    found = [one for one in records(serving) if one["command"] == "hold"]
    assert len(found) == len(records(serving)) - before == 4
    set_, ended = (
        [one for one in found if not one["actions"][0][side]["hold"]] for side in ("before", "after")
    )  # runs of one second stand in no order
    for (intent, outcome), operation in ((set_, "AddTags"), (ended, "DeleteTags")):
        assert (intent["kind"], outcome["kind"], outcome["intent"]) == ("intent", "outcome", intent["digest"])
        assert outcome["actions"][0]["key"] == f"{HUB}/eu-west-1/group/churn"
        assert outcome["actions"][0]["status"] == "done"
        assert [call["operation"] for call in outcome["calls"] if call["service"] == "sagemaker"] == [operation]
    hold = set_[0]["actions"][0]["after"]["hold"]
    assert hold == ended[0]["actions"][0]["before"]["hold"]
    assert hold.endswith("INC-991")


def test_a_hold_whose_outcome_could_not_be_recorded_stands_and_ends_as_any_such_run(
    audited: Command, serving: Serving
) -> None:
    assert audited("reconcile").code == 0
    serving.world.fault(service="s3", operation="PutObject", resource=BUCKET, nth=2, code="AccessDenied", status=403)
    said = audited("hold", "churn", "--until", "8h", "--reason", "INC-991")
    assert (said.code, said.out.startswith("the group churn is held by ")) == (1, True), said
    assert "the outcome of this run could not be recorded" in said.err


def test_a_hold_that_fails_or_cannot_be_recorded_says_so(audited: Command, serving: Serving) -> None:
    assert audited("reconcile").code == 0
    words = ("hold", "churn", "--until", "8h", "--reason", "INC-991")
    serving.world.fault(operation="AddTags", code="AccessDeniedException", status=400, message="no", times=0)
    said = audited(*words)
    assert (said.code, said.out, "AccessDenied" in said.err) == (1, "", True)
    last = next(one for one in records(serving) if (one["command"], one["kind"]) == ("hold", "outcome"))
    assert [one["status"] for one in last["actions"]] == ["failed"]
    serving.world.faults.clear()
    serving.world.fault(service="s3", resource=BUCKET, code="AccessDenied", status=403, message="no", times=0)
    said = audited(*words)
    assert (said.code, said.out, "could not be recorded" in said.err) == (1, "", True)
    assert not [call for call in serving.world.mutations() if call.operation == "AddTags" and call.status == 200]


@pytest.mark.parametrize("number", sampled([9, 1, 2, 40, 24], str))
def test_a_run_that_dies_leaves_what_it_meant_to_do(
    audited: Command, repo: Repo, serving: Serving, tmp_path: Path, number: int
) -> None:
    """Killed at its n-th changing call: whatever was attempted stands in a record that was there before."""
    assert audited("plan").code == 0
    serving.world.calls.clear()
    running: list[subprocess.Popen[bytes]] = []
    count = [0]

    def kill(phase: str, call: Call) -> None:
        if phase == "after" and call.mutating:
            count[0] += 1
            if count[0] == number:
                running[0].send_signal(signal.SIGKILL)

    serving.world.watchers.append(kill)
    command = [sys.executable, "-m", "controller", "reconcile", "--repo", str(repo.top), "--workers", "1"]
    running.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent)}))
    running[0].wait(60)
    serving.world.watchers.clear()
    assert running[0].returncode == -signal.SIGKILL
    attempted = [call for call in serving.world.mutations() if BUCKET not in call.resource]
    found = records(serving)
    assert [one["kind"] for one in found] == ["intent"]
    assert len(attempted) >= number - 1
    first = next(call for call in serving.world.mutations())
    assert first.resource.startswith(BUCKET)
    assert len(found[0]["actions"]) == 24


class Bucket:
    """A bucket with Object Lock, as far as audit records need one."""

    def __init__(self, *, locked: bool) -> None:
        self.locked = locked
        self.put: dict[str, Any] = {}

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        if operation == "GetObjectLockConfiguration":
            if not self.locked:
                raise CloudError("s3:x", "ObjectLockConfigurationNotFoundError", "none", status=404)
            return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
        assert operation == "PutObject"
        self.put = parameters
        return {}

    def pages(self, *_: Any, **__: Any) -> Any:
        raise AssertionError


def test_a_record_is_locked_for_as_long_as_the_hub_says() -> None:
    place = Audit("acme-audit", retention="3650d")
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    bucket = Bucket(locked=True)
    assert kinds_audit.write(bucket, HUB, place, "a.json", {"b": 1}, now) == "s3://acme-audit/audit/a.json"
    assert bucket.put["ObjectLockMode"] == "COMPLIANCE"
    assert bucket.put["ObjectLockRetainUntilDate"] == datetime(2036, 11, 19, 12, tzinfo=UTC)
    assert bucket.put["IfNoneMatch"] == "*"
    assert len(base64.b64decode(bucket.put["ChecksumSHA256"])) == 32
    with pytest.raises(PreconditionError, match="has no Object Lock"):
        kinds_audit.write(Bucket(locked=False), HUB, place, "a.json", {"b": 1}, now)
    loose = Bucket(locked=False)
    kinds_audit.write(loose, HUB, Audit("acme-audit"), "a.json", {"b": 1}, now)
    assert "ObjectLockMode" not in loose.put


class Kept(Bucket):
    """A bucket with one record."""

    def __init__(self, data: bytes) -> None:
        super().__init__(locked=False)
        self.data = data

    def pages(self, *_: Any, **__: Any) -> Any:
        return [{"Key": "audit/2026/11/22/a-outcome.json"}]

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.data)} if operation == "GetObject" else {}


@pytest.mark.parametrize(("size", "said"), [(100, "it has 0 MiB or more"), (99, "it is not an audit record")])
def test_a_record_that_is_too_large_is_not_called_changed(
    size: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds_audit, "_LARGEST", 100)
    bucket: Any = Kept(b"{" + b" " * size)
    bucket.data = bucket.data[:size]
    ((_, found, wrong),) = kinds_audit.records(bucket, HUB, Audit("acme-audit"))
    assert (found, wrong.partition(":")[0].partition(" (")[0]) == ({}, said)
