"""What stays in the accounts of spokes that are Retired: nobody contacts them, so it is named for their owners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from controller.core.access.derive import derive
from controller.core.access.document import Document
from controller.core.access.facts import SpokeSide, facts_of
from controller.core.manifests import Manifests
from controller.core.wish import Finding

_ONE = {
    "bucket_policy": "the policy of the bucket {}",
    "key_policy": "the policy of the key {}",
    "dead_queue": "the queue {}",
    "oidc_provider": "the identity provider {}",
    "role": "the role {}",
    "rule": "the rule {}",
}
"""The policies of roles and queues go with those."""
_GLOBS = "the policies of the {} {}"


def remains(manifests: Manifests) -> tuple[Finding, ...]:
    """One line for each Retired spoke: what `access` would have made in its account, and its owner is to remove."""
    found = []
    needed = {item.key for item in derive(manifests)}
    for side in facts_of(manifests).retired:
        entry = manifests.spokes[side.name]
        active = replace(entry, spec=replace(entry.spec, state="Active"))
        once = derive(replace(manifests, spokes={**manifests.spokes, side.name: active}))
        there = [item for item in once if item.key.target.account == side.account and item.key not in needed]
        if listed := "; ".join(_listed(side, there)):
            why = f"the spoke {side.name} is Retired and not looked at; what access made there stays: {listed}"
            found.append(
                Finding(side.account, "deferred", why, "its owner removes it; statements begin with Hubwright")
            )
    return tuple(found)


def _listed(side: SpokeSide, there: Iterable[Document]) -> list[str]:
    """Things by name, in order; of repositories and groups what the manifest says, because nobody lists them."""
    found = {_ONE[item.key.kind].format(item.key.name) for item in there if item.key.kind in _ONE}
    allow = side.spoke.allow
    for word, globs in (("repositories", allow.repositories), ("groups", allow.groups)):
        if side.read_by_hub and globs:
            found.add(_GLOBS.format(word, ", ".join(globs)))
    return sorted(found)
