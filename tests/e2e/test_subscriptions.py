"""Subscriptions: what they follow, once, and whose word stands afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.core.follow import in_range
from controller.core.scope import parse_scope
from tests import bed as beds
from tests.bed import CHURN, PLATFORM, Bed

GROUP = "churn-experiments"


def follow(name: str = "churn-follow", *, approval: str | None = None, **source: Any) -> dict[str, Any]:
    spec = {"from": {"spoke": "churn-lab", "group": GROUP, **source}, "to": {"group": "churn"}}
    return {
        "kind": "Subscription",
        "metadata": {"name": name},
        "spec": spec | ({"approval": approval} if approval else {}),
    }


def guarded(**spec: Any) -> dict[str, Any]:
    return {**PLATFORM, "production": {"kind": "Guardrails", "metadata": {"name": "production"}, "spec": spec}}


def spoke(**more: Any) -> dict[str, Any]:
    lab = PLATFORM["churn-lab"]
    return {**PLATFORM, "churn-lab": {**lab, "spec": {**lab["spec"], **more}}}


def versions(bed: Bed, *approvals: str) -> None:
    """A source group with one version for each approval status."""
    beds.bucket(bed, CHURN, "churn-lab-models")
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    beds.group(bed, CHURN, GROUP)
    for approval in approvals:
        another(bed, approval)


def another(bed: Bed, approval: str = "Approved") -> int:
    uri = "s3://churn-lab-models/model.tar.gz"
    if not bed.world.buckets["churn-lab-models"].objects:
        beds.put(bed, CHURN, uri, beds.model("weights"))
    body = beds.inference(beds.container(CHURN, "churn/serve:1", uri))
    arn = beds.register(bed, CHURN, GROUP, InferenceSpecification=body, ModelApprovalStatus=approval)
    return int(arn.rpartition("/")[2])


def hub(bed: Bed) -> dict[str, tuple[int, str]]:
    """Approval and source version by the hub's versions."""
    found = beds.hub_state(bed.world)["packages"]
    return {
        name: (
            int(item["CustomerMetadataProperties"]["hubwright/source"].rpartition("/")[2]),
            item["ModelApprovalStatus"],
        )
        for name, item in found.items()
    }


