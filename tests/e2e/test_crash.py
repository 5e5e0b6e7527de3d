"""The process dies before and after every mutating call, in every scenario; the next run ends where it would have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.core.fields import places
from controller.sandbox.wire import Died
from controller.sandbox.world import Span, World
from tests import bed as beds
from tests.bed import Bed
from tests.e2e.scenarios import SCENARIOS, Scenario, ready

Bench = tuple[Bed, Any, Any]


LAG = 40
MANY = {"two spokes"}  # of so many calls that dying at each takes long
every_scenario = pytest.mark.parametrize(
    "scenario",
    [pytest.param(item, id=item.name, marks=[pytest.mark.slow] * (item.name in MANY)) for item in SCENARIOS],
)
short_scenarios = pytest.mark.parametrize(
    "scenario", [item for item in SCENARIOS if item.short], ids=lambda item: item.name
)
every_crash = pytest.mark.parametrize(
    ("when", "first"),
    [
        pytest.param(when, first, id=f"{when}-{first}", marks=[pytest.mark.slow] * (first != usual))
        for when, usual in (("before", 1), ("after", 2))
        for first in (1, 2)
    ],
)
"""When, and from which mutating call on every second one: each call dies once in the usual run, twice with -m slow."""


@pytest.fixture
def bench(scenario: Scenario, tmp_path: Path) -> Bench:
    return ready(scenario, tmp_path)


def approvals(world: World) -> tuple[tuple[str, str], ...]:
    packages = beds.hub_state(world)["packages"]
    return tuple((key, body["ModelApprovalStatus"]) for key, body in packages.items())


def uninterrupted(bed: Bed, manifests: Any, base: World) -> tuple[dict[str, Any], int]:
    """(end state, number of mutating calls) of a run that nothing disturbs."""
    bed.door.world = base.copy()
    before = len(bed.world.mutations())
    bed.reconcile(manifests)
    return beds.hub_state(bed.world), len(bed.world.mutations()) - before


def crashed(bed: Bed, manifests: Any, base: World, nth: int, when: str) -> World:
    """The world after a run that died at its nth mutating call."""
    bed.door.world = base.copy()
    bed.world.fault(mutating=True, nth=nth, when=when, do="die")
    with pytest.raises(Died):
        bed.reconcile(manifests)
    bed.world.faults.clear()
    return bed.world


def safe(world: World, base: World) -> None:
    """What must hold at the very moment of a crash: whatever is approved is whole, marked and recorded."""
    state, known = beds.hub_state(world), set(beds.hub_state(base)["packages"])
    for key, body in state["packages"].items():
        if key not in known and body["ModelApprovalStatus"] == "Approved":
            marks = body["CustomerMetadataProperties"]
            assert marks["hubwright/approved"] == "yes"
            assert any(name.endswith(f"/{marks['hubwright/promotion']}.json") for name in state["records"])
            assert [place.uri for place in places(body) if not _stands(state, place.uri)] == []


def _stands(state: dict[str, Any], uri: str) -> bool:
    key = uri.removeprefix(f"s3://{beds.STORE}/")
    return any(name == key or name.startswith(key.rstrip("/") + "/") for name in state["objects"])


def settled(bed: Bed, manifests: Any, expected: dict[str, Any]) -> None:
    """The end state is the expected one, and a further run finds nothing to do."""
    assert beds.hub_state(bed.world) == expected
    before = len(bed.world.mutations())
    last = bed.reconcile(manifests)
    assert last.plan.actions == ()
    assert len(bed.world.mutations()) == before


def until_all_shows(bed: Bed, manifests: Any) -> None:
    """Runs, of which each may see less than there is, until one ends so late that nothing is hidden any more."""
    for _ in range(20):
        bed.reconcile(manifests)
        if bed.world.count > bed.world.mutations()[-1].number + LAG:
            return
    raise AssertionError("it never ceases to change something")


@every_scenario
def test_an_uninterrupted_run_ends_as_expected(scenario: Scenario, bench: Bench) -> None:
    bed, manifests, _ = bench
    report = bed.reconcile(manifests)
    assert report.exit_code() == 0
    assert approvals(bed.world) == scenario.expected
    settled(bed, manifests, beds.hub_state(bed.world))


@every_scenario
@every_crash
def test_a_run_after_a_crash_ends_in_the_same_state(bench: Bench, when: str, first: int) -> None:
    bed, manifests, _ = bench
    base = bed.world
    expected, calls = uninterrupted(bed, manifests, base)
    assert calls > 0
    for nth in range(first, calls + 1, 2):
        world = crashed(bed, manifests, base, nth, when)
        safe(world, base)
        bed.reconcile(manifests)
        settled(bed, manifests, expected)


@every_scenario
@every_crash
def test_the_plan_saved_before_a_crash_still_holds_after_it(bench: Bench, when: str, first: int) -> None:
    bed, manifests, later = bench
    base = bed.world
    expected, calls = uninterrupted(bed, manifests, base)
    bed.door.world = base.copy()
    saved = {action.id for action in bed.plan(manifests).plan.actions}
    for nth in range(first, calls + 1, 2):
        world = crashed(bed, manifests, base, nth, when)
        report = bed.reconcile(manifests, saved=saved)
        assert report.exit_code() == 0
        assert beds.hub_state(bed.world) == expected
        bed.door.world = world.copy()
        unrelated = bed.reconcile(later, saved=saved)
        assert [finding.about for finding in unrelated.others] == ["111111111111/eu-west-1/unrelated"]
        assert "unrelated" not in beds.hub_state(bed.world)["groups"]
        assert beds.hub_state(bed.world) == expected


@short_scenarios
@pytest.mark.parametrize(
    "lag",
    [{"search": Span(calls=LAG)}, {"list": Span(calls=LAG)}, {"search": Span(calls=25), "list": Span(calls=15)}],
    ids=["search", "list", "both"],
)
@every_crash
def test_it_holds_while_search_and_list_lag(bench: Bench, when: str, first: int, lag: dict[str, Span]) -> None:
    bed, manifests, _ = bench
    base = bed.world
    expected, calls = uninterrupted(bed, manifests, base)
    for name, span in lag.items():
        setattr(base.settings, name, span)
    for nth in range(first, calls + 1, 2):
        crashed(bed, manifests, base, nth, when)
        until_all_shows(bed, manifests)
        assert beds.hub_state(bed.world) == expected
        assert bed.plan(manifests).plan.actions == ()


@short_scenarios
def test_dying_again_while_recovering_changes_nothing_about_the_end(bench: Bench) -> None:
    bed, manifests, _ = bench
    base = bed.world
    expected, calls = uninterrupted(bed, manifests, base)
    for nth in range(1, calls + 1, 2):
        once = crashed(bed, manifests, base, nth, "after")
        left = uninterrupted(bed, manifests, once)[1]
        for again in range(1, left + 1, 2):
            crashed(bed, manifests, once, again, "after")
            bed.reconcile(manifests)
            settled(bed, manifests, expected)
