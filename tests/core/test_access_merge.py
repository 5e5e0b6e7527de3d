"""Statements that are said together allow exactly what they allowed apart."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.access.merge import merged
from controller.core.access.statement import statement
from controller.sandbox.authz.decide import Asked, Named, Policies, Principal, decide
from controller.sandbox.authz.documents import read_policy

ACCOUNTS = ("111111111111", "222222222222", "333333333333")
ROLES = [f"arn:aws:iam::{account}:role/{name}" for account in ACCOUNTS for name in ("a", "b")]
THINGS = ["arn:aws:s3:::x/1", "arn:aws:s3:::x/12", "arn:aws:s3:::x/2", "arn:aws:s3:::y/1"]
PLACES = [
    "arn:aws:s3:::x/1",
    "arn:aws:s3:::x/1*",
    "arn:aws:s3:::x/1?",
    "arn:aws:s3:::x/*",
    "arn:aws:s3:::x/**",
    "arn:aws:s3:::*",
    "*",
]
WORDS = ("p", "q")


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    """Of a bucket's policy: to an account or to a role, of that account or not, on some places, under some conditions."""
    who, role = draw(st.sampled_from(ACCOUNTS)), draw(st.booleans())
    conditions: dict[str, dict[str, list[str]]] = {}
    if role:
        conditions["ArnEquals"] = {"aws:PrincipalArn": [draw(st.sampled_from(ROLES))]}
    for test in draw(st.sets(st.sampled_from(["StringEquals", "StringNotEquals", "Null", "StringLikeIfExists"]))):
        values = ("true", "false") if test == "Null" else WORDS
        conditions[test] = {"s3:prefix": [draw(st.sampled_from(values))]}
    places = draw(st.sets(st.sampled_from(PLACES), min_size=1, max_size=3))
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    return statement(["s3:GetObject"], places, principal={"AWS": [root(who)]}, conditions=conditions, effect=effect)


def decisions(said: list[dict[str, Any]]) -> dict[Any, bool]:
    """Who may read what, in all contexts that there are."""
    read = read_policy(json.dumps({"Version": "2012-10-17", "Statement": said}), "resource")
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    own = Named("own", read_policy(json.dumps({"Version": "2012-10-17", "Statement": [anything]}), "identity"))
    found = {}
    for role, thing, word in product(ROLES, THINGS, ("", *WORDS)):
        account = role.split(":")[4]
        who = Principal("session", account, role.replace("iam", "sts"), "AROA", role)
        context = {"aws:principalarn": (role,)} | ({"s3:prefix": (word,)} if word else {})
        asked = Asked(who, "s3:GetObject", thing, "999999999999", context)
        found[role, thing, word] = decide(asked, Policies((own,), None, None, (Named("bucket", read),))).allowed
    return found


@settings(max_examples=50)
@given(st.lists(statements(), min_size=2, max_size=7))
def test_nothing_more_and_nothing_less_is_allowed(said):
    together = merged(said)
    assert len(together) <= len(said)
    assert decisions(together) == decisions(said)
    assert merged(together) == together


def on(*places: str, **more: Any) -> dict[str, Any]:
    return statement(["s3:GetObject"], [f"arn:aws:s3:::{place}" for place in places], **more)


def to(*accounts: str, role: str = "") -> dict[str, Any]:
    roles = {"ArnEquals": {"aws:PrincipalArn": [f"arn:aws:iam::{item}:role/{role}" for item in accounts]}}
    return {"principal": {"AWS": map(root, accounts)}, "conditions": roles if role else None}


LISTED = {"StringLike": {"s3:prefix": ["a/*"]}}
CROSSED = [on("a", **to(one, role="r") | {"principal": {"AWS": [root(other)]}}) for one, other in ("12", "21")]
CASES = {
    "roles of other accounts than are let in, which let in nobody": (CROSSED, CROSSED),
    "resources": ([on("b/*"), on("a/*")], [on("a/*", "b/*")]),
    "said twice": ([on("a/*"), on("a/*")], [on("a/*")]),
    "a resource that another one covers": ([on("x/1/*"), on("x/*")], [on("x/*")]),
    "covered in one statement": ([on("x/1", "x/*", "y/1")], [on("x/*", "y/1")]),
    "a session's own is covered by all": ([on("x/${aws:PrincipalTag/t}/*"), on("x/*/*")], [on("x/*/*")]),
    "one character does not cover many": ([on("x/?"), on("x/*")], [on("x/*")]),
    "of two that stand for each other one stays": ([on("x/*", "x/**", "x/a*", "x/a**b")], [on("x/**")]),
    "nor what may be none": ([on("x/1?", "x/1*")], [on("x/1*")]),
    "conditions that differ": ([on("a"), on("b", conditions=LISTED)], [on("a"), on("b", conditions=LISTED)]),
    "actions that differ": ([on("a"), statement(["s3:PutObject"], ["b"])], [on("a"), statement(["s3:PutObject"], ["b"])]),
    "effects that differ": ([on("a"), on("b", effect="Deny")], [on("a"), on("b", effect="Deny")]),
    "accounts": ([on("a", **to("1")), on("a", **to("2"))], [on("a", **to("1", "2"))]),
    "roles with their accounts": ([on("a", **to("1", role="r")), on("a", **to("2", role="r"))], [on("a", **to("1", "2", role="r"))]),
    "readers of groups": (
        [on(place, **to(account)) for place in "abc" for account in "12"],
        [on("a", "b", "c", **to("1", "2"))],
    ),
    "a whole account is no role of it": ([on("a", **to("1")), on("a", **to("2", role="r"))], [on("a", **to("1")), on("a", **to("2", role="r"))]),
    "values of one condition": (
        [on("a", conditions={"StringLike": {"s3:prefix": [word]}}) for word in ("y", "x")],
        [on("a", conditions={"StringLike": {"s3:prefix": ["x", "y"]}})],
    ),
    "not values of one that must not be": (
        [on("a", conditions={"StringNotEquals": {"s3:prefix": [word]}}) for word in "xy"],
        [on("a", conditions={"StringNotEquals": {"s3:prefix": [word]}}) for word in "xy"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_comes_together(name):
    apart, together = CASES[name]
    assert merged(apart) == together