def test_what_the_filters_let_in_is_registered_pending_once(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved", "PendingManualApproval", "Approved", "Rejected", "Approved")
    fleet = beds.manifests(tmp_path, _filtered([">=2", "Approved"]))
    report = bed.reconcile(fleet)
    assert [(row.name, row.standing, row.wish, row.is_now) for row in report.rows] == [
        ("churn-follow/3", "converged", "PendingManualApproval", "PendingManualApproval"),
        ("churn-follow/5", "converged", "PendingManualApproval", "PendingManualApproval"),
    ]
    assert report.exit_code() == 0
    assert hub(bed) == {"churn/1": (3, "PendingManualApproval"), "churn/2": (5, "PendingManualApproval")}
    before = len(bed.world.mutations())
    again = bed.reconcile(fleet)
    assert (again.plan.actions, again.others, again.exit_code()) == ((), (), 0)
    assert len(bed.world.mutations()) == before


def _filtered(filters: list[str]) -> dict[str, Any]:
    wished = follow(versions=filters[0])
    wished["spec"]["from"]["approval"] = filters[1:]
    return wished


@pytest.mark.parametrize("said", ["Approved", "Rejected"])
def test_what_people_say_in_the_hub_stays(bed: Bed, tmp_path: Path, said: str) -> None:
    versions(bed, "Approved")
    fleet = beds.manifests(tmp_path, follow())
    bed.reconcile(fleet)
    beds.update(bed, ModelApprovalStatus=said)
    report = bed.reconcile(fleet)
    assert (report.plan.actions, report.exit_code(), report.rows[0].standing) == ((), 0, "converged")
    assert beds.described(bed)["ModelApprovalStatus"] == said


def test_filters_decide_creation_only(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved", "Approved")
    bed.reconcile(beds.manifests(tmp_path / "a", _filtered([">=1", "Approved"])))
    beds.update(bed, 1, group=GROUP, account=CHURN, ModelApprovalStatus="Rejected")
    report = bed.reconcile(beds.manifests(tmp_path / "b", _filtered([">=2", "Approved"])))
    assert [(row.name, row.standing) for row in report.rows] == [
        ("churn-follow/1", "converged"),
        ("churn-follow/2", "converged"),
    ]
    assert (report.plan.actions, report.others, report.exit_code()) == ((), (), 0)  # and no orphan


def test_changed_settings_of_a_subscription_change_nothing_that_is_there(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    bed.reconcile(beds.manifests(tmp_path, follow()))
    wished = follow()
    wished["spec"]["artifacts"] = "reference"
    report = bed.reconcile(beds.manifests(tmp_path, wished))
    assert (report.plan.actions, report.rows[0].standing, report.exit_code()) == ((), "converged", 0)


def test_a_promotion_goes_before_a_subscription(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved", "Approved")
    rejected = beds.promotion("churn-1", approval="Rejected")
    approved = beds.promotion("churn-2", source=GROUP.upper(), version=2, metadata={"ticket": "ML-1"})
    report = bed.reconcile(beds.manifests(tmp_path, follow(), rejected, approved))
    assert [(row.name, row.standing) for row in report.rows] == [("churn-1", "converged"), ("churn-2", "converged")]
    assert hub(bed) == {"churn/1": (2, "Approved")}


def test_a_promotion_takes_over_what_a_subscription_registered_and_gives_it_back(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    bed.reconcile(beds.manifests(tmp_path / "a", follow()))
    report = bed.reconcile(beds.manifests(tmp_path / "b", follow(), beds.promotion(metadata={"ticket": "ML-1"})))
    assert [(row.name, row.standing, row.version) for row in report.rows] == [("churn-1", "converged", 1)]
    assert hub(bed) == {"churn/1": (1, "Approved")}
    after = bed.reconcile(beds.manifests(tmp_path / "a", follow()))
    assert (after.plan.actions, after.others, after.rows[0].name) == ((), (), "churn-follow/1")
    assert hub(bed) == {"churn/1": (1, "Approved")}


def test_approving_by_subscription_needs_the_platforms_word(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    wished = follow(approval="Approved")
    blocked = bed.reconcile(beds.manifests(tmp_path, wished))
    assert (blocked.rows[0].standing, blocked.rows[0].why, blocked.exit_code()) == (
        "blocked",
        ("no guardrail of this group says allowSubscriptionApproval",),
        4,
    )
    assert hub(bed) == {"churn/1": (1, "PendingManualApproval")}
    allowed = beds.manifests(tmp_path, wished, platform=guarded(allowSubscriptionApproval=True))
    assert bed.reconcile(allowed).exit_code() == 0
    assert hub(bed) == {"churn/1": (1, "Approved")}
    beds.update(bed, ModelApprovalStatus="PendingManualApproval")
    assert bed.reconcile(allowed).plan.actions == ()  # brought there once
    assert hub(bed) == {"churn/1": (1, "PendingManualApproval")}


def test_a_version_that_a_promotion_registered_is_not_a_subscriptions_to_approve(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    platform = guarded(allowSubscriptionApproval=True)
    held = beds.promotion(approval="PendingManualApproval")
    bed.reconcile(beds.manifests(tmp_path / "a", follow(approval="Approved"), held, platform=platform))
    report = bed.reconcile(beds.manifests(tmp_path / "b", follow(approval="Approved"), platform=platform))
    assert (report.plan.actions, report.exit_code(), hub(bed)) == ((), 0, {"churn/1": (1, "PendingManualApproval")})


def test_an_unreadable_promotion_keeps_subscriptions_from_approving(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    platform = guarded(allowSubscriptionApproval=True)
    broken = beds.promotion(approval="Perhaps")
    report = bed.reconcile(beds.manifests(tmp_path, follow(approval="Approved"), broken, platform=platform))
    assert (report.rows[0].standing, hub(bed)) == ("blocked", {"churn/1": (1, "PendingManualApproval")})


def test_a_subscription_that_says_rejected_registers_and_rejects_in_one_run(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    fleet = beds.manifests(tmp_path, follow(approval="Rejected"))
    assert bed.reconcile(fleet).exit_code() == 0
    assert hub(bed) == {"churn/1": (1, "Rejected")}
    beds.update(bed, ModelApprovalStatus="Approved")
    assert (bed.reconcile(fleet).plan.actions, hub(bed)) == ((), {"churn/1": (1, "Approved")})


def test_no_lock_is_needed_unless_a_guardrail_says_so(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    report = bed.reconcile(beds.manifests(tmp_path, follow(), platform=guarded(requireLock=True)))
    assert (report.rows[0].standing, report.exit_code(), hub(bed)) == ("blocked", 4, {})
    assert report.rows[0].hints == ("run: hubwright promote churn-lab/churn-experiments/1 --to churn",)


def test_a_second_release_of_a_followed_version_supersedes_nothing(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    fleet = beds.manifests(tmp_path, follow())
    bed.reconcile(fleet)
    beds.put(bed, CHURN, "s3://churn-lab-models/model.tar.gz", beds.model("others"))
    report = bed.reconcile(fleet)
    assert (report.plan.actions, report.exit_code(), list(hub(bed))) == ((), 0, ["churn/1"])


def test_a_blind_spoke_hides_only_what_is_not_in_the_hub(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved")
    fleet = beds.manifests(tmp_path, follow())
    bed.reconcile(fleet)
    another(bed)
    bed.world.fault(account=CHURN, do="fail", status=403, code="AccessDenied", times=0)
    report = bed.plan(fleet)
    assert [(row.name, row.standing) for row in report.rows] == [("churn-follow/1", "converged")]
    assert [(item.about, item.standing) for item in report.others] == [("churn-follow", "unknown")]
    assert (report.exit_code(), report.plan.complete) == (5, False)


@pytest.mark.parametrize(("state", "code"), [("Frozen", 4), ("Retired", 4)])
def test_nothing_new_is_followed_in_a_frozen_or_retired_spoke(bed: Bed, tmp_path: Path, state: str, code: int) -> None:
    versions(bed, "Approved")
    bed.reconcile(beds.manifests(tmp_path, follow()))
    another(bed)
    before = len(bed.world.calls)
    report = bed.reconcile(beds.manifests(tmp_path, follow(), platform=spoke(state=state)))
    assert [(row.name, row.standing) for row in report.rows] == [("churn-follow/1", "converged")]
    assert ([(item.about, item.standing) for item in report.others], report.exit_code()) == (
        [("churn-follow", "blocked")],
        code,
    )
    assert not [call for call in bed.world.calls[before:] if call.account == CHURN]


def test_a_group_that_is_not_there_yet_is_waited_for(bed: Bed, tmp_path: Path) -> None:
    report = bed.reconcile(beds.manifests(tmp_path, follow()))
    assert [(item.about, item.standing) for item in report.others] == [("churn-follow", "waiting")]
    assert report.exit_code() == 0


def test_failed_sources_are_left_and_unfinished_ones_waited_for(bed: Bed, tmp_path: Path) -> None:
    versions(bed)
    bed.world.settings.status = {f"{GROUP}/1": ("InProgress",) * 20, f"{GROUP}/2": ("Failed",), "*": ("Completed",)}
    another(bed)
    another(bed)
    report = bed.reconcile(beds.manifests(tmp_path, follow()))
    assert [(row.name, row.standing) for row in report.rows] == [("churn-follow/1", "waiting")]
    assert report.exit_code() == 0


def test_a_scope_may_name_a_subscription_or_one_of_its_versions(bed: Bed, tmp_path: Path) -> None:
    versions(bed, "Approved", "Approved", "Approved")
    fleet = beds.manifests(tmp_path, follow())
    before = len(bed.world.calls)
    report = bed.reconcile(fleet, parse_scope(["promotion=churn-follow/2"]))
    assert [row.name for row in report.rows] == ["churn-follow/2"]
    listed = [call for call in bed.world.calls[before:] if call.account == CHURN and "List" in call.operation]
    assert listed == []  # one version is asked for by name
    assert hub(bed) == {"churn/1": (2, "PendingManualApproval")}
    whole = bed.reconcile(fleet, parse_scope(["promotion=churn-follow"]))
    assert [row.name for row in whole.rows] == ["churn-follow/1", "churn-follow/2", "churn-follow/3"]
    assert bed.reconcile(fleet, parse_scope(["promotion=churn-follow/9"])).rows == ()


def test_a_converged_run_reads_the_followed_groups_by_the_page(bed: Bed, tmp_path: Path) -> None:
    versions(bed, *["Approved"] * 120)
    fleet = beds.manifests(tmp_path, follow())
    assert bed.reconcile(fleet).exit_code() == 0
    before = len(bed.world.calls)
    report = bed.plan(fleet)
    calls = [call for call in bed.world.calls[before:] if call.account == CHURN]
    assert (report.plan.actions, len(report.rows), len(hub(bed))) == ((), 120, 120)
    assert [call.operation for call in calls].count("ListModelPackages") == 2
    assert len(calls) <= 4


@pytest.mark.parametrize(
    ("versions", "numbers"),
    [
        (None, [1, 2, 3, 4, 5, 6]),
        (">=5", [5, 6]),
        ("<3", [1, 2]),
        (" >= 2 , < 5,!=3", [2, 4]),
        ("==4", [4]),
        (">1,<=2", [2]),
        (">5,<2", []),
    ],
)
def test_ranges(versions: str | None, numbers: list[int]) -> None:
    assert [number for number in range(1, 7) if in_range(versions, number)] == numbers
