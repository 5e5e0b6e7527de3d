"""What every account of a sandbox begins with: an administrator, and unless it is bare, a controller and four roles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from controller.sandbox.iam.state import Iam, Identity

ROLES = ("hubwright", "hubwright-read", "hubwright-register", "hubwright-approve")
_ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


_ASSUME = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*"}],
    }
)


STANDING_GRANT = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}
)
"""What every resource of a sandbox that is not bare grants beside its own policy, to `stands`: everything.

It stands for what an organization has granted long ago, so that one can begin without `hubwright access`.
"""
_STANDS = re.compile(rf"arn:aws:iam::[0-9]{{12}}:(role/({'|'.join(ROLES)})|user/controller)")


def stands(arn: str) -> bool:
    """Whether the ARN of a role or a user is one of those that sandboxes begin with."""
    return _STANDS.fullmatch(arn) is not None


def _trust(accounts: Iterable[str]) -> str:
    """Every account of the sandbox may let its principals assume the role, and tag the session."""
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": actions}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _user(account: str, name: str, mark: str, policy: str) -> Identity:
    arn = f"arn:aws:iam::{account}:user/{name}"
    return Identity(name, "/", arn, f"AIDA{account}{mark}HW", 0.0, inline={"standing": policy})


def standing(accounts: list[str], *, bare: bool) -> dict[str, Iam]:
    """The identities of fresh accounts. Standing roles may do everything in their own account.

    In a bare account there are none, and the controller may assume roles that trust it, and nothing else.
    """
    found: dict[str, Iam] = {}
    for account in accounts:
        iam = found[account] = Iam(account)
        iam.users["administrator"] = _user(account, "administrator", "AD", _ALL)
        iam.users["controller"] = _user(account, "controller", "CO", _ASSUME if bare else _ALL)
        for name in () if bare else ROLES:
            arn, trust = f"arn:aws:iam::{account}:role/{name}", _trust(accounts)
            iam.roles[name] = Identity(name, "/", arn, f"AROA{account}HWRT", 0.0, trust, inline={"standing": _ALL})
    return found
