"""The demo: two teams that train small real models, and the whole story of their promotion, told on the sandbox."""

from __future__ import annotations

from controller.sandbox.world import World


def seed(world: World) -> None:
    """Puts into a world what two teams and the hub's owner would have made there before Hubwright came."""
    from controller.sandbox.demo.seed import plant

    plant(world)
