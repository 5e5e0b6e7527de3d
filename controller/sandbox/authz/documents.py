"""Policy documents: read once, checked as AWS checks them when they are put."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

Use = Literal["identity", "resource", "trust"]
_VERSIONS = ("2012-10-17", "2008-10-17")
_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
_ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+")
_OPERATOR = re.compile(
    r"(?:ForAllValues:|ForAnyValue:)?(?:Null|(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)|Numeric(?:Not)?Equals"
    r"|Numeric(?:Less|Greater)Than(?:Equals)?|Date(?:Not)?Equals|Date(?:Less|Greater)Than(?:Equals)?|Bool|BinaryEquals"
    r"|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like))(?:IfExists)?)"
)


class PolicyError(ValueError):
    """A document that AWS would not take; the message says why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator with one key, in lower case, and the values of which one has to match."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Of each pair (`actions`, `not_actions` and so on) at most one is not None.

    Principals are (kind, value): `("AWS", "*")`, `("Service", "events.amazonaws.com")`.
    """

    sid: str
    allow: bool
    actions: tuple[str, ...] | None
    not_actions: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    principals: tuple[tuple[str, str], ...] | None
    not_principals: tuple[tuple[str, str], ...] | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A document's statements; `variables`: whether `${…}` means anything in it."""

    statements: tuple[Statement, ...]
    variables: bool


def _texts(value: Any, what: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise PolicyError(f"{what} must be a string or a list of strings")
    return tuple(items)


def _one_of(item: dict[str, Any], name: str) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    if name in item and f"Not{name}" in item:
        raise PolicyError(f"a statement has both {name} and Not{name}")
    plain = _texts(item[name], name) if name in item else None
    negated = _texts(item[f"Not{name}"], f"Not{name}") if f"Not{name}" in item else None
    return plain, negated


def _principals(value: Any) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("AWS", "*"),)
    if not isinstance(value, dict) or not value or not set(value) <= set(_KINDS):
        raise PolicyError("Invalid principal in policy")
    return tuple((kind, text) for kind, texts in value.items() for text in _texts(texts, "Principal"))


def _condition_values(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, (str, bool, int, float)) for item in items):
        raise PolicyError("a condition's values must be strings, numbers or booleans")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


def _conditions(value: Any) -> tuple[Condition, ...]:
    if not isinstance(value, dict) or not all(isinstance(keys, dict) for keys in value.values()):
        raise PolicyError("Condition must be an object of objects")
    for operator in value:
        if not _OPERATOR.fullmatch(operator):
            raise PolicyError(f"Invalid Condition type : {operator}")
    return tuple(
        Condition(operator, key.lower(), _condition_values(texts))
        for operator, keys in value.items()
        for key, texts in keys.items()
    )


def _statement(item: Any, use: Use) -> Statement:
    if not isinstance(item, dict) or not set(item) <= _ELEMENTS:
        raise PolicyError(f"a statement is an object of {', '.join(sorted(_ELEMENTS))}")
    if item.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Effect must be Allow or Deny")
    actions, not_actions = _one_of(item, "Action")
    resources, not_resources = _one_of(item, "Resource")
    if actions is None and not_actions is None:
        raise PolicyError("Missing required field Action")
    for name in (*(actions or ()), *(not_actions or ())):
        if not _ACTION.fullmatch(name):
            raise PolicyError(f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {name}")
    named = "Principal" in item or "NotPrincipal" in item
    if use == "identity" and named:
        raise PolicyError("Policy document should not specify a principal.")
    if use != "identity" and not named:
        raise PolicyError("Missing required field Principal")
    if use == "trust" and (resources is not None or not_resources is not None):
        raise PolicyError("Has prohibited field Resource")
    if use == "identity" and resources is None and not_resources is None:
        raise PolicyError("Policy statement must contain resources.")
    sid = item.get("Sid", "")
    if not isinstance(sid, str) or (use != "resource" and not re.fullmatch(r"[A-Za-z0-9]*", sid)):
        raise PolicyError("Statement IDs (SID) must be alpha-numeric.")
    return Statement(
        sid,
        item["Effect"] == "Allow",
        actions,
        not_actions,
        resources,
        not_resources,
        _principals(item["Principal"]) if "Principal" in item else None,
        _principals(item["NotPrincipal"]) if "NotPrincipal" in item else None,
        _conditions(item.get("Condition") or {}),
    )


@lru_cache(maxsize=4096)
def read_policy(text: str, use: Use) -> Policy:
    """The policy of a JSON text; `PolicyError` when AWS would not take it."""
    try:
        document = json.loads(text)
    except ValueError as fault:
        raise PolicyError("This policy contains invalid Json") from fault
    if not isinstance(document, dict) or "Statement" not in document:
        raise PolicyError("Syntax errors in policy.")
    if not set(document) <= {"Version", "Id", "Statement"}:
        raise PolicyError("Syntax errors in policy.")
    version = document.get("Version", _VERSIONS[1])
    if version not in _VERSIONS:
        raise PolicyError("The policy must contain a valid version string")
    items = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    statements = tuple(_statement(item, use) for item in items)
    sids = [item.sid for item in statements if item.sid]
    if len(sids) != len(set(sids)):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.")
    return Policy(statements, version == _VERSIONS[0])
