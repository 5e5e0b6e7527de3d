"""What a call asks leave for: one or more actions on resources, each with its context and the resource's own policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controller.sandbox.authz.decide import Mode

Keys = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Ask:
    """An action on a resource of the account `owner`.

    `policy`: where the resource's own policy stands and its text, None when it has none. `context` has lower-case keys.
    """

    action: str
    resource: str
    owner: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policy: tuple[str, str] | None = None
    mode: Mode = "plain"


def keys(**given: str | None) -> Keys:
    """Context of single values by names in which `__` stands for a colon and `_` for a hyphen; None is absent."""
    return {
        name.replace("__", ":").replace("_", "-").lower(): (value,)
        for name, value in given.items()
        if value is not None
    }


def tag_keys(tags: Mapping[str, str], prefix: str = "aws:requesttag/") -> Keys:
    """The context of tags in a request."""
    if not tags:
        return {}
    found: Keys = {f"{prefix}{name.lower()}": (value,) for name, value in tags.items()}
    return found | {"aws:tagkeys": tuple(tags)}


def rows(tags: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags as a dict, as far as they are any."""
    return {str(row.get(key, "")): str(row.get(value, "")) for row in tags or ()}


def alias_keys(aliases: Iterable[str]) -> Keys:
    """The context of a KMS key's aliases, whichever service asks for the key."""
    named = tuple(aliases)
    return {"kms:resourcealiases": named} if named else {}
