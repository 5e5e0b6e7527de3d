"""What a sandbox starts with."""

from __future__ import annotations

from collections.abc import Callable

from controller.sandbox.world import World


def _demo(world: World) -> None:
    """The fleet of the demo; loaded only when it is asked for."""
    from controller.sandbox import demo

    demo.seed(world)


SEEDS: dict[str, Callable[[World], None]] = {"empty": lambda world: None, "demo": _demo}
