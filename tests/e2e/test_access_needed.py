"""Which statement of access is needed by a flow, and which action is used by one. Prints the figures."""

from __future__ import annotations

from typing import Any

import pytest

from tests.needed import FLEETS, Grant, Story, derived, listed, missed, own_environment, rule, told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stories(tmp_path_factory) -> dict[str, Story]:
    with own_environment():
        return {
            name: told(Story(make(tmp_path_factory.mktemp(name)), flows, accounts))
            for name, (make, flows, accounts) in FLEETS.items()
        }


@pytest.fixture(scope="module")
def granted(stories) -> dict[str, dict[Grant, Any]]:
    return {name: derived(story) for name, story in stories.items()}


def test_no_action_is_granted_that_no_flow_uses(stories, granted):
    given, used = set(), set()
    for name, found in granted.items():
        for grant, (said, item) in found.items():
            given |= {(rule(grant, item), action) for action in said["Action"]}
            used |= {
                (rule(grant, item), action) for action in said["Action"] if (grant, action) in stories[name].actions
            }
        actions = sum(len(said["Action"]) for said, _ in found.values())
        print(f"\n{name}: {len(found)} statements, {actions} actions in them; {stories[name].calls} requests evaluated")
    unused = listed(given - used)
    print(f"{len(given)} kinds of grant, unused: {unused or 0}")
    assert unused == ""


@pytest.mark.parametrize("name", FLEETS)
def test_every_statement_is_needed(stories, granted, name):
    """Each single one, of both fleets: equal rules may be needed by one spoke and be idle for another."""
    found = granted[name]
    unneeded = [(name, *grant) for grant, (_, item) in sorted(found.items()) if not missed(stories[name], item, grant)]
    print(f"\n{name}: {len(found)} statements taken away, one at a time; nothing missed: {listed(unneeded) or 0}")
    assert listed(unneeded) == ""
