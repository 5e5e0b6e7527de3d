"""Which change of a policy takes something away."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.access.statement import statement
from controller.core.access.taking import takes
from controller.core.model import Action, Key, Target

KEY = Key(Target("111111111111", "eu-west-1"), "bucket_policy", "acme")


def said(**more: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "actions": ["s3:GetObject"],
        "resources": ["arn:aws:s3:::acme/a/*"],
        "principal": {"AWS": ["arn:aws:iam::222222222222:root"]},
        "conditions": {"StringLike": {"s3:prefix": ["a/*"]}},
        **more,
    }
    return statement(asked.pop("actions"), asked.pop("resources"), **asked)


OLD = said()


@pytest.mark.parametrize(
    ("after", "taken"),
    [
        ({}, True),
        ({"A": OLD}, False),
        ({"B": OLD}, False),
        ({"A": OLD, "B": said(actions=["s3:PutObject"])}, False),
        ({"A": said(actions=["s3:GetObject", "s3:GetObjectTagging"])}, False),
        ({"A": said(actions=["s3:PutObject"])}, True),
        ({"A": said(resources=["arn:aws:s3:::acme/a/*", "arn:aws:s3:::acme/b/*"])}, False),
        ({"A": said(resources=["arn:aws:s3:::acme/b/*"])}, True),
        ({"A": said(principal={"AWS": ["arn:aws:iam::222222222222:root", "arn:aws:iam::333333333333:root"]})}, False),
        ({"A": said(principal={"AWS": ["arn:aws:iam::333333333333:root"]})}, True),
        ({"A": said(principal={"Service": ["sagemaker.amazonaws.com"]})}, True),
        ({"A": said(conditions={"StringLike": {"s3:prefix": ["a/*", "b/*"]}})}, False),
        ({"A": said(conditions={"StringLike": {"s3:prefix": ["b/*"]}})}, True),
        ({"A": said(conditions={"StringNotLike": {"s3:prefix": ["a/*"]}})}, True),
        ({"A": said(conditions={"StringLike": {"s3:prefix": ["a/*"]}, "Bool": {"x": ["true"]}})}, True),
        ({"A": said(effect="Deny")}, True),
    ],
)
def test_what_is_said_no_more_is_taken(after: dict[str, Any], taken: bool) -> None:
    action = Action("x", "update", KEY, {"statements": {"A": OLD}}, {"statements": after})
    assert takes(action) is taken


def test_a_refusal_that_grows_takes_too() -> None:
    deny = said(effect="Deny")
    wider = said(effect="Deny", resources=["arn:aws:s3:::acme/a/*", "arn:aws:s3:::acme/b/*"])
    assert takes(Action("x", "update", KEY, {"statements": {"A": deny}}, {"statements": {"A": wider}}))
    assert not takes(Action("x", "create", KEY, None, {"statements": {"A": OLD}}))


@pytest.mark.parametrize(
    ("detail", "taken"),
    [
        ({"group": ["a", "b"]}, False),
        ({"group": ["a", "b", "c"]}, False),
        ({"group": ["a"]}, True),
        ({"group": ["a", "b"], "approval": ["Approved"]}, True),
        ({}, False),
    ],
)
def test_a_rule_that_lets_pass_less_takes_it(detail: dict[str, Any], taken: bool) -> None:
    """Every member of a pattern has to be met, by any of its values."""
    before, after = ({"pattern": {"source": ["x"], "detail": found}} for found in ({"group": ["a", "b"]}, detail))
    assert takes(Action("x", "update", KEY, before, after)) is taken
