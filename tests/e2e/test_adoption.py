"""Adoption: a hub version of others is taken over where it stands, if and only if its bytes are its source's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.amend import retried
from controller.core.model import Target
from controller.core.scope import Scope
from controller.drift import Look, look
from controller.kinds import artifact, lineage
from controller.kinds.lineage import lineage_key
from controller.reconcile import reconcile
from tests import bed as beds
from tests.bed import CHURN, HUB, REGION, STORE, Bed, Inline
from tests.e2e.adopted import adopting, by_hand, copied


def marks(bed: Bed, number: int = 1) -> dict[str, str]:
    found = beds.described(bed, number)["CustomerMetadataProperties"]
    return {name: value for name, value in found.items() if name.startswith("hubwright/")}


def untouched(bed: Bed, before: int) -> None:
    assert [call.operation for call in bed.world.mutations()[before:] if call.service != "sagemaker"] == []
    assert marks(bed) == {}
    assert not [key for key in bed.world.buckets[STORE].objects if "/.releases/" in key]


def test_equal_bytes_are_adopted_without_a_copy_and_without_a_second_version(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting(reason="Made by hand once."))
    planned = bed.plan(fleet)
    assert beds.verbs(planned) == ["update group", "create artifact", "update package", "update approval"]
    before = len(bed.world.mutations())
    done = bed.reconcile(fleet)
    assert [(item.status, item.detail) for item in done.outcomes if item.status != "done"] == []
    calls = [call.operation for call in bed.world.mutations()[before:]]
    assert not {"CopyObject", "UploadPartCopy", "CreateModelPackage", "PutImage"} & set(calls)
    assert calls.count("PutObject") == 2  # lineage and record
    live = beds.described(bed)
    assert live["ModelApprovalStatus"] == "Approved"
    assert live["CustomerMetadataProperties"]["by"] == "a script"
    own = marks(bed)
    assert (own["hubwright/fleet"], own["hubwright/approval"], own["hubwright/approved"]) == (
        "growth",
        "Approved",
        "yes",
    )
    assert own["hubwright/source"].endswith(f":{CHURN}:model-package/churn-experiments/1")
    s3 = bed.client(HUB, "s3")
    key = f"models/.releases/{CHURN}/{own['hubwright/promotion']}.json"
    record = artifact.read_back(s3, HUB, STORE, key)
    assert (record.adopted, sorted(item.key for item in record.objects)) == (
        1,
        ["models/old/churn/metrics.json", "models/old/churn/model.tar.gz"],
    )
    document = lineage.read(s3, HUB, STORE, lineage_key(key))
    assert document is not None
    assert document.digest == own["hubwright/lineage"] == record.lineage
    again = bed.reconcile(fleet)
    assert (again.plan.actions, again.exit_code(), beds.standing(again)) == ((), 0, "converged")


def different_model(bed: Bed) -> None:
    by_hand(bed, model=beds.model("two"))


def shorter_model(bed: Bed) -> None:
    by_hand(bed, model=b"x")


def different_image(bed: Bed) -> None:
    by_hand(bed, image="serve two")


def swapped_digest(bed: Bed) -> None:
    """The right image stands in the repository, and the version names another."""
    beds.simple(bed)
    beds.push(bed, HUB, "old/churn", "right", "serve one")
    copied(bed, image="serve two")


def movable_tag(bed: Bed) -> None:
    beds.simple(bed)
    copied(bed, tagged="1")


@pytest.mark.parametrize("hub", [different_model, shorter_model, different_image, swapped_digest, movable_tag])
def test_other_bytes_are_not_adopted(hub: Any, tmp_path: Path) -> None:
    bed = beds.fresh()
    hub(bed)
    fleet = beds.manifests(tmp_path, adopting())
    before = len(bed.world.mutations())
    done = bed.reconcile(fleet)
    assert (done.exit_code(), beds.standing(done)) == (5, "failed"), done
    failed = next(item.detail for item in done.outcomes if item.status == "failed")
    if hub is movable_tag:
        assert "named by a tag that anybody may move" in failed
    else:
        assert len([word for word in failed.replace("(", " ").split() if _is_digest(word.strip(",;)"))]) == 2, failed
    untouched(bed, before)


def _is_digest(word: str) -> bool:
    plain = word.removeprefix("sha256:")
    return (len(plain) == 64 and set(plain) <= set("0123456789abcdef")) or (len(plain) == 12 and plain.endswith("="))


def test_bytes_that_change_between_plan_and_marks_are_not_adopted(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting())
    thought = bed.think(fleet)
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz", beds.model("another"))
    before = len(bed.world.mutations())
    effects = bed.effects(thought, fleet.revision)
    done = reconcile(effects, thought, fleet, beds.Inline(), lambda *_: None)
    assert done.exit_code() == 5
    untouched(bed, before)


def test_bytes_that_change_between_record_and_marks_are_not_adopted(tmp_path: Path) -> None:
    """The record is there from a run that died; what it proved is looked at again."""
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting())
    bed.world.fault(operation="UpdateModelPackage", do="fail", status=400, code="AccessDeniedException", times=1)
    assert bed.reconcile(fleet).exit_code() == 5
    assert [key for key in bed.world.buckets[STORE].objects if "/.releases/" in key]
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz", beds.model("another"))
    done = bed.reconcile(fleet)
    assert (done.exit_code(), marks(bed)) == (5, {})
    assert any("is not what was recorded" in item.detail for item in done.outcomes)


def test_a_persons_rejected_is_not_touched(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed, approval="Rejected")
    before = len(bed.world.mutations())
    done = bed.reconcile(beds.manifests(tmp_path, adopting()))
    assert (done.exit_code(), beds.standing(done)) == (4, "blocked")
    assert "was rejected" in beds.why(done)[0]
    untouched(bed, before)


def test_git_that_says_less_than_approved_takes_the_approval_away(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting(approval="PendingManualApproval"))
    assert bed.reconcile(fleet).exit_code() == 0
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"
    assert bed.reconcile(fleet).plan.actions == ()


def test_a_gate_holds_the_approvals_mark_back(tmp_path: Path) -> None:
    gate = {"name": "auc", "metric": "ModelQuality.Statistics:auc", "operator": ">=", "threshold": 0.95}
    rules = {"kind": "Guardrails", "metadata": {"name": "production"}, "spec": {"gates": [gate]}}
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting(), platform={**beds.PLATFORM, "production": rules})
    for _ in range(2):
        assert bed.reconcile(fleet).exit_code() == 4
        assert "hubwright/approved" not in marks(bed)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"adopts": 2}, "has no version 2 without marks"),
        ({"inference": {"contentTypes": ["text/plain"]}}, "it is not built like its source: InferenceSpecification"),
    ],
)
def test_what_is_refused_before_anything_is_read(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    before = len(bed.world.mutations())
    done = bed.reconcile(beds.manifests(tmp_path, beds.promotion(**({"adopts": 1} | change))))
    assert (done.exit_code(), beds.standing(done)) == (5, "refused")
    assert says in beds.why(done)[0]
    untouched(bed, before)


def test_objects_outside_the_stores_are_not_adopted(tmp_path: Path) -> None:
    bed = beds.fresh()
    beds.simple(bed)
    beds.bucket(bed, HUB, "legacy-models")
    copied(bed)
    platform = {name: dict(item) for name, item in beds.PLATFORM.items()}
    narrow = {**platform["central"]["spec"], "stores": [{"name": "main", "bucket": "legacy-models"}]}
    platform["central"] = {**platform["central"], "spec": narrow}
    done = bed.reconcile(beds.manifests(tmp_path / "a", adopting(), platform=platform))
    assert "do not all stand in one store of the hub" in beds.why(done)[0]
    assert marks(bed) == {}
    stores = [*narrow["stores"], {"name": "old", "bucket": STORE, "prefix": "models/old", "state": "Closed"}]
    platform["central"] = {**platform["central"], "spec": {**narrow, "stores": stores}}
    done = bed.reconcile(beds.manifests(tmp_path / "b", adopting(), platform=platform))
    assert done.exit_code() == 0, done
    assert [key for key in bed.world.buckets[STORE].objects if key.startswith("models/old/.releases/")]
    assert not list(bed.world.buckets["legacy-models"].objects)


def test_a_versions_object_that_was_replaced_later_is_never_approved_again(tmp_path: Path) -> None:
    """Adopted ones are verified like any other."""
    bed = beds.fresh()
    by_hand(bed, approval="PendingManualApproval")
    assert bed.reconcile(beds.manifests(tmp_path / "a", adopting(approval="PendingManualApproval"))).exit_code() == 0
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz", beds.model("another"))
    done = bed.reconcile(beds.manifests(tmp_path / "b", adopting()))
    assert done.exit_code() == 5
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.parametrize(
    "change",
    [
        {"attempt": 2},
        {"artifacts": "reference"},
        {"images": "reference"},
    ],
)
def test_what_validation_refuses(change: dict[str, Any], tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, adopting(**change))
    assert {problem.rule for problem in fleet.problems} == {"adopts"}


def test_one_version_is_adopted_once(tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, adopting(), adopting("churn-2", version=2))
    assert [problem.rule for problem in fleet.problems] == ["duplicate", "duplicate"]


def test_the_records_reader_is_the_hubs_own(tmp_path: Path) -> None:
    """A gate reads the metrics of an adopted version where that stands."""
    gate = {"name": "auc", "metric": "ModelQuality.Statistics:auc", "operator": ">=", "threshold": 0.85}
    rules = {"kind": "Guardrails", "metadata": {"name": "production"}, "spec": {"gates": [gate]}}
    platform = {**beds.PLATFORM, "production": rules}
    bed = beds.fresh()
    by_hand(bed, approval="PendingManualApproval")
    held = adopting(approval="PendingManualApproval")
    assert bed.reconcile(beds.manifests(tmp_path / "a", held, platform=platform)).exit_code() == 0
    done = bed.reconcile(beds.manifests(tmp_path / "b", adopting(), platform=platform))
    assert done.exit_code() == 0, done
    assert Target(HUB, REGION) in {action.key.target for action in done.plan.actions}
    assert beds.described(bed)["ModelApprovalStatus"] == "Approved"


class Nothing:
    """A repository without a past."""

    def ever(self, kind: str, name: str) -> list[Any]:
        return []

    def at(self, kind: str, name: str, revision: str) -> tuple[bool, Any]:
        return False, None

    def before(self) -> list[Any]:
        return []


def test_drift_watches_what_was_adopted_where_it_stands(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting())
    assert bed.reconcile(fleet).exit_code() == 0
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz.of-others", b"not of this version")
    how = Look(bed.reader, fleet, Scope(), Inline(), lambda _: None, Nothing(), datetime.now(UTC))
    assert [item for item in look(how).items if item.counts] == []
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz", b"something else")
    (lost,) = [item for item in look(how).items if item.counts]
    assert (lost.kind, lost.about) == ("lost", "churn-1")


def test_a_next_attempt_no_longer_adopts(tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path, adopting())
    (text,) = retried(fleet, tmp_path, ["churn-1"]).texts.values()
    assert ("adopts" in text, "attempt" in text) == (False, True)


def test_a_second_hub_takes_it_from_where_it_stands(tmp_path: Path) -> None:
    """What was adopted is the source of a promotion like any other."""
    bed = beds.fresh()
    by_hand(bed)
    live = {"kind": "ModelGroup", "metadata": {"name": "churn-live"}, "spec": {"hub": "central"}}
    onward = beds.promotion("onward", to="churn-live", approval="PendingManualApproval")
    onward["spec"]["from"] = {"promotion": "churn-1"}
    fleet = beds.manifests(tmp_path, adopting(), live, onward)
    bed.reconcile(fleet)
    done = bed.reconcile(fleet)
    assert done.exit_code() == 0, done
    uri = beds.described(bed, group="churn-live")["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert uri.startswith(f"s3://{STORE}/models/{CHURN}/churn-live/")


def test_a_locked_promotion_adopts_what_its_lock_names_and_nothing_else(tmp_path: Path) -> None:
    """Also after a run that died between the record and the marks: the record is then what is registered."""
    bed = beds.fresh()
    by_hand(bed)
    pinned = beds.lock(bed, beds.manifests(tmp_path / "a", adopting()), "churn-1")
    fleet = beds.manifests(tmp_path / "b", adopting(), pinned)
    bed.world.fault(operation="UpdateModelPackage", do="fail", status=400, code="AccessDeniedException", times=1)
    assert bed.reconcile(fleet).exit_code() == 5
    assert marks(bed) == {}
    beds.put(bed, CHURN, "s3://churn-lab-models/v1/model.tar.gz", beds.model("moved on"))
    assert bed.reconcile(fleet).exit_code() == 0
    assert marks(bed)["hubwright/release"] == fleet.locks["churn-1"].spec.release
    assert bed.reconcile(fleet).plan.actions == ()
