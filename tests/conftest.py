"""What takes long is run when it is asked for, `pytest -m slow`; what needs programs of others may have to find them.

Rubbish is looked for seldom. What botocore makes of a service's description is made once, as it depends on nothing else."""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Any

import pytest
from botocore.client import ClientCreator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--need-peers", action="store_true", help="A test marked peer that would skip fails: CI has them.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips the slow ones unless -m names them; continuous integration does."""
    if "slow" in str(config.option.markexpr):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long: pytest -m slow"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A peer that is missing is no reason to pass where all of them are to be there."""
    report = yield
    later = item.get_closest_marker("slow") and "slow" not in str(item.config.option.markexpr)
    if report.skipped and not later and item.get_closest_marker("peer") and item.config.getoption("--need-peers"):
        report.outcome = "failed"
        report.longrepr = f"a peer is missing: {call.excinfo.value if call.excinfo else ''}"
    return report


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: looking through them for rubbish, time and again, was a quarter of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _descriptions() -> Generator[None]:
    """Each command that a test runs in this process makes a dozen clients, a fifth of what it takes."""
    models: dict[str, Any] = {}
    classes: dict[str, Any] = {}
    read, make = ClientCreator._load_service_model, ClientCreator._create_client_class

    def model(creator: ClientCreator, name: str, version: str | None = None) -> Any:
        if name not in models:
            models[name] = read(creator, name, version)
        return models[name]

    def made(creator: ClientCreator, name: str, description: Any) -> Any:
        if name not in classes:
            classes[name] = make(creator, name, description)
        else:  # who waits for this is told of every client all the same
            said = f"creating-client-class.{description.service_id.hyphenize()}"
            creator._event_emitter.emit(said, class_attributes={}, base_classes=[])
        return classes[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientCreator, "_load_service_model", model)
        patch.setattr(ClientCreator, "_create_client_class", made)
        yield
