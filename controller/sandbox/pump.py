"""Delivery of events, by the serving sandbox's own thread or, in tests, whenever they say so."""

from __future__ import annotations

from controller.sandbox.events.deliver import drain
from controller.sandbox.sagemaker.told import settle
from controller.sandbox.world import World


def deliver(world: World) -> int:
    """Delivers all events that are due and what they bring about; how many events met their bus."""
    with world.lock:
        settle(world)
    return drain(world)
