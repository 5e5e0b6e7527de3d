"""What reads the sources of promotions: the hub's roles across its spokes, and the roles of a spoke itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from controller.core.access import actions as may
from controller.core.access.facts import TAG, UNTAGGED, Facts, HubSide, SpokeSide
from controller.core.access.pen import Pen, by_sid
from controller.core.access.records import usable
from controller.core.access.statement import Statement, policy_text, statement
from controller.core.arn import domain_of
from controller.core.model import Key

_NAMED = 3_000
"""Up to so many characters a hub's role names its sources one by one; its policies hold 10,240."""
_OWNER = "aws:ResourceAccount"
_TAGGED = {"StringEquals": {_OWNER: ["${aws:PrincipalTag/" + TAG + "}"]}}
_Said = tuple[str, Statement]


def copies_sources(pen: Pen, hub: HubSide, key: Key) -> None:
    """Reading what is copied server-side: pull spokes by the hub's run, a push spoke by its own alone."""
    found = []
    for spoke in pen.facts.spokes:
        if spoke.copied_by_hub:
            word = "CopiesPushed" if spoke.pushes else "CopiesFrom"
            conditions = _TAGGED if spoke.pushes else session_of(pen.facts, spoke)
            session = session_of(pen.facts, spoke)
            found += [(spoke, said) for said in _bucket(spoke, word, conditions, session, versions=False)]
    _say(pen, hub, key, found)


def reads_sources(pen: Pen, hub: HubSide, key: Key) -> None:
    """Reading spokes that have no role of their own for that."""
    spokes = [spoke for spoke in pen.facts.spokes if spoke.read_by_hub]
    _say(pen, hub, key, [(spoke, said) for spoke in spokes for said in _reads(pen.facts, spoke)])


def reads_itself(pen: Pen, spoke: SpokeSide, key: Key) -> None:
    """What a role in the spoke reads of it."""
    for word, wished in (*_reads(pen.facts, spoke), *_origins(spoke)):
        pen.say(key, (word,), wished, spoke.path)


def session_of(facts: Facts, spoke: SpokeSide) -> dict[str, Any]:
    """That a session of the register role is one that may read this spoke."""
    if spoke.pushes:
        return {"StringEquals": {f"aws:PrincipalTag/{TAG}": [spoke.account]}}
    return dict(UNTAGGED) if facts.pushes else {}


def _say(pen: Pen, hub: HubSide, key: Key, found: Iterable[tuple[SpokeSide, _Said]]) -> None:
    """One by one while there is room for it, else by account.

    Across accounts both sides must allow, and the spokes' own policies name each bucket, repository and group that is
    let out. In its own account a role needs nobody's leave: there everything is named, however much it is.
    """
    said = list(found)
    named = by_sid(pen.facts.fleet, [((word,), wished) for _, (word, wished) in said])
    many = len(policy_text(named)) > _NAMED
    for spoke, (word, wished) in said:
        wide = many and spoke.account != hub.account
        pen.say(key, (word,), _by_account(wished, spoke, hub) if wide else wished, spoke.path)


def _by_account(wished: Statement, spoke: SpokeSide, hub: HubSide) -> Statement:
    """The same of everything of its kind in the spoke's account; what has no account to say or another one stays."""
    if any(place.split(":")[4:5] not in ([""], [spoke.account]) for place in wished["Resource"]):
        return wished
    tests = {test: dict(keys) for test, keys in wished.get("Condition", {}).items()}
    if _OWNER in tests.setdefault("StringEquals", {}):  # that of the session's tag, which could be the hub's own
        tests["StringNotEquals"] = {_OWNER: [hub.account]}
    else:
        tests["StringEquals"][_OWNER] = [spoke.account]
    places = {_any_like(place) for place in wished["Resource"]}
    return statement(wished["Action"], places, conditions=tests)


def _any_like(arn: str) -> str:
    """All of an ARN's kind, in whichever account: `arn:aws:s3:::*/*`, `arn:aws:ecr:eu-west-1:*:repository/*`."""
    head, partition, service, region, account, rest = arn.split(":", 5)
    below = "/*" if "/" in rest else ""
    kind = "*" if service == "s3" else rest.partition("/")[0]
    return ":".join((head, partition, service, region, account and "*", kind + below))


def _reads(facts: Facts, spoke: SpokeSide) -> Iterator[_Said]:
    """What resolving a source takes, and with `relay` reading it."""
    allow = spoke.spoke.allow
    followed = {item.group for item in facts.follows if item.spoke == spoke.name}
    for word, deeds, groups in (
        ("ReadsSources", may.DESCRIBE_VERSIONS[:1], allow.groups),
        ("FollowsSources", may.DESCRIBE_VERSIONS[1:], followed),
    ):
        if groups:
            yield word, statement(deeds, [spoke.arn("sagemaker", f"model-package/{group}/*") for group in groups])
    yield from _bucket(spoke, "ReadsObjects", {}, {}, versions=True)
    if allow.repositories:
        images = [spoke.arn("ecr", f"repository/{name}") for name in allow.repositories]
        yield "PullsSources", statement(may.PULL, images)
        yield "LogsIn", statement(may.LOG_IN, ["*"])


def _origins(spoke: SpokeSide) -> Iterator[_Said]:
    """The jobs and pipeline runs that versions come from, and whether a key is one that AWS manages: what it was made
    by is asked of its own account alone."""
    jobs, runs = spoke.arn("sagemaker", "training-job/*"), spoke.arn("sagemaker", "pipeline/*/execution/*")
    yield "ReadsJobs", statement(may.DESCRIBE_JOBS, [jobs])
    yield "ReadsRuns", statement(may.DESCRIBE_RUNS, [runs])
    if spoke.spoke.copy == "server" and spoke.spoke.allow.buckets:
        managed = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/aws/s3"]}}
        yield "SeesManagedKey", statement(may.SEE_KEY, [spoke.arn("kms", "key/*")], conditions=managed)


def _bucket(
    spoke: SpokeSide, word: str, conditions: dict[str, Any], elsewhere: dict[str, Any], *, versions: bool
) -> Iterator[_Said]:
    """Reading a spoke's buckets and using their keys; `elsewhere`: the conditions for a key of another account."""
    buckets = spoke.spoke.allow.buckets
    if not buckets:
        return
    lists = (*may.LIST_OBJECTS, *may.LIST_VERSIONS) if versions else may.LIST_OBJECTS
    objects, whole = [spoke.bucket(f"{name}/*") for name in buckets], [spoke.bucket(name) for name in buckets]
    yield word, statement(may.READ_OBJECTS, objects, conditions=conditions)
    yield f"{word}Lists", statement(lists, whole, conditions=conditions)
    for arn in spoke.spoke.allow.kms_key_arns:
        region = arn.split(":")[3]
        via = {"kms:ViaService": [f"s3.{region}.{domain_of(region)}"]}
        tests = conditions if arn.split(":")[4] == spoke.account else elsewhere
        used = {**tests, "StringEquals": {**tests.get("StringEquals", {}), **via}}
        yield f"{word}Keys", statement(may.DECRYPT, [usable(arn, used)], conditions=used)
