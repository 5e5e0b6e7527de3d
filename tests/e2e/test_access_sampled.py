"""A handful of statements, taken away one at a time: one of each kind of document. All of them: test_access_needed.py."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests import flows
from tests.bed import CHURN, HUB, VISION
from tests.needed import Grant, Story, derived, missed, own_environment, told

FLOWS = (
    flows.plans, flows.promoted, flows.pushed, flows.approved, flows.readers_granted, flows.deployed_by_readers,
    flows.written_once, flows.followed,
)  # fmt: skip
KINDS = (
    "bucket_policy", "bus_policy", "group_policy", "key_policy", "queue_policy", "repository_policy", "role",
    "role_policy",
)  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    with own_environment():
        world = flows.everything(tmp_path_factory.mktemp("sampled"))
        return told(Story(world, FLOWS, (HUB, CHURN, VISION, flows.EDGE)))


@pytest.fixture(scope="module")
def sample(story) -> dict[str, tuple[Grant, Any]]:
    """By kind of document, the statement in use whose name has the least digest: the same in every run, none chosen."""
    used = set().union(*story.used)
    found: dict[str, tuple[Grant, Any]] = {}
    ordered = sorted(derived(story).items(), key=lambda entry: hashlib.sha256(entry[0][1].encode()).digest())
    for grant, (_, item) in ordered:
        if grant in used:
            found.setdefault(item.key.kind, (grant, item))
    return found


def test_a_statement_of_each_kind_is_missed(story, sample):
    """One test, so that its fleet is made once."""
    assert tuple(sorted(sample)) == KINDS
    assert [grant for grant, item in sample.values() if not missed(story, item, grant)] == []
