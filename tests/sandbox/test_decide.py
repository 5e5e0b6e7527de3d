"""The decision against AWS's published evaluation logic, table by table: `tests/cases/authz/*.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.authz.conditions import holds
from controller.sandbox.authz.decide import Asked, Named, Policies, Principal, decide
from controller.sandbox.authz.documents import Condition, PolicyError, Use, read_policy

CASES = Path(__file__).parents[1] / "cases" / "authz"
HERE = "111111111111"
WHO = {
    "user": Principal("user", HERE, f"arn:aws:iam::{HERE}:user/alice", "AIDAALICE"),
    "session": Principal(
        "session",
        HERE,
        f"arn:aws:sts::{HERE}:assumed-role/worker/run",
        "AROAWORKER:run",
        f"arn:aws:iam::{HERE}:role/team/worker",
    ),
    "service": Principal("service", "", "events.amazonaws.com"),
    "federated": Principal("federated", "", f"arn:aws:iam::{HERE}:oidc-provider/issuer"),
    "anonymous": Principal("anonymous", "", "anonymous"),
}


def table(name: str) -> list[Any]:
    found: list[Any] = json.loads((CASES / f"{name}.json").read_text())["cases"]
    return found


def scenarios() -> Iterator[Any]:
    for name in ("evaluation", "accounts", "elements"):
        for case in table(name):
            yield pytest.param(case, id=f"{name}: {case['name']}")


def named(case: dict[str, Any], kind: str, use: Use) -> Named:
    usual: dict[str, Any] = {"Effect": "Allow", "Action": case.get("action", "s3:GetObject")}
    usual |= {} if use == "trust" else {"Resource": "*"}
    usual |= {} if use == "identity" else {"Principal": {"AWS": f"arn:aws:iam::{HERE}:root"}}
    merged = [usual | statement for statement in case[kind]]
    statements = [{key: value for key, value in item.items() if value is not None} for item in merged]
    text = json.dumps({"Version": case.get("version", "2012-10-17"), "Statement": statements})
    return Named(kind, read_policy(text, use))


@pytest.mark.parametrize("case", list(scenarios()))
def test_who_may_what(case: dict[str, Any]) -> None:
    """Defaults: alice of 111111111111 asks s3:GetObject on bucket/key of her own account; statements allow just that."""
    mode = case.get("mode", "plain")
    policies = Policies(
        (named(case, "identity", "identity"),) if "identity" in case else (),
        named(case, "boundary", "identity") if "boundary" in case else None,
        (named(case, "session", "identity"),) if "session" in case else None,
        (named(case, "resource", "trust" if mode == "trust" else "resource"),) if "resource" in case else (),
        mode,
    )
    who = WHO[case.get("as", "user")]
    context = {"aws:principalarn": (who.role or who.arn,)}
    context |= {key.lower(): (value,) for key, value in case.get("context", {}).items()}
    action, on = case.get("action", "s3:GetObject"), case.get("resource_arn", "arn:aws:s3:::bucket/key")
    decision = decide(Asked(who, action, on, case.get("owner", HERE), context), policies)
    assert (decision.reason or "allow") == case["expect"], decision


@pytest.mark.parametrize(("operator", "wanted", "given", "expected"), table("operators"))
def test_operators(operator: str, wanted: Any, given: Any, expected: bool) -> None:
    """A condition of one key; a given null is a key that the request does not have."""
    document = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"a:Key": wanted}}}
    (statement,) = read_policy(json.dumps({"Version": "2012-10-17", "Statement": document}), "identity").statements
    (condition,) = statement.conditions
    assert isinstance(condition, Condition)
    values = () if given is None else tuple(given) if isinstance(given, list) else (given,)
    assert holds(condition, {"a:key": values} if values else {}, variables=True) is expected


@pytest.mark.parametrize(("use", "text", "words"), table("refused"))
def test_documents_that_are_refused(use: Use, text: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        read_policy(text, use)


def test_the_statements_that_applied_are_told() -> None:
    """By where they stand and their Sid, or their place in the document."""
    statements = [
        {"Sid": "Reads", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
    ]
    policy = read_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}), "identity")
    asked = Asked(WHO["user"], "s3:GetObject", "arn:aws:s3:::bucket/key", HERE)
    found = decide(asked, Policies((Named("inline", policy),))).matched
    assert [(item.source, item.sid, item.effect) for item in found] == [
        ("inline", "Reads", "Allow"),
        ("inline", "#1", "Deny"),
    ]
