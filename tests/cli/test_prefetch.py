"""`prefetch`: copies of what is locked, and nothing else."""

from __future__ import annotations

import json

from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import VISION, Hand


def test_only_copies_are_made_and_the_later_run_moves_nothing(live: Command, repo: Repo, serving: Serving) -> None:
    assert live("lock", "defects-1").code == 0
    repo.commit()
    serving.world.calls.clear()
    said = live("prefetch")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("defects-1: ")
    assert "copies made" in said.out
    changed = {call.operation for call in serving.world.mutations()}
    assert not changed & {"CreateModelPackage", "UpdateModelPackage", "CreateModelPackageGroup"}
    assert "CopyObject" in changed
    serving.world.calls.clear()
    again = live("prefetch", "defects-1")
    assert (again.code, again.out, serving.world.mutations()) == (0, "defects-1: everything is there\n", [])
    done = live("reconcile", "--scope", "promotion=defects-1", "--format", "json")
    assert (done.code, done.json["promotions"][0]["isNow"]) == (0, "Approved")
    assert not {call.operation for call in serving.world.mutations()} & {"CopyObject", "UploadPartCopy"}


def test_what_has_no_lock_is_not_fetched_ahead(live: Command) -> None:
    said = live("prefetch", "churn-1")
    assert (said.code, "has no lock" in said.err) == (64, True)
    assert live("prefetch", "nothing").code == 64


def test_without_any_lock_it_says_so(live: Command) -> None:
    said = live("prefetch")
    assert (said.code, said.out) == (
        0,
        "no promotion has a lock: nothing is fetched ahead (pin sources: hubwright lock)\n",
    )


def test_what_is_held_back_comes_with_what_to_do(live: Command, repo: Repo, serving: Serving) -> None:
    assert live("lock", "defects-1").code == 0
    repo.commit()
    hand = Hand(serving.ready(), VISION)("s3")
    hand.put_object(Bucket="vision-lab-models", Key="defects/prepare.tar.gz", Body=b"other bytes")
    said = live("prefetch")
    assert said.code == 5
    assert said.out == (
        "defects-1: mismatch: the source is not what its lock names "
        "(if the change is meant: hubwright lock defects-1, and commit the lock)\n"
    )


def test_a_log_hears_how_far_artifacts_and_images_have_come(live: Command) -> None:
    said = live("reconcile", "--log", "json", "--format", "json")
    events = [json.loads(line) for line in said.err.splitlines()]
    copies = {item["key"].split("/")[2]: item for item in events if item["event"] == "copy"}
    assert {"artifact", "image"} <= {*copies}
    assert all(item["bytes"] == item["total"] > 0 for item in copies.values())
    totals = said.json["totals"]
    assert totals["bytes"] > totals["relayed"] > 0
    assert totals["seconds"] >= 0


def test_a_log_hears_how_far_proofs_have_come_that_read_bytes(live: Command, repo: Repo) -> None:
    repo.edit("platform/hub-central.yaml", "      prefix: models\n", "      prefix: models\n      verify: deep\n")
    repo.commit()
    said = live("reconcile", "--log", "json", "--format", "json")
    events = [json.loads(line) for line in said.err.splitlines()]
    checks = {item["key"]: item for item in events if item["event"] == "check"}
    assert {key.split("/")[2] for key in checks} == {"artifact", "approval"}
    assert len(checks) == sum(item["event"] == "check" for item in events)
    assert all(item["bytes"] == item["total"] > 0 for item in checks.values())
    copies = {item["key"]: item["total"] for item in events if item["event"] == "copy"}
    read = {key: item["total"] for key, item in checks.items() if "/artifact/" in key}
    assert read == {key: 2 * total for key, total in copies.items() if "/artifact/" in key}
    assert said.json["totals"]["bytes"] + said.json["totals"]["skipped"] == sum(copies.values())


def test_a_log_hears_of_a_relay_ahead_of_the_merge_as_of_any_other(live: Command, repo: Repo, serving: Serving) -> None:
    repo.edit("platform/spoke-vision-lab.yaml", "spec:\n", "spec:\n  copy: relay\n")
    assert live("lock", "defects-1").code == 0
    repo.commit()
    said = live("prefetch", "--log", "json")
    events = [json.loads(line) for line in said.err.splitlines()]
    begun, ended = ({item["key"] for item in events if item["event"] == name} for name in ("begin", "end"))
    assert begun == ended
    assert {key.split("/")[2] for key in begun} >= {"artifact", "image"}
    copies = {item["key"]: item for item in events if item["event"] == "copy"}
    assert {key.split("/")[2] for key in copies} == {"artifact", "image"}
    assert all(item["bytes"] == item["total"] > 0 for item in copies.values())
    assert {"GetObject", "PutObject"} <= {call.operation for call in serving.world.calls if call.service == "s3"}
    assert "through this machine" in said.out
