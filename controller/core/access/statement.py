"""Policy statements in one normal form: equal exactly when they mean the same, and fit to be sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from controller.core.canonical import canonical, sha256

Statement = Mapping[str, Any]
Conditions = Mapping[str, Mapping[str, Iterable[str]]]

VERSION = "2012-10-17"
OURS = "Hubwright"
_LISTS = ("Action", "NotAction", "Resource", "NotResource")
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)


def statement(
    actions: Iterable[str],
    resources: Iterable[str] = (),
    *,
    principal: Mapping[str, Iterable[str]] | None = None,
    conditions: Conditions | None = None,
    effect: str = "Allow",
) -> dict[str, Any]:
    """A statement in normal form, without a Sid. No resources: of a policy whose resource is understood."""
    made: dict[str, Any] = {"Effect": effect, "Action": list(actions)}
    if principal is not None:
        made["Principal"] = {kind: list(names) for kind, names in principal.items()}
    found = list(resources)
    if found:
        made["Resource"] = found
    if conditions:
        made["Condition"] = {
            test: {key: list(values) for key, values in keys.items()} for test, keys in conditions.items()
        }
    return meaning(made)


def meaning(found: Statement, partition: str = "aws") -> dict[str, Any]:
    """A statement without its Sid, every list sorted: AWS gives back other lists, accounts and words than were sent."""
    said = {name: value for name, value in found.items() if name != "Sid"}
    for name in _LISTS:
        if name in said:
            said[name] = _texts(said[name])
    for name in ("Principal", "NotPrincipal"):
        if name in said:
            said[name] = _people(said[name], partition)
    if said.get("Condition"):
        said["Condition"] = {
            test: {key: _texts(values) for key, values in sorted(keys.items())}
            for test, keys in sorted(said["Condition"].items())
        }
    else:
        said.pop("Condition", None)
    return dict(sorted(said.items()))


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return sorted({item if isinstance(item, str) else canonical(item) for item in items})


def _people(value: Any, partition: str) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        value = {"AWS": value}
    return {kind: _texts([_person(name, partition) for name in _texts(names)]) for kind, names in sorted(value.items())}


def _person(name: str, partition: str) -> str:
    return f"arn:{partition}:iam::{name}:root" if _ACCOUNT.fullmatch(name) else name


def mark(fleet: str) -> str:
    """What the Sids of a fleet end in: two fleets may share a bucket, a bus or a key."""
    return sha256(f"fleet {fleet}")[:6]


def sid(fleet: str, *words: str) -> str:
    """`HubwrightHubReads111111111111` and the fleet's mark: letters and digits only, as all services take them."""
    return OURS + "".join(re.sub(r"[^A-Za-z0-9]", "", word) for word in words) + mark(fleet)


def is_ours(name: object, fleet: str) -> bool:
    """Whether a statement's Sid is one of this fleet's."""
    return isinstance(name, str) and name.startswith(OURS) and name.endswith(mark(fleet))


def policy(statements: Mapping[str, Statement]) -> dict[str, Any]:
    """A whole document of these statements by Sid."""
    return {"Version": VERSION, "Statement": [{"Sid": name, **statements[name]} for name in sorted(statements)]}


def policy_text(statements: Mapping[str, Statement]) -> str:
    """The document as canonical JSON."""
    return canonical(policy(statements))
