"""Runs a plan's actions on an executor: in the order of their needs, whatever becomes of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from controller.core.errors import HubwrightError, WaitingError, told
from controller.core.graph import Order
from controller.core.model import INTERRUPTED, Action, Outcome
from controller.core.plan import Plan
from controller.kinds import BY_NAME
from controller.kinds.base import Effects, Facts, World

Tell = Callable[[Action, Outcome | None], None]
log = logging.getLogger(__name__)


def apply(
    world: World, plan: Plan, pool: Executor, tell: Tell, kinds: Mapping[str, Effects] = BY_NAME
) -> tuple[Outcome, ...]:
    """One outcome for each action, in the plan's order. `tell` hears of every start (None) and end, on this thread.

    An interrupt, or a world that is `stopped`, lets what is running finish and starts nothing more.
    """
    order = Order(plan.actions)
    running: dict[Future[Outcome], Action] = {}
    outcomes: dict[str, Outcome] = {}
    try:
        while order.pending() and not world.stopped():
            _start(world, order, pool, running, outcomes, tell, kinds)
            if running:
                _finish(order, running, outcomes, tell)
        _drain(running, outcomes, tell)
    except KeyboardInterrupt:
        _drain(running, outcomes, tell)
    rest = [action for action in plan.actions if action.id not in outcomes]
    outcomes |= {action.id: Outcome(action.id, "skipped", INTERRUPTED, 0) for action in rest}
    return tuple(outcomes[action.id] for action in plan.actions)


def _start(
    world: World,
    order: Order,
    pool: Executor,
    running: dict[Future[Outcome], Action],
    outcomes: dict[str, Outcome],
    tell: Tell,
    kinds: Mapping[str, Effects],
) -> None:
    run, skip = order.ready()
    for action in skip:
        outcomes[action.id] = Outcome(action.id, "skipped", "something it needs did not happen", 0)
        tell(action, outcomes[action.id])
    for action in run:
        tell(action, None)
        running[pool.submit(perform, world, action, kinds)] = action


def _finish(order: Order, running: dict[Future[Outcome], Action], outcomes: dict[str, Outcome], tell: Tell) -> None:
    ended, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        action = running.pop(future)
        outcomes[action.id] = future.result()
        order.settle(action.id, done=outcomes[action.id].status == "done")
        tell(action, outcomes[action.id])


def _drain(running: dict[Future[Outcome], Action], outcomes: dict[str, Outcome], tell: Tell) -> None:
    for future, action in list(running.items()):
        if future.cancel():
            continue
        outcomes[action.id] = future.result()
        tell(action, outcomes[action.id])


def perform(world: World, action: Action, kinds: Mapping[str, Effects] = BY_NAME) -> Outcome:
    """The effect of one action; an error becomes its outcome."""
    kind = kinds[action.key.kind]
    effect: Callable[[World, Action], Facts] = {"create": kind.create, "update": kind.update}[action.verb]
    began = world.clock()
    try:
        facts = effect(world, action)
    except WaitingError as error:
        return Outcome(action.id, "waiting", str(error))
    except HubwrightError as error:
        return Outcome(action.id, "failed", told(error))
    except Exception as error:
        log.debug("fault in %s", action.key, exc_info=True)
        return Outcome(action.id, "failed", f"a fault of Hubwright itself: {type(error).__name__}: {error}")
    if "bytes" in facts:
        facts = {**facts, "began": began, "seconds": round(world.clock() - began, 1)}
    world.made.note(action.id, facts)
    return Outcome(action.id, "done", facts=facts)
