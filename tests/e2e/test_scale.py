"""A converged plan reads by the page: its calls do not grow with the number of promotions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.core.model import Target
from controller.sandbox.world import Span
from tests import bed as beds
from tests.bed import CHURN, HUB, REGION, VISION, Bed

REPOSITORIES = 15  # in each of two spokes
PER_SPOKE = 500
PER_GROUP = 50  # versions of one hub group: registering one looks at all that are newer
APPROVED = 10  # one in so many; approving costs the most calls, and a converged plan none


def fleet(bed: Bed, per_spoke: int) -> list[dict[str, Any]]:
    """Sources and promotions of two spokes, `per_spoke` each, over 15 repositories each."""
    team: list[dict[str, Any]] = []
    for account, spoke, group, target, image in (
        (CHURN, "churn-lab", "churn-experiments", "churn", "churn/serve"),
        (VISION, "vision-lab", "defects-pipeline", "defects", "vision/serve"),
    ):
        store = f"{spoke}-models"
        beds.bucket(bed, account, store)
        beds.group(bed, account, group)
        beds.put(bed, account, f"s3://{store}/model.tar.gz", beds.model(spoke))
        for index in range(REPOSITORIES):
            beds.push(bed, account, f"{image}{index}", "1", f"{spoke} {index}")
        for version in range(1, per_spoke + 1):
            repository = f"{image}{version % REPOSITORIES}:1"
            body = beds.inference(beds.container(account, repository, f"s3://{store}/model.tar.gz"))
            beds.register(bed, account, group, InferenceSpecification=body)
            to = f"{target}-{version // PER_GROUP}-models"
            approval = "PendingManualApproval" if version % APPROVED else "Approved"
            wish = beds.promotion(
                f"{target}-{version}", spoke=spoke, source=group, version=version, to=to, approval=approval
            )
            team.append(wish)
        names = [f"{target}-{number}-models" for number in range(per_spoke // PER_GROUP + 1)]
        team += [{"kind": "ModelGroup", "metadata": {"name": name}, "spec": {}} for name in names]
    return team


@pytest.mark.parametrize(
    ("per_spoke", "most"), [(100, 44), pytest.param(PER_SPOKE, 80, marks=pytest.mark.slow)], ids=["200", "1000"]
)
def test_the_calls_of_a_converged_plan_grow_by_the_page(bed: Bed, tmp_path: Path, per_spoke: int, most: int) -> None:
    manifests = beds.manifests(tmp_path, *fleet(bed, per_spoke))
    assert len(manifests.promotions) == 2 * per_spoke
    assert bed.reconcile(manifests).exit_code() == 0
    bed.__post_init__()  # as a new process: its sessions count too
    before = len(bed.world.calls)
    report = bed.plan(manifests)
    calls = bed.world.calls[before:]
    assert (report.plan.actions, report.exit_code(), len(report.rows)) == ((), 0, 2 * per_spoke)
    assert len(calls) <= most
    assert not [
        call for call in calls if call.account in (CHURN, VISION)
    ]  # nothing promoted is read at its source again


def test_planning_works_where_every_write_is_denied_and_sends_none(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    manifests = beds.manifests(tmp_path, beds.promotion())
    bed.world.fault(mutating=True, do="fail", status=403, code="AccessDenied", times=0)
    before = len(bed.world.mutations())
    report = bed.plan(manifests)
    assert beds.verbs(report) == [
        "create group",
        "create repository",
        "create image",
        "create artifact",
        "create package",
        "update approval",
    ]
    assert len(bed.world.mutations()) == before


def test_the_planning_cloud_refuses_every_effect_before_anything_is_sent(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    manifests = beds.manifests(tmp_path, beds.promotion())
    thought = bed.think(manifests)
    bed.writer, bed.registries = (
        bed.reader,
        type(bed.registries)(bed.reader, beds.REGISTRIES, writable=False, log=bed.log, transport=bed.door),
    )
    from controller.apply import perform
    from controller.kinds.base import World

    world = World(bed.reader, bed.registries, thought.views, "x", pause=lambda _: None)
    before = len(bed.world.mutations())
    for action in thought.plan.actions:
        outcome = perform(world, action)
        assert outcome.status == "failed", action.key
    assert len(bed.world.mutations()) == before


def test_a_saved_plan_runs_only_what_it_names(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    group = {"kind": "ModelGroup", "metadata": {"name": "other"}, "spec": {}}
    one = beds.promotion("churn-1")
    two = beds.promotion("other-1", to="other")
    first = beds.manifests(tmp_path / "a", one)
    saved = {action.id for action in bed.plan(first).plan.actions}
    report = bed.reconcile(beds.manifests(tmp_path / "b", one, group, two), saved=saved)
    assert (beds.standing(report), report.exit_code()) == ("converged", 6)
    assert [(item.about, item.standing) for item in report.others] == [(f"{Target(HUB, REGION)}/other", "stale")]
    assert list(beds.hub_state(bed.world)["packages"]) == ["churn/1"]
    rejected = beds.manifests(tmp_path / "c", beds.promotion("churn-1", approval="Rejected"))
    report = bed.reconcile(rejected, saved=set())
    assert beds.described(bed)["ModelApprovalStatus"] == "Rejected"  # no saved plan stops a revocation
    assert report.exit_code() == 0


def test_a_narrow_scope_touches_nothing_outside_it(bed: Bed, tmp_path: Path) -> None:
    from controller.core.scope import parse_scope

    beds.simple(bed)
    group = {"kind": "ModelGroup", "metadata": {"name": "other"}, "spec": {}}
    manifests = beds.manifests(tmp_path, beds.promotion("churn-1"), group, beds.promotion("other-1", to="other"))
    report = bed.reconcile(manifests, parse_scope(["promotion=churn-1"]))
    assert [row.name for row in report.rows] == ["churn-1"]
    state = beds.hub_state(bed.world)
    assert (list(state["packages"]), list(state["groups"])) == (["churn/1"], ["churn"])


def test_what_search_still_shows_as_it_was_is_described_and_not_planned_again(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path, beds.promotion(metadata={"ticket": "ML-1"})))
    bed.world.settings.search = Span(calls=10_000)
    manifests = beds.manifests(tmp_path, beds.promotion(metadata={"ticket": "ML-2"}))
    assert beds.verbs(bed.reconcile(manifests)) == ["update approval"]
    assert bed.plan(manifests).plan.actions == ()


@pytest.mark.parametrize(
    ("allow", "said"),
    [
        ({"repositories": ["other/*"]}, "names the repository 'churn/serve'"),
        ({"buckets": ["other"]}, "names the bucket 'churn-lab-models'"),
    ],
)
def test_what_may_not_leave_the_spoke_is_refused_by_name(
    bed: Bed, tmp_path: Path, allow: dict[str, list[str]], said: str
) -> None:
    beds.simple(bed)
    spoke = beds.PLATFORM["churn-lab"]
    narrowed = {**spoke, "spec": {**spoke["spec"], "allow": {**spoke["spec"]["allow"], **allow}}}
    report = bed.reconcile(
        beds.manifests(tmp_path, beds.promotion(), platform={**beds.PLATFORM, "churn-lab": narrowed})
    )
    assert (beds.standing(report), report.exit_code()) == ("refused", 5)
    assert said in " ".join((*beds.why(report), *report.rows[0].differences))
    assert beds.hub_state(bed.world)["packages"] == {}
