"""Two reconcilers at once: one is paused at every call boundary while the other runs to its end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from controller.kinds import package
from controller.sandbox.world import Span, World
from tests import bed as beds
from tests.bed import Bed
from tests.e2e.scenarios import SCENARIOS, ready

NAMED = {item.name: item for item in SCENARIOS}
ONE_MODEL, ADOPTED = NAMED["one model"], NAMED["adopted where it stands"]


@dataclass
class Pair:
    """Two controllers in one world."""

    first: Bed
    second: Bed
    manifests: Any
    base: World

    def paused_at(self, nth: int, phase: str) -> World:
        """The world after the first was paused at its nth call, the second ran, and the first went on."""
        self.first.door.world = world = self.base.copy()
        reached, go_on = threading.Event(), threading.Event()
        count = 0

        def watch(when: str, _: object) -> None:
            nonlocal count
            if threading.current_thread() is not thread or when != phase:
                return
            count += 1
            if count == nth:
                reached.set()
                assert go_on.wait(20)

        thread = threading.Thread(target=self.first.reconcile, args=(self.manifests,))
        world.watchers.append(watch)
        thread.start()
        assert reached.wait(20)
        self.second.reconcile(self.manifests)
        go_on.set()
        thread.join(20)
        world.watchers.clear()
        return world

    def calls(self) -> int:
        """How many calls a run alone makes."""
        self.first.door.world = self.base.copy()
        before = self.first.world.count
        self.first.reconcile(self.manifests)
        return self.first.world.count - before


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    bed, manifests, _ = ready(ONE_MODEL, tmp_path)
    second = Bed(bed.door)
    second.warm()
    return Pair(bed, second, manifests, bed.world.copy())


def versions(world: World) -> list[tuple[str, str]]:
    packages = beds.hub_state(world)["packages"]
    return [(key, body["ModelApprovalStatus"]) for key, body in packages.items()]


def outcomes(pair: Pair, every: int = 1) -> Iterator[tuple[str, int, World]]:
    """Paused before and after each call, or one in `every`, and then not before and after the same ones."""
    calls = pair.calls()
    for offset, phase in enumerate(("before", "after")):
        for nth in range(1 + offset % every, calls + 1, every):
            yield phase, nth, pair.paused_at(nth, phase)


sparsely = pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])


@sparsely
def test_two_reconcilers_leave_one_version_and_the_same_end(pair: Pair, every: int) -> None:
    pair.calls()
    expected = beds.hub_state(pair.first.world)
    for phase, nth, world in outcomes(pair, every):
        assert versions(world) == [("churn/1", "Approved")], (phase, nth)
        assert beds.hub_state(world) == expected, (phase, nth)
        assert pair.first.plan(pair.manifests).plan.actions == ()


@pytest.mark.slow
def test_two_that_adopt_one_version_end_alike_one_run_later(tmp_path: Path) -> None:
    """SageMaker has no compare-and-swap: the one that was paused may write an older mark, which the next run mends."""
    bed, manifests, _ = ready(ADOPTED, tmp_path)
    second = Bed(bed.door)
    second.warm()
    pair = Pair(bed, second, manifests, bed.world.copy())
    pair.calls()
    expected = beds.hub_state(pair.first.world)
    for phase, nth, world in outcomes(pair):
        assert versions(world) == [("churn/1", "Approved")], (phase, nth)
        pair.first.reconcile(pair.manifests)
        assert beds.hub_state(world) == expected, (phase, nth)
        assert pair.first.plan(pair.manifests).plan.actions == ()


def doubled(pair: Pair) -> set[tuple[str, int]]:
    """The pauses that end in two versions; only one of them may ever be approvable."""
    found = set()
    for phase, nth, world in outcomes(pair):
        live = versions(world)
        if len(live) > 1:
            found.add((phase, nth))
            assert [item for item in live if item[1] != "Rejected"] == [("churn/1", "Approved")], (phase, nth)
            for _ in range(2):
                pair.first.reconcile(pair.manifests)
            live = versions(world)
        assert [item for item in live if item[1] != "Rejected"] == [("churn/1", "Approved")], (phase, nth)
    return found


@pytest.mark.slow
def test_without_a_token_that_lasts_one_version_can_be_approved(pair: Pair) -> None:
    """Between the look and the create nothing but the token helps; whatever came of it, one version can be approved."""
    pair.base.settings.token = Span(calls=0)
    pair.calls()
    pair.calls()  # as in every further run, the registries' logins of the run before are refused first
    calls = pair.first.world.calls
    create = next(item.number for item in calls if item.operation == "CreateModelPackage" and item.resource == "churn")
    nth = create - pair.base.count
    assert doubled(pair) == {("after", nth - 1), ("before", nth)}


@pytest.mark.slow
def test_the_look_before_the_create_has_teeth(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.base.settings.token = Span(calls=0)
    monkeypatch.setattr(package, "_there", lambda *_: "")
    assert len(doubled(pair)) > 10


@pytest.fixture
def lagging(pair: Pair) -> Pair:
    pair.base.settings.list = Span(calls=10_000)
    pair.base.settings.search = Span(calls=10_000)
    return pair


@sparsely
def test_the_token_keeps_to_one_version_while_list_lags(lagging: Pair, every: int) -> None:
    for phase, nth, world in outcomes(lagging, every):
        assert versions(world) == [("churn/1", "Approved")], (phase, nth)


@pytest.mark.slow
def test_the_deterministic_token_has_teeth(lagging: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., Any] = package.create

    def with_random_token(world: Any, action: Any) -> Any:
        class Client:
            def __init__(self, inner: Any) -> None:
                self.inner = inner

            def call(self, operation: str, /, **parameters: Any) -> Any:
                if operation == "CreateModelPackage":
                    parameters["ClientToken"] = str(uuid.uuid4())
                return self.inner.call(operation, **parameters)

            def pages(self, *args: Any, **parameters: Any) -> Any:
                return self.inner.pages(*args, **parameters)

        class Cloud:
            def client(self, *args: Any) -> Client:
                return Client(world.cloud.client(*args))

        return original(replace(world, cloud=Cloud()), action)

    monkeypatch.setattr(package, "create", with_random_token)
    second = [len(versions(world)) > 1 for _, _, world in outcomes(lagging)]
    assert any(second)
