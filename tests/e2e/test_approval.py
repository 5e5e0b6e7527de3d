"""Who may say Approved, who may say no, and what is done when somebody changed a live version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.reconcile import reconcile
from controller.render.text import text
from controller.source.load import load
from tests import bed as beds
from tests.bed import PLATFORM, Bed

CHURN_1 = beds.promotion(reason="Better.", metadata={"ticket": "ML-1"})


@pytest.fixture
def promoted(bed: Bed, tmp_path: Path) -> Bed:
    beds.simple(bed)
    assert bed.reconcile(beds.manifests(tmp_path / "first", CHURN_1)).exit_code() == 0
    return bed


UNTOLD = "it could not be read and may name what nothing else does: 1 version of this fleet is not called orphaned"


def test_a_version_is_never_created_as_approved(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.world.fault(operation="UpdateModelPackage", do="fail", status=400, code="ValidationException", times=0)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"


def test_what_a_version_carries(promoted: Bed) -> None:
    live = beds.described(promoted)
    marks = live["CustomerMetadataProperties"]
    container = live["InferenceSpecification"]["Containers"][0]
    assert live["ApprovalDescription"] == "Better."
    assert {
        name: marks[name]
        for name in (
            "ticket",
            "trained-by",
            "hubwright/fleet",
            "hubwright/approval",
            "hubwright/approved",
            "hubwright/keys",
        )
    } == {
        "ticket": "ML-1",
        "trained-by": "ana",
        "hubwright/fleet": "growth",
        "hubwright/approval": "Approved",
        "hubwright/approved": "yes",
        "hubwright/keys": "ticket",
    }
    release = marks["hubwright/release"].rpartition(":")[2][:12]
    base = f"s3://{beds.STORE}/models/222222222222/churn/churn-experiments/1-{release}/churn-lab-models"
    assert container["ModelDataUrl"] == f"{base}/v1/model.tar.gz"
    assert live["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == f"{base}/v1/metrics.json"
    assert (
        container["Image"]
        == f"111111111111.dkr.ecr.eu-west-1.amazonaws.com/models/222222222222/churn/serve@{container['ImageDigest']}"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"ModelApprovalStatus": "PendingManualApproval"},
        {"ApprovalDescription": "edited in the console"},
        {"CustomerMetadataProperties": {"ticket": "edited"}},
        {"CustomerMetadataPropertiesToRemove": ["hubwright/fleet-not-there", "ticket"]},
        {"ModelLifeCycle": {"Stage": "Staging", "StageStatus": "Active"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_made_by_hand_is_shown_and_mended(promoted: Bed, tmp_path: Path, change: dict[str, Any]) -> None:
    stage = {"name": "Production", "status": "Active"}
    manifests = beds.manifests(tmp_path, beds.promotion(reason="Better.", metadata={"ticket": "ML-1"}, stage=stage))
    promoted.reconcile(manifests)
    before = beds.hub_state(promoted.world)["packages"]
    beds.update(promoted, **change)
    assert beds.verbs(promoted.plan(manifests)) == ["update approval"]
    assert promoted.reconcile(manifests).exit_code() == 0
    assert beds.hub_state(promoted.world)["packages"] == before


def test_what_strangers_add_is_left_alone(promoted: Bed, tmp_path: Path) -> None:
    beds.update(promoted, CustomerMetadataProperties={"seen-by": "scanner"})
    assert promoted.plan(beds.manifests(tmp_path, CHURN_1)).plan.actions == ()
    manifests = beds.manifests(tmp_path, beds.promotion(reason="Better."))  # the ticket is no longer asked for
    promoted.reconcile(manifests)
    metadata = beds.described(promoted)["CustomerMetadataProperties"]
    assert ("ticket" in metadata, metadata["seen-by"], metadata["trained-by"]) == (False, "scanner", "ana")
    assert promoted.plan(manifests).plan.actions == ()


def test_a_persons_rejected_stands_until_git_overrules_it_to_the_second(promoted: Bed, tmp_path: Path) -> None:
    beds.update(promoted, ModelApprovalStatus="Rejected")
    blocked = promoted.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(blocked), blocked.exit_code(), blocked.plan.actions) == ("blocked", 4, ())
    held = promoted.reconcile(beds.manifests(tmp_path, beds.promotion(approval="PendingManualApproval", reason="x")))
    assert (beds.standing(held), held.exit_code(), held.plan.actions) == ("converged", 0, ())
    moment = beds.described(promoted)["LastModifiedTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert blocked.rows[0].hints == (f"to overrule it, the promotion must say `overrules: {moment}`",)
    early = beds.promotion(reason="Better.", metadata={"ticket": "ML-1"}, overrules="2020-01-01T00:00:00Z")
    assert promoted.reconcile(beds.manifests(tmp_path, early)).exit_code() == 4
    overruled = beds.promotion(reason="Better.", metadata={"ticket": "ML-1"}, overrules=moment)
    assert promoted.reconcile(beds.manifests(tmp_path, overruled)).exit_code() == 0
    assert beds.described(promoted)["ModelApprovalStatus"] == "Approved"
    assert promoted.plan(beds.manifests(tmp_path, overruled)).plan.actions == ()


def test_a_status_a_person_already_set_is_only_marked(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    pending = beds.promotion(approval="PendingManualApproval")
    bed.reconcile(beds.manifests(tmp_path, pending))
    beds.update(bed, ModelApprovalStatus="Approved")
    assert [change.reason for change in bed.plan(beds.manifests(tmp_path, pending)).plan.changes] == ["approval"]
    approved = beds.manifests(tmp_path, beds.promotion())
    assert [change.reason for change in bed.plan(approved).plan.changes] == ["marked"]
    before = len(bed.world.calls)
    bed.reconcile(approved)
    assert [call.operation for call in bed.world.calls[before:] if call.mutating] == ["UpdateModelPackage"]
    assert bed.plan(approved).plan.actions == ()


def test_rejecting_what_was_never_promoted_creates_nothing(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    report = bed.reconcile(beds.manifests(tmp_path, beds.promotion(approval="Rejected")))
    assert (beds.standing(report), report.exit_code()) == ("converged", 0)
    assert "nothing is to be rejected" in beds.why(report)[0]
    assert "nothing is to be rejected" in text(report, color=False)
    assert beds.hub_state(bed.world)["packages"] == {}


def test_going_back_to_approved_after_a_rejection_of_ours(promoted: Bed, tmp_path: Path) -> None:
    promoted.reconcile(beds.manifests(tmp_path, beds.promotion(approval="Rejected")))
    assert beds.described(promoted)["ModelApprovalStatus"] == "Rejected"
    assert promoted.plan(beds.manifests(tmp_path, beds.promotion(approval="Rejected"))).plan.actions == ()
    assert promoted.reconcile(beds.manifests(tmp_path, CHURN_1)).exit_code() == 0
    assert beds.described(promoted)["ModelApprovalStatus"] == "Approved"


def swap_image(bed: Bed) -> None:
    live = beds.described(bed)["InferenceSpecification"]
    live["Containers"][0]["Image"] = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/evil/image:latest"
    live["Containers"][0].pop("ImageDigest")
    beds.update(bed, InferenceSpecification=live)


def test_a_swapped_image_is_a_conflict_without_reading_the_source(promoted: Bed, tmp_path: Path) -> None:
    swap_image(promoted)
    before = len(promoted.world.calls)
    report = promoted.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code(), report.plan.actions) == ("conflict", 5, ())
    assert not [call for call in promoted.world.calls[before:] if call.account == "222222222222"]
    assert "somebody changed it" in beds.why(report)[0]
    rejected = promoted.reconcile(beds.manifests(tmp_path, beds.promotion(approval="Rejected")))
    assert rejected.exit_code() == 0
    assert beds.described(promoted)["ModelApprovalStatus"] == "Rejected"


@pytest.mark.parametrize("what", ["object", "extra object", "record", "image", "body"])
def test_nothing_is_approved_whose_bytes_are_not_those_recorded(bed: Bed, tmp_path: Path, what: str) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, beds.promotion(approval="PendingManualApproval")))
    state = beds.hub_state(bed.world)
    key = next(name for name in state["objects"] if name.endswith("model.tar.gz"))
    if what == "object":
        beds.put(bed, beds.HUB, f"s3://{beds.STORE}/{key}", b"evil")
    elif what == "extra object":
        beds.put(bed, beds.HUB, f"s3://{beds.STORE}/{key}.extra", b"evil")
    elif what == "record":
        beds.put(bed, beds.HUB, f"s3://{beds.STORE}/{state['records'][0]}", b"{}")
    elif what == "image":
        registry = bed.world.registry_of(beds.HUB, beds.REGION)
        registry.repositories["models/222222222222/churn/serve"].images.clear()
    else:
        swap_image(bed)
    report = bed.reconcile(beds.manifests(tmp_path, beds.promotion()))
    assert report.exit_code() == 5
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"


def test_two_of_the_same_promotion_the_lowest_stays(promoted: Bed, tmp_path: Path) -> None:
    live = beds.described(promoted)
    marks = dict(live["CustomerMetadataProperties"])
    beds.register(
        promoted,
        beds.HUB,
        "churn",
        InferenceSpecification=live["InferenceSpecification"],
        ModelMetrics=live["ModelMetrics"],
        CustomerMetadataProperties=marks,
        ModelApprovalStatus="Approved",
    )
    plan = promoted.plan(beds.manifests(tmp_path, CHURN_1))
    assert [(change.reason, change.key.name) for change in plan.plan.changes] == [
        ("duplicate", "churn/222222222222/churn-experiments/1@2")
    ]
    report = promoted.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (beds.standing(report), report.exit_code()) == ("duplicate", 5)
    second = beds.described(promoted, 2)
    assert (second["ModelApprovalStatus"], second["CustomerMetadataProperties"]["hubwright/duplicate-of"]) == (
        "Rejected",
        "1",
    )
    assert beds.described(promoted, 1)["ModelApprovalStatus"] == "Approved"
    again = promoted.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert (again.exit_code(), again.plan.actions) == (0, ())


def test_what_no_manifest_names_is_reported_and_left(promoted: Bed, tmp_path: Path) -> None:
    before = len(promoted.world.mutations())
    report = promoted.reconcile(beds.manifests(tmp_path / "none"))
    arn = "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1"
    assert [(item.about, item.standing) for item in report.others] == [(arn, "orphaned")]
    assert (report.exit_code(), len(promoted.world.mutations()) - before) == (0, 0)


def test_what_is_not_ours_is_never_touched(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    beds.group(bed, beds.HUB, "churn")
    image = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/other:1"
    foreign = {
        "hubwright/fleet": "another",
        "hubwright/source": "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn-experiments/1",
    }
    for metadata in ({"made": "by-hand"}, foreign):
        beds.register(
            bed,
            beds.HUB,
            "churn",
            InferenceSpecification={"Containers": [{"Image": image}]},
            CustomerMetadataProperties=metadata,
            ModelApprovalStatus="Approved",
        )
    before = dict(beds.hub_state(bed.world)["packages"])
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1))
    assert report.exit_code() == 0
    after = beds.hub_state(bed.world)["packages"]
    assert {key: after[key] for key in before} == before
    assert after["churn/3"]["ModelApprovalStatus"] == "Approved"


def _guarded(**rules: Any) -> dict[str, dict[str, Any]]:
    return {**PLATFORM, "rules": {"kind": "Guardrails", "metadata": {"name": "rules"}, "spec": rules}}


def test_require_lock_and_allow_reference_are_enforced(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    required = _guarded(requireLock=True)
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1, platform=required))
    assert (beds.standing(report), report.exit_code()) == ("blocked", 4)
    assert report.rows[0].hints == ("run: hubwright lock churn-1",)
    lock = beds.lock(bed, beds.manifests(tmp_path, CHURN_1), "churn-1")
    assert bed.reconcile(beds.manifests(tmp_path, CHURN_1, lock, platform=required)).exit_code() == 0
    referring = beds.promotion("churn-r", artifacts="reference", images="reference", attempt=2)
    report = bed.reconcile(beds.manifests(tmp_path / "r", referring))
    assert (beds.standing(report, "churn-r"), report.exit_code()) == ("blocked", 4)
    assert beds.described(bed, 2)["ModelApprovalStatus"] == "PendingManualApproval"
    allowed = beds.manifests(tmp_path / "r", referring, platform=_guarded(allowReference=True))
    assert bed.reconcile(allowed).exit_code() == 0
    container = beds.described(bed, 2)["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == "s3://churn-lab-models/v1/model.tar.gz"
    assert container["Image"].startswith("222222222222.dkr.ecr.eu-west-1.amazonaws.com/churn/serve@sha256:")


@pytest.mark.parametrize("state", ["Frozen", "Retired"])
def test_nothing_new_comes_from_a_frozen_or_retired_spoke(promoted: Bed, tmp_path: Path, state: str) -> None:
    platform = {name: dict(item) for name, item in PLATFORM.items()}
    platform["churn-lab"] = {**platform["churn-lab"], "spec": {**platform["churn-lab"]["spec"], "state": state}}
    report = promoted.reconcile(beds.manifests(tmp_path, CHURN_1, platform=platform))
    assert (beds.standing(report), report.exit_code()) == ("converged", 0)
    before = len(promoted.world.calls)
    report = promoted.reconcile(beds.manifests(tmp_path, beds.promotion("churn-2", version=2), platform=platform))
    assert (beds.standing(report, "churn-2"), report.exit_code()) == ("blocked", 4)
    if state == "Retired":
        assert not [call for call in promoted.world.calls[before:] if call.account == "222222222222"]


def test_a_spoke_that_pushes_is_left_to_its_own_run(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    platform = {name: dict(item) for name, item in PLATFORM.items()}
    platform["churn-lab"] = {**platform["churn-lab"], "spec": {**platform["churn-lab"]["spec"], "pattern": "push"}}
    report = bed.reconcile(beds.manifests(tmp_path, CHURN_1, platform=platform))
    assert (beds.standing(report), report.exit_code()) == ("deferred", 0)


def test_what_a_person_does_between_plan_and_apply_is_not_written_over(promoted: Bed, tmp_path: Path) -> None:
    beds.update(promoted, ModelApprovalStatus="PendingManualApproval")
    manifests = beds.manifests(tmp_path, CHURN_1)
    thought = promoted.think(manifests)
    assert [action.verb for action in thought.plan.actions] == ["update"]
    beds.update(promoted, ModelApprovalStatus="Rejected")
    report = reconcile(promoted.effects(thought, "x"), thought, manifests, beds.Inline(), lambda *_: None)
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    assert "was changed while this ran" in beds.why(report)[0]
    assert beds.described(promoted)["ModelApprovalStatus"] == "Rejected"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("teams/odd.yaml", "{{ broken"),
        ("teams/odd.yaml", "# about a guardrail\n{{ broken"),
        ("teams/odd.yaml", "kind: Promotion\nmetadata: {name: churn-1}\nspec: {}\n"),
        ("teams/odd.yaml", "kind: Future\nmetadata: {name: churn-1}\nspec: {}\n"),
        ("teams/odd.yaml", "x" * (2 << 20)),
        ("platform/odd.yaml", "kind: Spoke\nmetadata: {name: other}\nspec: {}\n"),
    ],
)
def test_what_an_unreadable_document_may_name_is_no_orphan(promoted: Bed, tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "manifests" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    report = promoted.plan(beds.manifests(tmp_path))
    said = [(item.about, item.standing, item.why) for item in report.others]
    assert said == [(f"manifests/{name}", "unknown", UNTOLD)]
    assert (report.exit_code(), report.plan.complete) == (5, False)


def test_a_folder_that_is_not_followed_may_name_anything(promoted: Bed, tmp_path: Path) -> None:
    fleet = beds.manifests(tmp_path / "fleet")
    (tmp_path / "fleet" / "manifests" / "linked").symlink_to(tmp_path, target_is_directory=True)
    fleet = load(tmp_path / "fleet", worktree=True, attribution=False)
    assert [item.standing for item in promoted.plan(fleet).others] == ["unknown"]


@pytest.mark.parametrize("kind", ["Guardrails", "Waiver"])
def test_rules_name_no_version(promoted: Bed, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "manifests" / "platform" / "odd.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(f"kind: {kind}\nmetadata: {{name: odd}}\nspec: {{unknown: 1}}\n")
    report = promoted.plan(beds.manifests(tmp_path))
    assert [item.standing for item in report.others] == ["orphaned"]


def test_where_every_version_is_named_nothing_is_held_back(promoted: Bed, tmp_path: Path) -> None:
    path = tmp_path / "manifests" / "teams" / "odd.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("{{ broken")
    assert promoted.plan(beds.manifests(tmp_path, CHURN_1)).others == ()
