"""The demo: two teams that train small real models, and the whole story of their promotion, told on the sandbox."""

from __future__ import annotations

from pathlib import Path

from controller.sandbox.world import World


def furnish(world: World) -> None:
    """Puts into a world what two teams and the hub's owner would have made there before Hubwright came."""
    from controller.sandbox.demo.accounts import detached
    from controller.sandbox.demo.seed import plant

    with detached():
        plant(world)


def run(record: Path | None, keep: Path | None) -> int:
    """The command `hubwright demo`: tells the story on stdout, and gives the exit code.

    `record`: a file for the JSON record of every step; `keep`: a new folder in which the repository stays.
    """
    from controller.sandbox.demo.accounts import detached
    from controller.sandbox.demo.story import run as tell

    with detached():
        return tell(record, keep)
