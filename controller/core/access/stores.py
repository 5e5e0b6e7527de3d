"""The hub's side for others: stores that are written once, and what the readers of its groups may read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import Facts, GroupFacts, HubSide
from controller.core.access.pen import Pen
from controller.core.access.records import write_handed_on, write_key_handed_on, write_once
from controller.core.access.spokes import Names
from controller.core.access.statement import statement
from controller.core.arn import domain_of, service_principal
from controller.core.manifest import Store
from controller.core.model import Key

_ACCOUNT = "?" * 12
"""Below a store's prefix the first folder is an account: 12 characters, so that this matches no deeper folder."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who may read a group: an account, or one role of it."""

    account: str
    root: str
    role: str

    def grant(self, facts: Facts, more: Mapping[str, Any] | None = None) -> tuple[dict[str, list[str]], dict[str, Any]]:
        conditions: dict[str, Any] = {test: dict(keys) for test, keys in (more or {}).items()}
        if self.role:
            conditions["ArnEquals"] = {"aws:PrincipalArn": [self.role]}
        return {"AWS": [self.root]}, facts.organized(conditions)

    @property
    def word(self) -> str:
        return "Role" if self.role else ""


def write_stores(pen: Pen, hub: HubSide) -> None:
    """Each store's bucket and key."""
    for store in hub.hub.stores:
        key = pen.policy(hub, "bucket_policy", store.bucket, f"the store {store.name}: written once, read by readers")
        write_once(pen, hub, key, store.name, hub.bucket(f"{store.bucket}/{store.prefix}/*"))
        write_handed_on(pen, hub, key, store)
        for group in pen.facts.groups_of(hub):
            for reader in _readers(pen.facts, hub, group):
                _reads_store(pen, hub, key, store, group, reader)
    for arn in hub.keys:
        _key(pen, hub, arn)


def _reads_store(pen: Pen, hub: HubSide, key: Key, store: Store, group: GroupFacts, reader: _Reader) -> None:
    below = f"{store.prefix}/{_ACCOUNT}/{group.name}/*"
    principal, conditions = reader.grant(pen.facts)
    objects = [hub.bucket(f"{store.bucket}/{below}")]
    wished = statement(may.READ_OBJECTS, objects, principal=principal, conditions=conditions)
    pen.say(key, ("Readers", reader.word), wished, group.path)
    principal, conditions = reader.grant(pen.facts, {"StringLike": {"s3:prefix": [below]}})
    listed = statement(may.LIST_OBJECTS, [hub.bucket(store.bucket)], principal=principal, conditions=conditions)
    pen.say(key, ("ReadersList", reader.word), listed, group.path)


def _key(pen: Pen, hub: HubSide, arn: str) -> None:
    """The key lets the hub's own roles use it, whatever else it says, and readers decrypt."""
    key = pen.policy(hub, "key_policy", arn, "lets the hub's roles and readers use the store's key")
    region = arn.split(":")[3]
    via = {"StringEquals": {"kms:ViaService": [f"s3.{region}.{domain_of(region)}"]}}
    for word, role, deeds in (("Reads", hub.access.read, may.DECRYPT), ("Writes", hub.access.register, may.ENCRYPT)):
        if role:
            conditions = pen.facts.organized({**via, "ArnEquals": {"aws:PrincipalArn": [role]}})
            wished = statement(deeds, ["*"], principal={"AWS": [hub.root]}, conditions=conditions)
            pen.say(key, ("Hub", word), wished, hub.path)
    if hub.active and hub.active.kms_key_arn == arn and hub.access.register:
        _lends(pen, hub, key, region)
    write_key_handed_on(pen, hub, key, arn)
    for group in pen.facts.groups_of(hub):
        for reader in _readers(pen.facts, hub, group):
            principal, conditions = reader.grant(pen.facts, via)
            wished = statement(may.DECRYPT, ["*"], principal=principal, conditions=conditions)
            pen.say(key, ("Readers", reader.word), wished, group.path)


def _lends(pen: Pen, hub: HubSide, key: Key, region: str) -> None:
    """A repository that is made with the key takes a grant on it."""
    via = {"StringEquals": {"kms:ViaService": [f"ecr.{region}.{domain_of(region)}"]}}
    conditions = pen.facts.organized({**via, "ArnEquals": {"aws:PrincipalArn": [hub.access.register or ""]}})
    wished = statement(may.LEND_KEY, ["*"], principal={"AWS": [hub.root]}, conditions=conditions)
    pen.say(key, ("HubLends",), wished, hub.path)


