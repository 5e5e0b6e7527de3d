"""The spokes' side: their read roles, and what their buckets, repositories, groups and keys let the hub do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import Facts, HubSide, SpokeSide
from controller.core.access.hub_roles import inline, role_of, trust
from controller.core.access.pen import Pen
from controller.core.access.sources import reads_itself, session_of
from controller.core.access.statement import statement
from controller.core.arn import domain_of
from controller.core.globs import any_matches
from controller.core.model import Key

Names = Mapping[tuple[str, str, str], frozenset[str]]
"""What is live, by (kind, account, region): the names of repositories and of package groups; of kind `promoted`, where
that was looked up, `GROUP/ACCOUNT` for each account that a group has versions of (`*`: it could not be read)."""


def write_spoke(pen: Pen, spoke: SpokeSide, names: Names) -> None:
    """All documents of one spoke."""
    if spoke.access.read and not spoke.pushes:
        role = role_of(pen, spoke, spoke.access.read, f"the role that reads the spoke {spoke.name}")
        for hub in pen.facts.hubs:
            trust(pen, role, spoke, hub, hub.callers, spoke.access.external_id)
        reads_itself(pen, spoke, inline(pen, spoke, role))
    for bucket in spoke.spoke.allow.buckets:
        _bucket(pen, spoke, bucket)
    for arn in spoke.spoke.allow.kms_key_arns:
        _key(pen, spoke, arn)
    for name in wanted(spoke.spoke.allow.repositories, names.get(("repository", spoke.account, spoke.region))):
        _repository(pen, spoke, name)
    for name in wanted(spoke.spoke.allow.groups, names.get(("group", spoke.account, spoke.region)), fold=True):
        _group(pen, spoke, name)


def wanted(globs: tuple[str, ...], live: frozenset[str] | None, *, fold: bool = False) -> list[str]:
    """The names that globs stand for, of those that are live; while those were not read, what is written out whole."""
    if live is None:
        return sorted({glob for glob in globs if not set("*?") & set(glob)})
    lower = [glob.casefold() for glob in globs] if fold else list(globs)
    return sorted(name for name in live if any_matches(lower, name.casefold() if fold else name))


def reader(
    facts: Facts, hub: HubSide, arn: str, more: Mapping[str, Any]
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The principal and the conditions for one role of the hub.

    The account is the principal and the role a condition: a grant that names a role itself is refused while there is
    no such role, and dies with it when it is made anew.
    """
    conditions: dict[str, Any] = {test: dict(keys) for test, keys in more.items()}
    conditions["ArnEquals"] = {"aws:PrincipalArn": [arn]}
    return {"AWS": [hub.root]}, facts.organized(conditions)


def _readers(pen: Pen, spoke: SpokeSide) -> list[tuple[HubSide, str, str, bool, dict[str, Any]]]:
    """Who reads the spoke's buckets from outside: hub, word, role, whether versions are listed, conditions."""
    found: list[tuple[HubSide, str, str, bool, dict[str, Any]]] = []
    for hub in pen.facts.hubs:
        if spoke.read_by_hub and hub.access.read:
            found.append((hub, "HubReads", hub.access.read, True, {}))
        if spoke.copied_by_hub and hub.access.register:
            found.append((hub, "HubCopies", hub.access.register, False, session_of(pen.facts, spoke)))
    return found


def _bucket(pen: Pen, spoke: SpokeSide, bucket: str) -> None:
    key = pen.policy(spoke, "bucket_policy", bucket, f"lets the hub read what leaves the spoke {spoke.name}")
    for hub, word, role, versions, more in _readers(pen, spoke):
        principal, conditions = reader(pen.facts, hub, role, more)
        lists = (*may.LIST_OBJECTS, *may.LIST_VERSIONS) if versions else may.LIST_OBJECTS
        objects, whole = [spoke.bucket(f"{bucket}/*")], [spoke.bucket(bucket)]
        wished = statement(may.READ_OBJECTS, objects, principal=principal, conditions=conditions)
        pen.say(key, (word, hub.account), wished, spoke.path)
        listed = statement(lists, whole, principal=principal, conditions=conditions)
        pen.say(key, (word, "Lists", hub.account), listed, spoke.path)


def _key(pen: Pen, spoke: SpokeSide, arn: str) -> None:
    key = pen.policy(spoke, "key_policy", arn, f"lets those decrypt who read what leaves the spoke {spoke.name}")
    region = arn.split(":")[3]
    via = {"StringEquals": {"kms:ViaService": [f"s3.{region}.{domain_of(region)}"]}}
    own = spoke.pushers if spoke.pushes else tuple(filter(None, [spoke.access.read]))
    if own:  # not every key leaves it to its account's policies who may use it
        conditions = pen.facts.organized({**via, "ArnEquals": {"aws:PrincipalArn": list(own)}})
        wished = statement(may.DECRYPT, ["*"], principal={"AWS": [spoke.root]}, conditions=conditions)
        pen.say(key, ("SpokeReads",), wished, spoke.path)
    roles = [(hub, word, role, more) for hub, word, role, _, more in _readers(pen, spoke)]
    for hub, word, role, more in roles:
        both = {**more, "StringEquals": {**more.get("StringEquals", {}), **via["StringEquals"]}}
        principal, conditions = reader(pen.facts, hub, role, both)
        wished = statement(may.DECRYPT, ["*"], principal=principal, conditions=conditions)
        pen.say(key, (word, hub.account), wished, spoke.path)


def _repository(pen: Pen, spoke: SpokeSide, name: str) -> Key | None:
    if not spoke.read_by_hub:
        return None
    key = pen.policy(spoke, "repository_policy", name, f"lets the hub pull images of the spoke {spoke.name}")
    for hub in pen.facts.hubs:
        if hub.access.read:
            principal, conditions = reader(pen.facts, hub, hub.access.read, {})
            wished = statement(may.PULL, principal=principal, conditions=conditions)
            pen.say(key, ("HubPulls", hub.account), wished, spoke.path)
    return key


def _group(pen: Pen, spoke: SpokeSide, name: str) -> None:
    if not spoke.read_by_hub:
        return
    key = pen.policy(spoke, "group_policy", name, f"lets the hub read versions of the spoke {spoke.name}")
    follows = any(item.spoke == spoke.name and item.group == name for item in pen.facts.follows)
    deeds = may.DESCRIBE_VERSIONS if follows else may.DESCRIBE_VERSIONS[:1]
    for hub in pen.facts.hubs:
        if hub.access.read:
            principal, conditions = reader(pen.facts, hub, hub.access.read, {})
            place = [spoke.arn("sagemaker", f"model-package/{name}/*")]
            wished = statement(deeds, place, principal=principal, conditions=conditions)
            pen.say(key, ("HubReads", hub.account), wished, spoke.path)
