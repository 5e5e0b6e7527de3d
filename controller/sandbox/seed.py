"""What a sandbox starts with."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from controller.sandbox.world import World


def _demo(world: World) -> None:
    """The fleet of the demo; loaded only when it is asked for."""
    importlib.import_module("controller.sandbox.demo").furnish(world)


SEEDS: dict[str, Callable[[World], None]] = {"empty": lambda _: None, "demo": _demo, "bare": _demo}
BARE = "bare"
"""The demo's data without any role or grant: what `hubwright access apply` makes has to be enough."""
