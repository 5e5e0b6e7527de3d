"""What `drift` looks at of access itself: an account's documents, by the role that reads that account alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from controller.core.access import actions as may
from controller.core.access.document import LIMITS, Document
from controller.core.access.facts import Facts, HubSide, Side
from controller.core.access.hub_roles import groups_of, role_name
from controller.core.access.pen import Pen
from controller.core.access.records import usable
from controller.core.access.statement import Statement, policy_text, sid, statement
from controller.core.arn import partition_of
from controller.core.model import Key

_ON_BUS = ("bus", "bus_policy")
_ON_QUEUE = ("dead_queue", "queue", "queue_policy")
_Said = tuple[str, Statement]


def write_looks(pen: Pen) -> None:
    """Comes last, because it is about all other documents.

    Where a role's policy would be longer by it than AWS takes, nothing of it is said: promoting goes before looking.
    """
    made: dict[str, list[Document]] = {}
    for item in pen.documents():
        made.setdefault(item.key.target.account, []).append(item)
    for side, role in _readers(pen.facts):
        mine = made[side.account]
        key = side.key("role_policy", role_name(role))
        policy = next((item for item in mine if item.key == key), None)
        said = list(_looks(pen, side, mine))
        if policy is not None and _fits(pen, policy, said):
            for word, wished in said:
                pen.say(key, (word,), wished, side.path)
            _keys_let(pen, side, role, mine)


def _readers(facts: Facts) -> Iterator[tuple[Side, str]]:
    """The roles that accounts are read with, each once; where a hub is, its roles go before a spoke's."""
    hubs = {hub.account for hub in facts.hubs}
    spokes = [side for side in facts.spokes if not side.pushes and side.account not in hubs]
    seen: set[str] = set()
    for side in (*facts.hubs, *spokes):
        role = side.access.read
        if role and role not in seen and _in(role, side):
            seen.add(role)
            yield side, role


def _fits(pen: Pen, policy: Document, said: Iterable[_Said]) -> bool:
    more = {sid(pen.facts.fleet, word, str(number)): wished for number, (word, wished) in enumerate(said)}
    return len(policy_text({**policy.statements, **more})) <= LIMITS["role_policy"]


def _looks(pen: Pen, side: Side, mine: list[Document]) -> Iterator[_Said]:
    """The statements of the role's own policy, service by service."""
    hubs = [hub for hub in pen.facts.hubs if hub.account == side.account]
    pulled = [hub for hub in hubs if any(group.readers for group in pen.facts.groups_of(hub))]
    found: tuple[tuple[str, tuple[str, ...], list[str]], ...] = (
        ("LooksAtBuckets", may.LOOK_AT_BUCKETS, [side.bucket(key.name) for key in _keys(mine, "bucket_policy")]),
        ("LooksAtRepositories", may.LOOK_AT_REPOSITORIES, [_images(hub) for hub in pulled]),
        ("LooksAtGroups", may.LOOK_AT_GROUPS, [arn for hub in hubs for arn in _groups(pen, hub)]),
        ("LooksAtKeys", may.LOOK_AT_KEYS, [arn for arn in _own_keys(side, mine) if ":alias/" not in arn]),
        ("LooksAtRoles", may.LOOK_AT_ROLES, [item.spec["arn"] for item in mine if item.key.kind == "role"]),
        ("LooksAtProviders", may.LOOK_AT_PROVIDERS, [_provider(key) for key in _keys(mine, "oidc_provider")]),
        ("LooksAtBuses", may.LOOK_AT_BUSES, [_arn(key, "events", "event-bus/") for key in _keys(mine, *_ON_BUS)]),
        ("LooksAtRules", may.LOOK_AT_RULES, [_rule(item) for item in mine if item.key.kind == "rule"]),
        ("LooksAtQueues", may.LOOK_AT_QUEUES, [_arn(key, "sqs", "") for key in _keys(mine, *_ON_QUEUE)]),
    )
    for word, deeds, places in found:
        if places:
            yield word, statement(deeds, places)
    for arn in _own_keys(side, mine):
        if ":alias/" in arn:
            named: dict[str, Any] = {}
            place = usable(arn, named)
            yield "LooksAtKeysNamed", statement((*may.SEE_KEY, *may.LOOK_AT_KEYS), [place], conditions=named)


def _keys_let(pen: Pen, side: Side, role: str, mine: list[Document]) -> None:
    """The keys' side: not every key leaves it to its account's policies who may look at it."""
    conditions = pen.facts.organized({"ArnEquals": {"aws:PrincipalArn": [role]}})
    own = _own_keys(side, mine)
    for item in mine:
        if item.key.kind == "key_policy" and item.key.name in own:
            seen = may.SEE_KEY if ":alias/" in item.key.name else ()
            deeds = (*seen, *may.LOOK_AT_KEYS)
            wished = statement(deeds, ["*"], principal={"AWS": [side.root]}, conditions=conditions)
            pen.say(item.key, ("LooksAtKey",), wished, side.path)


def _keys(mine: Iterable[Document], *kinds: str) -> list[Key]:
    return [item.key for item in mine if item.key.kind in kinds]


def _own_keys(side: Side, mine: Iterable[Document]) -> list[str]:
    """Keys of another account are for that account to look at."""
    return [key.name for key in _keys(mine, "key_policy") if _in(key.name, side)]


def _in(arn: str, side: Side) -> bool:
    return arn.split(":")[4:5] == [side.account]


def _arn(key: Key, service: str, before: str) -> str:
    place = key.target
    return f"arn:{partition_of(place.region)}:{service}:{place.region}:{place.account}:{before}{key.name}"


def _provider(key: Key) -> str:
    return f"arn:{partition_of(key.target.region)}:iam::{key.target.account}:oidc-provider/{key.name}"


def _rule(item: Document) -> str:
    bus = item.spec["bus"]
    return _arn(item.key, "events", "rule/" if bus == "default" else f"rule/{bus}/")


def _images(hub: HubSide) -> str:
    """All repositories of promoted images: which there are is known only where they are listed."""
    return hub.arn("ecr", f"repository/{hub.hub.images.prefix}/*")


def _groups(pen: Pen, hub: HubSide) -> list[str]:
    return groups_of(pen, hub, "model-package-group/{}")
