"""What takes long is run when it is asked for: pytest -m slow. Rubbish is looked for seldom."""

from __future__ import annotations

import gc

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips the slow ones unless -m names them; continuous integration does."""
    if "slow" in str(config.option.markexpr):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long: pytest -m slow"))


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: looking through them for rubbish, time and again, was a quarter of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)