def write_readers(pen: Pen, hub: HubSide, names: Names) -> None:
    """The policies of the hub's groups and repositories, for their readers."""
    for group in pen.facts.groups_of(hub):
        key = pen.policy(hub, "group_policy", group.name, f"lets readers deploy versions of {group.name}")
        for reader in _readers(pen.facts, hub, group):
            _reads_group(pen, hub, key, group, reader)
    for name in sorted(names.get(("repository", hub.account, hub.region), frozenset())):
        account = name.removeprefix(hub.hub.images.prefix + "/").partition("/")[0]
        if name.startswith(hub.hub.images.prefix + "/"):
            _repository(pen, hub, name, account, names.get(("promoted", hub.account, hub.region)))


def write_left(pen: Pen, hub: HubSide, names: Names) -> None:
    """The policies of groups that nothing asks for any more, so that what was said in them is taken out.

    Last of all: a spoke in the hub's own account may ask for one, and says itself who brings it about.
    """
    for name in sorted(names.get(("group", hub.account, hub.region), frozenset())):
        pen.policy(hub, "group_policy", name, "no manifest names the group: nothing of the fleet's stays in it")


def _reads_group(pen: Pen, hub: HubSide, key: Key, group: GroupFacts, reader: _Reader) -> None:
    principal, conditions = reader.grant(pen.facts)
    whole = [hub.arn("sagemaker", f"model-package-group/{group.name}")]
    versions = [hub.arn("sagemaker", f"model-package/{group.name}/*")]
    seen = statement(may.DESCRIBE_GROUPS, whole, principal=principal, conditions=conditions)
    pen.say(key, ("ReadersSee", reader.word), seen, group.path)
    deeds = (*may.DESCRIBE_VERSIONS, *may.DEPLOY)
    pen.say(
        key, ("ReadersDeploy", reader.word),
        statement(deeds, versions, principal=principal, conditions=conditions), group.path,
    )  # fmt: skip


def _repository(pen: Pen, hub: HubSide, name: str, account: str, promoted: frozenset[str] | None) -> None:
    """An image is for the readers of every group that is promoted into from its account.

    SageMaker itself pulls for a reader's endpoint: a repository that grants only the reader's role is not enough.
    To remove a manifest takes none away: readers who may pull go on pulling for as long as a group names them that has
    versions from there, which `promoted` tells where it is known.
    """
    spokes = {spoke.name for spoke in pen.facts.promoted_from if spoke.account == account}
    key = pen.policy(hub, "repository_policy", name, "lets readers, and SageMaker for them, pull the image")
    for group in pen.facts.groups_of(hub):
        has = promoted is None or not promoted.isdisjoint({f"{group.name}/{account}", f"{group.name}/*"})
        for reader in _readers(pen.facts, hub, group):
            principal, conditions = reader.grant(pen.facts)
            pulled = statement(may.PULL_TO_DEPLOY, principal=principal, conditions=conditions)
            if not (group.spokes & spokes or (has and pen.stands(key, pulled))):
                continue
            pen.say(key, ("ReadersPull", reader.word), pulled, group.path)
            service = {"Service": [service_principal("sagemaker")]}
            owner = {"StringEquals": {"aws:SourceAccount": [reader.account]}}
            deployed = statement(may.PULL_TO_DEPLOY, principal=service, conditions=owner)
            pen.say(key, ("SageMakerPulls",), deployed, group.path)


def _readers(facts: Facts, hub: HubSide, group: GroupFacts) -> Iterator[_Reader]:
    """The readers of a group: spokes by name, roles by ARN; those of the hub's own account need no policy here."""
    spokes = {spoke.name: spoke for spoke in facts.spokes}
    for word in group.readers:
        found = None
        if word in spokes:
            found = _Reader(spokes[word].account, spokes[word].root, "")
        elif word.startswith("arn:"):
            account = word.split(":")[4]
            found = _Reader(account, f"arn:{hub.partition}:iam::{account}:root", word)
        if found is not None and found.account != hub.account:
            yield found
